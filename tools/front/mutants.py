# SPDX-License-Identifier: Apache-2.0
"""`trapeze test --mutants`: plants each mistake of tests/mutants, and says which tests notice."""
import functools
import json
import os
import re
import subprocess
import sys
import threading
import time

from . import build, children
from .common import BUILD, GUEST_FAILED, OK, VMM_FAILED, Failure, paint, say
from .mistakes import Copy, check, load

RESULT = os.path.join(BUILD, "mutants.json")
# Where the unit test programs are, in the build folder of the preset host.
UNITS = ("tests/unit", "tools/pack/test", "tools/trapmap/test")
# A test program that takes longer has been brought to hang by the mistake; one in Python waits for
# what does not come.
PATIENCE = 120
PYTHON_PATIENCE = 300
_UNIT_FAILED = re.compile(r"^\[  FAILED  \] ([\w/.]+)", re.M)
_PYTHON_FAILED = re.compile(r"^(?:FAIL|ERROR): (\S+)", re.M)
# What one boot of sequences may take, in seconds, and how many are in it.
BOOT, BATCH = 120, 250
# What of the sources a guest runs on.
VMM = ("hv/", "dbt/", "tcache/")
# The programs that run sequences, by the build folder they come from.
SEQUENCES = {"host": ("trapeze-pack", "trapeze-torture"), "hv": ("trapeze-hv.elf", "torture.elf")}
_DIFFERS = re.compile(r"^first difference: (.*)", re.M)
_CTEST_FAILED = re.compile(r"^\s*\d+ - (\S+) \(", re.M)
STYLES = {"found": "green", "compiler": "green", "equivalent": "dim", "missed": "red"}


def _call(command, folder, patience=None, env=None):
    """(status or None if it took too long, output)."""
    # A warning would end a mistake's compilation before any test could notice it.
    env = {**(env or os.environ), "CXXFLAGS": "-w"}
    try:
        with children.running(command, cwd=folder, stdout=subprocess.PIPE, env=env,
                              stderr=subprocess.STDOUT, text=True, errors="replace") as process:
            out, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        return None, ""
    return process.returncode, out


class Worker:
    """Judges mistakes in a copy of the sources; `jobs` is how many compilers it may run."""

    def __init__(self, number, jobs):
        self.copy = Copy(number)
        self._jobs = str(jobs)

    def prepare(self, units, python):
        """Builds what is right, which the unit tests must find right: Failure otherwise."""
        self.copy.bring_up_to_date()
        status, out = _call(["cmake", "--preset", "host"], self.copy.root)
        if status != 0:
            raise Failure(f"{self.copy.root}: not configured: {out.strip()[-400:]}")
        for names, test in ((units, self._unit), (python, self._python)):
            for name in names:
                verdict, by = test(name)
                if verdict != "missed":
                    raise Failure(f"{name} fails without a mistake: {by}")

    def prepare_sequences(self):
        """The same for judge_by_sequences()."""
        self.copy.bring_up_to_date()
        for preset, programs in SEQUENCES.items():
            status, out = _call(["cmake", "--preset", preset], self.copy.root)
            if status == 0:
                status, out = self._make(preset, programs)
            if status != 0:
                raise Failure(f"{self.copy.root}: not built: {out.strip()[-400:]}")
        if (by := self._differs(BATCH)) is not None:
            raise Failure(f"sequences differ without a mistake: {by}")

    def _make(self, preset, programs):
        return _call(["ninja", "-C", os.path.join(self.copy.root, "build", preset), "-j",
                      self._jobs, *programs], self.copy.root)

    def _differs(self, count):
        """What the sequences say that differs, None if nothing does."""
        status, out = _call([sys.executable, "-B", os.path.join("tests", "torture", "run.py"),
                             "--stop", "--count", str(count), "--batch", str(min(BATCH, count)),
                             "--timeout", str(BOOT), "--jobs", self._jobs], self.copy.root)
        if status == 0:
            return None
        if status == 1 and (found := _DIFFERS.search(out)):
            return found[1]
        raise Failure(f"run.py ended with status {status}: {out.strip()[-400:]}")

    def judge_by_sequences(self, mistake, count):
        """What generated sequences say of it, as judge() does. The generator is the right one."""
        self.copy.plant(mistake)
        try:
            status, out = self._make("hv", SEQUENCES["hv"])
            if status != 0:
                return "compiler", next((line for line in out.split("\n") if "error" in line), "")
            by = self._differs(count)
            return ("missed", "") if by is None else ("found", by)
        finally:
            self.copy.restore()

    def _unit(self, unit):
        """Builds and runs one unit test program."""
        where = os.path.join(self.copy.root, "build", "host")
        status, out = _call(["ninja", "-C", where, "-j", self._jobs, unit], self.copy.root)
        if status != 0:
            return "compiler", next((line for line in out.split("\n") if " error: " in line), unit)
        program = next(path for path in (os.path.join(where, folder, unit)
                                         for folder in UNITS) if os.path.exists(path))
        status, out = _call([program, "--gtest_brief=1", "--gtest_fail_fast"], self.copy.root,
                            PATIENCE)
        if status == 0:
            return "missed", ""
        found = _UNIT_FAILED.search(out)
        return "found", found[1] if found else f"{unit} ends" if status else f"{unit} hangs"

    def _python(self, name):
        """Runs tests of tests/system that have stand-ins for QEMU: a boot needs no VMM then."""
        out = os.path.join(self.copy.root, "build", "python")
        status, out = _call([sys.executable, "-B", "-m", "unittest", "-f", name],
                            os.path.join(self.copy.root, "tests", "system"), PYTHON_PATIENCE,
                            env={**os.environ, "TRAPEZE_OUT": out})
        if status == 0:
            return "missed", ""
        found = _PYTHON_FAILED.search(out)
        return "found", found[1] if found else f"{name} ends" if status else f"{name} hangs"

    def _ctest(self, expression):
        """The same by the copy's own front door."""
        status, out = _call([os.path.join(self.copy.root, "trapeze"), "test", "-j", self._jobs,
                             "-R", expression, "--", "--stop-on-failure"], self.copy.root)
        if status == 0:
            return "missed", ""
        found = _CTEST_FAILED.search(out)
        if status == 1 and found:
            return "found", found[1]
        if status == VMM_FAILED:
            return "compiler", out.strip().split("\n")[-1]
        raise Failure(f"./trapeze test ended with status {status}: {out.strip()[-400:]}")

    def judge(self, mistake):
        """('found', 'compiler' or 'missed', by what)."""
        self.copy.plant(mistake)
        try:
            verdict, by = "missed", ""
            for names, test in ((mistake.units, self._unit), (mistake.python, self._python)):
                for name in names:
                    verdict, by = test(name)
                    if verdict != "missed":
                        return verdict, by
            if mistake.ctest:
                verdict, by = self._ctest(mistake.ctest)
            return verdict, by
        finally:
            self.copy.restore()


class Run:
    """Goes through the mistakes with several workers; `results` has what came of each. With
    `sequences` that many generated sequences judge in place of the tests."""

    def __init__(self, mistakes, sequences=None):
        self.mistakes, self.sequences, self.results = mistakes, sequences, {}
        self._waiting = [mistake for mistake in mistakes if not mistake.equivalent]
        self._mutex = threading.Lock()
        self._failure = None
        self._began = time.monotonic()
        for mistake in mistakes:
            if mistake.equivalent:
                self.results[mistake.name] = ("equivalent", mistake.equivalent, 0.0)

    def work(self, worker, units, python):
        """One worker's share."""
        try:
            if self.sequences:
                worker.prepare_sequences()
            else:
                worker.prepare(units, python)
            while True:
                with self._mutex:
                    if not self._waiting or self._failure:
                        return
                    mistake = self._waiting.pop(0)
                began = time.monotonic()
                if self.sequences:
                    verdict, by = worker.judge_by_sequences(mistake, self.sequences)
                else:
                    verdict, by = worker.judge(mistake)
                with self._mutex:
                    self.results[mistake.name] = verdict, by, time.monotonic() - began
                    self._tell(mistake, verdict, by)
        except (Failure, OSError) as failure:
            self._failure = failure

    def _tell(self, mistake, verdict, by):
        done, total = len(self.results), len(self.mistakes)
        word = paint(f"{verdict:10}", STYLES[verdict], sys.stdout)
        print(f"{done:4}/{total} {word} {mistake.name:40} {by}", flush=True)

    def go(self, count, jobs):
        """All of them; raises the first Failure of a worker."""
        units = sorted({unit for mistake in self._waiting for unit in mistake.units})
        python = sorted({name for mistake in self._waiting for name in mistake.python})
        children.at_once([functools.partial(self.work, Worker(number, jobs), units, python)
                          for number in range(count)])
        if self._failure:
            raise self._failure

    def report(self):
        """Writes RESULT and says how many were found; the exit status."""
        count = {verdict: sum(result[0] == verdict for result in self.results.values())
                 for verdict in STYLES}
        with open(RESULT, "w", encoding="utf-8") as handle:
            json.dump({"schema": 1, "seconds": round(time.monotonic() - self._began, 1), **count,
                       "mistakes": [{"name": mistake.name, "file": mistake.file,
                                     "verdict": self.results[mistake.name][0],
                                     "by": self.results[mistake.name][1],
                                     "seconds": round(self.results[mistake.name][2], 1)}
                                    for mistake in self.mistakes]}, handle, indent=1)
        for mistake in self.mistakes:
            if self.results[mistake.name][0] == "missed":
                print(f"missed: {mistake.name} in {mistake.file}: {mistake.what}")
        live = len(self.mistakes) - count["equivalent"]
        caught = count["found"] + count["compiler"]
        print(f"{caught} of {live} mistakes noticed ({count['compiler']} by the compiler), "
              f"{count['missed']} missed, {count['equivalent']} change nothing that matters")
        return GUEST_FAILED if count["missed"] else OK


def run(options, cores):
    """`trapeze test --mutants`, with --list and -R."""
    mistakes = load()
    check(mistakes)
    if options.filter:
        mistakes = [one for one in mistakes if re.search(options.filter, one.name)]
    if options.sequences:
        mistakes = [one for one in mistakes if one.file.startswith(VMM)]
    if not mistakes:
        raise Failure(f"no mistake has a name that matches {options.filter!r}; "
                      "./trapeze test --mutants --list names them")
    if options.list:
        for one in mistakes:
            print(f"{one.name:40} {one.file:28} {one.what}")
        print(f"{len(mistakes)} mistakes")
        return OK
    if options.sequences or any(one.ctest for one in mistakes):
        build.everything()
    jobs = options.jobs or cores
    count = max(1, min(jobs, len(mistakes)))
    say(f"==> {len(mistakes)} planted mistakes, {count} at a time")
    going = Run(mistakes, options.sequences)
    going.go(count, max(1, jobs // count))
    return going.report()
