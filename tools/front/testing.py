# SPDX-License-Identifier: Apache-2.0
"""`trapeze test`: setup, build, then ctest. `trapeze lint`: setup, then the style checks."""
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

from . import build, children, mutants, setup
from .common import BUILD, GUEST_FAILED, OK, ROOT, Failure, colour_on, say

HELP = """Sets everything up, builds everything, and runs the tests with ctest, one more at a time than this
machine has cores: many wait for a guest's clock.

Unit tests run on this machine; the bare-metal programs (isa.*) and the system tests (system.*)
run in QEMU, natively and under the VMM. Nothing needs a network but the first setup and build.
What is rare and slow runs with --long alone; formatting and static analysis are ./trapeze lint.

examples:
  ./trapeze test                       everything but the long ones
  ./trapeze test --long                these too
  ./trapeze test --list                names only, after the build
  ./trapeze test -R 'isa|unit'         tests whose name matches the regular expression
  ./trapeze test -R system.vmm_net -V  with the tests' own output
  ./trapeze test -- --rerun-failed     what follows -- goes to ctest
  ./trapeze test --mutants --list      the mistakes that the tests must notice
  ./trapeze test --mutants -R tlb      plants those of this name, one at a time, and looks
  ./trapeze test --mutants --sequences 500   which of them generated sequences notice
  ./trapeze test --fuzz                every fuzzer for a minute, two at a time on two cores
  ./trapeze test --fuzz 600 -R boot    one for ten minutes; --list names them

At the end it lists the tests that took longest, then says what ctest says. docs/testing.md tells
what tests what.

exit status: 0 all passed, 1 a test failed, a mistake was missed, or a fuzzer found something,
2 usage or setup not possible, 3 the build failed.

files written: build/ only; build/test.xml is the result for programs (JUnit), build/host/test/NAME/
has the files of a system test's last run, a failed test's output is printed and is in
build/host/Testing/Temporary/LastTest.log. --mutants writes build/mutants.json, and works in
build/mutants/. --fuzz writes build/fuzz.json, what was found into build/fuzz-found/, the inputs that it
goes on with the next time into build/fuzz-corpus/."""

LINT_HELP = """Checks the C++ sources with clang-format and clang-tidy. What was clean is not looked at again while
it, what it includes, its compiler's flags and the rules stay the same: the first run takes
minutes, the next seconds.

examples:
  ./trapeze lint                       all sources
  ./trapeze lint hv/mmu dbt            those below these folders, or single files

exit status: 0 clean, 1 findings, 2 usage or setup not possible, 3 a build folder could not be
configured.

files written: build/ only; build/host/lint/ has what was found clean."""

# How long each fuzzer runs unless told otherwise.
FUZZ_SECONDS = 60
# What ctest is told to leave out what is left to --long.
NOT_LONG = ("-LE", "^long$")
RESULT = os.path.join(BUILD, "test.xml")
# How many of the slowest tests are listed at the end; and those from how many seconds on.
SLOWEST = 8
SLOW = 5.0
# Seconds between two lines that say how far it is.
PACE = 60.0
_DONE = re.compile(r"^ *(\d+)/(\d+) Test +#\d+: (\S+) .* +([\d.]+) sec")
_SUMMARY = re.compile(r"^\d+% tests passed")


def _known_times():
    """{test: seconds} of the last run."""
    try:
        root = xml.etree.ElementTree.parse(RESULT).getroot()
        return {case.get("name"): float(case.get("time", 0)) for case in root.iter("testcase")}
    except (OSError, ValueError, xml.etree.ElementTree.ParseError):
        return {}


class Progress:
    """Follows ctest's lines: how far it is, how long it will take, and what took longest.

    known  {test: seconds} of an earlier run, possibly of other tests
    """

    def __init__(self, known, now):
        self.known, self.took = known, {}
        self._started = self._told = now

    def line(self, text, now):
        """Takes a line of ctest's; `now` in seconds."""
        found = _DONE.match(text)
        if not found:
            return
        done, total = int(found[1]), int(found[2])
        self.took[found[3]] = float(found[4])
        if now - self._told >= PACE and done < total:
            self._told = now
            left = self.left(total, now)
            say(f"==> {done} of {total} tests, " +
                ("the slowest come first" if left is None else f"about {left / 60:.0f} min to go"),
                "dim")

    def left(self, total, now):
        """Seconds, if the other tests take as long as they did; None if no run had them all."""
        if len(self.known) < total:
            return None
        share = sum(self.known.get(name, 0) for name in self.took) / sum(self.known.values())
        return (now - self._started) * (1 / min(max(share, 0.001), 1) - 1)

    def slowest(self):
        """Lines about what took longest."""
        slow = sorted((-took, name) for name, took in self.took.items() if took >= SLOW)
        return [f"{-took:8.1f} s  {name}" for took, name in slow[:SLOWEST]]


def follow(command):
    """Runs ctest, passes on what it says, and lists the slowest tests before its summary."""
    progress, held = Progress(_known_times(), time.monotonic()), []
    environment = {**os.environ, **({"CLICOLOR_FORCE": "1"} if colour_on(sys.stdout) else {})}
    with children.running(command, stdout=subprocess.PIPE, text=True, errors="replace",
                          env=environment) as ctest:
        for line in ctest.stdout:
            plain = re.sub(r"\x1b\[[\d;]*m", "", line)
            if held or _SUMMARY.match(plain):
                held.append(line)
                continue
            print(line, end="", flush=True)
            progress.line(plain, time.monotonic())
    slow = progress.slowest()
    if len(slow) > 1:
        print("\nThe slowest tests:", *slow, "", sep="\n")
    print("".join(held), end="", flush=True)
    return ctest.returncode


def _cores():
    return len(os.sched_getaffinity(0))


def run(options):
    """The subcommand. Its last line is ctest's own."""
    if options.sequences is not None and not (options.mutants and options.sequences):
        raise Failure("--sequences takes how many, and goes with --mutants")
    if options.fuzz:
        from . import fuzzing  # (no other command needs it)
        if not options.list:
            setup.ensure(also=fuzzing.PACKAGES.split())
        return fuzzing.run(options, _cores())
    setup.ensure()
    if options.mutants:
        return mutants.run(options, _cores())
    build.everything()
    jobs = options.jobs or _cores() + 1
    command = ["ctest", "--test-dir", os.path.join(BUILD, "host"), "--output-on-failure",
               "--no-tests=error", "-j", str(jobs)]
    if options.filter:
        command += ["-R", options.filter]
    if not options.long:
        command += NOT_LONG
    if options.list:
        command.append("-N")
    else:
        command += ["--output-junit", RESULT]
    if options.verbose:
        command.append("-V")
    say("==> run the tests" + (f", {jobs} at a time" if jobs > 1 else ""))
    try:
        status = follow(command + options.ctest_arguments)
    except FileNotFoundError:
        raise Failure("ctest is not there: run ./trapeze setup") from None
    return OK if status == 0 else GUEST_FAILED


def lint(options):
    """The subcommand `lint`."""
    absent = [path for path in options.paths if not os.path.exists(path)]
    if absent:
        raise Failure(f"{absent[0]}: there is no such file or folder")
    setup.ensure()
    build.for_lint()
    command = [sys.executable, os.path.join(ROOT, "cmake", "lint.py"), "--root", ROOT, "--host",
               os.path.join(BUILD, "host"), "--cross", os.path.join(BUILD, "hv"), "--jobs",
               str(options.jobs or _cores()), *options.paths]
    with children.running(command, stdout=subprocess.PIPE, text=True, errors="replace") as checks:
        for line in checks.stdout:
            print(line, end="", flush=True)
        checks.wait()
    return OK if checks.returncode == 0 else GUEST_FAILED
