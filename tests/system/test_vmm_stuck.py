# SPDX-License-Identifier: Apache-2.0
"""Guests that get stuck (tests/isa/death/stuck.S) are ended with a report; those that only look so are not."""
import json
import os
import unittest

from support import ROOT, Case, trapeze

# How the guests are laid out and patched: what a look at one sees differs.
WAYS = (("straight", "hot"), ("crossed", "hot"), ("crossed", "off"))


def boot(name, *options):
    """Boots a guest of build/hv/tests/isa/death with a watchdog of a second."""
    program = os.path.join(ROOT, "build", "hv", "tests", "isa", "death", name + ".elf")
    return trapeze("boot", "--kernel", program, "--timeout", "100", "--watchdog", "1", *options)


class Stuck(Case):
    """One guest, one report, one status, in each of the ways."""

    def stuck(self, name, cause, *said, ways=WAYS):
        """The guest ends with status 1, with a report that says `cause` and matches patterns `said`."""
        for mapping, patch in ways:
            with self.subTest(name, mapping=mapping, patch=patch):
                summary = self.path("summary.json")
                result = boot(name, "--mapping", mapping, "--patch", patch, "--json", summary)
                self.ends(result, 1)
                self.assertEqual(result.err.count("---- the guest died"), 1, str(result))
                self.assertIn("cause: " + cause, result.err, str(result))
                for pattern in said:
                    self.assertRegex(result.err, pattern, str(result))
                with open(summary, encoding="utf-8") as handle:
                    found = json.load(handle)
                self.assertEqual(found["end"], "guest-died")
                self.assertTrue(found["reason"].startswith(cause), found["reason"])

    def test_critical_vector_nowhere(self):
        self.stuck("no_critical", "exception storm",
                   r"it all began with IVOR12 \(watchdog\) at [0-9a-f]{8} <stuck_here\+0x0>")

    def test_machine_check_vector_nowhere(self):
        self.stuck("no_check", "exception storm",
                   r"it all began with IVOR1 \(machine check\) at [0-9a-f]{8} <stuck_here\+0x0>")

    def test_two_handlers_that_raise_each_other(self):
        self.stuck("pingpong", "exception storm",
                   r"it all began with IVOR6 \(program\) at [0-9a-f]{8} <stuck_here\+0x0>")

    def test_system_call_in_its_own_handler(self):
        self.stuck("call", "exception storm: the guest's system-call handler begins with a system call",
                   r"at [0-9a-f]{8} <call\+0x0>, kernel mode")

    def test_polls_a_device(self):
        self.stuck("poll", "hang: the guest kernel kept interrupts disabled")

    def test_loop_of_exits(self):
        self.stuck("exits", "hang: the guest kernel kept interrupts disabled")

    def test_nothing_to_interrupt_it(self):
        self.stuck("spin", "hang: the guest branches to itself", r"MSR 00008000 \(EE\)")

    def test_returns_to_where_it_is(self):
        self.stuck("rfi", "hang: the guest kernel kept interrupts disabled",
                   r"at [0-9a-f]{8} <stuck_here\+0x0>, kernel mode")

    def test_in_the_hole(self):
        self.stuck("deep", "hang: the guest kernel kept interrupts disabled", r"(?m)at f401[0-9a-f]{4}, ")

    def test_user_mode_with_interrupts_disabled(self):
        self.stuck("user", "hang: the guest branches to itself", r"<stuck_here\+0x0>, user mode")

    def test_healthy(self):
        """Each of its four phases is longer than the watchdog's time."""
        for mapping, patch in WAYS:
            with self.subTest(mapping=mapping, patch=patch):
                result = boot("healthy", "--mapping", mapping, "--patch", patch)
                self.ends(result, 0)
                self.assertNotEqual(result.out.count("."), 0, str(result))

    def test_prints_much(self):
        """Heartbeats mostly fall behind exits of the serial driver, which has interrupts disabled."""
        result = trapeze("boot", "--timeout", "110", "--watchdog", "1", "--run", "head -c 60000 /bin/busybox")
        self.ends(result, 0)
        self.assertEqual(len(result.bytes), 60000)


if __name__ == "__main__":
    unittest.main()
