# SPDX-License-Identifier: Apache-2.0
"""The bare-metal benchmarks, natively and under the VMM; the exit counters that a guest reads."""
import os
import re
import unittest

from support import ROOT, Case, trapeze

SAMPLES = 5
LINE = re.compile(r"^@@bench (\w+) (\w+) ticks (\d+) (\d+) (\S+) (\S+)$", re.MULTILINE)
# Every exit is there to be counted only if no site is patched.
COUNTED = ("--append", "exits", "--patch=off", "--vmm-append", "exits-device=on")
PATCHED = ("--append", "exits", "--patch=hot", "--threshold=2", "--vmm-append",
           "exits-device=on")


def counts(text):
    """{name: count} of a list NAME=COUNT,... or '-'."""
    pairs = [] if text == "-" else [item.split("=") for item in text.split(",")]
    return {name: int(count) for name, count in pairs}


class Bare(Case):
    """./trapeze boot --kernel with the programs of bench/bare."""

    def boot(self, name, *options):
        """(console, samples as (metric, operations, ticks, exits, kinds)) of one run."""
        program = os.path.join(ROOT, "build", "hv", "bench", "bare", name + ".elf")
        done = trapeze("boot", "--kernel", program, "--quiet", "--icount", *options)
        self.ends(done, 0)
        self.assertEqual(done.out.splitlines()[-1], "isa: done", str(done))
        samples = []
        for workload, metric, operations, ticks, exits, kinds in LINE.findall(done.out):
            self.assertEqual(workload, name)
            samples.append((metric, int(operations), int(ticks), counts(exits), counts(kinds)))
        return done.out, samples

    def test_fft_costs_what_it_costs_natively(self):
        native_out, native = self.boot("proteus_fft", "--native")
        out, hosted = self.boot("proteus_fft", *COUNTED)
        self.assertEqual((len(native), len(hosted)), (SAMPLES, SAMPLES))
        sums = [set(re.findall(r"^# checksum (\w{8})$", text, re.MULTILINE))
                for text in (native_out, out)]
        self.assertEqual(len(sums[0]), 1)
        self.assertEqual(*sums)
        for (_, _, before, _, _), (_, _, after, exits, kinds) in zip(native, hosted):
            self.assertLess(abs(after / before - 1), 0.01)
            self.assertLessEqual(set(exits), {"heartbeat"})
            self.assertEqual(kinds, {})

    def test_each_null_exit_is_counted_once(self):
        for name, metrics in (("gandalf_hypercall", {"wrteei": "wrteei"}),
                              ("gandalf_ignored", {"tlbsync": "tlbsync", "mtspr": "mtspr"})):
            _, native = self.boot(name, "--native")
            _, hosted = self.boot(name, *COUNTED)
            self.assertEqual(len(hosted), SAMPLES * len(metrics))
            self.assertEqual([sample[:2] for sample in native],
                             [sample[:2] for sample in hosted])
            for metric, operations, ticks, exits, kinds in hosted:
                with self.subTest(name=name, metric=metric):
                    self.assertEqual(kinds, {metrics[metric]: operations})
                    self.assertEqual({**exits, "heartbeat": 0},
                                     {"privileged": operations, "heartbeat": 0})
                    self.assertGreater(ticks, operations * 20)
            for _, operations, ticks, exits, kinds in native:
                self.assertLess(ticks, operations)
                self.assertEqual((exits, kinds), ({}, {}))

    def test_counts_are_never_negative(self):
        """What is taken off for the loop itself may have had exits that its own run has not."""
        for name in ("gandalf_hypercall", "gandalf_ignored"):
            _, samples = self.boot(name, *PATCHED)
            self.assertGreaterEqual(len(samples), SAMPLES)
            for metric, operations, _, exits, kinds in samples:
                with self.subTest(name=name, metric=metric):
                    for count in (*exits.values(), *kinds.values()):
                        self.assertLessEqual(count, operations)

    def test_counts_do_not_need_the_profile(self):
        _, samples = self.boot("gandalf_hypercall", "--append", "exits", "--vmm-append",
                               "exits-device=on profile=off")
        for _, operations, _, exits, kinds in samples:
            self.assertEqual((exits["privileged"], kinds["wrteei"]), (operations, operations))

    def test_uncounted(self):
        _, samples = self.boot("gandalf_hypercall")
        self.assertEqual({(str(exits), str(kinds)) for *_, exits, kinds in samples},
                         {("{}", "{}")})

    def test_asked_for_counters_that_are_not_there(self):
        program = os.path.join(ROOT, "build", "hv", "bench", "bare", "gandalf_hypercall.elf")
        done = trapeze("boot", "--kernel", program, "--quiet", "--append", "exits")
        self.assertIn("@@bench-failed gandalf_hypercall there are no exit counters", done.out)
        self.assertNotIn("@@bench ", done.out)


if __name__ == "__main__":
    unittest.main()
