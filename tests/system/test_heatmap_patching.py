# SPDX-License-Identifier: Apache-2.0
"""What the heatmap's page shows of patching, in a browser."""
import unittest

import heatmap_samples as samples
from heatmap_case import Page, number


class Patching(Page):
    """What became of sites."""

    def setUp(self):
        super().setUp()
        self.sites = samples.patched_sites()
        self.show(samples.dump(self.sites, patching=samples.PATCHING))

    def number_in(self, state):
        """How many sites are in a state."""
        return sum(s["state"] == state for s in self.sites)

    def test_panel(self):
        self.assertTrue(self.browser.shown("#patching"))
        totals = self.browser.text("#patching-totals")
        self.assertNotIn("text writes", totals)
        for part in ("hot, from 16 exits of a site, straight layout", "200 sites", "3,000,000, ", "100", "−300 ms",
                     "210 made, 6 dropped, 4 given back", "2 stolen, 900 mirrored", "12.5 ms"):
            self.assertIn(part, totals)
        shown = self.browser.each("#patching-states tbody tr", "[e.dataset.key, "
                                  "...[1, 2, 3].map((i) => e.cells[i].textContent)]")
        rows = {name: tuple(map(number, figures)) for name, *figures in shown}
        expected = {}
        for site in self.sites:
            have = expected.get(site["state"], (0, 0, 0))
            expected[site["state"]] = (have[0] + 1, have[1] + site["count"],
                                       have[2] + site["saved"])
        self.assertEqual(rows, expected)
        reasons = self.browser.each("#patching-states tr[data-key=hot] .why", "e.textContent")
        self.assertEqual(sorted(reasons), ["5 no-page", "5 no-template"])

    def test_faults_by_page_and_costs(self):
        tables = self.browser.each("#patching-faults table", "[...e.tBodies[0].rows].map((row) => "
                                   "[row.dataset.key, row.cells[1].textContent])")
        self.assertEqual(tables[0], [[f"{ea:x}", str(faults)]
                                     for ea, faults in samples.FAULTS.items()])
        self.assertEqual(tables[1], [["exit", "0.09 µs"], ["load", "0.001 µs"],
                                     ["fault", "1.50 µs"]])
        faults = self.browser.text("#patching-faults")
        for part in ("60 patches", "copied text", "stolen, 50 stubs, 1 KiB free"):
            self.assertIn(part, faults)
        self.browser.click("#patching-faults a")
        self.browser.wait(lambda: self.browser.shown("#zoom .words"))
        self.assertEqual(self.browser.run("return location.hash"), "#page=c0012000")

    def test_the_other_layout(self):
        writes = [*samples.OTHER, (samples.HOT, "k", "text_write", 1234)]
        old = self.path("old.trap", samples.dump(self.sites, patching=samples.PATCHING))
        self.show(samples.dump(self.sites, writes, patching=samples.PATCHING, layout="crossed"),
                  "--before", old)
        totals = self.browser.text("#patching-totals")
        for part in ("of a site, crossed layout", "text writes", "1,234"):
            self.assertIn(part, totals)
        # 100 tracing faults; the pages' figures are of both together.
        shares = self.browser.each("#patching-faults table:first-child tbody tr",
                                   "e.cells[2].textContent")
        self.assertEqual(shares[0], f"{100 * 60 / 1334:.1f} %")
        self.assertIn("store to text that runs from its copy", self.browser.text("#causes"))
        self.assertRegex(self.browser.text("#guest"), r"(?s)layout crossed.*, straight layout")

    def test_table(self):
        self.assertEqual(self.drawn(), 700)
        shown = dict(zip(self.column("ea"), zip(self.column("state"), self.column("saved"))))
        signs = {"patched": "◤", "hot": "●", "cold": "○", "dropped": "×", "back": "↺"}
        self.assertEqual(shown, {f"{s['ea']:x}": (signs[s["state"]] + s["state"],
                                                  f"{s['saved']:,}" if s["saved"] else "")
                                 for s in self.sites})
        state, saved = self.sort("saved")
        self.assertEqual((state, number(saved[0])), ("descending", 699000))
        self.browser.click("#sites-group [data-value=page]")
        places = [self.column(name).copy() for name in ("ea", "patched", "saved")]
        rows = {ea: (patched, saved) for ea, patched, saved in zip(*places)}
        for page in samples.PAGES:
            of_page = [s for s in self.sites if s["ea"] & ~0xfff == page]
            patched = sum(s["state"] == "patched" for s in of_page)
            saved = sum(s["saved"] for s in of_page)
            self.assertEqual(rows[f"{page:x}"], (f"{patched}" if patched else "",
                                                 f"{saved:,}" if saved else ""))

    def test_filters(self):
        counts = dict(self.browser.each("#sites-states button",
                                        "[e.dataset.state, Number(e.lastChild.textContent)]"))
        states = ("patched", "hot", "cold", "dropped", "back")
        self.assertEqual(counts, {state: self.number_in(state) for state in states})
        for state, count in counts.items():
            self.browser.click(f"#sites-states [data-state={state}]")
            self.assertEqual(self.drawn(), count)
        self.browser.click("#sites-states [data-state=back]")
        self.assertEqual(self.drawn(), 700)
        self.assertEqual(len(self.filter("no-template")), 5)
        self.assertEqual(len(self.filter("no-template mfmsr")), 5)

    def test_map_marks_pages_and_words(self):
        marked = self.browser.each("#strip-rows .cell.patched", "e.dataset.page")
        self.assertEqual(marked, ["c0012000", "c0013000"])
        self.assertIn("page with patched sites", self.browser.text("#strip-legend"))
        # A shape, which is there without any colour.
        paint = "return getComputedStyle(document.querySelector(arguments[0])).backgroundImage"
        self.assertIn("gradient",
                      self.browser.run(paint, "#strip-rows [data-page=c0012000]"))
        self.assertEqual(self.browser.run(paint, "#strip-rows [data-page=c0015000]"), "none")
        self.browser.hover("#strip-rows [data-page=c0012000]")
        tip = self.browser.text(".tooltip")
        for part in ("54 sites of 140", "exits saved", "tracing faults", "60"):
            self.assertIn(part, tip)
        self.browser.click("#strip-rows [data-page=c0012000]")
        self.browser.wait(lambda: self.browser.shown("#zoom .words"))
        words = self.browser.each(".words .cell.patched", "Number(e.dataset.word)")
        self.assertEqual(words, [7 * place for place in range(60) if place % 10])
        for word, texts in ((7, ("patched", "its exits cost more than a patch", "699,000 exits")),
                            (70, ("hot", "no-page: no page in reach")),
                            (30 * 7, ("back", "tracing faults cost more", "670,000 exits"))):
            self.browser.hover(f".words [data-word='{word}']")
            for text in texts:
                self.assertIn(text, self.browser.text("#zoom-word"))

    def test_nothing_of_it_without_patching(self):
        off = [line.replace("patch hot", "patch off") for line in samples.PATCHING]
        for data in (samples.dump(samples.default_sites()),
                     samples.dump(self.sites, patching=off)):
            self.show(data)
            for part in ("#patching", "nav [href='#patching']", "#sites-states"):
                self.assertFalse(self.browser.shown(part), part)
            self.assertEqual(self.browser.each(".patched, .mark-key, .state", "1"), [])
            self.assertNotIn("state", self.browser.each("#sites-table th", "e.dataset.column"))

    def test_compared(self):
        before = samples.patched_sites()
        for entry in before[1:4]:
            entry.update(state="cold", reason="-", saved=0)
        before[300].update(state="patched", reason="pays", saved=5)
        old = self.path("old.trap", samples.dump(before, patching=samples.PATCHING))
        self.show(samples.dump(self.sites, sequence=2, patching=samples.PATCHING), "--before", old)
        self.assertIn("3 sites got patched, 1 patched no more",
                      self.browser.text("#patching-totals"))
        states = dict(zip(self.column("ea"), self.column("state")))
        self.assertEqual(states["c001201c"], "cold → ◤patched")
        self.assertEqual(states[f"{self.sites[300]['ea']:x}"], "patched → ○cold")
        self.assertEqual(states["c0012038"[:-2] + "8c"], "◤patched")


if __name__ == "__main__":
    unittest.main()
