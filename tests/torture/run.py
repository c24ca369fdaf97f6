#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs generated sequences of instructions natively and under the VMM; their effects must be alike.

Each sequence is run several times, so that what traps in it is patched midway; what is compared is
every interrupt it raises and, after each run, all registers, all SPRs, and memory (rules.inc says
what is left out, and why). A sequence that differs is made smaller by itself, and shown with both
states side by side.

examples:
  run.py                               2,000 sequences of a fixed seed
  run.py --seed 7 --count 100000       others, and more
  run.py --modes hot.crossed --only 17 one of them
  run.py --cases                       the kept cases: tests/torture/cases/*.bin

exit status: 0 all alike, 1 a difference, 2 usage.
"""
import argparse
import difflib
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import record  # noqa: E402

RUNNER = os.path.join(ROOT, "build", "hv", "tests", "torture", "torture.elf")
GENERATOR = os.path.join(ROOT, "build", "host", "tests", "torture", "trapeze-torture")
MODES = {f"{patch.split()[0]}.{mapping}": f"patch={patch} mapping={mapping}"
         for patch in ("off", "hot threshold=2", "eager") for mapping in ("straight", "crossed")}
MOST_SHOWN = 40


def generate(seed, first, count):
    """The sequences first to first + count - 1 of a seed."""
    done = subprocess.run([GENERATOR, str(seed), str(first), str(count)], capture_output=True,
                          check=True)
    return record.parse(done.stdout)


class Machine:
    """Runs sequences in one mode; each call is a boot."""

    def __init__(self, folder, icount):
        self.folder, self.icount = folder, icount

    def run(self, sequences, mode, shown=0):
        """What the runner printed, by line."""
        path = record.program(RUNNER, sequences, os.path.join(self.folder, "torture.elf"), shown)
        command = [os.path.join(ROOT, "trapeze"), "boot", "--kernel", path, "--quiet", "--timeout",
                   "900"]
        if self.icount:
            command.append("--icount")
        command += (["--native"] if mode == "native" else
                    ["--watchdog", "0", "--vmm-append", MODES[mode]])
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, check=False)
        lines = done.stdout.splitlines()
        if done.returncode != 0 or lines[-1:] != ["isa: done"]:
            lines.append(f"ended with status {done.returncode}: {done.stderr.strip()[-300:]}")
        return lines

    def digests(self, sequences, mode):
        """Number -> digest; those that did not come to their end have None."""
        found = {sequence.number: None for sequence in sequences}
        lines = self.run(sequences, mode)
        for line in lines:
            number, _, digest = line.partition(" ")
            if number.isdigit() and int(number) in found:
                found[int(number)] = digest
        if None in found.values():
            print(f"{mode}: {lines[-1]}", flush=True)
            if mode == "native":
                raise SystemExit("the native run itself failed")
        return found


def differs(machine, sequence, mode):
    """Whether this sequence alone still differs."""
    return (machine.digests([sequence], "native")[sequence.number] !=
            machine.digests([sequence], mode)[sequence.number])


def shrink(machine, sequence, mode):
    """The smallest sequence that differs, found by leaving out groups of words."""
    groups = [group for group in sequence.groups() if any(
        sequence.words[index] != record.NOP for index in group)]
    size = max(1, len(groups) // 2)
    while True:
        pieces = [groups[at:at + size] for at in range(0, len(groups), size)]
        tries = [sequence.without(piece, sequence.number + record.SLOTS * (k + 1))
                 for k, piece in enumerate(pieces)]
        native, hosted = (machine.digests(tries, how) for how in ("native", mode))
        worse = [k for k, each in enumerate(tries) if native[each.number] != hosted[each.number]]
        for k in worse:
            smaller = sequence.without(pieces[k])
            if differs(machine, smaller, mode):
                sequence = smaller
                groups = [group for group in groups if group not in pieces[k]]
                break
        else:
            if size == 1:
                return sequence
            size = max(1, size // 2)
            continue
        size = min(size, max(1, len(groups)))
        if not groups:
            return sequence


def show(machine, sequence, mode, before=()):
    """The sequence, and where both states differ, when it runs after those `before` it."""
    print(sequence.listing())
    native, hosted = (machine.run([*before, sequence], how, shown=1) for how in ("native", mode))
    native, hosted = native[len(before):], hosted[len(before):]
    lines = list(difflib.unified_diff(native, hosted, "native", mode, lineterm="", n=1))
    print("\n".join("  " + line for line in lines[:MOST_SHOWN]))
    if len(lines) > MOST_SHOWN:
        print(f"  ... {len(lines) - MOST_SHOWN} lines more")


def compare(machine, sequences, modes, shown, keep):
    """Number of sequences that differ in some mode; shows the first ones."""
    native = machine.digests(sequences, "native")
    bad = set()
    for mode in modes:
        hosted = machine.digests(sequences, mode)
        wrong = [each for each in sequences if native[each.number] != hosted[each.number]]
        print(f"{mode}: {len(sequences) - len(wrong)} of {len(sequences)} alike", flush=True)
        for each in wrong:
            if each.number in bad:
                continue
            bad.add(each.number)
            if len(bad) > shown:
                continue
            if differs(machine, each, mode):
                smaller = shrink(machine, each, mode)
            else:
                print(f"sequence {each.number} differs only after those before it:")
                show(machine, each, mode, sequences[:sequences.index(each)])
                continue
            show(machine, smaller, mode)
            if keep:
                os.makedirs(keep, exist_ok=True)
                record.write(os.path.join(keep, f"{each.number}.bin"), [smaller])
    return len(bad)


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--count", type=int, default=2000, help="default 2000")
    parser.add_argument("--only", type=int, help="this sequence alone")
    parser.add_argument("--batch", type=int, default=1000, help="sequences in one boot")
    parser.add_argument("--modes", default=",".join(MODES), help=f"of {', '.join(MODES)}")
    parser.add_argument("--icount", action="store_true", help="count instructions as time")
    parser.add_argument("--show", type=int, default=3, help="differences to shrink and show")
    parser.add_argument("--keep", help="folder for the small sequences that differ")
    parser.add_argument("--cases", action="store_true", help="run the kept cases instead")
    options = parser.parse_args()
    modes = options.modes.split(",")
    if unknown := [mode for mode in modes if mode not in MODES]:
        parser.error(f"no mode {', '.join(unknown)}; there are {', '.join(MODES)}")
    if options.only is not None:
        options.first, options.count = options.only, 1
    bad = total = 0
    with tempfile.TemporaryDirectory(prefix="trapeze-torture-") as folder:
        machine = Machine(folder, options.icount)
        if options.cases:
            cases = os.path.join(HERE, "cases")
            sequences = []
            for name in sorted(os.listdir(cases)):
                with open(os.path.join(cases, name), "rb") as handle:
                    sequences += record.parse(handle.read())
            for number, each in enumerate(sequences):
                each.number = each.number % record.SLOTS + record.SLOTS * number
            total = len(sequences)
            bad = compare(machine, sequences, modes, options.show, options.keep)
        while total < options.count and not options.cases:
            count = min(options.batch, options.count - total)
            sequences = generate(options.seed, options.first + total, count)
            bad += compare(machine, sequences, modes, options.show, options.keep)
            total += count
    print(f"seed {options.seed}: {total - bad} of {total} sequences alike in {len(modes)} modes")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
