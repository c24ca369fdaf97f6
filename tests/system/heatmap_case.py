# SPDX-License-Identifier: Apache-2.0
"""What the tests of the heatmap's page share: trapmap makes a page, a browser shows it."""
import os
import subprocess

from browser import Browser
from support import ROOT, Case

BUILD = os.environ.get("TRAPEZE_HOST_BUILD", os.path.join(ROOT, "build", "host"))
TRAPMAP = os.path.join(BUILD, "tools", "trapmap", "trapmap")
PAGE_MAKER = os.path.join(BUILD, "tools", "trapmap", "page", "test", "trapmap-page")
ROWS = "#sites-table tbody tr"


def number(text):
    """A count as the page writes it."""
    return int(text.replace(",", ""))


class Page(Case):
    """One browser for all tests of a class; each test must leave it without complaints."""

    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def tearDown(self):
        console, requests = self.browser.logs()
        self.assertEqual(console, [])
        self.assertEqual([url for url in requests
                          if not url.startswith(("file:", "data:", "about:"))], [])
        self.assertEqual(self.browser.run("return window.hacked ?? null"), None)

    def trapmap(self, *arguments):
        """Runs trapmap, which must succeed, and returns its stdout."""
        done = subprocess.run([TRAPMAP, *arguments], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def show(self, data, *options, fragment=""):
        """The page of a dump."""
        html = self.path("page.html")
        self.trapmap(self.path("now.trap", data), "--html", html, *options)
        self.browser.open(html, fragment)

    def counts(self, section):
        """Name to count in one of the tables of figures."""
        shown = self.browser.each(f"{section} tbody tr",
                                  "[e.dataset.key, e.cells[1].textContent]")
        return {name: number(text) for name, text in shown}

    def drawn(self):
        """Waits until all rows are there, and returns what the table says of their number."""
        def complete():
            rows = self.browser.run("const t = document.querySelector('#sites-table table');"
                                    "return [t.dataset.rows, t.dataset.drawn]")
            return rows[0] if rows[0] == rows[1] else None
        return int(self.browser.wait(complete) or 0)

    def column(self, name):
        """The texts of one column of the table, in order."""
        self.drawn()
        place = self.browser.each("#sites-table th", "e.dataset.column").index(name)
        return self.browser.each(f"{ROWS} td:nth-child({place + 1})", "e.textContent")

    def sort(self, name):
        """Clicks a column's head, and returns its aria-sort and the column."""
        self.browser.click(f"#sites-table th[data-column={name}] button")
        states = dict(self.browser.each("#sites-table th",
                                        "[e.dataset.column, e.getAttribute('aria-sort')]"))
        self.assertEqual([key for key, state in states.items() if state != "none"], [name])
        return states[name], self.column(name)

    def filter(self, text):
        """Types into the filter and returns the addresses that are left."""
        field = self.browser.find("#sites-filter")
        field.send_keys(self.browser.keys.CONTROL + "a")
        field.send_keys(self.browser.keys.DELETE, text)
        return [int(text, 16) for text in self.column("ea")]
