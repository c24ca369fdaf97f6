# SPDX-License-Identifier: Apache-2.0
"""Every fault of the standard streams at every stage of the commands (test_streams.py has each once)."""
import unittest

from stream_case import FAULTS, STAGES, StreamCase


class Product(StreamCase):
    """All of it."""

    def test_commands(self):
        for stage in STAGES:
            for fault in FAULTS:
                self.breaks(stage, fault)


if __name__ == "__main__":
    unittest.main()
