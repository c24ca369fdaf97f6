# SPDX-License-Identifier: Apache-2.0
"""Guests that share a core or a machine: each has its own, whatever the others leave."""
import unittest

from support import ROOT, Case, trapeze

KEEPER = f"{ROOT}/build/hv/tests/isa/beside/keeper%d.elf"
# Each register that no exit saves is looked at so often (tests/isa/beside/keeper.cpp).
SAID = "40 rounds, 0 wrong"


def partition(name, number, core, options):
    """A keeper, whose values are those of its number."""
    return (f'{name} {{ compatible = "partition"; cpus = <{core} 1>; memory = "16M";\n'
            f'kernel = "{KEEPER % number}"; options = "{options}"; }};\n')


class Keepers(Case):
    """Two guests that keep all registers busy; each finds its own."""

    def both(self, cores, options, slice_us=100):
        """A boot of both, on these cores."""
        path = self.path("keepers.dts", (
            f'/dts-v1/;\n/ {{ compatible = "trapeze,config"; slice-us = <{slice_us}>;\n'
            + partition("one", 1, cores[0], options[0]) + partition("two", 2, cores[1], options[1])
            + "};\n").encode())
        result = trapeze("boot", "--icount", "--config", path, "--timeout", "60")
        self.ends(result, 0)
        said = [line for line in result.out.splitlines() if SAID in line]
        self.assertEqual(sorted(said), [f"one| {SAID}", f"two| {SAID}"], result.out)

    def test_one_core(self):
        """They have it in turn, a slice of 100 us each."""
        for options in (("patch=off mapping=straight",) * 2, ("patch=eager mapping=crossed",) * 2,
                        ("patch=hot mapping=straight", "patch=off mapping=crossed profile=off")):
            with self.subTest(options=options):
                self.both((0, 0), options)

    def test_two_cores(self):
        self.both((0, 1), ("patch=hot", "patch=eager mapping=straight"))


if __name__ == "__main__":
    unittest.main()
