# SPDX-License-Identifier: Apache-2.0
"""Guests beside each other: what one's end does to the others, and the monitor's commands."""
import json
import os
import sys
import unittest

import trace_rules
from machines import Machine, isa, pack, write_image
from support import ROOT, Case

sys.path.insert(0, os.path.join(ROOT, "tools"))

from front import trace  # noqa: E402  (the path had to be set first)

# In the VMM's own time, whatever the host is doing.
CLOCK = ("-icount", "shift=0,sleep=off")
START = "told: starts; 0 words are not zero, PID 0, DEC interrupts no\n"
OPTIONS = "mem=4M mirror-mb=4"
# What tests/isa/beside/told.cpp does when it is told so, and what the VMM says about it.
DEATHS = {"d": "exception storm", "h": "hang: the guest", "s": "it can never wake",
          "x": "watchdog timer expired a third time", "r": "the guest asked for a reset"}


def answer(count):
    """What a guest says when it is asked for the `count`th time."""
    return f"told: {count}, 0 words are wrong, PID 7\n"


class Life(Case):
    """Two guests on a core."""

    def machine(self, *nodes, options=OPTIONS, **how):
        """Boots guests a, b, ... whose nodes say this too, and waits until those that run run."""
        fit = pack(self.path("told.fit"), isa("beside/told"))
        image = write_image(self.path("machine.img"), [
            (chr(ord("a") + number), fit, options, node) for number, node in enumerate(nodes)])
        cores = ("-smp", "2") if any("core = <1>" in node for node in nodes) else ()
        machine = Machine(image, *CLOCK, *cores, count=len(nodes), **how)
        self.addCleanup(machine.close)
        for number, node in enumerate(nodes):
            if "no-autostart" not in node:
                machine.says(number, START)
        return machine

    def done(self, machine, command, *words):
        """The command is done, and a line of its answer has each of `words`."""
        status, lines = machine.ask(command)
        self.assertEqual(status, 0, f"{command}: {lines}")
        for word in words:
            self.assertTrue(any(word in line for line in lines), f"{command}: {word}: {lines}")
        return lines

    def refused(self, machine, command, *words):
        """The command is refused by one line that has all `words`."""
        status, lines = machine.ask(command)
        self.assertEqual((status, len(lines)), (1, 1), f"{command}: {lines}")
        for word in words:
            self.assertIn(word, lines[0], command)

    def test_deaths_touch_nobody_else(self):
        """Each way to die: the guest starts anew, and the other goes on where it was."""
        machine = self.machine("", 'on-death = "restart";', options=OPTIONS + " watchdog=1")
        for count, (told, cause) in enumerate(DEATHS.items(), 1):
            machine.type(1, told)
            machine.logs(cause)
            machine.says(1, START, count + 1)
            machine.type(0, "c")
            machine.says(0, answer(count))
        machine.type(1, "c")
        machine.says(1, answer(1))
        self.assertEqual(machine.consoles[0].decode(),
                         START + "".join(answer(n + 1) for n in range(len(DEATHS))))
        self.assertEqual(machine.consoles[1].decode(), START * (len(DEATHS) + 1) + answer(1))
        self.assertEqual(machine.log.count(b'"guest":"b","end"'), len(DEATHS))
        self.assertNotIn(b'"guest":"a","end"', machine.log)
        machine.type(1, "g")
        machine.logs('"guest":"b","end":"poweroff"')
        machine.type(0, "cg")
        machine.says(0, answer(len(DEATHS) + 1))
        self.assertEqual(machine.ends(), 0)

    def test_halt(self):
        """A guest whose death ends the machine: the other's summary says so."""
        machine = self.machine("", 'on-death = "halt";', "no-autostart;")
        machine.type(1, "d")
        self.assertEqual(machine.ends(), 0)
        self.assertIn(b'"guest":"b","end":"guest-died"', machine.log)
        self.assertIn(b'"guest":"a","end":"stopped","reason":"stopped: the machine halts"',
                      machine.log)
        self.assertNotIn(b'"guest":"c"', machine.log)

    def test_monitor(self):
        """Guests are started, paused, stopped and started again, and the machine listens on."""
        machine = self.machine("", "no-autostart;")
        self.done(machine, "guests", "waits for `start`")
        self.refused(machine, "report b", "waits for `start`")
        self.done(machine, "start b")
        machine.says(1, START)
        self.refused(machine, "start b", "has been started")
        for name in ("a", "b"):
            self.done(machine, f"pause {name}", "is paused")
            self.refused(machine, f"pause {name}", "does not run")
            if name == "a":  # the other one has all of the core
                machine.type(1, "c")
                machine.says(1, answer(1))
        # Nobody runs, and it is idle; what is typed waits.
        machine.type(0, "c")
        self.done(machine, "report a", "---- state of the guest")
        self.done(machine, "guests a", "paused")
        self.assertEqual(machine.consoles[0].decode(), START)
        self.done(machine, "resume a")
        self.refused(machine, "resume a", "is not paused")
        machine.says(0, answer(1))
        self.done(machine, "stop b")
        machine.logs('"guest":"b","end":"stopped"')
        self.refused(machine, "stop b", "is over")
        self.done(machine, "restart b")
        machine.says(1, START, 2)
        self.done(machine, "restart b")
        machine.says(1, START, 3)
        # The last one that runs dies: the machine listens on.
        self.done(machine, "pause a")
        machine.type(1, "d")
        machine.logs("no guest runs")
        self.done(machine, "guests b", "over")
        self.refused(machine, "resume b", "is not paused")
        self.done(machine, "start b")
        machine.says(1, START, 4)
        self.done(machine, "resume a")
        machine.type(0, "c")
        machine.says(0, answer(2))
        machine.request("q")
        self.assertEqual(machine.ends(), 0)

    def test_trace(self):
        """What one core asks of another one's guest is on both, and so is what follows."""
        machine = self.machine("", "core = <1>;", options=OPTIONS + " trace=1024")
        self.done(machine, "pause b")
        machine.until(lambda: "paused" in self.done(machine, "guests b")[1], "paused")
        self.done(machine, "resume b")
        machine.type(1, "c")
        machine.says(1, answer(1))
        self.done(machine, "trace", "core 0: its trace ", "core 1: its trace ")
        machine.logs("@@trapeze-trace-end ", 2)
        machine.request("q")
        self.assertEqual(machine.ends(), 0)
        blocks, bad = [], []
        extractor = trace.Extractor(blocks.append, bad.append)
        for line in machine.log.split(b"\n"):
            extractor.line(line.rstrip(b"\r"))
        self.assertEqual(bad, [])
        # On request the last records of each, at the end all.
        self.assertEqual(sorted(block.core for block in blocks), [0, 0, 1, 1])
        last = {block.core: block for block in blocks}
        self.assertEqual([last[core].lost for core in (0, 1)], [0, 0])
        every = [row[0] for block in last.values() for row in block.records]
        for kind, count in (("started", 2), ("paused", 1), ("resumed", 1), ("stopped", 2)):
            self.assertEqual(every.count(kind), count, kind)
        # Pause and resume; what is asked after them may come with another one.
        self.assertGreaterEqual(every.count("asked"), 2)
        self.assertGreaterEqual(every.count("sends"), every.count("message"))
        data = trace.document([last[0], last[1]])
        self.assertEqual(trace_rules.problems(data), [])
        names = {event["args"]["name"] for event in json.loads(data)["traceEvents"] if event["ph"] == "M"
                 and "name" in event["args"]}
        self.assertEqual(names, {"core 0", "core 1", "a", "b", "who has it", "state", "exits"})

    def test_commands(self):
        """What can be seen, and what is wrong with a command, in one line."""
        machine = self.machine("", "")
        lines = self.done(machine, "help")
        self.assertEqual(len(lines), 16)
        self.done(machine, "stats", "a: runs", "b: runs", "privileged")
        self.assertFalse(any(line.startswith("a:") for line in self.done(machine, "stats b")))
        self.done(machine, "memory a 0x200000 32", "gpa 00200000  00000000 9e3779b9")
        self.done(machine, "memory a ea:0x200004 4", "ea 00200004 = gpa 00200004  9e3779b9")
        self.done(machine, "tlb a", "TLB1 entry 0, 16384 KiB at EA 00000000", "2 entries of TLB1")
        self.done(machine, "log", "a: guest: entering")
        self.done(machine, "version", "Trapeze")
        self.done(machine, "dump a", "the dump is sent")
        self.assertIn(b"@@trapeze-dump 1 request", machine.log)
        self.refused(machine, "", "no command")
        self.refused(machine, "halt", "no such command: halt")
        self.refused(machine, "stats c", "no such guest: c; there are a b")
        self.refused(machine, "report", "which guest?")
        self.refused(machine, "version 1", "usage: version")
        self.refused(machine, "memory a", "usage: memory NAME ADDRESS [BYTES]")
        self.refused(machine, "memory a 12z", "no address: 12z")
        self.refused(machine, "memory a 0x400000", "is not RAM")
        self.refused(machine, "memory a ea:0x70000000", "no TLB entry")
        self.refused(machine, "memory a 0 1025", "1 to 1024")
        self.refused(machine, "s" * 127, "longer than 126 bytes")


if __name__ == "__main__":
    unittest.main()
