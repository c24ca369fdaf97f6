# SPDX-License-Identifier: Apache-2.0
"""./trapeze bench between: what is made of the guests' words, and the real ones."""
import os
import sys
import unittest

from bench_case import report
from support import ROOT, Case, trapeze

sys.path.append(ROOT)
from bench.run import between  # noqa: E402

LO, ONE, TWO = between.ARMS.values()


def said(arm, trip, block):
    """What a guest prints: ticks of a round trip and of a block, in samples of ten."""
    return "".join(f"@@bench {arm.workload} {metric} ticks 10 {10 * ticks} - -\n"
                   for metric, ticks in (("round_trip", trip), ("throughput_16k", block)))


class Rows(unittest.TestCase):
    """What is made of consoles."""

    @staticmethod
    def measured(*boots):
        """Of (arm, run, text, problem)."""
        found = between.Measured()
        for boot in boots:
            between.keep(found, *boot)
        return found

    def test_ratios_are_of_runs_of_one_number(self):
        found = self.measured((LO, 0, said(LO, 100, 10), None), (ONE, 0, said(ONE, 300, 20), None),
                              (LO, 1, said(LO, 200, 10), None), (ONE, 1, said(ONE, 1000, 30), None),
                              (TWO, 2, said(TWO, 50, 5), None))
        self.assertEqual(found.failures, {})
        trip, block = between.rows(found, "ns")
        self.assertEqual((trip["metric"], trip["bytes"], block["bytes"]), ("round_trip", 1, 16384))
        # A tick is 2.5 ns.
        self.assertEqual(trip["lo"], {"median": 375, "min": 250, "max": 500, "ratio_to_lo": 1})
        self.assertEqual(trip["one_core"], {"median": 1625, "min": 750, "max": 2500, "ratio_to_lo": 4})
        # There was no run of its number to compare with.
        self.assertEqual(trip["two_cores"]["ratio_to_lo"], None)
        self.assertEqual(block["one_core"]["ratio_to_lo"], 2.5)

    def test_who_fails_says_why(self):
        found = self.measured((LO, 0, "@@bench-failed tcp_lo oh\n", None), (ONE, 1, said(ONE, 1, 1), "it died"),
                              (TWO, 0, said(TWO, 1, 1).splitlines()[0], None))
        self.assertEqual(found.failures, {"lo": "run 1: oh", "one_core": "run 2: it died",
                                          "two_cores": "run 1: it printed no result"})
        for row in between.rows(found, "ns"):
            self.assertIsNone(row["lo"])

    def test_lies(self):
        found = self.measured((LO, 0, said(LO, 0, 1), None), (ONE, 0, said(ONE, 1, -1), None))
        for name in ("lo", "one_core"):
            self.assertIn("cannot be true", found.failures[name])

    def test_the_report(self):
        document = {"conditions": {"unit": "ns"}, "errors": {"two_cores": "run 1: oh"},
                    "rows": between.rows(self.measured((LO, 0, said(LO, 100, 6553.6), None),
                                                       (ONE, 0, said(ONE, 250, 13107.2), None)), "ns")}
        text = between.lines(document)
        self.assertIn("| round_trip | 250 | 625, 2.50 of lo | - |", text)
        self.assertIn("| throughput_16k | 16,384 (1000.0 MB/s) | 32,768 (500.0 MB/s), 2.00 of lo | - |", text)
        self.assertEqual(text[-1], "two_cores: run 1: oh")


class Usage(Case):
    """What cannot be."""

    def test_wrong_options(self):
        blocked = self.path("file", b"")
        for words, why in ((["--clock", "x"], "icount"), (["--runs", "0"], "--runs"),
                           (["--clock", "wall", "--clock", "icount"], "one --clock"),
                           (["--quick", "--full"], "not allowed"), (["--out", blocked], "--out"), (["--", "x"], "--")):
            with self.subTest(words=words):
                result = trapeze("bench", "between", *words)
                self.ends(result, 2)
                self.one_line(result, why)
        result = trapeze("bench", "--workload", "pipe", "between")
        self.ends(result, 2)
        self.one_line(result, "--workload")


class Real(Case):
    """The real guests, in instructions."""

    def test_one_core(self):
        out = self.path("out")
        result = trapeze("bench", "between", "--quick", "--clock", "icount", "--out", out)
        self.ends(result, 0)
        document = report(os.path.join(out, "between.json"), "between_schema.json")
        self.assertEqual(document["errors"], {})
        self.assertEqual(list(document["conditions"]["arms"]), ["lo", "one_core"])
        for row in document["rows"]:
            with self.subTest(row=row):
                # Through another guest there is more to be done than within one.
                self.assertGreater(row["one_core"]["ratio_to_lo"], 1)
                self.assertIsNone(row["two_cores"])
        with open(os.path.join(out, "between.md"), encoding="utf-8") as file:
            self.assertEqual(file.read(), result.out)


if __name__ == "__main__":
    unittest.main()
