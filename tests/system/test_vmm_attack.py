# SPDX-License-Identifier: Apache-2.0
"""A guest that attacks through device registers and DMA (tests/isa/attack): the VMM's memory, looked at from outside,
is what was loaded, and its console has nothing but its own lines."""
import os
import re
import tempfile
import unittest

from attacks import MIB, PROGRAMS, VMM, read_only
from support import LAST, Case, trapeze

ATTACK = os.path.join(PROGRAMS, "attack", "attack.elf")


class Attack(Case):
    """One boot with all attacks."""

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="trapeze-test-") as folder:
            memory = os.path.join(folder, "ram")
            # The machine's memory is a file: what QEMU leaves there is what the VMM had.
            cls.result, cls.memory = cls.run_with(memory)

    @staticmethod
    def run_with(memory):
        """The result of the run, and the first 16 MiB of the machine's memory after it."""
        size = 256 * MIB
        result = trapeze(
            "boot", "--kernel", ATTACK, "--quiet", "--mem", "64M", "--watchdog", "0",
            "--timeout", "110",
            "--", "-object", f"memory-backend-file,id=ram0,size={size},mem-path={memory},share=on",
            "-machine", "memory-backend=ram0", "-m", f"{size // MIB}M",
            "-device", "edu,addr=1,dma_mask=0xffffffff")
        with open(memory, "rb") as handle:
            return result, handle.read(16 * MIB)

    def test_the_guest_ends_as_it_wants(self):
        self.ends(self.result, 0)
        self.assertEqual(self.result.out.splitlines()[-1], "isa: done", str(self.result))

    def test_the_vmm_s_image_is_as_loaded(self):
        parts = list(read_only(VMM))
        self.assertTrue(parts)
        for address, wanted in parts:
            self.assertGreater(len(wanted), 100_000)
            self.assertEqual(self.memory[address:address + len(wanted)], wanted,
                             f"the VMM's image at {address:#x}")

    def test_only_the_vmm_writes_to_its_console(self):
        with open(os.path.join(LAST, "vmm.log"), encoding="utf-8") as handle:
            log = handle.read()
        self.assertIn("the guest asked for a reset (RSTCR)", log)
        for line in log.splitlines():
            self.assertRegex(line, r"^(\[vmm +\d+\.\d{6}\] |$)")
        for text in (log, self.result.err, self.result.out):
            self.assertNotIn("forged", text)
            self.assertNotIn("XX", text)

    def test_nothing_of_the_vmm_s_is_reached(self):
        lines = self.result.out.splitlines()
        for line in ("BAR 0 e8000000 command 00000007", "device registers by BAR 0: 00000000",
                     "still here after BAR 0", "the VMM's UART reads as 00000000",
                     "DMA in the guest's memory: 58585858",
                     "still here after DMA; target 00000000",
                     "edges: some interrupts yes", "held, and the priority is 0",
                     "taken 1 times", "after a reset the priority is 15"):
            self.assertIn(line, lines, str(self.result))
        self.assertTrue(any(re.fullmatch(r"everywhere: \d+ accesses", line) for line in lines))


if __name__ == "__main__":
    unittest.main()
