# SPDX-License-Identifier: Apache-2.0
"""Every attack and every death beside a guest that must not notice."""
import unittest

from attacks import ATTACKS, MASTERS, MODES
from beside_case import Beside

# What tests/isa/death has; "healthy" dies of nothing, and those that need another machine are left out.
DEATHS = ["call", "checkstop", "deep", "endless", "exits", "hole", "no_check", "no_critical", "no_handler",
          "pingpong", "poll", "rfi", "spin", "storm", "user", "wait", "zeros"]


class Neighbours(Beside):
    """On the core of the other and on another one."""

    def test_deaths(self):
        for program in DEATHS:
            for core in (0, 1):
                with self.subTest(program=program, core=core):
                    self.pair(f"death/{program}", 0, core, patience=20)

    def test_attacks(self):
        for program in ATTACKS:
            for number, mode in enumerate(("off.straight", "hot.crossed", "eager.straight", "eager.crossed")):
                with self.subTest(program=program, mode=mode):
                    self.pair(f"attack/{program}", 0, number % 2, MODES[mode], patience=60,
                              devices=MASTERS if program == "dma" else ())


if __name__ == "__main__":
    unittest.main()
