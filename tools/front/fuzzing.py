# SPDX-License-Identifier: Apache-2.0
"""`trapeze test --fuzz`: runs every fuzzer for a time, and says what came of each."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time

from . import build, children
from .common import BUILD, GUEST_FAILED, OK, ROOT, Failure, paint, say, shown

# Debian's, for this command alone: the compiler with libFuzzer and the sanitizers' libraries.
PACKAGES = "clang libclang-rt-dev"
# What a fuzzer may take beyond its time to end.
GRACE = 120
RESULT = os.path.join(BUILD, "fuzz.json")
FOUND = os.path.join(BUILD, "fuzz-found")
KEPT = os.path.join(ROOT, "tests", "fuzz", "corpus")
# What inputs taught so far, on this machine; a run goes on where the last one ended.
GROWN = os.path.join(BUILD, "fuzz-corpus")
FUZZERS = {
    "access": "decoder, emulator of accesses and bus, against memory of bytes",
    "boot": "what the VMM reads before its guest starts: trees, options, packed image",
    "console": "the VMM's console while a guest traps, and what it says",
    "decode": "decoder and disassembler",
    "dump": "trapmap: dumps and streams",
    "front": "the front door: consoles, summaries, files, clients, options (Python)",
    "pack": "trapeze-pack: kernels, initrds, device trees, symbols",
    "virtio": "virtio network cards and the switch, with a driver that does anything",
}
_UNITS = re.compile(r"^stat::number_of_executed_units: *(\d+)", re.M)
_COVERED = re.compile(r"\bcov: (\d+)")
_WHY = re.compile(r"(.*: does not hold|ERROR: .*|.*runtime error: .*|  what\(\): .*|\w*Error: .*)")


def _program(name):
    return os.path.join(BUILD, "fuzz", "tests", "fuzz", "fuzz_" + name)


def command_of(name, seconds, seed, grown, found):
    """The fuzzer's command line, and that with which one input is repeated."""
    kept = os.path.join(KEPT, name)
    if name == "front":
        program = [sys.executable, os.path.join(ROOT, "tests", "fuzz", "fuzz_front.py")]
        return [*program, "--seconds", str(seconds), "--seed", str(seed), "--grow", grown,
                "--found", found, kept, grown], program
    program = [_program(name)]
    return [*program, f"-max_total_time={max(1, round(seconds))}", f"-seed={seed}",
            "-len_control=0", "-max_len=1024", "-timeout=30", "-rss_limit_mb=4096",
            "-print_final_stats=1", f"-artifact_prefix={found}{os.sep}", grown, kept], program


def read(text):
    """(inputs that were run, places that were covered, why it ended or None) from its output."""
    units, covered = _UNITS.findall(text), _COVERED.findall(text)
    why = _WHY.search(text)
    return (int(units[-1]) if units else 0, int(covered[-1]) if covered else 0,
            why[0].strip() if why else None)


class Run:
    """The fuzzers, `jobs` at a time; `results` has what came of each."""

    def __init__(self, names, seconds, seed):
        self.results = {}
        self._waiting, self._seconds, self._seed = list(names), seconds, seed
        self._mutex = threading.Lock()
        self._failure = None

    def _next(self):
        with self._mutex:
            return self._waiting.pop(0) if self._waiting and not self._failure else None

    def _one(self, name):
        grown, found = os.path.join(GROWN, name), os.path.join(FOUND, name)
        shutil.rmtree(found, ignore_errors=True)
        for folder in (grown, found):
            os.makedirs(folder, exist_ok=True)
        command, program = command_of(name, self._seconds, self._seed, grown, found)
        path = os.path.join(BUILD, "log", f"fuzz-{name}.log")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as log:
            with contextlib.suppress(subprocess.TimeoutExpired), children.running(
                    command, stdout=log, stderr=log, cwd=found) as fuzzer:
                fuzzer.wait(self._seconds + GRACE)  # (raises, and that ends it)
        with open(path, encoding="utf-8", errors="replace") as log:
            runs, covered, why = read(log.read())
        inputs = sorted(os.path.join(found, one) for one in os.listdir(found))
        if fuzzer.returncode != 0 and not why:
            why = f"ended with status {fuzzer.returncode}: {shown(path)}"
        if fuzzer.returncode == 0:
            why = None
        return {"name": name, "runs": runs, "covered": covered, "found": why,
                "repeat": [*program, inputs[0]] if why and inputs else None}

    def work(self):
        """One worker's share."""
        try:
            while name := self._next():
                result = self._one(name)
                with self._mutex:
                    self.results[name] = result
                    word = paint("found " if result["found"] else "passed",
                                 "red" if result["found"] else "green", sys.stdout)
                    print(f"{word} {name:8} {result['runs']:>10,} inputs, {result['covered']:>6,} "
                          f"places covered  {result['found'] or ''}".rstrip(), flush=True)
        except Exception as failure:
            self._failure = failure

    def go(self, jobs):
        """All of them; raises what ended a worker."""
        children.at_once([self.work] * jobs)
        if self._failure:
            raise self._failure

    def report(self, began):
        """Writes RESULT and says how to repeat what was found; the exit status."""
        rows = [self.results[name] for name in sorted(self.results)]
        with open(RESULT, "w", encoding="utf-8") as handle:
            json.dump({"schema": 1, "seed": self._seed, "seconds_each": self._seconds,
                       "seconds": round(time.monotonic() - began, 1), "fuzzers": rows}, handle,
                      indent=1)
        bad = [row for row in rows if row["found"]]
        for row in bad:
            if row["repeat"]:
                print(f"repeat it: {' '.join(map(shown, row['repeat']))}")
        print(f"{len(rows) - len(bad)} of {len(rows)} fuzzers found nothing, seed {self._seed}")
        return GUEST_FAILED if bad else OK


def run(options, cores):
    """`trapeze test --fuzz`, with --list, -R, -j and --seed."""
    names = [name for name in FUZZERS if not options.filter or re.search(options.filter, name)]
    if not names:
        raise Failure(f"no fuzzer has a name that matches {options.filter!r}; "
                      "./trapeze test --fuzz --list names them")
    if options.list:
        for name in names:
            print(f"{name:8} {FUZZERS[name]}")
        return OK
    native = [name for name in names if name != "front"]
    if native:
        build.for_fuzz([f"fuzz_{name}" for name in native])
    jobs = min(options.jobs or cores, len(names))
    say(f"==> {len(names)} fuzzers, {options.fuzz:g} s each, {jobs} at a time, seed {options.seed}")
    going, began = Run(names, options.fuzz, options.seed), time.monotonic()
    going.go(jobs)
    return going.report(began)
