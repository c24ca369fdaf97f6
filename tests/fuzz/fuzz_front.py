#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fuzzes what the front door reads (front_targets.py): mutates inputs, and with --seconds goes on
from those that reach lines of tools/front or bench/run that none has reached. The same seed, corpus
and --runs give the same inputs.

  fuzz_front.py [--runs N | --seconds S] [--seed N] [--grow FOLDER] [--found FOLDER] FILE|FOLDER...

New inputs are written to --grow, those that show a defect to --found; status 1 if there is one.
"""
import argparse
import hashlib
import os
import random
import sys
import time
import traceback

sys.dont_write_bytecode = True
import front_targets  # noqa: E402

WATCHED = tuple(os.path.join(front_targets.ROOT, folder) + os.sep
                for folder in ("tools/front", "bench/run"))
LONGEST = 600
OFTEN = bytes((0, 1, 10, 13, 127, 128, 185, 205, 241, 255))


class Coverage:
    """Lines that inputs have reached, if they are watched; that takes many times as long."""

    def __init__(self, watches):
        self.lines = set()
        self._watches = watches
        self._new = False

    def _in_function(self, frame, event, _argument):
        if event == "line":
            place = frame.f_code, frame.f_lineno
            if place not in self.lines:
                self.lines.add(place)
                self._new = True
        return self._in_function

    def _trace(self, frame, _event, _argument):
        return self._in_function if frame.f_code.co_filename.startswith(WATCHED) else None

    def adds(self, data):
        """Runs the input; whether it reached a line that none had."""
        self._new = False
        if self._watches:
            sys.settrace(self._trace)
        try:
            front_targets.run(data)
        finally:
            sys.settrace(None)
        return self._new


def mutate(rng, corpus):
    """Another input out of those that are kept."""
    data = bytearray(rng.choice(corpus)) if corpus and rng.randrange(8) else bytearray(
        rng.randbytes(rng.randrange(200)))
    for _ in range(1 + rng.randrange(6)):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(5)
        if what == 0:
            data[at:at] = bytes([rng.choice(OFTEN)])
        elif what == 1:
            del data[at:at + rng.randrange(16)]
        elif what == 2 and corpus:
            other = rng.choice(corpus)
            start = rng.randrange(len(other) + 1)
            data[at:at] = other[start:start + rng.randrange(40)]
        elif what == 3:
            data[at:at] = rng.randbytes(rng.randrange(8))
        elif at < len(data):
            data[at] = rng.choice(OFTEN) if rng.randrange(2) else rng.randrange(256)
    return bytes(data[:LONGEST])


def keep(folder, data):
    """Writes the input into the folder under a name of its contents; its path."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, hashlib.sha1(data).hexdigest())
    with open(path, "wb") as handle:
        handle.write(data)
    return path


def read(paths):
    """The inputs at these paths, in one order."""
    files = []
    for path in paths:
        files += [os.path.join(path, name) for name in os.listdir(path)] if os.path.isdir(
            path) else [path]
    inputs = []
    for path in sorted(files, key=os.path.basename):
        with open(path, "rb") as handle:
            inputs.append(handle.read())
    return inputs


def main():
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--grow", metavar="FOLDER")
    parser.add_argument("--found", metavar="FOLDER", default=".")
    parser.add_argument("inputs", nargs="*")
    options = parser.parse_args()
    rng, coverage = random.Random(options.seed), Coverage(options.seconds > 0)
    kept, corpus, done = read(options.inputs), [], 0
    until = time.monotonic() + options.seconds

    def more():
        return done < len(kept) + options.runs if not options.seconds else time.monotonic() < until

    while done < len(kept) or more():
        data = kept[done] if done < len(kept) else mutate(rng, corpus)
        try:
            new = coverage.adds(data)
        except Exception:
            traceback.print_exc()
            print(f"the input that shows it: {keep(options.found, data)}")
            return 1
        finally:
            done += 1
        if new or done <= len(kept):
            corpus.append(data)
            if new and done > len(kept) and options.grow:
                keep(options.grow, data)
    print(f"stat::number_of_executed_units: {done}")
    print(f"{len(kept)} kept inputs and {done - len(kept)} of seed {options.seed}: passed; "
          f"cov: {len(coverage.lines)} lines, corp: {len(corpus)}" if options.seconds else
          f"{len(kept)} kept inputs and {done - len(kept)} of seed {options.seed}: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
