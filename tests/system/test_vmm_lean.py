# SPDX-License-Identifier: Apache-2.0
"""Path lengths that the project promises (docs/limits.md), in instructions, which repeat."""
import re
import unittest

from support import trapeze

TICKS_PER_INSTRUCTION = 0.4  # -icount shift=0 and a 400 MHz time base
NULL_SYSCALL_BOUND = 1300


def null_syscall(*options):
    """Instructions of one null system call in Linux, those of the VMM included."""
    done = trapeze("boot", "--icount", *options, "--run", "syscost")
    found = re.search(r"^null_syscall (\d+)$", done.out, re.MULTILINE)
    if done.status != 0 or not found:
        raise AssertionError(done)
    return int(found[1]) / 1000 / TICKS_PER_INSTRUCTION


class Lean(unittest.TestCase):
    def test_null_system_call(self):
        native = null_syscall("--native")
        self.assertLess(native, 400)
        for mapping in ("straight", "crossed"):
            with self.subTest(mapping):
                trapped = null_syscall("--patch=off", f"--mapping={mapping}")
                patched = null_syscall(f"--mapping={mapping}")
                print(f"null system call: {native:.0f} instructions natively, {trapped:.0f} "
                      f"trapped and emulated, {patched:.0f} patched ({mapping})")
                self.assertGreater(patched, native)
                self.assertLessEqual(trapped, NULL_SYSCALL_BOUND)
                # What is left of its exits is sc and rfi.
                self.assertLessEqual(patched, trapped / 2)


if __name__ == "__main__":
    unittest.main()
