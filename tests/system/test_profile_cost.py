# SPDX-License-Identifier: Apache-2.0
"""What the profile costs, in instructions counted by --icount, which repeat."""
import json
import os
import re
import unittest

from support import ROOT, Case, trapeze

PATHS = os.path.join(ROOT, "build", "hv", "tests", "isa", "path.elf")
EXIT_BOUND = 36
BOOT_BOUND = 1.08

# Rows of tests/isa/path.cpp with the exits that each takes.
EXITS = {"mfmsr": 1, "mfmsr r30": 1, "mfmsr, second of its bucket": 1,
         "mfmsr, third of its bucket": 1, "mfmsr, fourth of its bucket": 1, "wrteei 0": 1,
         "wrteei 1, wrteei 0": 2, "wrtee": 1, "mtmsr, nothing changes": 1, "mtspr SRR0": 1,
         "mfspr SRR0": 1, "mfspr SPRG0": 1, "mtspr SPRG0": 1, "mfspr SPRG3 (272+3)": 1,
         "mtspr SPRG4": 1, "mfspr DEAR": 1, "mtspr MAS0": 1, "mtspr SRR0, mtspr SRR1, rfi": 3,
         "sc, rfi in kernel mode": 2, "sc, rfi in user mode": 2}
# Those that C++ emulates, which asks the table too.
SLOW = {"mfspr DEC": 1, "mtspr PID0": 1}


class Cost(Case):
    """The same guest with the profile and without, and without patches: they need the profile."""

    def paths(self, profile):
        """{row: instructions} of the guest that measures paths."""
        done = trapeze("boot", "--quiet", "--icount", "--patch=off", "--profile", profile,
                       "--kernel", PATHS)
        self.ends(done, 0)
        rows = {name: float(value)
                for name, value in re.findall(r"^# (.+): ([\d.]+)$", done.out, re.M)}
        self.assertLessEqual({**EXITS, **SLOW}.keys(), rows.keys(), done)
        return rows

    def test_an_exit_at_a_known_site(self):
        on, off = self.paths("on"), self.paths("off")
        for name, exits in {**EXITS, **SLOW}.items():
            more = on[name] - off[name]
            print(f"{name}: {off[name]} instructions, with the profile {more:.1f} more")
            self.assertLessEqual(more, EXIT_BOUND * exits, name)
            self.assertGreater(more, 0, name)
        # Each one further in the bucket is a step of a list; one that was not found is far more. All but
        # the first stand outside of the window of text (docs/mmu.md).
        steps = [on[name] for name in ("mfmsr", "mfmsr, second of its bucket",
                                       "mfmsr, third of its bucket",
                                       "mfmsr, fourth of its bucket")]
        self.assertTrue(3 < steps[1] - steps[0] < 13, steps)
        for before, after in zip(steps[1:], steps[2:]):
            self.assertTrue(3 < after - before < 6, steps)
        # A loop without exits costs nothing but a heartbeat now and then.
        self.assertAlmostEqual(on["nop"], off["nop"], delta=0.3)

    def test_a_boot_of_linux(self):
        used = {}
        for profile in ("off", "on"):
            path = self.path(profile + ".json")
            done = trapeze("boot", "--quiet", "--icount", "--patch=off", "--profile", profile,
                           "--json", path, "--run", "true")
            self.ends(done, 0)
            with open(path, encoding="utf-8") as handle:
                ticks = json.load(handle)["ticks"]
            used[profile] = ticks["total"] - ticks["idle"]
        ratio = used["on"] / used["off"]
        print(f"a boot of Linux: {100 * (ratio - 1):.2f} % more with the profile")
        self.assertLessEqual(ratio, BOOT_BOUND)
        self.assertGreater(ratio, 0.99, "the two boots did not do the same")


if __name__ == "__main__":
    unittest.main()
