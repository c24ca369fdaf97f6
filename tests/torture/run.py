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
  run.py --cases                       the kept cases: tests/torture/cases
  run.py --count 1000 --stop           the first difference alone, as it is

exit status: 0 all alike, 1 a difference, 2 usage.
"""
import argparse
import concurrent.futures
import difflib
import os
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import cases  # noqa: E402
import record  # noqa: E402

RUNNER = os.path.join(ROOT, "build", "hv", "tests", "torture", "torture.elf")
GENERATOR = os.path.join(ROOT, "build", "host", "tests", "torture", "trapeze-torture")
MODES = {f"{patch.split()[0]}.{mapping}": f"patch={patch} mapping={mapping}"
         for patch in ("off", "hot threshold=2", "eager") for mapping in ("straight", "crossed")}
MOST_SHOWN = 40


class Failed(Exception):
    """Nothing can be compared."""


def generate(seed, first, count):
    """The sequences first to first + count - 1 of a seed."""
    done = subprocess.run([GENERATOR, str(seed), str(first), str(count)], capture_output=True,
                          check=True)
    return record.parse(done.stdout)


class Machine:
    """Runs sequences in one mode; each call is a boot, `jobs` of them at a time."""

    def __init__(self, folder, options):
        self.folder, self.icount, self.timeout = folder, options.icount, options.timeout
        self.pool = concurrent.futures.ThreadPoolExecutor(options.jobs)

    def run(self, sequences, mode, shown=0):
        """What the runner printed, by line."""
        # A name and an output folder of its own: others run beside it.
        own = os.path.join(self.folder, f"{mode}.{threading.get_ident()}")
        path = record.program(RUNNER, sequences, own + ".elf", shown)
        command = [os.path.join(ROOT, "trapeze"), "boot", "--kernel", path, "--quiet", "--timeout",
                   str(self.timeout)]
        if self.icount:
            command.append("--icount")
        command += (["--native"] if mode == "native" else
                    ["--watchdog", "0", "--vmm-append", MODES[mode]])
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, check=False,
                              env={**os.environ, "TRAPEZE_OUT": own})
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
                raise Failed("the native run itself failed")
        return found

    def all(self, sequences, modes):
        """mode -> digests, of the native run and of all modes."""
        going = {mode: self.pool.submit(self.digests, sequences, mode)
                 for mode in ("native", *modes)}
        return {mode: each.result() for mode, each in going.items()}


def differs(machine, sequence, mode):
    """Whether this sequence alone still differs."""
    found = machine.all([sequence], [mode])
    return found["native"][sequence.number] != found[mode][sequence.number]


def shrink(machine, sequence, mode):
    """The smallest sequence that differs, found by leaving out groups of words."""
    groups = [group for group in sequence.groups() if any(
        sequence.words[index] != record.NOP for index in group)]
    size = max(1, len(groups) // 2)
    while True:
        pieces = [groups[at:at + size] for at in range(0, len(groups), size)]
        tries = [sequence.without(piece, sequence.number + record.SLOTS * (k + 1))
                 for k, piece in enumerate(pieces)]
        found = machine.all(tries, [mode])
        native, hosted = found["native"], found[mode]
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


def show_small(machine, sequence, mode, before, keep):
    """Makes a sequence that differs smaller, shows it, and keeps it in the folder `keep`."""
    if not differs(machine, sequence, mode):
        print(f"sequence {sequence.number} differs only after those before it:")
        return show(machine, sequence, mode, before)
    smaller = shrink(machine, sequence, mode)
    show(machine, smaller, mode)
    if keep:
        os.makedirs(keep, exist_ok=True)
        path = os.path.join(keep, f"{mode}.{sequence.number}.case")
        cases.write(path, smaller, f"Differs in {mode}: say what was wrong.")
        print(f"kept: {path}")
    return None


def compare(machine, sequences, options, names=None):
    """Numbers of the sequences that differ in some mode; shows the first ones. `names` has what to
    call them in place of their numbers."""
    found = machine.all(sequences, options.modes)
    bad = []
    for mode in options.modes:
        wrong = [each for each in sequences
                 if found[mode][each.number] != found["native"][each.number]]
        if wrong or not options.stop:
            print(f"{mode}: {len(sequences) - len(wrong)} of {len(sequences)} alike", flush=True)
        for each in wrong:
            if each.number in bad:
                continue
            bad.append(each.number)
            if options.stop:
                print(f"first difference: sequence {each.number} in {mode}")
                return bad
            if names:
                print(f"case {names[each.number]}:")
            if len(bad) <= options.show:
                show_small(machine, each, mode, sequences[:sequences.index(each)], options.keep)
    return bad


def run_cases(machine, options):
    """The kept ones: (how many differ, how many there are)."""
    kept = cases.kept()
    names, sequences = {}, []
    for index, (name, each) in enumerate(kept):
        each.number = each.number % record.SLOTS + record.SLOTS * index
        names[each.number] = name
        sequences.append(each)
    return len(compare(machine, sequences, options, names)), len(kept)


def run_generated(machine, options):
    """As many as were asked for, or up to the first difference: (how many differ, how many)."""
    bad = total = 0
    began = said = time.monotonic()
    while total < options.count and not (options.stop and bad):
        count = min(options.batch, options.count - total)
        sequences = generate(options.seed, options.first + total, count)
        bad += len(compare(machine, sequences, options))
        total += count
        now = time.monotonic()
        if now - said >= 60 and total < options.count:
            said = now
            left = (now - began) / total * (options.count - total)
            print(f"==> {total} of {options.count} sequences, {bad} differ, "
                  f"about {left / 60:.0f} min to go", flush=True)
    return bad, total


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--count", type=int, default=2000, help="default 2000")
    parser.add_argument("--only", type=int, help="this sequence alone")
    parser.add_argument("--batch", type=int, default=1000, help="sequences in one boot")
    parser.add_argument("--jobs", type=int, default=1, help="boots at a time, default 1")
    parser.add_argument("--timeout", type=int, default=900, help="seconds for a boot, default 900")
    parser.add_argument("--modes", default=",".join(MODES), help=f"of {', '.join(MODES)}")
    parser.add_argument("--icount", action="store_true", help="count instructions as time")
    parser.add_argument("--show", type=int, default=3, help="differences to shrink and show")
    parser.add_argument("--stop", action="store_true", help="name the first difference, and end")
    parser.add_argument("--keep", help="folder for the small sequences that differ")
    parser.add_argument("--cases", action="store_true", help="run the kept cases instead")
    options = parser.parse_args()
    options.modes = options.modes.split(",")
    if unknown := [mode for mode in options.modes if mode not in MODES]:
        parser.error(f"no mode {', '.join(unknown)}; there are {', '.join(MODES)}")
    if min(options.count, options.batch, options.jobs) < 1 or options.first < 0:
        parser.error("--count, --batch and --jobs are at least 1, --first is not negative")
    if options.only is not None:
        options.first, options.count = options.only, 1
    with tempfile.TemporaryDirectory(prefix="trapeze-torture-") as folder:
        machine = Machine(folder, options)
        try:
            bad, total = (run_cases if options.cases else run_generated)(machine, options)
        except (cases.Bad, Failed) as failure:
            print(f"run.py: {failure}", file=sys.stderr)
            return 2
    what = "cases" if options.cases else f"sequences of seed {options.seed}"
    print(f"{total - bad} of {total} {what} alike in {len(options.modes)} modes")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
