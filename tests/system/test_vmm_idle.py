# SPDX-License-Identifier: Apache-2.0
"""An idle guest leaves the host alone."""
import time
import unittest

from support import Case, cpu_seconds, finish, qemu_of, start


class Idle(Case):
    """Host CPU time of QEMU while the guest sleeps."""

    SECONDS = 6.0

    def measure(self, command):
        """Share of a host CPU that QEMU uses after `command` has printed `ready`."""
        process = start("boot", "--timeout", "90", "--run", command)
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            qemu = qemu_of(process.pid)
            # What was going on at the end of boot may settle first.
            time.sleep(2)
            began, before = time.monotonic(), cpu_seconds(qemu)
            time.sleep(self.SECONDS)
            return (cpu_seconds(qemu) - before) / (time.monotonic() - began)
        finally:
            finish(process)

    def test_idle_uses_little(self):
        self.assertLess(self.measure("echo ready; sleep 1000"), 0.05)

    def test_busy_uses_a_lot(self):
        # So that the measurement above is one.
        self.assertGreater(self.measure("echo ready; while :; do :; done"), 0.5)


if __name__ == "__main__":
    unittest.main()
