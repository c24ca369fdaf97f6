# SPDX-License-Identifier: Apache-2.0
"""Guests that attack or die beside those that must not notice: bad ones that are soon done."""
import unittest

from beside_case import Bad, Beside


class Neighbours(Beside):
    """Some, on the core of the other and on another one."""

    def test_one_core(self):
        for program, options in (("attack/causes", "patch=eager"), ("attack/jumps", "patch=hot"),
                                 ("death/storm", "mapping=straight"), ("death/no_handler", "")):
            with self.subTest(program=program):
                self.beside_keeper(Bad(program, 0, options), 0)

    def test_two_cores(self):
        for program, options in (("attack/jumps", "patch=eager"), ("death/checkstop", "")):
            with self.subTest(program=program):
                self.beside_keeper(Bad(program, 0, options), 1)

    def test_linux(self):
        """It works and checks itself, with one on its core that attacks, and one on the other core that dies."""
        (end, _), (other, deaths) = self.beside_linux(
            Bad("attack/jumps", 0, "patch=eager"), Bad("death/storm", 1))
        self.assertNotEqual(end, "stopped")
        self.assertEqual((other, deaths), ("guest-died", 1))


if __name__ == "__main__":
    unittest.main()
