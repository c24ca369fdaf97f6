# SPDX-License-Identifier: Apache-2.0
"""Standard streams that break at every stage of the commands; test_streams_all.py has each with each."""
import unittest

from stream_case import FAULTS, STAGES, TOOLS, StreamCase


class Streams(StreamCase):
    """Each stage and each fault once; of the tools, which take no time, all."""

    def test_commands(self):
        for number in range(max(len(STAGES), len(FAULTS))):
            self.breaks(STAGES[number % len(STAGES)], FAULTS[number % len(FAULTS)])

    def test_tools(self):
        for stage in TOOLS:
            for fault in FAULTS:
                self.breaks(stage, fault)


if __name__ == "__main__":
    unittest.main()
