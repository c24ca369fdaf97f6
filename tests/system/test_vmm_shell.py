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
        for number in range(10):
            before = os.path.getsize(log)
            self.type(b"\x01?")
            end = time.monotonic() + 60
            while os.path.getsize(log) <= before and time.monotonic() < end:
                time.sleep(0.05)
            self.assertGreater(os.path.getsize(log), before, "no report in vmm.log")
            # The guest goes on, and what is typed while the VMM writes is not lost.
            self.type(b"echo $((6 * 7)) answered %d\r" % number)
            self.expect(b"42 answered %d" % number)
            self.expect(b"# ")
        self.type(b"\x01x")
        self.assertEqual(self.leave(), 0)


class Pipes(scenarios.Pipes):
    """See scenarios."""


if __name__ == "__main__":
    unittest.main()
