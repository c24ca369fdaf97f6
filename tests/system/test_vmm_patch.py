# SPDX-License-Identifier: Apache-2.0
"""What patching may not change, and what it must give: a guest that scans its memory loses little
and gets its patches back; Linux prints what it prints natively."""
import itertools
import json
import os
import re
import unittest

from support import LAST, ROOT, Case, trapeze

SCAN = os.path.join(ROOT, "build", "hv", "tests", "isa", "scan.elf")
HOW = ("patch=hot threshold=1", "patch=eager")
MAPPINGS = ("straight", "crossed")


def patch_of_last_run():
    """The part of the last summary that is about patches."""
    with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as handle:
        return json.load(handle)["patch"]


class Scan(Case):
    """tests/isa/scan.cpp by counted instructions, which repeat."""

    def phases(self, how):
        """{phase: (ticks, privileged exits, tracing faults, stores to text)}"""
        result = trapeze("boot", "--kernel", SCAN, "--quiet", "--icount", "--timeout", "300",
                         "--vmm-append", f"exits-device=on {how}")
        self.ends(result, 0)
        self.assertIn(", 0 wrong", result.out)
        found = re.findall(r"^# phase (\w) ticks (\d+) privileged (\d+) "
                           r"tracing (\d+) text_write (\d+)$",
                           result.out, re.M)
        self.assertEqual([phase for phase, *_ in found], ["A", "B", "C"], result)
        return {phase: tuple(map(int, counts)) for phase, *counts in found}

    def test_a_scan_loses_little_and_passes(self):
        off = self.phases("patch=off")
        self.assertEqual([off[phase][2:] for phase in "ABC"], [(0, 0)] * 3)
        for mapping in MAPPINGS:
            with self.subTest(mapping):
                hot = self.phases(f"patch=hot mapping={mapping}")
                print(f"off {off}\n{mapping} {hot}")
                # Hot sites alone: most of their exits are gone.
                self.assertLess(hot["A"][1], off["A"][1] / 10)
                # All of memory is read and written: at most a tenth more.
                self.assertLessEqual(hot["B"][0], 1.1 * off["B"][0])
                # It is over: the patches are back, after a time in which they are not tried again.
                self.assertLess(hot["C"][1], off["C"][1] / 4)
                self.assertLess(hot["C"][2] + hot["C"][3], 100)
                self.assertLess(hot["C"][0], off["C"][0])
                # It is noticed by its loads, or where these see the guest's own text by its stores.
                if mapping == "straight":
                    self.assertGreater(hot["B"][2], 0)
                else:
                    self.assertEqual([hot[phase][2] for phase in "ABC"], [0] * 3)
                    self.assertGreater(hot["B"][3], 0)


class Linux(Case):
    """The default guest with all that is hot, or all there is, patched."""

    def same(self, command):
        """What the command prints natively it prints patched too; and something was patched."""
        native = trapeze("boot", "--native", "--timeout", "300", "--run", command)
        self.ends(native, 0)
        self.assertGreater(len(native.out.splitlines()), 10)
        for how, mapping in itertools.product(HOW, MAPPINGS):
            with self.subTest(how=how, mapping=mapping):
                result = trapeze("boot", "--timeout", "300", "--mapping", mapping,
                                 "--vmm-append", how, "--run", command)
                self.ends(result, 0)
                self.assertEqual(self.lines(native), self.lines(result))
                self.assertGreater(patch_of_last_run()["made"], 100)

    @staticmethod
    def lines(result):
        """Lines without level, time and process numbers of kernel messages."""
        return [re.sub(r"^(<\d+>)?\[ *[\d.]+\] |\[\d+\]:", "", line)
                for line in result.out.splitlines()]

    def test_selfcheck(self):
        self.same("selfcheck")

    def test_workload(self):
        self.same("workload")


if __name__ == "__main__":
    unittest.main()
