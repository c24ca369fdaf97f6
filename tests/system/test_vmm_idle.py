# SPDX-License-Identifier: Apache-2.0
"""An idle guest leaves the host alone."""
import time
import unittest

from support import BOOT_TIMEOUT, Case, cpu_seconds, finish, qemu_of, start


class Idle(Case):
    """Host CPU time of QEMU while the guest sleeps."""

    SECONDS = 6.0
    SHARE = 0.05

    def measure(self, command, enough):
        """(seconds, CPU seconds that QEMU used in them) after `command` has printed `ready`: of
        SECONDS, or if later when QEMU has used `enough`."""
        process = start("boot", "--timeout", "300", "--run", command)
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            qemu = qemu_of(process.pid)
            # What was going on at the end of boot may settle first.
            time.sleep(2)
            began, before = time.monotonic(), cpu_seconds(qemu)
            time.sleep(self.SECONDS)
            while cpu_seconds(qemu) - before < enough and time.monotonic() - began < BOOT_TIMEOUT / 2:
                time.sleep(0.5)
            return time.monotonic() - began, cpu_seconds(qemu) - before
        finally:
            finish(process)

    def test_idle_uses_little(self):
        seconds, used = self.measure("echo ready; sleep 1000", 0)
        self.assertLess(used, self.SHARE * seconds)

    def test_busy_uses_a_lot(self):
        # So that the measurement above is one; however little a loaded machine lets QEMU have.
        enough = 2 * self.SHARE * self.SECONDS
        _, used = self.measure("echo ready; while :; do :; done", enough)
        self.assertGreater(used, enough)


if __name__ == "__main__":
    unittest.main()
