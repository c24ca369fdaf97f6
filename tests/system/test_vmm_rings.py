# SPDX-License-Identifier: Apache-2.0
"""A guest whose rings are broken in every way that there is a rule against, and in any, beside one that looks
after its registers and its memory (tests/isa/attack/rings.cpp)."""
import json
import os
import unittest

from support import LAST, ROOT, Case, trapeze

PROGRAMS = os.path.join(ROOT, "build", "hv", "tests", "isa")
MODES = [f"{patch} mapping={mapping}" for mapping in ("straight", "crossed")
         for patch in ("patch=off", "patch=hot threshold=2", "patch=eager")]
CONFIG = """/dts-v1/;
/ {{
    compatible = "trapeze,config"; slice-us = <500>;
    lan: lan {{ compatible = "virtual-switch"; }};
    evil {{
        compatible = "partition"; memory = "64M"; kernel = "{programs}/attack/rings.elf";
        bootargs = "{arguments}"; options = "watchdog=10 {mode}";
        one {{ compatible = "virtio-net"; switch = <&lan>; }};
        two {{ compatible = "virtio-net"; switch = <&lan>; }};
    }};
    keeper {{
        compatible = "partition"; memory = "16M"; kernel = "{programs}/beside/keeper1.elf";
        bootargs = "rounds=40";
    }};
}};
"""


class Rings(Case):
    """Each rule, and what an attack has to leave alone."""

    def attack(self, mode, seed):
        """Each fault is told, the next driver starts well, and the other guest finds all its own."""
        path = self.path("rings.dts", CONFIG.format(programs=PROGRAMS, mode=mode, arguments=f"seed={seed} rounds=300").encode())
        result = trapeze("boot", "--icount", "--config", path, "--timeout", "120")
        self.ends(result, 0)
        lines = [line.split("| ", 1)[1] for line in result.out.splitlines() if line.startswith("evil")]
        self.assertEqual(lines[0], "cards: 1 1; no card: 0")
        self.assertEqual([line for line in lines if line.startswith("text")], ["text arrives: yes"] * 2, result)
        rules = lines[2:lines.index("text arrives: yes", 2)]
        self.assertEqual(rules[0], "nothing wrong: no")
        self.assertEqual(len(rules), 20)
        for line in rules[1:]:
            self.assertTrue(line.endswith(": yes"), line)
        self.assertEqual(lines[-1], "rings: done")
        self.assertIn("keeper| 40 rounds, 0 wrong", result.out.splitlines())
        with open(os.path.join(LAST, "vmm.log"), encoding="utf-8") as handle:
            log = handle.read()
        told = [line for line in log.splitlines() if "virtio-net 'one' waits for a reset by its driver: " in line]
        self.assertEqual(len(told), 4, log)

    def test_in_all_modes(self):
        """Six of them, each with a seed of its own."""
        for seed, mode in enumerate(MODES):
            with self.subTest(mode=mode):
                self.attack(mode, seed)

    def test_a_storm_takes_its_half(self):
        """Of the core, beside an equal: notifications and what comes of them are the storm's own time."""
        path = self.path("storm.dts", CONFIG.format(programs=PROGRAMS, mode="patch=hot", arguments="storm=250").encode())
        result = trapeze("boot", "--icount", "--config", path, "--timeout", "120")
        self.ends(result, 0)
        self.assertRegex(result.out, r"(?m)^evil  \| # \d{3,} notifications, [1-9]\d* frames came$")
        self.assertIn("keeper| 40 rounds, 0 wrong", result.out.splitlines())
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as handle:
            guests = {one["guest"]: one for one in json.load(handle)["guests"]}
        ticks = guests["keeper"]["ticks"]
        self.assertLess(ticks["total"], guests["evil"]["ticks"]["total"], "the storm lasts longer")
        self.assertGreater(ticks["total"] - ticks["stolen"] - ticks["idle"], 0.48 * ticks["total"], ticks)


if __name__ == "__main__":
    unittest.main()
