# SPDX-License-Identifier: Apache-2.0
"""`trapeze bench between`: TCP between two Linux guests, beside `lo` in one."""
import argparse
import os
import signal
import sys
import tempfile
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))

# pylint: disable=wrong-import-position
from bench.run import between, results  # noqa: E402

from . import build, measure, output, qemu, setup  # noqa: E402
from .cli import boot_options  # noqa: E402
from .common import GUEST_FAILED, INTERRUPTED, OK, ROOT, VMM_ELF, Failure, complain, say, shown  # noqa: E402
from .several import Several  # noqa: E402

MEMORY = 128
# For --quick and --full: boots of each arm.
RUNS = {True: {"icount": 1, "wall": 2}, False: {"icount": 1, "wall": 5}}

HELP = """Measures TCP, a byte there and back and blocks of 16 KiB with an answer, between two Linux guests
on one core and on two, over a virtual switch, and over the loopback device of one guest: the
three in turn, in each second run the other way round.

examples:
  ./trapeze bench between                    5 boots of each, about 2 minutes
  ./trapeze bench between --quick            2 boots of each
  ./trapeze bench between --clock icount     lo and one core, in instructions"""

END = """exit status: 0 all was measured, 1 a guest failed, hung or printed nonsense (the report says which),
2 usage, 3 the build failed, 130 Ctrl-C.

files written: between.md and between.json in bench/out/ or --out; build/bench/last/ has the logs of
the last boot. docs/bench.md tells how to read the report."""


class _Guests(measure.Quiet, Several):
    """A boot of an arm, whose first guest's console is kept."""

    def __init__(self, options, folder):
        self.folder = folder
        super().__init__(options)
        self.heard = b""

    def check(self):
        """As for any boot."""
        super().check()
        self.machine.slice_us = between.SLICE_US

    def sink(self, data):
        """Read guest by guest; see tap."""

    def tap(self, number, data):
        """Takes a guest's console."""
        if number == 0:
            self.heard += data


class Between:
    """One call of the subcommand."""

    def __init__(self, options):
        clocks = list(dict.fromkeys(options.clock)) or ["wall"]
        if options.arm or options.workload or options.list:
            raise Failure("bench between has arms and workloads of its own: leave --arm, --workload and --list out")
        if len(clocks) > 1:
            raise Failure("bench between takes one --clock: wall or icount")
        self.clock, self.quick = clocks[0], options.quick
        icount = self.clock == "icount"
        # Under icount QEMU gives both cores' instructions one after the other, of one clock.
        self.arms = [arm for arm in between.ARMS.values() if not icount or arm.cores == 1]
        self.runs = options.runs or RUNS[self.quick][self.clock]
        self.patience = options.timeout or measure.TIMEOUT[self.quick]
        self.out = options.out or os.path.join(ROOT, "bench", "out")
        self.vmm = os.environ.get("TRAPEZE_VMM", VMM_ELF)
        self.base, self.overlay = None, b""

    def build(self):
        """Everything, once."""
        setup.ensure()
        programs = os.environ.get("TRAPEZE_BENCH_GUEST")
        build.for_bench(need_vmm=self.vmm == VMM_ELF, need_programs=not programs, bare=[], need_host=False)
        self.overlay = measure.overlay(programs or build.BENCH)

    def boot(self, arm, run, measured):
        """One boot; False if the user wants no more."""
        with tempfile.TemporaryDirectory(prefix="trapeze-bench-") as directory:
            path = os.path.join(directory, "between.dts")
            with open(path, "w", encoding="utf-8") as file:
                file.write(between.config(arm, MEMORY))
            options = boot_options("--quiet", "--config", path,
                                   *(["--icount"] if self.clock == "icount" else []))
            options.qemu_arguments = ["-seed", str(run + 1)]
            options.run = between.command(arm, self.quick)
            one = _Guests(options, os.path.join(directory, "logs"))
            one.set_up(self.vmm, self.base, self.overlay, self.patience)
            one.run()
            one.keep_logs()
        stopped = one.session.stopped
        if stopped and stopped.startswith("SIG") and stopped != "SIGINT":
            raise Failure("stopped", 128 + signal.Signals[stopped])
        measured.boots += 1
        if stopped == "SIGINT":
            return False
        between.keep(measured, arm, run, one.heard.decode("utf-8", "replace").replace("\r", ""), one.problem)
        return True

    def measure(self):
        """All boots; between.Measured."""
        measured = between.Measured()
        jobs = [(arm, run) for run in range(self.runs) for arm in (self.arms[::-1] if run % 2 else self.arms)]
        for number, (arm, run) in enumerate(jobs):
            if arm.name in measured.failures:
                continue
            say(f"==> {number + 1}/{len(jobs)} {arm.name} run {run + 1}/{self.runs}: {arm.note}")
            if not self.boot(arm, run, measured):
                measured.interrupted = True
                break
        return measured

    def run(self):
        """Measures, writes, and returns the exit status."""
        output.check_folder(self.out, "--out")
        self.build()
        load, started = os.getloadavg()[0], time.monotonic()
        with tempfile.TemporaryDirectory(prefix="trapeze-vmm-") as directory:
            self.vmm, self.base = measure.freeze(self.vmm, directory)
            measured = self.measure()
        unit = "instructions" if self.clock == "icount" else "ns"
        document = {
            "schema": 1, "host": results.host(ROOT, qemu.program()),
            "conditions": {
                "clock": self.clock, "unit": unit, "quick": self.quick, "runs": self.runs, "boots": measured.boots,
                "slice_us": between.SLICE_US, "memory_bytes": MEMORY << 20,
                "arms": {arm.name: arm.note for arm in self.arms}, "load_before": load,
                "seconds": round(time.monotonic() - started, 1), "interrupted": measured.interrupted},
            "rows": between.rows(measured, unit), "errors": measured.failures}
        results.write(os.path.join(self.out, "between.json"), document)
        text = between.lines(document)
        with open(os.path.join(self.out, "between.md"), "w", encoding="utf-8") as report:
            report.write("\n".join(text) + "\n")
        print("\n".join(text), flush=True)
        if load > 0.75 * (os.cpu_count() or 1) and self.clock == "wall":
            complain("the machine was busy: two guests on two cores need two of it")
        say("report: " + shown(os.path.join(self.out, "between.md")))
        if measured.interrupted:
            return INTERRUPTED
        return GUEST_FAILED if measured.failures else OK


def run(options):
    """The subcommand."""
    if options.qemu_arguments:
        raise Failure("bench takes nothing behind --")
    return Between(options).run()


def add(inner, seconds, runs):
    """Adds it to those of bench. What is said before its name counts, if nothing is said behind."""
    one = inner.add_parser("between", description=HELP, epilog=END, allow_abbrev=False,
                           usage="./trapeze bench between [options]", argument_default=argparse.SUPPRESS,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    how = one.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="fewer boots, and fewer operations in each")
    how.add_argument("--full", action="store_true", help="about 2 minutes (the default)")
    one.add_argument("--clock", action="append", metavar="CLOCK", choices=["wall", "icount"],
                     help="wall (the default) or icount, which has no two cores at once")
    one.add_argument("--runs", type=runs, metavar="N", help="boots of each arm (full: 5, quick: 2; with icount 1)")
    one.add_argument("--timeout", type=seconds, metavar="S",
                     help="how long a boot may take (full: 120 s, quick: 60 s)")
    one.add_argument("--out", metavar="DIR", help="where the report goes (default bench/out)")
    one.set_defaults(handler=run)
