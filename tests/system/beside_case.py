# SPDX-License-Identifier: Apache-2.0
"""A guest that attacks or dies beside one that looks after its registers (tests/isa/beside/keeper.cpp)."""
import json
import os

from support import LAST, ROOT, Case, trapeze

PROGRAMS = f"{ROOT}/build/hv/tests/isa"
SAID = "keeper| 40 rounds, 0 wrong"


class Beside(Case):
    """Boots pairs: what the first does, the second must not notice."""

    def pair(self, program, bad_core, keeper_core, options="", patience=60, devices=()):
        """The programs share a core, or not. Each has its summary in the end."""
        path = self.path("beside.dts", (
            '/dts-v1/;\n/ { compatible = "trapeze,config"; slice-us = <500>;\n'
            f'bad {{ compatible = "partition"; cpus = <{bad_core} 1>; memory = "64M"; devices = "pci";\n'
            f'kernel = "{PROGRAMS}/{program}.elf"; bootargs = "seed=1000"; options = "watchdog=2 {options}"; }};\n'
            f'keeper {{ compatible = "partition"; cpus = <{keeper_core} 1>; memory = "16M";\n'
            f'kernel = "{PROGRAMS}/beside/keeper1.elf"; options = "{options}"; }};\n}};\n').encode())
        result = trapeze("boot", "--icount", "--config", path, "--timeout", str(patience),
                         *(["--", *devices] if devices else []), timeout=patience + 120)
        self.assertIn(SAID, result.out.splitlines(), f"{program}: {result}")
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as handle:
            ends = {one["guest"]: one["end"] for one in json.load(handle)["guests"]}
        self.assertEqual(ends.get("keeper"), "poweroff", str(result))
        self.assertIn("bad", ends)
        return ends["bad"]
