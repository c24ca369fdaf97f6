# SPDX-License-Identifier: Apache-2.0
"""Guests that die (tests/isa/death): the VMM says why, in one report that can be acted on."""
import os
import re
import unittest

from support import ROOT, Case, trapeze


def die(name, *options):
    """Boots a guest that dies, of build/hv/tests/isa/death."""
    program = os.path.join(ROOT, "build", "hv", "tests", "isa", "death", name + ".elf")
    return trapeze("boot", "--kernel", program, "--timeout", "300", *options)


class Death(Case):
    """One guest, one way to die, one report."""

    def dies(self, name, cause, *said, options=()):
        """The guest ends with status 1 and one report, with `cause` and patterns `said`."""
        result = die(name, *options)
        self.ends(result, 1)
        log = [re.sub(r"^\[vmm +[0-9.]+\] ", "", line) for line in result.err.splitlines()]
        self.assertEqual(log.count("---- the guest died"), 1, str(result))
        begin = log.index("---- the guest died")
        report = log[begin:log.index("----", begin)]
        causes = [line for line in report if line.startswith("cause: ")]
        self.assertEqual(len(causes), 1, str(result))
        self.assertIn(cause, causes[0])
        text = "\n".join(report)
        # The marker that every one of these guests has in r1, and the other registers.
        self.assertRegex(text, r"r0 +[0-9a-f]{8} abcd1234 ", str(result))
        for register in ("lr ", "srr0 ", "esr ", "dear ", "tcr "):
            self.assertRegex(text, rf"\b{register} *[0-9a-f]{{8}}", str(result))
        self.assertIn("translations that matter:", report)
        self.assertIn("the last 32 exits, oldest first:", report)
        for pattern in said:
            self.assertRegex(text, pattern, str(result))
        # The last line for the user repeats the cause, and only a line of output says so.
        self.assertEqual(sum(cause in line for line in log), 2, str(result))
        return text

    def test_no_handler(self):
        """IVPR points where nothing is mapped: the report leads back to the first interrupt."""
        self.dies("no_handler", "exception storm",
                  r"(?m)^at 70000000, kernel mode, MSR 00000000",
                  r"it all began with IVOR6 \(program\) at [0-9a-f]{8} <dies_here\+0x0>",
                  r"IVOR14 \(instruction TLB miss\), handler at 70000000",
                  r"fetch 70000000: no TLB entry of the guest maps it",
                  r"privileged +kernel [0-9a-f]{8} <_start\+0xc>  7c7f0ba6  mtspr IVPR,r3")

    def test_zeros_as_handler(self):
        """A handler of zeros: the first interrupt was a data TLB miss of a load."""
        self.dies("zeros", "exception storm",
                  r"(?m)^at 00800000, kernel mode",
                  r"instruction: 00000000 ",
                  r"it all began with IVOR13 \(data TLB miss\) at [0-9a-f]{8} <dies_here\+0x0>",
                  r"DEAR +50000004: no TLB entry of the guest maps it")

    def test_exception_storm(self):
        """A handler that raises the exception it handles."""
        self.dies("storm", "exception storm",
                  r"(?m)^at [0-9a-f]{8} <handler\+0x0>, kernel mode",
                  r"instruction: 7fe00008  tw 31,r0,r0",
                  r"it all began with IVOR6 \(program\) at [0-9a-f]{8} <dies_here\+0x0>",
                  r"esr +02000000")

    def test_checkstop(self):
        """Physical memory that the guest does not have, with MSR[ME]=0."""
        self.dies("checkstop", "the guest touches physical memory it does not have",
                  r"(?m)^at [0-9a-f]{8} <dies_here\+0x0>, kernel mode",
                  r"instruction: 80a40010  lwz r5,16\(r4\)",
                  r"fault 30000010: TLB1 entry 0, 1048576 KiB at EA 00000000",
                  r"guest-physical 30000010 holds nothing: the guest has RAM from 0 to 10000000")

    def test_waits_for_ever(self):
        """MSR[WE] with every interrupt disabled."""
        self.dies("wait", "waits (MSR[WE]) with all interrupts disabled",
                  r"(?m)^at [0-9a-f]{8} <dies_here\+0x4>, kernel mode, MSR 00040000 \(WE\)",
                  r"<dies_here\+0x0>  7c600124  mtmsr r3")

    def test_hangs(self):
        """An endless loop with interrupts disabled, and a watchdog."""
        self.dies("endless", "hang: the guest",
                  r"(?m)^at [0-9a-f]{8} <dies_here\+0x0>, kernel mode",
                  r"instruction: 48000000  b ",
                  r"<_start\+0x8>  7c000146  wrteei 0", options=("--watchdog", "2"))

    def test_hole(self):
        """Code and data both in the VMM's own range, in two address spaces: nowhere to move."""
        for mapping in ("straight", "crossed"):
            with self.subTest(mapping):
                self.dies("hole",
                          "an instruction in the VMM's own address range accesses data there",
                          r"(?m)^at f401[0-9a-f]{4}, kernel mode, MSR 00000020 \(IS\)",
                          r"instruction: 90240008  stw r1,8\(r4\)",
                          r"fault f4120008: TLB1 entry 1, 16384 KiB at EA f4000000",
                          options=("--mapping", mapping))

    def test_too_big(self):
        """An image that its memory cannot hold is refused before anything starts."""
        result = die("too_big", "--quiet")
        self.ends(result, 2)
        self.one_line(result, "too_big.elf", "256 MiB", "--mem")
        # With enough memory it runs, and hangs as it is written.
        result = die("too_big", "--mem", "1G", "--watchdog", "2")
        self.ends(result, 1)
        self.assertIn("<dies_here+0x0>, kernel mode", result.err)


if __name__ == "__main__":
    unittest.main()
