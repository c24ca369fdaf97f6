# SPDX-License-Identifier: Apache-2.0
"""What in the VMM's image can change is known, and no guest's: those are made behind it."""
import os
import re
import subprocess
import unittest

from support import ROOT

# Demangled name -> whose it is, and who may touch it.
KNOWN = {
    "trapeze::para::(anonymous namespace)::registry": "machine: constant after the start",
    "trapeze::core::clock": "machine: the core that runs a guest which writes the time base",
    "trapeze::guest::machine": "machine: constant after the start",
    "trapeze::console::(anonymous namespace)::uart_console": "machine: the core that prints a line",
    "trapeze::sched::(anonymous namespace)::alive": "machine: atomically",
    "trapeze::core::Lock::needed": "machine: constant after the start",
    "trapeze::board::uart0_lock": "machine: itself",
    "trapeze::sched::(anonymous namespace)::queues": "each core its own, once guests run",
    "trapeze::(anonymous namespace)::board": "machine: the core that takes the board's interrupts",
    "trapeze::(anonymous namespace)::cores": "each core its own",
    "trapeze::(anonymous namespace)::plan": "machine: constant after the start",
    "trapeze::monitor::(anonymous namespace)::input": "machine: the core that has the console",
    "trapeze::boot::(anonymous namespace)::made": "machine: constant after the start",
    "trapeze::boot::(anonymous namespace)::consoles": "machine: constant after the start",
    "trapeze::boot::(anonymous namespace)::networks": "machine: constant after the start",
    "trapeze::boot::(anonymous namespace)::calibration": "the core that boots, until its guest runs",
}


def mutable_objects(image):
    """Names of all objects in writable sections."""
    sections = subprocess.run(["powerpc64-linux-gnu-readelf", "-SW", image], capture_output=True,
                              text=True, check=True).stdout
    writable = set(re.findall(r"\] (\S+) +(?:PROGBITS|NOBITS) .* WA", sections))
    table = subprocess.run(["powerpc64-linux-gnu-objdump", "-tC", image], capture_output=True,
                           text=True, check=True).stdout
    found = re.findall(r"^[0-9a-f]{8} .{6}O (\S+)\t[0-9a-f]{8} (?:\.hidden )?(.*)$", table, re.M)
    return {name for section, name in found if section in writable}, writable


class Globals(unittest.TestCase):
    """The list is whole, and has nothing that is gone."""

    def test_they_are_known(self):
        """A new one needs an owner; one that is a guest's has its place in guest/guest.hpp."""
        found, writable = mutable_objects(os.path.join(ROOT, "build", "hv", "hv", "trapeze-hv.elf"))
        self.assertIn(".bss", writable)
        self.assertEqual(found, set(KNOWN))


if __name__ == "__main__":
    unittest.main()
