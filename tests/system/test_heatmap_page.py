# SPDX-License-Identifier: Apache-2.0
"""The heatmap's HTML page in a browser: everything it shows comes from a dump that is known.

TRAPEZE_SCREENSHOT=FILE keeps a picture; of the page TRAPEZE_SCREENSHOT_PAGE=FILE if given.
"""
import json
import os
import subprocess
import unittest

import heatmap_samples as samples
from heatmap_case import PAGE_MAKER, ROWS, Page, number


class Table(Page):
    """The table of sites."""

    def setUp(self):
        super().setUp()
        self.sites = samples.default_sites()
        self.show(samples.dump(self.sites, lost=8))

    def test_all_rows(self):
        self.assertEqual(self.drawn(), 700)
        self.assertEqual(len(self.browser.each(ROWS, "1")), 700)
        self.assertEqual(self.browser.text("#sites-count"), "700 of 700 sites")
        shown = dict(zip(self.column("ea"), map(number, self.column("count"))))
        self.assertEqual(shown, {f"{s['ea']:x}": s["count"] for s in self.sites})

    def test_cells(self):
        site = self.sites[1]
        self.filter("c001201c")
        shown = dict(zip(self.browser.each("#sites-table th", "e.dataset.column"),
                         self.browser.each(f"{ROWS} td", "e.textContent")))
        share = 100 * site["count"] / (sum(s["count"] for s in self.sites) + 8)
        self.assertEqual(shown, {
            "ea": "c001201c", "disassembly": "wrteei 0", "function": samples.HOSTILE[0] + "+0x1c",
            "source": "", "count": "10,000,004", "share": f"{share:.1f} %", "total": "1.50 s",
            "mean": "0.15 µs", "longest": f"{site['max'] / 400:.2f} µs", "recent": "3.33M/s",
            "pid": "every", "first": "0.00 s", "last": "0.95 s"})

    def test_sorting(self):
        counts = sorted((s["count"] for s in self.sites), reverse=True)
        self.assertEqual([number(text) for text in self.column("count")], counts)
        state, shown = self.sort("count")
        self.assertEqual((state, [number(text) for text in shown]), ("ascending", counts[::-1]))
        state, shown = self.sort("ea")
        self.assertEqual((state, shown), ("ascending", sorted(f"{s['ea']:x}" for s in self.sites)))
        state, shown = self.sort("ea")
        downwards = sorted((f"{s['ea']:x}" for s in self.sites), reverse=True)
        self.assertEqual((state, shown), ("descending", downwards))
        state, shown = self.sort("disassembly")
        self.assertEqual((state, shown), ("ascending", sorted(shown)))
        state, shown = self.sort("longest")
        longest = sorted((s["max"] / 400 for s in self.sites), reverse=True)
        self.assertEqual((state, [f"{value:.2f} µs" for value in longest]), ("descending", shown))

    def test_every_column_sorts(self):
        for name in self.browser.each("#sites-table th", "e.dataset.column"):
            with self.subTest(name):
                _, once = self.sort(name)
                _, twice = self.sort(name)
                self.assertCountEqual(once, twice)
                # Numbers are not in the order of their texts, but the ends have to change places.
                if len(set(once)) > 1 and "" not in once:
                    self.assertEqual((once[0], once[-1]), (twice[-1], twice[0]))

    def test_filter(self):
        expected = [s["ea"] for s in self.sites if s["ea"] & ~0xff == 0xc0300100]
        self.assertEqual(self.filter("function_c0300100"), expected)
        self.assertEqual(self.browser.text("#sites-count"), f"{len(expected)} of 700 sites")
        self.assertEqual(self.filter("C0012000"), [0xc0012000])
        self.assertEqual(self.filter("0xc001201c"), [0xc001201c])
        self.assertEqual(len(self.filter("rfi")), 140)
        self.assertEqual(self.filter("rfi c0012038"), [0xc0012038])
        self.assertEqual(self.filter("nothing like this"), [])
        self.assertIn("No site matches", self.browser.text("#sites-table"))
        self.assertEqual(len(self.filter("")), 700)

    def test_groups(self):
        for group, key in (("instruction", lambda s: samples.mnemonic_of(s["word"])),
                           ("page", lambda s: f"{s['ea'] & ~0xfff:x}"),
                           ("function", lambda s: samples.function_of(s["ea"])[1])):
            self.browser.click(f"#sites-group [data-value={group}]")
            sums = {}
            for site in self.sites:
                have = sums.get(key(site), (0, 0))
                sums[key(site)] = (have[0] + 1, have[1] + site["count"])
            names = self.column("ea" if group == "page" else "name")
            shown = zip(map(number, self.column("sites")), map(number, self.column("count")))
            with self.subTest(group):
                self.assertEqual(dict(zip(names, shown)), sums)
                self.assertEqual(self.drawn(), len(sums))
        for place, count in ((1, 10), (2, 9), (3, 9)):
            self.browser.click(f"{ROWS}:nth-child({place})")
            self.assertEqual(self.browser.find("#sites-filter").get_attribute("value"),
                             f"function={samples.HOSTILE[place - 1]}")
            self.assertEqual(self.drawn(), count)
            self.filter("")
            self.browser.click("#sites-group [data-value=function]")
        self.browser.click("#sites-group [data-value=instruction]")
        row = self.column("name").index("mtsprg 0") + 1
        self.browser.click(f"{ROWS}:nth-child({row})")
        self.assertEqual(self.drawn(), 140)

    def test_row_opens_its_word(self):
        self.browser.click(f"{ROWS}:nth-child(2) td:nth-child(2)")
        self.browser.wait(lambda: self.browser.shown("#zoom .words"))
        self.assertEqual(self.browser.run("return location.hash"), "#page=c0012000&ea=c001201c")
        self.assertEqual(self.browser.each(".words [aria-current=true]", "e.dataset.word"), ["7"])
        self.assertIn("c001201c", self.browser.text("#zoom-word"))


class Map(Page):
    """The strip of the address space and the zoom into a page."""

    def setUp(self):
        super().setUp()
        self.sites = samples.default_sites()
        self.show(samples.dump(self.sites, lost=8))

    def cells(self):
        """Page to count, as the strip's cells have it."""
        return {int(page, 16): int(count) for page, count in
                self.browser.each("#strip-rows .cell", "[e.dataset.page, e.dataset.count]")}

    def trapped(self):
        """Page to count of its sites."""
        return {page: sum(s["count"] for s in self.sites if s["ea"] & ~0xfff == page)
                for page in samples.PAGES}

    def test_what_the_strip_shows(self):
        self.assertEqual(self.cells(), self.trapped())
        shades = dict(self.browser.each("#strip-rows .cell", "[e.dataset.page, e.className]"))
        self.assertIn("h12", shades["c0012000"].split())
        levels = [int(shades[f"{page:x}"].split("h")[1]) for page in samples.PAGES]
        self.assertEqual(levels, sorted(levels, reverse=True))
        self.assertEqual(self.browser.each("#strip-rows .row", "e.dataset.row"),
                         ["c0000000", "c0300000", "f1000000"])
        self.browser.click("#strip-controls [data-value=other]")
        other = {}
        for page, _, _, count in samples.OTHER:
            other[page] = other.get(page, 0) + count
        self.assertEqual(self.cells(), other)
        self.browser.run("const s = document.querySelector('#strip-cause');"
                         "s.value = 'dtlb_shadow'; s.dispatchEvent(new Event('change'))")
        self.assertEqual(self.cells(), {samples.HOT: 300, 0x10002000: 77})
        self.browser.click("#strip-controls [data-value=both]")
        both = self.trapped()
        for page, count in other.items():
            both[page] = both.get(page, 0) + count
        self.assertEqual(self.cells(), both)

    def zoomed(self, page):
        """The grid is that of `page`, with its counts at the right words."""
        self.browser.wait(lambda: self.browser.shown("#zoom .words"))
        self.assertFalse(self.browser.shown("#strip"))
        self.assertEqual(self.browser.text("#zoom-title"), f"page {page:x}")
        words = self.browser.each(".words .cell",
                                  "[Number(e.dataset.word), Number(e.dataset.count)]")
        expected = [0] * 1024
        for site in self.sites:
            if site["ea"] & ~0xfff == page:
                expected[(site["ea"] - page) // 4] += site["count"]
        self.assertEqual(words, [[index, count] for index, count in enumerate(expected)])
        blank = self.browser.each(".words .cell.h0", "Number(e.dataset.count)")
        self.assertEqual(blank, [0] * expected.count(0))

    def test_click_zooms_and_back(self):
        self.browser.click("#strip-rows [data-page=c0015000]")
        self.zoomed(0xc0015000)
        self.assertEqual(self.browser.run("return location.hash"), "#page=c0015000")
        self.browser.hover(".words [data-word='14']")
        site = next(s for s in self.sites if s["ea"] == 0xc0015038)
        facts = self.browser.text("#zoom-word")
        for part in ("c0015038", "function_c0015000+0x38", f"{site['count']:,}",
                     f"{site['word']:08x}", f"{site['gpa']:08x}", samples.WORDS[site["word"]]):
            self.assertIn(part, facts)
        self.browser.hover(".words [data-word='15']")
        self.assertIn("No trap site", self.browser.text("#zoom-word"))
        self.browser.click("#zoom-back")
        self.browser.wait(lambda: self.browser.shown("#strip"))
        self.assertFalse(self.browser.shown("#zoom"))
        self.assertEqual(len(self.cells()), 5)
        self.browser.driver.back()
        self.zoomed(0xc0015000)

    def test_other_exits_beside(self):
        self.browser.click("#strip-rows [data-page=c0012000]")
        self.zoomed(samples.HOT)
        self.assertEqual(self.browser.each("#zoom-causes li", "[e.firstChild.textContent, "
                                                              "e.dataset.count]"),
                         [["dtlb_shadow", "300"], ["external", "21"]])
        functions = self.browser.each("#zoom-functions li .name", "e.textContent")
        self.assertEqual(functions[:3], list(samples.HOSTILE))

    def test_keyboard(self):
        self.browser.run("document.querySelector('#strip-rows .cell').focus()")
        self.browser.type(self.browser.keys.ARROW_RIGHT)
        focused = "const data = document.activeElement.dataset; return data.page ?? data.word"
        self.assertEqual(self.browser.run(focused), "c0013000")
        self.browser.type(self.browser.keys.ARROW_DOWN)
        self.assertEqual(self.browser.run(focused), "c0300000")
        self.browser.type(self.browser.keys.ENTER)
        self.zoomed(0xc0300000)
        self.assertEqual(self.browser.run(focused), "0")
        self.browser.type(self.browser.keys.ARROW_DOWN, self.browser.keys.ARROW_RIGHT)
        self.assertEqual(self.browser.run(focused), "33")
        self.assertIn("c0300084", self.browser.text("#zoom-word"))
        self.browser.type(self.browser.keys.ESCAPE)
        self.browser.wait(lambda: self.browser.shown("#strip"))
        self.assertEqual(self.browser.run(focused), "c0300000")

    def test_hover_tells(self):
        self.browser.hover("#strip-rows [data-page=c0013000]")
        shown = self.browser.text(".tooltip")
        for part in ("c0013000", f"{self.trapped()[0xc0013000]:,}", "140", "function_c0013000"):
            self.assertIn(part, shown)

    def test_deep_link(self):
        self.browser.open(self.path("page.html"), "#page=c0013000&ea=c001301c")
        self.zoomed(0xc0013000)
        self.assertEqual(self.browser.each(".words [aria-current=true]", "e.dataset.word"), ["7"])
        for fragment in ("#page=../../x", "#page=", "#help"):
            self.browser.open(self.path("page.html"), fragment)
            self.assertTrue(self.browser.shown("#strip"), fragment)
        self.browser.open(self.path("page.html"), "#page=c0999000")
        self.browser.wait(lambda: self.browser.shown("#zoom .words"))
        self.assertIn("No trap site", self.browser.text("#zoom-grid"))


class Figures(Page):
    """Head, causes, instructions, time line."""

    def setUp(self):
        super().setUp()
        self.sites = samples.default_sites()
        self.causes = samples.causes_of(self.sites, samples.OTHER, 8)
        self.show(samples.dump(self.sites, lost=8))

    def test_head(self):
        self.assertIn("now.trap", self.browser.text("#title"))
        tags = self.browser.text("#guest")
        for part in ("256 MiB", "straight", "400,000,000", "950 ms"):
            self.assertIn(part, tags)
        self.assertEqual(self.browser.find("#number-exits").get_attribute("title"),
                         f"{sum(self.causes.values()):,} entries into the VMM")
        self.assertEqual(self.browser.text("#number-sites b"), "700")
        self.assertEqual(self.browser.text("#number-vmm b"), "25.0 %")
        functions = {}
        for site in self.sites:
            name = samples.function_of(site["ea"])[1]
            functions[name] = functions.get(name, 0) + site["count"]
        five = sorted(functions, key=lambda name: -functions[name])[:5]
        share = 100 * sum(functions[name] for name in five) / self.causes["privileged"]
        self.assertEqual(self.browser.text("#number-five b"), f"{share:.1f} %")
        self.assertEqual(self.browser.each(".ranking .name", "e.textContent"), five)
        self.assertIn("2 sites made way", self.browser.text("#notices"))
        self.assertIn("8 trapped instructions", self.browser.text("#notices"))

    def test_causes_and_instructions(self):
        self.assertEqual(self.counts("#causes"), self.causes)
        mean = dict(self.browser.each("#causes tbody tr", "[e.dataset.key, e.cells[4].textContent]"))
        trapped = sum(site["ticks"] for site in self.sites) + 8 * 40
        self.assertEqual(mean.pop("privileged"), f"{trapped / self.causes['privileged'] / 400:.2f} µs")
        self.assertEqual(set(mean.values()), {"0.10 µs"})
        expected = {}
        for site in self.sites:
            name = samples.WORDS[site["word"]]
            expected[name] = expected.get(name, 0) + site["count"]
        self.assertEqual(self.counts("#instructions"), expected)
        time = dict(self.browser.each("#instructions tbody tr",
                                      "[e.dataset.key, e.cells[3].textContent]"))
        ticks = sum(s["ticks"] for s in self.sites if samples.WORDS[s["word"]] == "mtspr")
        self.assertEqual(time["mtspr"], f"{ticks / 400_000:.0f} ms")

    def shapes(self):
        """The causes that are drawn."""
        return self.browser.each("#timeline-plot path", "e.dataset.cause")

    def test_time_line(self):
        self.assertCountEqual(self.shapes(), self.causes)
        self.browser.click("#timeline-legend [data-cause=privileged]")
        self.assertCountEqual(self.shapes(), set(self.causes) - {"privileged"})
        key = self.browser.find("#timeline-legend [data-cause=privileged]")
        self.assertEqual(key.get_attribute("aria-pressed"), "false")
        self.browser.click("#timeline-legend [data-cause=privileged]")
        self.assertCountEqual(self.shapes(), self.causes)
        self.assertEqual(len(self.browser.each("#timeline-plot path.area", "1")), len(self.causes))
        self.browser.click("#timeline-controls [data-value=log]")
        self.assertEqual(len(self.browser.each("#timeline-plot path.line", "1")), len(self.causes))
        self.assertEqual(self.browser.each("#timeline-plot path.area", "1"), [])

    def test_time_line_values(self):
        self.browser.run("document.querySelector('#timeline-plot svg').focus()")
        for index in range(samples.SPANS):
            self.browser.type(self.browser.keys.ARROW_RIGHT)
            end = (index + 1) / 10 if index < 9 else 0.95
            told = self.browser.run("return document.querySelector('#timeline-live').textContent")
            span, values = told.split(": ", 1)
            self.assertEqual(span, f"{index / 10:.2f} to {end:.2f} s")
            expected = {name: samples.spread(total)[index] for name, total in self.causes.items()}
            values = dict(part.rsplit(" ", 1) for part in values.split(", "))
            self.assertEqual({name: number(text) for name, text in values.items()},
                             {name: count for name, count in expected.items() if count})
        self.browser.hover("#timeline-plot svg")
        self.assertIn("privileged", self.browser.text(".tooltip"))

    def test_light_and_dark(self):
        self.addCleanup(self.browser.dark, False)
        looks = {}
        for dark in (False, True):
            self.browser.dark(dark)
            looks[dark] = self.browser.run(
                "const c = (s, p) => getComputedStyle(document.querySelector(s))[p]"
                ".match(/[0-9]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);"
                "return [c('body', 'backgroundColor'), c('body', 'color'),"
                "c('#strip-rows .h12', 'backgroundColor')]")
        (paper, ink, hot), (night, chalk, glow) = looks[False], looks[True]
        self.assertTrue(paper > 600 > 150 > ink and night < 150 < 600 < chalk and hot < glow, looks)

    def test_screenshot(self):
        path = os.environ.get("TRAPEZE_SCREENSHOT", self.path("shot.png"))
        if "TRAPEZE_SCREENSHOT_PAGE" in os.environ:
            self.browser.open(os.path.abspath(os.environ["TRAPEZE_SCREENSHOT_PAGE"]))
        bottom = self.browser.run(
            "return document.querySelector('#map').getBoundingClientRect().bottom + scrollY")
        self.browser.screenshot(path, bottom + 18)
        with open(path, "rb") as handle:
            self.assertEqual(handle.read(8), b"\x89PNG\r\n\x1a\n")


class Comparison(Page):
    """The page of two dumps."""

    def setUp(self):
        super().setUp()
        before, self.now, self.changes = samples.comparison()
        self.before = {s["ea"]: s["count"] for s in before}
        old = self.path("old.trap", samples.dump(before))
        self.show(samples.dump(self.now, sequence=2), "--before", old)

    def test_badges(self):
        self.assertEqual(self.drawn(), 700)
        shown = self.browser.each("#sites-badges button",
                                  "[e.dataset.change, Number(e.lastChild.textContent)]")
        self.assertEqual(dict(shown), self.changes)
        for change, count in self.changes.items():
            self.browser.click(f"#sites-badges [data-change={change}]")
            self.assertEqual(self.drawn(), count)
            self.assertEqual({text.split()[0] for text in self.column("change")}, {change})
            self.assertEqual(self.browser.text("#sites-count"), f"{count} of 700 sites")
        self.browser.click("#sites-badges [data-change=same]")
        self.assertEqual(self.drawn(), 700)

    def test_counts_of_both(self):
        now = {f"{s['ea']:x}": s["count"] for s in self.now}
        before = {f"{ea:x}": count for ea, count in self.before.items()}
        addresses = self.column("ea")
        self.assertCountEqual(addresses, {**now, **before})
        for name, counts in (("count", now), ("before", before)):
            self.assertEqual([number(text) for text in self.column(name)],
                             [counts.get(ea, 0) for ea in addresses])
        cooled = self.column("change")[addresses.index(f"{samples.HOT + 28 * 20:x}")]
        self.assertEqual(cooled, "cooled ÷4.0")

    def test_change_as_colour(self):
        self.browser.click("#strip-controls [data-value=change]")
        shades = self.browser.each("#strip-rows .cell", "e.className")
        self.assertEqual(len(shades), 5)
        self.assertTrue(all(" c" in shade for shade in shades), shades)
        self.browser.click("#strip-rows [data-page=c0012000]")
        self.browser.wait(lambda: self.browser.shown("#zoom .words"))
        self.browser.click("#zoom .choice [data-value=change]")
        shades = dict(self.browser.each(".words .cell", "[Number(e.dataset.word), e.className]"))
        for index, shade in ((0, "c5"), (7 * 20, "c-2"), (7 * 40, "c2"), (7 * 60, "c0"), (1, "h0")):
            self.assertIn(shade, shades[index].split())


class Odd(Page):
    """What is not an ordinary dump."""

    def test_profile_off(self):
        self.show(samples.dump(samples.default_sites(), profile="off"))
        self.assertIn("Profiling was off", self.browser.text("#notices"))
        for part in ("#sites", "#map", "#functions"):
            self.assertFalse(self.browser.shown(part), part)
        self.assertEqual(self.counts("#causes")["syscall"], 5000)

    def test_no_sites(self):
        self.show(samples.dump([]))
        self.assertIn("No trap site", self.browser.text("#notices"))
        self.assertFalse(self.browser.shown("#sites"))
        self.assertEqual(len(self.browser.each("#strip-rows .cell", "1")), 4)

    def test_nothing_at_all(self):
        self.show(samples.dump([], ()))
        self.assertFalse(self.browser.shown("#map"))
        self.assertIn("no exit", self.browser.text("#causes"))
        self.assertIn("no time line", self.browser.text("#timeline"))

    def test_hostile_text(self):
        """Names, sources and the title come from files; they are text and nothing else."""
        dump = self.path("now.trap", samples.dump(samples.default_sites()))
        document = json.loads(self.trapmap(dump, "--json"))
        for site in document["sites"]:
            site["source"] = f"{samples.HOSTILE[0]}:\u2028{site['id']}"
            site["disassembly"] += samples.HOSTILE[1]
        title = samples.HOSTILE[1] + "<b>"
        source = self.path("now.json", json.dumps(document).encode())
        made = subprocess.run([PAGE_MAKER, title, source], capture_output=True, check=True).stdout
        self.browser.open(self.path("page.html", made))
        self.assertEqual(self.browser.text("#title"), title)
        self.assertEqual(self.browser.run("return document.title"), f"{title} – Trapeze heatmap")
        for text in self.column("disassembly"):
            self.assertTrue(text.endswith(samples.HOSTILE[1]), text)
        sources = self.browser.each(f"{ROWS} td:nth-child(4) span", "e.title.split(':\u2028')[0]")
        self.assertEqual(set(sources), {samples.HOSTILE[0]})
        self.browser.hover("#strip-rows [data-page=c0012000]")
        self.browser.click("#strip-rows [data-page=c0012000]")
        self.browser.wait(lambda: self.browser.shown("#zoom .words"))
        self.assertIn(samples.HOSTILE[0], self.browser.text("#zoom-word"))
        self.assertEqual(self.browser.each("img, b b, iframe", "1"), [])
        self.assertEqual(len(self.browser.each("script", "1")), 2)


if __name__ == "__main__":
    unittest.main()
