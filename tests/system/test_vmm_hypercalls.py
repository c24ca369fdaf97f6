# SPDX-License-Identifier: Apache-2.0
"""Hypercalls, byte channels and doorbells from bare-metal guests."""
import os
import unittest

from machines import Machine, isa, pack, write_image
from support import ROOT, Case

# In the VMM's own time, whatever the host is doing.
CLOCK = ("-icount", "shift=0,sleep=off")
# Both ends of a channel, and a doorbell that it rings itself.
OBJECTS = 'objects { pipe { kind = "byte-channel"; }; bell { kind = "doorbell"; }; };'
HANDLES = ('handles { one { kind = "byte-channel-handle"; object = <0>; }; '
           'two { kind = "byte-channel-handle"; object = <0>; }; '
           'ring { kind = "send-doorbell-handle"; object = <1>; }; '
           'rung { kind = "receive-doorbell-handle"; object = <1>; }; };')
EXPECTED = os.path.join(ROOT, "tests", "isa", "expected", "hypercalls.txt")


class Hypercalls(Case):
    """tests/isa/beside/hypercalls.cpp prints what it sees."""

    def output(self, options, node=HANDLES, objects=OBJECTS):
        """What it has printed by its end."""
        fit = pack(self.path("calls.fit"), isa("beside/hypercalls"))
        image = write_image(self.path("machine.img"),
                            [("a", fit, f"mem=4M mirror-mb=4 {options}", node)], objects)
        machine = Machine(image, *CLOCK, count=1)
        self.addCleanup(machine.close)
        self.assertEqual(machine.ends(), 0)
        self.assertIn(b'"guest":"a","end":"reset"', machine.log)
        return machine.consoles[0].decode().replace("\r", "")

    def check(self, options):
        """All as it is to be."""
        with open(EXPECTED, encoding="utf-8") as handle:
            self.assertEqual(self.output(options), handle.read())

    def test_straight(self):
        """Without patches; one entry forbids and another one allows."""
        self.check("patch=off mapping=straight")

    def test_straight_patched(self):
        """The kernel's page is patched while it makes calls."""
        self.check("patch=hot mapping=straight")

    def test_crossed_patched(self):
        """Every site becomes a patch at once."""
        self.check("patch=eager mapping=crossed")

    def test_without_a_profile(self):
        """The shorter of the two ways in."""
        self.check("profile=off mapping=crossed")

    def test_a_guest_without_hypercalls(self):
        """There each of them is a system call; it is told what it can see of that, and dies of what it cannot."""
        fit = pack(self.path("calls.fit"), isa("beside/hypercalls"))
        image = write_image(self.path("machine.img"),
                            [("a", fit, "mem=4M patch=off watchdog=2", "")], "")
        machine = Machine(image, *CLOCK, count=1)
        self.addCleanup(machine.close)
        machine.says(0, "step:")
        seen = machine.consoles[0].decode().replace("\r", "").splitlines()
        for line in seen[:14]:
            what, _, rest = line.partition(": ")
            self.assertTrue(rest.startswith("syscall +4 r3 ffffffff"), line)
            self.assertNotIn("hypercall", line)
        self.assertEqual([line.partition(":")[0] for line in seen[:2]], ["none", "none 8"], what)


if __name__ == "__main__":
    unittest.main()
