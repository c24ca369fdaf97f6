# SPDX-License-Identifier: Apache-2.0
"""Guests that attack with a seed (tests/isa/attack): attacks.py says what must be true afterwards, and runs others."""
import unittest

import attacks
from support import Case


class Siege(Case):
    """A seed or two of each attack, in modes that differ from one to the next; test_vmm_siege_long.py has all."""

    def nothing_found(self, attack, mode, *seeds, **others):
        """No seed of the attack leaves anything behind; what runs afterwards is as ever."""
        for seed in seeds:
            with self.subTest(f"attacks.py {attack} --seed {seed} --modes {mode}"):
                line, problems = attacks.run(attack, seed, mode, after=seed == seeds[0], **others)
                self.assertEqual(problems, [], line)

    def test_accesses(self):
        """Loads, stores and cache instructions at all device pages."""
        self.nothing_found("accesses", "hot.straight", 2)

    def test_causes(self):
        """Every interrupt, with handlers that cannot be; then without any."""
        self.nothing_found("causes", "hot.crossed", 1)
        self.nothing_found("causes", "off.straight", 3)

    def test_chaos(self):
        """Random instructions with random translations."""
        self.nothing_found("chaos", "hot.crossed", 1, 2)
        self.nothing_found("chaos", "eager.straight", 4)

    def test_dma(self):
        """Devices that are told to reach everything; code in a device."""
        self.nothing_found("dma", "hot.crossed", 1)

    def test_forge(self):
        """The register page and all that patched code goes through."""
        self.nothing_found("forge", "hot.crossed", 3, rounds=300)

    def test_jumps(self):
        """Into stubs, the register page, the VMM's range."""
        self.nothing_found("jumps", "eager.crossed", 1)

    def test_tables(self):
        """More of everything than there is room for."""
        self.nothing_found("tables", "hot.straight", 1)


if __name__ == "__main__":
    unittest.main()
