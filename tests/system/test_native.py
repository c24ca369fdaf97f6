# SPDX-License-Identifier: Apache-2.0
"""The scenarios without the VMM: they prove the guest, the front door and the tests."""
import os
import struct
import unittest

import scenarios
from support import ROOT, Case, trapeze

NATIVE = ("--native",)


class Boots(scenarios.Boots):
    """See scenarios."""

    options = NATIVE

    def check_summary(self, found, result):
        self.assertEqual(found["mode"], "native")
        self.assertNotIn("exits", found)
        self.assertIn("native run", result.out)


class Pipes(scenarios.Pipes):
    """See scenarios."""

    options = NATIVE


class Images(Case):
    """Kernels of other kinds."""

    def test_vmlinux_is_explained(self):
        result = trapeze("boot", "--native", "--kernel",
                         os.path.join(ROOT, "build", "guest", "vmlinux"))
        self.ends(result, 2)
        self.one_line(result, "virtual address", "uImage")

    def test_raw_binary_runs(self):
        # b . : it runs for ever, which only a loaded and entered image can do.
        spin = self.path("spin.bin", struct.pack(">I", 0x48000000) * 64)
        self.ends(trapeze("boot", "--native", "--kernel", spin, "--timeout", "2"), 4)


if __name__ == "__main__":
    unittest.main()
