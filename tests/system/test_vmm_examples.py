# SPDX-License-Identifier: Apache-2.0
"""The configurations of docs/examples, under the VMM."""
import json
import os
import unittest

from support import LAST, ROOT, Case, trapeze

EXAMPLES = os.path.join(ROOT, "docs", "examples")


class Examples(Case):
    """Each says what it says it does."""

    def boot(self, name, *options):
        """Boots the example."""
        result = trapeze("boot", "--config", os.path.join(EXAMPLES, name), "--timeout", "300", *options)
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as handle:
            return result, {one["guest"]: one for one in json.load(handle)["guests"]}

    def test_two_linux(self):
        result, guests = self.boot("two-linux.dts", "--run", "grep -o beta=1 /proc/cmdline; ls /sys/bus/pci/devices "
                                   "| grep -c . ; free | grep -o 'Mem: *[0-9]*'")
        self.ends(result, 0)
        lines = result.out.splitlines()
        alpha = [line for line in lines if line.startswith("alpha| ")]
        beta = [line for line in lines if line.startswith("beta | ")]
        self.assertEqual(len(lines), len(alpha) + len(beta))
        self.assertEqual(beta[:2], ["beta | beta=1", "beta | 0"])
        self.assertNotEqual(alpha[0], "alpha| 0")
        for last, mib in ((alpha[-1], 128), (beta[-1], 64)):
            self.assertTrue((mib - 16) << 10 < int(last.split()[-1]) < mib << 10, lines)
        self.assertEqual([guests[name]["end"] for name in ("alpha", "beta")], ["poweroff", "poweroff"])

    def test_linux_and_rt(self):
        result, guests = self.boot("linux-and-rt.dts", "--icount")
        self.ends(result, 0)
        self.assertRegex(result.out, r"(?m)^rt   \| job 1000: \d+\.\d of 1500\.0 rpm, late by ")
        # Linux shows it beside its workload.
        self.assertRegex(result.out, r"(?m)^linux\| control: 1\d{3}\.\d of 1500\.0 rpm, drive ")
        self.assertIn("workload: all ok", result.out)
        self.assertEqual((guests["linux"]["end"], guests["rt"]["end"]), ("poweroff", "stopped"))


if __name__ == "__main__":
    unittest.main()
