# SPDX-License-Identifier: Apache-2.0
"""The guest's shell under the VMM, and the VMM's own console beside it."""
import os
import time
import unittest

import scenarios
from support import LAST


class Shells(scenarios.Shells):
    """See scenarios."""

    def test_report_on_request(self):
        self.expect(b"# ")
        log = os.path.join(LAST, "vmm.log")
        with open(log, encoding="utf-8") as handle:
            before = handle.read()
        self.type(b"\x01?")
        end = time.monotonic() + 10
        after = before
        while len(after) <= len(before) and time.monotonic() < end:
            time.sleep(0.1)
            with open(log, encoding="utf-8") as handle:
                after = handle.read()
        self.assertGreater(len(after), len(before), "no report in vmm.log")
        # The guest goes on.
        self.type(b"echo $((6 * 7)) answered\r")
        self.expect(b"42 answered")
        self.type(b"\x01x")
        self.assertEqual(self.leave(), 0)


class Pipes(scenarios.Pipes):
    """See scenarios."""


if __name__ == "__main__":
    unittest.main()
