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
    """A boot in which every workload takes 1000 ticks natively and 3000 under the VMM."""
    lines = []
    for work in works:
        metric, unit = ("late_max", "ticks_late") if work.name == "timer_latency" else (
            ("observed_10ms", "ticks_slept") if "sleep" in work.name else (work.name, "ticks"))
        ticks = 1000 if job.arm.native else 3000
        counts = "- -" if job.arm.native else "privileged=7,syscall=1 mfmsr=4,rfi=3"
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
        self.assertEqual(len(browser.each("section:not(.bad) figure rect.bar.arm0", "1")),
                         2 * timed)
        self.assertEqual(set(browser.each("text.value.end", "e.textContent")), {"3.00×"})
        self.assertGreater(len(browser.each("figure .elsewhere", "1")), 20)
        self.assertIn("measured elsewhere", browser.text(".legend"))
        self.assertIn("<script>alert(1)</script>", browser.text("section.bad"))
        self.assertEqual(browser.text(".tile .big"), "3.00× native, icount")
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
        self.assertEqual(text.count("\n| null_syscall |"), 2 + 2 + 2)
        self.assertIn("| trap | icount | 3.00× | 9 of 9 |", text)
        self.assertIn("measured elsewhere", text)
        json.dumps(self.document, allow_nan=False)


if __name__ == "__main__":
    unittest.main()
