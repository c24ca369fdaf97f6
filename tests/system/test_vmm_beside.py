# SPDX-License-Identifier: Apache-2.0
"""Guests that attack or die beside one that must not notice: those that are soon done."""
import unittest

from beside_case import Beside


class Neighbours(Beside):
    """Some, on the core of the other and on another one."""

    def test_one_core(self):
        for program, options in (("attack/causes", "patch=eager"), ("attack/jumps", "patch=hot"),
                                 ("death/storm", "mapping=straight"), ("death/no_handler", "")):
            with self.subTest(program=program):
                self.pair(program, 0, 0, options)

    def test_two_cores(self):
        for program, options in (("attack/jumps", "patch=eager"), ("death/checkstop", "")):
            with self.subTest(program=program):
                self.pair(program, 0, 1, options)


if __name__ == "__main__":
    unittest.main()
