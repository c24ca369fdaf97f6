# SPDX-License-Identifier: Apache-2.0
"""What ./trapeze bench makes of arms beside each other: with patches and without, two layouts."""
import sys
import unittest

from bench_case import BenchCase, line
from support import ROOT

sys.path.append(ROOT)
from bench.run import gains, view  # noqa: E402


class Arithmetic(unittest.TestCase):
    """Figures that were worked out by hand."""

    def test_changes(self):
        for before, after, text in ((100, 21.9, "−78.1 %"), (100, 0, "−100.0 %"), (0, 5, "–"),
                                    (10, 15, "+50.0 %"), (10, 10, "+0.0 %")):
            self.assertEqual(gains.change(before, after), text)

    def test_results_from_before_there_were_gains(self):
        row = {"arm": "straight", "clock": "wall", "workload": "pipe", "metric": "pipe",
               "unit": "ns", "ratio_to_native": 2, "exits": {}, "kinds": {}}
        arms = {"native": "", "trap": "", "straight": ""}
        document = {"host": {}, "conditions": {"arms": arms, "clocks": {"wall": ""}},
                    "rows": [row, {**row, "arm": "trap"}]}
        self.assertEqual(gains.every(view.View(document)), [])
        document["conditions"]["against"] = {"straight": ["trap"]}
        one, = gains.every(view.View(document))
        self.assertIsNone(one.mean)
        self.assertEqual(gains.sentence(one), "straight, wall: nothing to compare")


class Report(BenchCase):
    """The command."""

    # Half of what TRAPPED takes, a fifth of its exits; mmap got slower.
    PATCHED = {"null_syscall": [line("null_syscall", 2800, 100, "privileged=100,syscall=100",
                                     "rfi=100,mtmsr=20")],
               "pipe": [line("pipe", 10000, 100, "privileged=1080")],
               "mmap": [line("mmap", 16000)]}

    def test_gains(self):
        trapped = {**self.TRAPPED, "pipe": [line("pipe", 20000, 100, "privileged=5000",
                                                 "mfmsr=3000,wrtee=500,wrteei=500,mtspr=1000")]}
        document, result = self.bench(self.GOOD, trapped, "--runs", "2", hot=self.PATCHED)
        self.assertEqual(document["conditions"]["against"], {"straight": ["trap"]})
        rows = {name: self.row(document, name, "straight") for name in self.GOOD}
        self.assertEqual([(row["gain"], row["gains"]) for row in rows.values()],
                         [({"trap": gain}, {"trap": [gain, gain]}) for gain in (2, 2, 0.75)])
        self.assertEqual(rows["null_syscall"]["ratio_to_native"], 3.5)
        for arm in ("native", "trap"):
            row = self.row(document, "pipe", arm)
            self.assertEqual((row["gain"], row["gains"]), ({}, {}))
        one, = document["gains"]
        self.assertAlmostEqual(one.pop("gain"), 3 ** (1 / 3))
        # Per operation: 9 + 50 privileged exits before, 1 + 10.8 after; of MSR 40, and 0.2.
        self.assertEqual(one, {"arm": "straight", "against": "trap", "clock": "icount",
                               "workloads": ["mmap", "null_syscall", "pipe"],
                               "slower": ["mmap"],
                               "exits": {"before": 60, "after": 12.8},
                               "privileged": {"before": 59, "after": 11.8},
                               "msr": {"before": 40, "after": 0.2},
                               **{name: {"before": 0, "after": 0}
                                  for name in ("tracing", "text_writes", "core_misses")}})
        words = ("straight, icount: 1.44 times as fast as trap (geometric mean of 3 workloads); "
                 "privileged-instruction exits over the kernel-heavy rows down by 80.0 %, for "
                 "mfmsr, wrtee, wrteei and mtmsr down by 99.5 %")
        self.assertTrue(result.out.endswith(f"\n{words}\n"))
        self.assertRegex(result.out, r"(?m)^ +icount +to native +gain over trap +exits$")
        self.assertRegex(result.out, r"pipe +100 +500 +250 +5\.00× +2\.50× +2\.00× +50 +10\.8\n")
        self.assertRegex(result.out, r"(?m)^geometric mean of 3 +4\.12× +2\.86× +1\.44×$")
        text = self.report("report.md")
        self.assertIn(words, text)
        self.assertRegex(text, r"(?m)^\| null_syscall \| 140 \| 70\.0 \| 2\.00× \| 3\.50× \| "
                               r"10 → 2 \| −80\.0 % \| 9 → 1 \| −88\.9 % \| 0 → 0.20 \| – \| "
                               r".*KVM, paravirtual guest: 9\.85× native.*\|$")
        self.assertRegex(text, r"(?m)^\| mmap \| .* \| 0\.75× \| .* \| – \|  \| – \|  \|")
        self.assertRegex(text, r"(?m)^\| geometric mean, 3 workloads \|  \|  \| 1\.44× \| 2\.86× "
                               r"\| 60 → 12\.8 \| −78\.7 % .*paravirtual guest: 5\.\d\d× "
                               r"native \(3 workloads\)")
        self.assertIn("| mfmsr | 30 → 0 | −100.0 % |", text)
        page = self.report("report.html")
        for figure in (words, ">−80.0 %<", ">−99.5 %<", ">1.44×", "59 to 11.8; 3 workloads"):
            self.assertIn(figure, page)

    # Half as long again as PATCHED at null_syscall, as long at pipe, and mmap got better; without
    # tracing faults.
    CROSSED = {"null_syscall": [line("null_syscall", 4200, 100, "privileged=100,itlb_shadow=50")],
               "pipe": [line("pipe", 10000, 100, "privileged=1080,text_write=3")],
               "mmap": [line("mmap", 8000, 100, "dtlb_shadow=200,itlb_shadow=100")]}

    def test_one_layout_beside_the_other(self):
        straight = {**self.PATCHED, "mmap": [line("mmap", 16000, 100, "tracing=700,dtlb_shadow=100",
                                                  "-")]}
        document, result = self.bench(self.GOOD, self.TRAPPED, "--runs", "2", hot=straight,
                                      crossed=self.CROSSED)
        self.assertEqual(document["conditions"]["against"],
                         {"straight": ["trap"], "crossed": ["trap", "straight"]})
        gain = {name: self.row(document, name, "crossed")["gain"] for name in self.GOOD}
        self.assertEqual(gain, {"null_syscall": {"trap": 4 / 3, "straight": 2 / 3},
                                "pipe": {"trap": 2, "straight": 1},
                                "mmap": {"trap": 1.5, "straight": 2}})
        over = {(one["arm"], one["against"]): one for one in document["gains"]}
        self.assertEqual(list(over), [("straight", "trap"), ("crossed", "trap"),
                                      ("crossed", "straight")])
        one = over["crossed", "straight"]
        self.assertAlmostEqual(one["gain"], (2 / 3 * 1 * 2) ** (1 / 3))
        self.assertEqual((one["slower"], one["tracing"], one["text_writes"], one["core_misses"]),
                         (["null_syscall"], {"before": 7, "after": 0}, {"before": 0, "after": 0.03},
                          {"before": 1, "after": 3.5}))
        words = ("crossed, icount: 1.10 times as fast as straight (geometric mean of 3 workloads); "
                 "slower in each pair of boots: null_syscall 0.67×; tracing faults of one "
                 "operation of each workload: 7 → 0")
        self.assertTrue(result.out.endswith(f"\n{words}\n"))
        self.assertRegex(result.out,
                         r"(?m)^ +icount +to native +gain over trap +gain over straight +exits$")
        self.assertRegex(result.out, r"mmap .* 1\.33× +0\.75× +1\.50× +2\.00× +0 +8 +3\n")
        text = self.report("report.md")
        self.assertIn(words, text)
        self.assertIn("| workload | straight | crossed | straight / crossed | crossed / native | "
                      "exits | change | tracing | change | text writes | change | core's TLB | "
                      "change |\n", text)
        self.assertRegex(text, r"\| mmap \| .* \| 8 → 3 \| −62\.5 % \| 7 → 0 \| −100\.0 % \| "
                               r"– \|  \| 1 → 3 \| \+200\.0 % \|\n")
        page = self.report("report.html")
        for figure in ("Straight or crossed", "crossed over straight, icount",
                       "tracing faults, over straight, icount", ">1.10×"):
            self.assertIn(figure, page)
        # What got slower is marked: in this comparison, and mmap in that of straight with trap.
        self.assertEqual(page.count('<tr class="slower">'), 2)

    def test_no_gains_without_the_arm_they_are_over(self):
        document, result = self.bench(self.GOOD, self.TRAPPED, "--arm", "native", "--arm",
                                      "straight", hot=self.PATCHED)
        self.assertEqual((document["gains"], document["conditions"]["against"]), ([], {}))
        self.assertEqual(self.row(document, "pipe", "straight")["gain"], {})
        self.assertNotIn("gain over", result.out)
        self.assertNotIn("What patching brings", self.report("report.html"))


if __name__ == "__main__":
    unittest.main()
