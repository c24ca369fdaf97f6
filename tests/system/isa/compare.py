#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a bare-metal program natively and under the VMM; what it prints must be the same.

usage: compare.py PROGRAM.elf

Lines that start with '#' inform and may differ. Each program prints `isa: done` as its last line.
Exit status: 0 the same, 1 not.
"""
import difflib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from support import trapeze  # noqa: E402  (the path had to be set first)


def printed(program, *options):
    """The compared lines of one run, or None after saying what was wrong with it."""
    result = trapeze("boot", "--kernel", program, "--quiet", "--timeout", "60", *options)
    how = " ".join(options) or "under the VMM"
    lines = result.out.splitlines()
    if result.status != 0 or lines[-1:] != ["isa: done"]:
        print(f"{program} {how}: status {result.status}, last line "
              f"{lines[-1] if lines else '(none)'!r}; all of it:\n{result}")
        return None
    return [line for line in lines if not line.startswith("#")]


def main():
    """Compares the two runs of the program named on the command line."""
    program = sys.argv[1]
    native, hosted = printed(program, "--native"), printed(program)
    if native is None or hosted is None:
        return 1
    if native == hosted:
        print(f"{len(native)} lines are the same")
        return 0
    print("\n".join(difflib.unified_diff(native, hosted, "native", "under the VMM", lineterm="")))
    return 1


if __name__ == "__main__":
    sys.exit(main())
