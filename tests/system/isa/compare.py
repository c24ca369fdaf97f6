#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a bare-metal program natively and under the VMM; what it prints must be the same.

usage: compare.py PROGRAM.elf [OPTION...]

OPTIONs are for ./trapeze boot when it runs the program under the VMM.
What QEMU's own core does otherwise than the manual says has no native reference: if there is a
tests/isa/expected/PROGRAM.txt, the program runs under the VMM alone and must print what that says.
A first line `# options: ...` there has options for ./trapeze boot, `# vmm: ...` for the VMM.

Natively a program runs once: what it printed is kept in build/native/ and serves until the program,
QEMU, or how it is started changes.

Lines that start with '#' inform and may differ. Each program prints `isa: done` as its last line.
Exit status: 0 the same, 1 not.
"""
import difflib
import fcntl
import glob
import hashlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from support import ROOT, trapeze  # noqa: E402  (the path had to be set first)

# Where the native output of programs is kept.
KEPT = os.path.join(ROOT, "build", "native")


def printed(program, *options):
    """The compared lines of one run, or None after saying what was wrong with it."""
    result = trapeze("boot", "--kernel", program, "--quiet", "--timeout", "600", *options,
                     timeout=300)
    how = " ".join(options) or "under the VMM"
    lines = result.out.splitlines()
    if result.status != 0 or lines[-1:] != ["isa: done"]:
        print(f"{program} {how}: status {result.status}, last line "
              f"{lines[-1] if lines else '(none)'!r}; all of it:\n{result}")
        return None
    return [line for line in lines if not line.startswith("#")]


def identity(program):
    """A digest of all that what a program prints natively depends on."""
    digest = hashlib.sha256(subprocess.run(
        ["qemu-system-ppc64", "--version"], capture_output=True, check=True).stdout)
    for path in (program, *sorted(glob.glob(os.path.join(ROOT, "tools", "front", "*.py")))):
        with open(path, "rb") as handle:
            digest.update(hashlib.sha256(handle.read()).digest())
    return digest.hexdigest()


def natively(program):
    """The compared lines of a native run, this one or one that was the same."""
    os.makedirs(KEPT, exist_ok=True)
    kept = os.path.join(KEPT, os.path.basename(program) + ".txt")
    # Who compares the same program in another mode waits, and does not run it too.
    with open(kept + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = identity(program)
        if os.path.exists(kept):
            with open(kept, encoding="utf-8") as handle:
                known, *lines = handle.read().splitlines()
            if known == wanted:
                return lines
        lines = printed(program, "--native")
        if lines is not None:
            with open(kept + ".new", "w", encoding="utf-8") as handle:
                handle.write("\n".join([wanted, *lines, ""]))
            os.replace(kept + ".new", kept)
        return lines


def reference(program):
    """The name and the lines of what the program should print, and options for its run."""
    name = os.path.splitext(os.path.basename(program))[0]
    expected = os.path.join(ROOT, "tests", "isa", "expected", name + ".txt")
    if not os.path.exists(expected):
        return "native", natively(program), []
    with open(expected, encoding="utf-8") as handle:
        lines = handle.read().splitlines()
    options = []
    if lines and lines[0].startswith("# options:"):
        options = lines[0].split()[2:]
    elif lines and lines[0].startswith("# vmm:"):
        options = ["--vmm-append", " ".join(lines[0].split()[2:])]
    return "expected", [line for line in lines if not line.startswith("#")], options


def joined(options, how):
    """All of both; the VMM's options become one string."""
    result, words = [], []
    rest = iter([*options, *how])
    for option in rest:
        if option == "--vmm-append":
            words.append(next(rest))
        else:
            result.append(option)
    return [*result, "--vmm-append", " ".join(words)] if words else result


def main():
    """Compares the run under the VMM of the program named on the command line."""
    program, *how = sys.argv[1:]
    name, wanted, options = reference(program)
    # No watchdog: on a busy machine a program may well run for 30 s with interrupts disabled.
    hosted = printed(program, "--watchdog", "0", *joined(options, how))
    if wanted is None or hosted is None:
        return 1
    if wanted == hosted:
        print(f"{len(wanted)} lines are the same")
        return 0
    print("\n".join(difflib.unified_diff(wanted, hosted, name, "under the VMM", lineterm="")))
    return 1


if __name__ == "__main__":
    sys.exit(main())
