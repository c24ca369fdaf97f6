# SPDX-License-Identifier: Apache-2.0
"""Every signal at every stage of the front door's commands (test_signals.py has each once)."""
import unittest

from signal_case import ENDS, LEAVES, STAGES, SignalCase


class Product(SignalCase):
    """All of it."""

    def test_those_that_end(self):
        for stage in STAGES:
            for number in ENDS:
                self.end_by(stage, number)

    def test_those_that_do_not(self):
        for stage in STAGES:
            for number in LEAVES:
                self.leave_by(stage, number)


if __name__ == "__main__":
    unittest.main()
