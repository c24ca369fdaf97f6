# SPDX-License-Identifier: Apache-2.0
"""The real-time executive as a guest (docs/real-time.md). What its workloads print is compared by isa.workloads."""
import json
import os
import re
import subprocess
import unittest

from machines import PACK, Machine, pack, write_image
from support import ROOT, TRAPEZE, Case, environment, finish, read_until, start, trapeze

PROGRAMS = os.path.join(ROOT, "build", "hv", "bench", "rt")
EXAMPLE = os.path.join(ROOT, "docs", "examples", "linux-and-rt.dts")
LOAD = "(while :; do for kind in forks pipes signals pages files syscalls; do burst $kind; done; done) &\n"
LINE = re.compile(r"^rt   \| job (\d+): \d+\.\d of (\d+)\.0 rpm, late by (\d+) ns at least, (\d+) in the middle, "
                  r"(\d+) for 99\.9 %, (\d+) at most; missed (\d+)$", re.MULTILINE)


class Guard(Case):
    """A task that uses up its stack."""

    def test_it_is_told_by_name(self):
        for options in (["--native"], ["--patch=off"], ["--patch=hot"]):
            result = trapeze("boot", "--kernel", os.path.join(PROGRAMS, "workloads.elf"), "--append", "overflow=1",
                             "--quiet", "--icount", *options)
            self.ends(result, 0)
            self.assertRegex(result.out, r"^rt: deep: its stack overflowed at ", options)


class Example(Case):
    """Linux and the executive on one core."""

    def boot(self, command, *options):
        """Linux does this; its lines, and those of the executive."""
        result = trapeze("boot", "--config", EXAMPLE, "--icount", "--timeout", "300", "--run", command, *options)
        self.ends(result, 0)
        return ([line[len("linux| "):] for line in result.out.splitlines() if line.startswith("linux| ")],
                [tuple(map(int, found)) for found in LINE.findall(result.out)])

    def test_orders_take_effect(self):
        said, lines = self.boot(LOAD + """
            control --once --json
            control --set 1200 --once --json; sleep 2; control --once --json
            control --gains 100,1048576 --once --json
            control --set 3001; echo $?
            control --gains 400,8 --set 600 --once > /dev/null; sleep 2; control --once""")
        first, ordered, later, gains = [json.loads(line) for line in said[:4]]
        self.assertEqual((first["set_point"], first["order"], first["refused"]), (1500000, 0, 0))
        self.assertEqual(ordered["set_point"], 1200000)
        self.assertNotEqual(ordered["order"], 0)
        self.assertLess(abs(later["speed"] - 1200000), 2000)
        self.assertGreater(later["jobs"], ordered["jobs"] + 1900)
        self.assertEqual(gains["gains"], [100, 1048576])
        self.assertGreater(later["transforms"], first["transforms"])
        self.assertIn("2", said[4:])
        self.assertRegex(said[-1], r"^control: (599|600)\.\d of 600\.0 rpm, drive ")
        self.assertEqual({wanted for _, wanted, *_ in lines} - {1500, 1200, 600}, set())

    def test_no_deadline_is_missed(self):
        _, lines = self.boot(LOAD + "sleep 5")
        # Up to the end of Linux, whose dump takes longer than a period.
        self.assertEqual([line[0] for line in lines[:5]], [1000, 2000, 3000, 4000, 5000])
        self.assertEqual(lines[4][-1], 0, lines)


class Lives(Case):
    """One of the two is started anew, the other one goes on."""

    def boot(self, command):
        """A boot whose console is read here."""
        process = start("boot", "--config", EXAMPLE, "--icount", "--timeout", "300", "--run", command)
        self.addCleanup(finish, process)
        return process

    def monitor(self, *words):
        """A command of the VMM's shell, which is done."""
        subprocess.run([TRAPEZE, "monitor", *words], check=True, env=environment(), capture_output=True, timeout=120)

    def test_the_executive_again(self):
        process = self.boot("control --set 900 --once; control & sleep 60; kill $!")
        read_until(process.stdout, b"of 900.0 rpm")
        self.monitor("restart", "rt")
        read_until(process.stdout, b"control: answers its client\n")
        read_until(process.stdout, b"linux| control: the loop has started anew\n")
        read_until(process.stdout, b" of 1500.0 rpm, drive ")

    def test_linux_again(self):
        guest = os.path.join(ROOT, "build", "guest")
        linux = self.path("linux.fit")
        subprocess.run([PACK, "--kernel", os.path.join(guest, "uImage"), "--initrd",
                        os.path.join(guest, "initramfs.cpio.gz"), "--mem", str(64 << 20), "--append",
                        "console=ttyS0 uio_pdrv_genirq.of_id=generic-uio", "--output", linux],
                       check=True, capture_output=True)
        handle = ('handles { control { kind = "shared-memory-handle"; object = <0>; '
                  'address = <0 0x80000000>; }; };')
        image = write_image(self.path("machine.img"), [
            ("linux", linux, "mem=64M", f"priority = <1>; {handle}"),
            ("rt", pack(self.path("rt.fit"), os.path.join(PROGRAMS, "control.elf"), 16 << 20), "mem=16M",
             f"priority = <10>; budget-us = <200>; period-us = <1000>; {handle}")],
            'objects { control { kind = "shared-memory"; size = <8192>; }; };')
        machine = Machine(image, "-icount", "shift=0,sleep=off", memory=384)
        self.addCleanup(machine.close)
        jobs = []
        for life in (1, 2):
            machine.says(0, "trapeze:~# ", 2 * life - 1)
            machine.type(0, "control --once --json\n")
            machine.says(0, '"counted"', life)
            jobs.append(int(re.findall(rb'"jobs": (\d+)', machine.consoles[0])[-1]))
            if life == 1:
                self.assertEqual(machine.ask("restart linux")[0], 0)
        self.assertGreater(jobs[1], jobs[0])
        self.assertEqual(machine.consoles[1].count(b"control: answers its client"), 1)


if __name__ == "__main__":
    unittest.main()
