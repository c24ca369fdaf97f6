# SPDX-License-Identifier: Apache-2.0
"""Every attack of attacks.py in every mode, with seeds that test_vmm_siege.py has not, and larger."""
import unittest

import attacks
from support import Case

FIRST_SEED = 1000
# Attack -> seeds, and rounds if not as many as it has by itself.
SEEDS = {"accesses": (3, 10_000), "causes": (4, None), "chaos": (10, None), "dma": (2, None),
         "forge": (3, 2000), "jumps": (2, None), "tables": (1, 2)}


class Siege(Case):
    """All attacks, all modes."""

    def test_all(self):
        """No seed of any attack leaves anything behind."""
        self.assertEqual(set(SEEDS), set(attacks.ATTACKS))
        for attack, (count, rounds) in SEEDS.items():
            for seed in range(FIRST_SEED, FIRST_SEED + count):
                for mode in attacks.MODES:
                    words = f" --rounds {rounds}" if rounds else ""
                    with self.subTest(f"attacks.py {attack} --seed {seed} --modes {mode}{words}"):
                        line, problems = attacks.run(attack, seed, mode, seed == FIRST_SEED,
                                                     rounds=rounds)
                        print(line, flush=True)
                        self.assertEqual(problems, [], line)


if __name__ == "__main__":
    unittest.main()
