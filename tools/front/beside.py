# SPDX-License-Identifier: Apache-2.0
"""`trapeze bench beside`: what two guests get done side by side, and what one alone."""
import argparse
import os
import signal
import sys
import tempfile
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))

# pylint: disable=wrong-import-position
from bench.run import beside, results  # noqa: E402
from bench.run.workloads import WORKLOADS  # noqa: E402

from . import build, measure, output, qemu, setup  # noqa: E402
from .boot import Boot  # noqa: E402
from .cli import boot_options  # noqa: E402
from .common import (BUILD, GUEST_FAILED, INTERRUPTED, OK, ROOT, VMM_ELF,  # noqa: E402
                     Failure, complain, say, shown)
from .several import Several  # noqa: E402

CORES_ELF = os.path.join(BUILD, "hv", "bench", "bare", f"{beside.CORES}.elf")
NAMES = [name for name, one in WORKLOADS.items()
         if not (one.bare or one.disk or name in beside.NOT_BESIDE)]
# For --quick and --full: boots of each arm; milliseconds of a metric, by clock.
RUNS = {True: {"icount": 1, "wall": 2}, False: {"icount": 1, "wall": 5}}
MILLISECONDS = {True: {"icount": 200, "wall": 1000}, False: {"icount": 400, "wall": 2000}}

HELP = """Runs the same workloads in a guest alone, in two guests on two cores, and in two guests on one core
(10 ms slices), the three in turn, and says what each of two gets done as a share of what one
alone does: 1 is undisturbed. Guests begin each workload together and go on for the same time;
what they did not do at the same time is measured again.

Beside it stands what two cores gain natively, without the VMM: QEMU has them wait for each
other at exceptions, returns and writes of the MSR, so that much less than 1 is left of these.

examples:
  ./trapeze bench beside                       5 boots of each, about 6 minutes
  ./trapeze bench beside --quick               2 boots of each, under 2 minutes
  ./trapeze bench beside --workload fork_exec --workload tcp_lo
  ./trapeze bench beside --clock icount        alone and on one core, in instructions
  ./trapeze bench beside --workload cores      only what two cores gain natively"""

END = f"""workloads: {', '.join((*NAMES, beside.CORES))}.
Without --workload: {', '.join((*beside.ROWS, beside.CORES))}.

exit status: 0 all was measured, 1 a workload failed, hung, printed nonsense or did not run beside
itself (its row says why; the others are there), 2 usage, 3 the build failed, 130 Ctrl-C.

files written: beside.md and beside.json in bench/out/ or --out; build/bench/last/ has the logs of
the last boot. docs/bench.md tells how to read the report."""


class _Guests(measure.Quiet, Several):
    """A boot of an arm: has its guests begin each metric together."""

    def __init__(self, options, folder, workloads, on_begin):
        self.folder = folder
        super().__init__(options)
        self.workloads, self.on_begin = workloads, on_begin
        self.begun = []
        self._texts = [b""] * options.guests
        self._open = [b""] * options.guests
        self._barrier = beside.Barrier(options.guests, workloads)

    def check(self):
        """As for any boot."""
        super().check()
        self.machine.slice_us = beside.SLICE_US

    def sink(self, data):
        """Read guest by guest; see tap."""

    def tap(self, number, data):
        """Takes a guest's console, and lets those begin that have waited for it."""
        self._texts[number] += data
        *whole, self._open[number] = (self._open[number] + data).split(b"\n")
        for line in whole:
            self._line(number, line.decode("ascii", "replace").split())

    def _line(self, number, words):
        if words[:1] == ["@@bench-begin"] and len(words) == 2:
            self.goes_on()
            if words[1] not in self.begun:
                self.begun.append(words[1])
                self.on_begin(words[1])
        elif words[:1] == ["@@bench-ready"] and len(words) == 3:
            self.goes_on()
            self._let(self._barrier.ready(number, *words[1:]))
        elif words[:1] == ["@@bench-failed"] and len(words) > 1:
            self._let(self._barrier.failed(number, words[1]))
        elif words[:2] == [f"[trapeze:{self.nonce}]", "exit"]:
            self._let(self._barrier.gone(number))

    def _let(self, numbers):
        for number in numbers:
            self.session.type_to(number, b"\n")

    def guest_ended(self, console, found):
        """Nobody waits for it."""
        shown_then = super().guest_ended(console, found)
        for one in self.members:
            if one.name == found.get("guest"):
                self._let(self._barrier.gone(one.number))
        return shown_then

    def texts(self):
        """Each guest's console."""
        return [text.decode("utf-8", "replace").replace("\r", "") for text in self._texts]


class _Cores(measure.Quiet, Boot):
    """The boot of what two cores gain natively."""

    def __init__(self, options, folder):
        self.folder = folder
        super().__init__(options)
        self.heard = b""

    def sink(self, data):
        """All of it is of the program."""
        self.heard += data


class Beside:
    """One call of the subcommand."""

    def __init__(self, options):
        quick = options.quick
        clocks = list(dict.fromkeys(options.clock)) or ["wall"]
        if options.arm:
            raise Failure("bench beside has arms of its own: leave --arm out")
        if len(clocks) > 1:
            raise Failure("bench beside takes one --clock: wall or icount")
        if options.list:
            raise Failure("bench beside has no list: --help names its workloads")
        wrong = [name for name in options.workload if name not in (*NAMES, beside.CORES)]
        if wrong:
            raise Failure(f"--workload {wrong[0]}: nothing that two guests can do for a time "
                          "(./trapeze bench beside --help names those)")
        self.clock = clocks[0]
        icount = self.clock == "icount"
        wanted = options.workload or [*beside.ROWS, *([] if icount else [beside.CORES])]
        if icount and beside.CORES in wanted:
            raise Failure("--workload cores: one core after the other is all that icount has; "
                          "leave --clock icount out")
        # Under icount QEMU gives both cores' instructions one after the other, of one clock.
        arms = [arm for arm in beside.ARMS.values() if not icount or arm.cores == 1]
        self.with_cores = beside.CORES in wanted
        self.quick = quick
        self.plan = beside.Plan(
            arms, [name for name in NAMES if name in wanted],
            options.runs or RUNS[quick][self.clock], MILLISECONDS[quick][self.clock], icount,
            options.timeout or measure.TIMEOUT[quick])
        self.out = options.out or os.path.join(ROOT, "bench", "out")
        self.vmm = os.environ.get("TRAPEZE_VMM", VMM_ELF)
        self.base, self.overlay = None, b""
        self.head = ""
        self.live = sys.stderr.isatty()

    def build(self):
        """Everything, once."""
        setup.ensure()
        programs = os.environ.get("TRAPEZE_BENCH_GUEST")
        build.for_bench(need_vmm=self.vmm == VMM_ELF, need_programs=not programs,
                        bare=[beside.CORES] if self.with_cores else [], need_host=False)
        self.overlay = measure.overlay(programs or build.BENCH)

    def show(self, name):
        """On a terminal: what runs."""
        if self.live:
            sys.stderr.write(f"\r\x1b[K{self.head} {name[:24]}")
            sys.stderr.flush()

    def tell(self, number, total, job):
        """A line for each boot."""
        self.head = (f"==> {number + 1}/{total} {job.arm.name} run {job.run + 1}/{self.plan.runs}: "
                     f"{job.arm.note}")
        say(self.head)

    def _ended(self, one):
        stopped = one.session.stopped
        if stopped and stopped.startswith("SIG") and stopped != "SIGINT":
            raise Failure("stopped", 128 + signal.Signals[stopped])
        if self.live:
            sys.stderr.write("\r\x1b[K")
        return stopped

    def boot(self, job, workloads):
        """One boot, as beside.run wants it."""
        arm = job.arm
        options = boot_options(
            "--quiet", f"--mem={measure.MEM >> 20}M", f"--guests={arm.guests}",
            f"--cores={arm.cores}", *(["--icount"] if self.plan.icount else []))
        options.qemu_arguments = ["-seed", str(job.run + 1)]
        # Where stacks lie Linux draws with the time in it, and it decides what collides in a TLB.
        options.append = "norandmaps"
        options.run = f"sh /bench/all for={self.plan.milliseconds} {' '.join(workloads)}"
        with tempfile.TemporaryDirectory(prefix="trapeze-bench-") as directory:
            one = _Guests(options, os.path.join(directory, "logs"), workloads, self.show)
            one.set_up(self.vmm, self.base, self.overlay, self.plan.timeout)
            one.run()
            one.keep_logs()
            stopped = self._ended(one)
            return beside.Outcome(one.texts(), one.begun, one.problem,
                                  hung=stopped == "timeout" and bool(one.begun),
                                  interrupted=stopped == "SIGINT")

    def boot_cores(self):
        """What two cores gain natively; an Outcome."""
        self.head = "==> two cores natively"
        say(self.head)
        options = boot_options("--quiet", "--native")
        options.kernel = CORES_ELF
        options.append = f"bench={beside.CORES} {'quick' if self.quick else 'full'}"
        options.qemu_arguments = ["-smp", "2"]
        with tempfile.TemporaryDirectory(prefix="trapeze-bench-") as directory:
            one = _Cores(options, os.path.join(directory, "logs"))
            one.set_up(None, None, b"", self.plan.timeout)
            one.run()
            one.keep_logs()
            stopped = self._ended(one)
            return beside.Outcome([one.heard.decode("ascii", "replace")], [], one.problem,
                                  interrupted=stopped == "SIGINT")

    def run(self):
        """Measures, writes, and returns the exit status."""
        output.check_folder(self.out, "--out")
        self.build()
        load = os.getloadavg()[0]
        started = time.monotonic()
        measured, cores, why = beside.Measured(), [], None
        with tempfile.TemporaryDirectory(prefix="trapeze-vmm-") as directory:
            self.vmm, self.base = measure.freeze(self.vmm, directory)
            if self.plan.workloads:
                measured = beside.run(self.plan, self.boot, self.tell)
        if self.with_cores and not measured.interrupted:
            outcome = self.boot_cores()
            measured.interrupted = outcome.interrupted
            cores, why = beside.cores_rows(outcome)
        document = {
            "schema": 1, "host": results.host(ROOT, qemu.program()),
            "conditions": {
                "clock": self.clock, "unit": "instructions" if self.plan.icount else "ns",
                "quick": self.quick, "runs": self.plan.runs, "boots": measured.boots,
                "milliseconds": self.plan.milliseconds, "slice_us": beside.SLICE_US,
                "overlap_least": beside.OVERLAP_LEAST, "memory_bytes": measure.MEM,
                "arms": {arm.name: arm.note for arm in self.plan.arms},
                "load_before": load, "seconds": round(time.monotonic() - started, 1),
                "interrupted": measured.interrupted},
            "cores": cores, "cores_error": why, "rows": beside.rows(self.plan, measured)}
        return self.finish(document)

    def finish(self, document):
        """Writes and shows the report."""
        results.write(os.path.join(self.out, "beside.json"), document)
        text = beside.lines(document)
        with open(os.path.join(self.out, "beside.md"), "w", encoding="utf-8") as report:
            report.write("\n".join(text) + "\n")
        print("\n".join(text), flush=True)
        cores = os.cpu_count() or 1
        if document["conditions"]["load_before"] > 0.75 * cores or cores < 2:
            complain("the machine was busy, or has one core: two guests on two cores need two of it")
        say("report: " + shown(os.path.join(self.out, "beside.md")))
        if document["conditions"]["interrupted"]:
            return INTERRUPTED
        failed = document["cores_error"] or any("errors" in row for row in document["rows"])
        return GUEST_FAILED if failed else OK


def run(options):
    """The subcommand."""
    if options.qemu_arguments:
        raise Failure("bench takes nothing behind --")
    return Beside(options).run()


def add(inner, seconds, runs):
    """Adds it to those of bench. What is said before its name counts, if nothing is said behind."""
    one = inner.add_parser("beside", description=HELP, epilog=END, allow_abbrev=False,
                           usage="./trapeze bench beside [options]",
                           argument_default=argparse.SUPPRESS,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    how = one.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="under 2 minutes")
    how.add_argument("--full", action="store_true", help="about 6 minutes (the default)")
    one.add_argument("--workload", action="append", metavar="WORKLOAD",
                     help="only this one; repeatable")
    one.add_argument("--clock", action="append", metavar="CLOCK", choices=["wall", "icount"],
                     help="wall (the default) or icount, which has no two cores at once")
    one.add_argument("--runs", type=runs, metavar="N",
                     help="boots of each arm (full: 5, quick: 2; with icount 1)")
    one.add_argument("--timeout", type=seconds, metavar="S",
                     help="how long one workload may take (full: 120 s, quick: 60 s)")
    one.add_argument("--out", metavar="DIR", help="where the report goes (default bench/out)")
    one.set_defaults(handler=run)
