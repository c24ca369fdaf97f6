# SPDX-License-Identifier: Apache-2.0
"""The default guest under the VMM."""
import json
import os
import re
import subprocess
import tempfile
import unittest

import scenarios
from support import ROOT

VMM = os.path.join(ROOT, "build", "hv", "hv", "trapeze-hv.elf")


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

    def test_device_tree_of_one_s_own(self):
        """With the memory and chosen nodes of this boot, and without the VMM's UART."""
        with tempfile.TemporaryDirectory() as folder:
            tree = os.path.join(folder, "own.dtb")
            subprocess.run(["qemu-system-ppc64", "-M", f"ppce500,dumpdtb={tree}", "-cpu", "e500v2",
                            "-m", "64M", "-display", "none", "-nic", "none", "-serial", "null",
                            "-serial", "null", "-kernel", VMM], check=True, capture_output=True)
            subprocess.run(["fdtput", "-t", "s", tree, "/", "model", "Own tree"], check=True)
            result = self.run_in_guest(
                "cat /proc/device-tree/model; echo; grep MemTotal /proc/meminfo; "
                "ls -d /proc/device-tree/soc*/serial*", "--dtb", tree)
        self.assertTrue(result.out.startswith("Own tree"), result)
        self.assertGreater(int(re.search(r"MemTotal: +(\d+)", result.out)[1]), 200 << 10, result)
        self.assertIn("serial@4500", result.out)
        self.assertNotIn("serial@4600", result.out)

    def test_raw_binary(self):
        """Loaded and entered at 0: maps CCSR by TLB1 entry 1 and asks for a reset (RSTCR)."""
        words = (0x3C801001, 0x7C909BA6,              # MAS0
                 0x3C80C000, 0x60840500, 0x7C919BA6,  # MAS1: V IPROT, 1 MiB
                 0x3C80E000, 0x6084000A, 0x7C929BA6,  # MAS2: EA e0000000, I G
                 0x3C80E000, 0x60840005, 0x7C939BA6,  # MAS3: SR SW
                 0x3880000F, 0x7C90EBA6,              # MAS7
                 0x7C0007A4, 0x4C00012C,              # tlbwe, isync
                 0x3CA0E00E, 0x38800002, 0x908500B0, 0x48000000)
        with tempfile.TemporaryDirectory() as folder:
            raw = os.path.join(folder, "program.bin")
            with open(raw, "wb") as handle:
                handle.write(b"".join(word.to_bytes(4, "big") for word in words))
            found = os.path.join(folder, "summary.json")
            self.boot("--kernel", raw, "--raw", "--json", found, "--timeout", "300")
            with open(found, encoding="utf-8") as handle:
                summary = json.load(handle)
        self.assertEqual(summary["end"], "reset", summary)
        self.assertEqual({row["name"]: row["count"] for row in summary["instructions"]},
                         {"mtspr": 5, "tlbwe": 1})

    def test_memory_that_is_no_power_of_two(self):
        result = self.run_in_guest("grep MemTotal /proc/meminfo", "--mem", "83M")
        total = int(result.out.split()[1])
        self.assertTrue(60 << 10 < total < 83 << 10, result.out)


if __name__ == "__main__":
    unittest.main()
