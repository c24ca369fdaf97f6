# SPDX-License-Identifier: Apache-2.0
"""Guests that manage others: partition calls of a bare-metal guest, and Linux's /dev/fsl-hv."""
import json
import os
import unittest

from machines import Machine, isa, pack, write_image
from support import LAST, ROOT, Case, trapeze

TOLD = "told: starts; 0 words are not zero, PID 0, DEC interrupts no\n"
HANDLE = 'handles { other { kind = "managed-partition"; guest = <1>; }; };'
OPTIONS = "mem=4M mirror-mb=4"


def answer(count):
    """What the managed guest says when it is asked for the `count`th time: all is as it left it."""
    return f"told: {count}, 0 words are wrong, PID 7\n"


class Bare(Case):
    """tests/isa/beside/manager.cpp manages told.cpp; a third one has nothing to do with them."""

    def machine(self, core, managed="", options=OPTIONS):
        """Boots them, the managed one on this core, and waits until they run."""
        manager = pack(self.path("manager.fit"), isa("beside/manager"), 16 << 20)
        told = pack(self.path("told.fit"), isa("beside/told"))
        image = write_image(self.path("machine.img"), [
            ("manager", manager, "mem=16M mirror-mb=4 watchdog=0", HANDLE),
            ("managed", told, options, f"core = <{core}>; {managed}"),
            ("third", told, OPTIONS, "")])
        # With -icount cores take long turns, and one that waits for the other's lock waits for a turn.
        words = ("-smp", "2") if core else ("-icount", "shift=0,sleep=off")
        machine = Machine(image, *words, memory=256, count=3)
        self.addCleanup(machine.close)
        machine.says(0, "manager: starts\n")
        machine.says(2, TOLD)
        if "no-autostart" not in managed:
            machine.says(1, TOLD)
        return machine

    def third_is_well(self, machine, count):
        """The guest that nobody manages goes on where it was."""
        machine.type(2, "c")
        machine.says(2, answer(count))

    def life(self, core):
        """Stop, start, restart, and a death."""
        machine = self.machine(core)
        machine.type(0, "q")
        machine.says(0, "manager: status 1\n")
        machine.type(0, "ke")
        machine.says(0, "manager: stop 0\nmanager: it is stopped\n")
        machine.logs('"guest":"managed","end":"stopped"')
        machine.type(0, "kr")
        machine.says(0, "manager: stop 11\nmanager: restart 11\n")
        machine.type(0, "bw")
        machine.says(0, "manager: start 0\nmanager: it runs\n")
        machine.says(1, TOLD, 2)
        machine.type(0, "br")
        machine.says(0, "manager: start 11\nmanager: restart 0\n")
        machine.says(1, TOLD, 3)
        machine.type(1, "d")
        machine.type(0, "e")
        machine.says(0, "manager: it is stopped\n", 2)
        self.third_is_well(machine, 1)

    def test_life_on_its_core(self):
        self.life(0)

    def test_life_on_another_core(self):
        self.life(1)

    def copies(self, core, patch):
        """Memory goes both ways, text that is patched among it."""
        machine = self.machine(core, options=f"{OPTIONS} patch={patch}")
        machine.type(1, "c")
        machine.says(1, answer(1))
        machine.type(0, "t")
        machine.says(0, "manager: text changed 0, yes\n")
        machine.type(1, "c")
        machine.says(1, "told: 2, 0 words are wrong, PID 9\n")
        machine.type(0, "c")
        machine.says(0, "manager: read 0, 0 words are wrong\nmanager: written 0\n")
        machine.type(1, "c")
        # It was given bytes from elsewhere in the pattern.
        machine.says(1, "told: 3, ")
        machine.says(1, " words are wrong, PID 9\n", 2)
        self.assertNotIn(b"told: 3, 0 words", machine.consoles[1])
        self.third_is_well(machine, 1)

    def test_copies_on_its_core(self):
        for patch in ("off", "hot", "eager"):
            with self.subTest(patch=patch):
                self.copies(0, patch)

    def test_copies_on_another_core(self):
        self.copies(1, "eager")

    def test_what_is_not_its_own_is_refused(self):
        """Calls with whatever handles but its own reach nobody."""
        machine = self.machine(1)
        machine.type(0, "a")
        machine.says(0, "manager: 20000 calls, 0 with no result, all refused yes\n")
        machine.type(1, "c")
        machine.says(1, answer(1))
        self.third_is_well(machine, 1)

    def attack(self, core):
        """And with its own: whatever becomes of the managed one, of nobody else."""
        machine = self.machine(core, 'on-death = "restart";')
        machine.type(0, "A")
        machine.says(0, "manager: 20000 calls, 0 with no result, all refused no\n")
        self.third_is_well(machine, 1)
        self.assertEqual(machine.consoles[2].decode(), TOLD + answer(1))
        self.assertNotIn(b"VMM itself failed", machine.log)
        self.assertNotIn(b'"guest":"third","end"', machine.log)
        # And it is its manager's as before.
        machine.type(0, "k")
        machine.says(0, "manager: stop ")
        machine.type(0, "ebw")
        machine.says(0, "manager: it runs\n")

    def test_attacks_on_its_core(self):
        self.attack(0)

    def test_attacks_on_another_core(self):
        self.attack(1)


CONFIG = """/dts-v1/;
/ {
    compatible = "trapeze,config";
    manager { compatible = "partition"; memory = "96M"; devices = "pci";
        a { compatible = "managed-partition"; partition = <&near>; };
        b { compatible = "managed-partition"; partition = <&far>; }; };
    far: far { compatible = "partition"; cpus = <1 1>; memory = "64M"; no-autostart; };
    near: near { compatible = "partition"; memory = "16M"; kernel = "%s"; options = "watchdog=0"; };
};
"""

# Runs in each guest of ours: the one without the handles has no device, and waits to be stopped.
SCRIPT = r"""
if [ ! -e /proc/device-tree/hypervisor ]; then
    echo managed: bootargs $(cat /proc/cmdline)
    dd if=/dev/zero of=/tmp/x bs=64k count=64 2>/dev/null
    while :; do sleep 1; done
fi
set -e
partman list | sort
partman status far
partman start near && echo wrong || echo refused
partman stop near; partman wait near stopped
echo near is stopped
partman start near; partman wait near running
partman restart near; partman wait near running
partman setprop far /chosen bootargs "$(partman getprop far /chosen bootargs | tr -d '\0') told=1"
partman start far; partman wait far running
partman getprop far /chosen bootargs | tr '\0' '\n' | grep -o told=1
partman getprop far / nothing || echo none
partman getprop near /cpus/PowerPC,8544@0 device_type | tr '\0' '\n'
partman read near 0 1048576 > /tmp/near; wc -c < /tmp/near
head -c 70000 /dev/urandom > /tmp/data
partman write near 0x900003 < /tmp/data
partman read near 0x900003 70000 | cmp - /tmp/data && echo the same
partman read near 0xfffffe 3 > /dev/null || echo outside
sleep 3
partman stop far; partman wait far stopped
partman write far 0x3000001 < /tmp/data
partman read far 0x3000001 70000 | cmp - /tmp/data && echo the same
partman start far 0x0
partman wait far stopped 60
echo done
"""


class Linux(Case):
    """Linux's own driver, and a program that uses it."""

    def test_linux_manages_two(self):
        beat = os.path.join(ROOT, "build", "hv", "tests", "isa", "beside", "beat.elf")
        config = self.path("config.dts", (CONFIG % beat).encode())
        result = trapeze("boot", "--config", config, "--timeout", "300", "--run", SCRIPT)
        said = [line[len("manager| "):] for line in result.out.splitlines()
                if line.startswith("manager| ")]
        self.assertEqual(
            said, ["far                   1  stopped", "near                  0  running", "stopped",
                   "partman: start: not in this state (11)", "refused", "near is stopped", "told=1",
                   "partman: getprop: no such entry (2)", "none", "cpu", "1048576", "the same",
                   "partman: copy: bad address (6)", "outside", "the same", "done"], str(result))
        # The last start of `far` was at an address where nothing is.
        self.assertIn("trapeze: far: the guest died", result.err)
        self.assertIn("far    | managed: bootargs console=ttyS0,115200 panic=-1 oops=panic quiet told=1\n", result.out)

    def test_a_guest_is_asked_to_power_off(self):
        config = self.path("config.dts", b"""/dts-v1/; / { compatible = "trapeze,config"; ask: ask { compatible = "doorbell"; };
            manager { compatible = "partition"; memory = "64M"; devices = "pci";
                worker { compatible = "managed-partition"; partition = <&worker>; };
                end { compatible = "send-doorbell-handle"; doorbell = <&ask>; }; };
            worker: worker { compatible = "partition"; memory = "64M"; cpus = <1 1>;
                power { compatible = "receive-doorbell-handle"; doorbell = <&ask>; shutdown; }; }; };""")
        # It is asked until it can hear it: its driver and its /init come some time after its start.
        script = """if [ ! -e /proc/device-tree/hypervisor/handles/end ]; then echo here; while :; do sleep 1; done; fi
            i=0; until partman wait worker stopped 3 2>/dev/null || [ $((i+=1)) = 30 ]; do partman ring end; done
            partman status worker"""
        result = trapeze("boot", "--config", config, "--timeout", "300", "--run", script)
        said = [line[9:] for line in result.out.splitlines() if line.startswith("manager| ")]
        self.assertEqual(said, ["stopped"], str(result))
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as handle:
            ends = {one["guest"]: one["end"] for one in json.load(handle)["guests"]}
        self.assertEqual(ends, {"manager": "poweroff", "worker": "poweroff"})
        self.assertIn("worker: the guest ended before it was done", result.err)


if __name__ == "__main__":
    unittest.main()
