# SPDX-License-Identifier: Apache-2.0
"""Every attack and every death beside a Linux and a keeper that must not notice, on its core and on another one."""
import unittest

from attacks import ATTACKS, MODES
from beside_case import Bad, Beside

# What tests/isa/death has; "healthy" dies of nothing, and those that need another machine are left out. Those
# that the watchdog ends take a second.
DEATHS = ["checkstop", "hole", "no_check", "no_critical", "no_handler", "storm", "wait", "zeros"]
STUCK = ["call", "deep", "endless", "exits", "pingpong", "poll", "rfi", "spin", "user"]


class Neighbours(Beside):
    """Two bad guests at a time: the same one twice."""

    def test_deaths(self):
        """The one on the core of Linux dies again and again."""
        for program in DEATHS:
            with self.subTest(program=program):
                (_, often), (end, deaths) = self.beside_linux(
                    Bad(f"death/{program}", 0, again=True), Bad(f"death/{program}", 1))
                self.assertGreater(often, 10)
                self.assertEqual((end, deaths), ("guest-died", 1))

    def test_stuck(self):
        for program in STUCK:
            with self.subTest(program=program):
                for end, deaths in self.beside_linux(Bad(f"death/{program}", 0), Bad(f"death/{program}", 1),
                                                     rounds=4):
                    self.assertEqual((end, deaths), ("guest-died", 1))

    def test_attacks(self):
        for program in ATTACKS:
            for mode in ("off.straight", "hot.crossed", "eager.straight", "eager.crossed"):
                options = MODES[mode]
                with self.subTest(program=program, mode=mode):
                    self.beside_linux(Bad(f"attack/{program}", 0, options, pci=True),
                                      Bad(f"attack/{program}", 1, options, pci=False), keeper_core=1)


if __name__ == "__main__":
    unittest.main()
