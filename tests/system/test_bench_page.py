# SPDX-License-Identifier: Apache-2.0
"""The benchmark's page in a browser: it is whole, loads nothing, and shows what was measured."""
import json
import os
import sys
import unittest

from browser import Browser
from support import ROOT, Case

sys.path.append(ROOT)
from bench.run import reference, report, runner, results  # noqa: E402
from bench.run.arms import ARMS, CLOCKS  # noqa: E402
from bench.run.workloads import WORKLOADS  # noqa: E402

HOST = {"cpu": "<b>Test & Co</b>", "cores": 2, "kernel": "Linux", "qemu": "QEMU", "gcc": "gcc",
        "gcc_guest": "gcc", "commit": "0" * 40, "dirty": False, "date": "2026-01-02T03:04:05+00:00"}


def played(job, works):
    """A boot in which every workload takes 1000 ticks natively, 3000 under the VMM, 1500 if it
    patches, and in the other layout 1250, but pipe 1600."""
    lines = []
    for work in works:
        metric, unit = ("late_max", "ticks_late") if work.name == "timer_latency" else (
            ("observed_10ms", "ticks_slept") if "sleep" in work.name else (work.name, "ticks"))
        ticks, counts = {"native": (1000, "- -"),
                         "trap": (3000, "privileged=7,syscall=1 mfmsr=4,rfi=3"),
                         "straight": (1500, "privileged=4,syscall=1,tracing=2 mfmsr=1,rfi=3"),
                         "crossed": (1600 if work.name == "pipe" else 1250,
                                     "privileged=4,syscall=1 mfmsr=1,rfi=3")}[job.arm.name]
        lines += [f"@@bench-begin {work.name}",
                  f"@@bench {work.name} {metric} {unit} 1 {ticks} {counts}"]
        if work.name == "mmap" and not job.arm.native:
            lines.append("@@bench-failed mmap <script>alert(1)</script>")
    return runner.Outcome("\n".join(lines), 1000.0)


class Page(Case):
    """One page with everything there is, written from a measurement that was played."""

    def setUp(self):
        super().setUp()
        plan = runner.Plan(list(ARMS.values()), list(CLOCKS.values()), list(WORKLOADS.values()),
                           {"icount": 1, "wall": 2}, True, 1.0)
        measured = runner.run(plan, played, lambda *_: None)
        document = results.put_together(HOST, plan, measured, {"seconds": 1.0})
        document["host_benchmarks"] = [
            {"name": "profile_insert", "size": size, "n": 3, "min": 2.0, "median": 3.0, "max": 4.0,
             "counters": {"used": 7}} for size in (1, 10, 1000, 100000)]
        path = self.path("results.json")
        results.write(path, document)
        self.document = results.load(path)
        beside = reference.load(os.path.join(ROOT, "bench", "reference"))
        paths = reference.load_paths(os.path.join(ROOT, "bench", "paths.json"))
        self.files = report.render(self.document, beside, paths)
        self.page = self.path("report.html", self.files["report.html"].encode())
        self.paths = paths
        self.browser = Browser()
        self.addCleanup(self.browser.close)

    def test_page(self):
        browser = self.browser
        browser.open(self.page)
        console, asked = browser.logs()
        self.assertEqual(console, [])
        self.assertEqual([address for address in asked if not address.startswith("file:")], [])
        self.assertEqual(browser.each("script", "1"), [])
        self.assertIn("<b>Test & Co</b>, 2 cores", browser.each("dd", "e.textContent"))
        # A bar for each workload that has a time, in each clock; the literature has dots.
        timed = sum(work.group not in ("time", "literature") for work in WORKLOADS.values())
        for arm in ("arm0", "arm1", "arm2"):
            self.assertEqual(len(browser.each("section:not(.bad) figure rect.bar." + arm, "1")),
                             2 * timed)
        self.assertEqual(set(browser.each("text.value.end", "e.textContent")), 
                         {"3.00×", "1.50×", "1.25×", "1.60×"})
        self.assertGreater(len(browser.each("figure .elsewhere", "1")), 20)
        self.assertIn("measured elsewhere", browser.text(".legend"))
        self.assertIn("<script>alert(1)</script>", browser.text("section.bad"))
        tiles = browser.each(".tile .big", "e.textContent.trim()")
        # Over trap, over straight, then to native; a tile for each figure, in it the arms.
        self.assertEqual(tiles[:14], [
            "2.00× straight", "2.34× crossed", "2.00× straight", "2.40× crossed",
            "−42.9 % straight", "−42.9 % crossed", "−75.0 % straight", "−75.0 % crossed",
            "1.17× crossed", "1.20× crossed", "−100.0 % crossed",
            "3.00× trap", "1.50× straight", "1.28× crossed"])
        self.assertEqual(len(browser.each(".tile", "1")), 4 + 3 + 4)
        self.assertEqual([title for title in browser.each("h2", "e.textContent")
                          if title.startswith(("What", "Straight"))],
                         ["What patching brings", "Straight or crossed"])
        # One workload takes longer in one layout than in the other, in each clock.
        slower = browser.each("tr.slower", "e.cells[0].textContent")
        self.assertEqual(slower, ["pipe", "pipe"])
        paint = "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor"
        self.assertNotEqual(browser.run(paint, "tr.slower td"), browser.run(paint, "tr.mean td"))
        self.assertIn("Patching on KVM (2013): 2.5 times faster than trap and emulate",
                      browser.each("td.wide", "e.textContent"))
        rows = browser.each("details table", "e.tBodies[0].rows.length")
        self.assertEqual(rows[-1], len(self.document["rows"]))
        names = browser.each("section table", "e.tBodies[0].rows.length")
        self.assertIn(len(self.paths["paths"]), names)
        self.assertEqual(len(browser.each("figure circle.point", "1")), 4)
        self.assertIn("profile_insert, 100,000", browser.each("td.left", "e.textContent"))
        # Nothing is wider than the window, on the screen and in the dark.
        for dark in (False, True):
            browser.dark(dark)
            self.assertLessEqual(browser.run("return document.documentElement.scrollWidth"),
                                 browser.run("return document.documentElement.clientWidth"))
        self.assertNotEqual(browser.run("return getComputedStyle(document.body).backgroundColor"),
                            "rgb(244, 245, 247)")

    def test_markdown(self):
        text = self.files["report.md"]
        # Times, exits of three arms and three comparisons in each clock, and two references.
        self.assertEqual(text.count("\n| null_syscall |"), 2 + 6 + 6 + 2)
        self.assertIn("down by 42.9 %, for mfmsr, wrtee, wrteei and mtmsr down by 75.0 %", text)
        self.assertIn("| trap | icount | 3.00× | 9 of 9 |", text)
        self.assertIn("measured elsewhere", text)
        json.dumps(self.document, allow_nan=False)


if __name__ == "__main__":
    unittest.main()
