# SPDX-License-Identifier: Apache-2.0
"""The default guest under the VMM."""
import os
import unittest

import scenarios
from support import ROOT


class Boots(scenarios.Boots):
    """See scenarios."""

    def check_summary(self, found, result):
        self.assertEqual((found["mode"], found["end"]), ("vmm", "poweroff"))
        exits = {row["cause"]: row for row in found["exits"]}
        self.assertGreater(exits["privileged"]["count"], 1000)
        for row in found["exits"]:
            if row["count"]:
                self.assertLessEqual(row["min_ticks"], row["max_ticks"], row)
                self.assertLessEqual(row["min_ticks"] * row["count"], row["total_ticks"], row)
                self.assertGreaterEqual(row["max_ticks"] * row["count"], row["total_ticks"], row)
        trapped = {row["name"]: row["count"] for row in found["instructions"]}
        self.assertGreater(trapped.get("mfmsr", 0), 100)
        self.assertGreater(trapped.get("rfi", 0), 100)
        self.assertEqual(sum(trapped.values()), exits["privileged"]["count"])
        ticks = found["ticks"]
        for part in ("guest", "vmm", "idle"):
            self.assertGreater(ticks[part], 0, part)
        self.assertLessEqual(ticks["guest"] + ticks["vmm"] + ticks["idle"],
                             ticks["total"] * 1.01)
        self.assertGreater(ticks["guest"] + ticks["vmm"] + ticks["idle"], ticks["total"] * 0.9)
        self.assertIn("privileged", result.out)
        self.assertIn("[vmm ", result.err)

    def test_vmlinux(self):
        vmlinux = os.path.join(ROOT, "build", "guest", "vmlinux")
        self.assertEqual(self.boot("--kernel", vmlinux, "--run", "uname -m").out, "ppc\n")

    def test_memory_that_is_no_power_of_two(self):
        result = self.run_in_guest("grep MemTotal /proc/meminfo", "--mem", "83M")
        total = int(result.out.split()[1])
        self.assertTrue(60 << 10 < total < 83 << 10, result.out)


if __name__ == "__main__":
    unittest.main()
