# SPDX-License-Identifier: Apache-2.0
"""A guest that exits as often as it can takes nothing of another one's time on their core."""
import json
import os
import re
import unittest

from support import LAST, ROOT, Case, trapeze

PROGRAM = f"{ROOT}/build/hv/tests/isa/beside/share.elf"
KINDS = 11


class Share(Case):
    """tests/isa/beside/share.cpp twice: one computes, one exits. Parts are of a thousand of the core's instructions."""

    def shares(self, options="", scheduling=""):
        """What the one that computes had beside each kind of exit, and the summaries."""
        path = self.path("share.dts", (
            '/dts-v1/;\n/ { compatible = "trapeze,config"; slice-us = <500>;\n'
            f'computes {{ compatible = "partition"; memory = "16M"; kernel = "{PROGRAM}"; }};\n'
            f'storms {{ compatible = "partition"; memory = "16M"; kernel = "{PROGRAM}"; bootargs = "storm=1";\n'
            f'options = "{options}"; {scheduling} }};\n}};\n').encode())
        result = trapeze("boot", "--icount", "--config", path, "--timeout", "200")
        self.ends(result, 0)
        self.assertEqual(len(re.findall(r"^storms  \| # [1-9]\d* times ", result.out, re.M)), KINDS, str(result))
        found = {kind: int(share) for kind, share in
                 re.findall(r"^computes\| (.*): (\d+) of 1000$", result.out, re.M)}
        self.assertEqual(len(found), KINDS, str(result))
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as handle:
            return found, {one["guest"]: one["ticks"] for one in json.load(handle)["guests"]}

    def test_equals(self):
        """Half, but for what the change of turns takes, each 500 us."""
        found, ticks = self.shares("patch=hot mapping=straight")
        for kind, share in found.items():
            self.assertGreaterEqual(share, 480, f"{kind}: {found}")
        # The exits are on the account of the one that has them.
        self.assertGreater(ticks["storms"]["vmm"], 10 * ticks["computes"]["vmm"])

    def test_budget(self):
        """A more urgent one takes its budget, 2 ms of 10, and little more for its comings and goings."""
        found, _ = self.shares("patch=hot", "priority = <10>; budget-us = <2000>; period-us = <10000>;")
        for kind, share in found.items():
            self.assertGreaterEqual(share, 770, f"{kind}: {found}")


if __name__ == "__main__":
    unittest.main()
