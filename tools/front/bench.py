# SPDX-License-Identifier: Apache-2.0
"""`trapeze bench`: the same guest in every arm, and one report."""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))

# pylint: disable=wrong-import-position
from bench.run import compare, host, results, runner  # noqa: E402
from bench.run.arms import ARMS, CLOCKS  # noqa: E402
from bench.run.workloads import WORKLOADS  # noqa: E402

from . import beside, between, build, measure, output, qemu, setup  # noqa: E402
from .boot import Boot  # noqa: E402
from .cli import boot_options  # noqa: E402
from .common import (BUILD, GUEST_FAILED, INTERRUPTED, OK, ROOT, VMM_ELF,  # noqa: E402
                     Failure, complain, say, shown)

FOLDER = os.path.join(ROOT, "bench")
BARE = os.path.join(BUILD, "hv", "bench", "bare")
HOST = os.path.join(BUILD, "host", "bench", "host", "trapeze-bench-host")
DISK_MIB = 32
# Boots per arm and clock: {clock: runs} for --quick and --full.
RUNS = {True: {"icount": 1, "wall": 2}, False: {"icount": 2, "wall": 5}}

HELP = """Runs the same guest in every arm and clock, the arms in turn, and writes one report: times,
ratios from boots that lie next to each other, exits by cause. Arms are native (no VMM), trap
(trap and emulate), straight and crossed (hot trap sites patched, in one layout of address spaces
and in the other); the report says what patching brings, these two beside trap, and which layout
is better, one beside the other.

Without --workload it also measures the VMM's portable parts on this machine (Google Benchmark).

examples:
  ./trapeze bench                          the full measurement, under 20 minutes
  ./trapeze bench --quick                  under 4 minutes, for a first look
  ./trapeze bench --quick --workload null_syscall --workload pipe --clock icount
  ./trapeze bench --arm straight --arm crossed --runs 5     one layout beside the other, no ratios
  ./trapeze bench --runs 9 --clock wall --out /tmp/wall
  ./trapeze bench --list                   arms, clocks and workloads by name
  ./trapeze bench compare old.json new.json
  ./trapeze bench beside                   two guests side by side, and one alone
  ./trapeze bench between                  TCP between two guests, and within one

./trapeze bench compare --help tells how two results are compared, ./trapeze bench beside --help and
./trapeze bench between --help how several guests are measured."""

END = """exit status: 0 all was measured, 1 a workload failed, hung or printed nonsense (its row
says why; the others are there), 2 usage, 3 the build failed, 130 Ctrl-C (what was measured is reported).

files written: report.html, report.md and results.json in bench/out/ or --out; build/bench/ has the
programs, and last/ there the logs of the last boot. docs/bench.md tells how to read the report."""

COMPARE_HELP = """Compares two results.json: which figures got slower or faster by more than their
spread, that is, whose ranges from least to greatest do not overlap.

examples:
  ./trapeze bench compare old.json bench/out/results.json
  ./trapeze bench compare --tolerance 10 --wall old.json new.json

exit status: 0 nothing got slower by more than the tolerance, 1 something did, or failed that did
not before, 2 usage or a file that cannot be read. Without --wall only icount counts for the
status."""


class _Boot(measure.Quiet, Boot):
    """A boot whose output is ours to read, with everything built before."""

    def __init__(self, options, folder, vmm, base, extra, patience, on_begin):
        self.folder = folder
        super().__init__(options)
        self.set_up(vmm, base, extra, patience)
        self.on_begin = on_begin
        self.begun = False
        self._line = b""

    def prepare(self, directory):
        """Natively with a device tree of the size that it needs.

        QEMU's own is padded to 1 MiB, and Linux's checksum over it takes longer than the VMM
        takes for all of a boot's exits of that time.
        """
        command = super().prepare(directory)
        if not self.options.native or self.options.kernel:
            return command
        dumped, packed = (os.path.join(directory, name) for name in ("padded.dtb", "packed.dtb"))
        machine = command.index("ppce500")
        # The tree has the UART only if something is connected to it.
        measure.quietly([*command[:machine], f"ppce500,dumpdtb={dumped}", *command[machine + 1:],
                  "-serial", "null"])
        measure.quietly(["dtc", "-q", "-I", "dtb", "-O", "dtb", "-o", packed, dumped])
        return command + ["-dtb", packed]

    def sink(self, data):
        """Each workload gets the time limit anew."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            words = line.split()
            if len(words) == 2 and words[0] == b"@@bench-begin":
                self.begun = True
                self.on_begin(words[1].decode("ascii", "replace"))
                self.goes_on()

    def text(self):
        """All of the guest's console."""
        with open(os.path.join(self.folder, "console.log"), encoding="utf-8",
                  errors="replace") as log:
            return log.read().replace("\r\n", "\n")


def _make_disk(path):
    """An empty ext4 file system for file_virtio."""
    with open(path, "wb") as disk:
        disk.truncate(DISK_MIB << 20)
    paths = "/usr/sbin:/sbin:" + os.environ.get("PATH", "")
    measure.quietly([shutil.which("mke2fs", path=paths) or "mke2fs", "-q", "-F", "-t", "ext4", path])


class Bench:
    """One call of the subcommand."""

    def __init__(self, options):
        self.options = options
        quick = options.quick
        clocks = [CLOCKS[name] for name in CLOCKS if not options.clock or name in options.clock]
        runs = {clock.name: options.runs or RUNS[quick][clock.name] for clock in clocks}
        self.plan = runner.Plan(
            [ARMS[name] for name in ARMS if not options.arm or name in options.arm], clocks,
            [WORKLOADS[name] for name in WORKLOADS
             if not options.workload or name in options.workload],
            runs, quick, options.timeout or measure.TIMEOUT[quick])
        # Who asks for workloads wants these and nothing else.
        self.with_host = not options.workload
        self.host_rows = None
        self.host_failed = False
        self.out = options.out or os.path.join(FOLDER, "out")
        self.vmm = os.environ.get("TRAPEZE_VMM", VMM_ELF)
        self.base = None
        self.overlay = b""
        self.live = sys.stderr.isatty()
        self.head = ""
        self.told = 0

    def check(self):
        """Raises Failure before anything is built if the report could not be written."""
        output.check_folder(self.out, "--out")

    def build(self):
        """Everything, once."""
        setup.ensure()
        bare = [work.name for work in self.plan.workloads if work.bare]
        programs = os.environ.get("TRAPEZE_BENCH_GUEST")
        build.for_bench(need_vmm=self.vmm == VMM_ELF, need_programs=not programs, bare=bare,
                        need_host=self.with_host)
        self.overlay = measure.overlay(programs or build.BENCH)

    def _options(self, job, workloads, directory):
        """What `./trapeze boot` would be told for this boot."""
        vmm = "exits-device=on" + (" " + job.arm.vmm if job.arm.vmm else "")
        size = "quick" if job.quick else "full"
        words = [] if job.arm.native else ["BENCH_EXITS=1"]
        if job.clock.icount:
            words.append("BENCH_CLOCK=icount")
        names = " ".join(work.name for work in workloads)
        options = boot_options(
            "--quiet", f"--mem={measure.MEM >> 20}M", *(["--icount"] if job.clock.icount else []),
            *(["--native"] if job.arm.native else ["--vmm-append=" + vmm]))
        # The guest's randomness: other in each run, the same again when all is measured again.
        options.qemu_arguments = ["-seed", str(job.run + 1)]
        if job.bare:
            options.kernel = os.path.join(BARE, names + ".elf")
            options.append = f"bench={names} {size}" + ("" if job.arm.native else " exits")
        else:
            options.run = " ".join([*words, "sh /bench/all", size, names])
            # Where stacks lie, Linux draws with the time in it, and so not alike in all arms; it
            # decides what collides in a TLB, 4 % of a fork.
            options.append = " ".join(["rdinit=/bench/init", "norandmaps", *words])
            if job.disk:
                options.drive = [os.path.join(directory, "disk.img")]
                _make_disk(options.drive[0])
        return options

    def show(self, name=""):
        """On a terminal: one line with the boot and the workload that runs."""
        if self.live:
            width = os.get_terminal_size(sys.stderr.fileno()).columns
            line = f"{self.head} {name[:24]}"
            sys.stderr.write("\r\x1b[K" + line[:max(width - 1, 20)])
            sys.stderr.flush()

    def boot(self, job, workloads):
        """One boot, as the runner wants it."""
        with tempfile.TemporaryDirectory(prefix="trapeze-bench-") as directory:
            one = _Boot(self._options(job, workloads, directory), os.path.join(directory, "logs"),
                        self.vmm, self.base, self.overlay, job.timeout, self.show)
            one.run()
            one.keep_logs()
            stopped = one.session.stopped
            if stopped == "SIGINT":
                return runner.Outcome("", one.seconds, interrupted=True)
            if stopped and stopped.startswith("SIG"):
                raise Failure("stopped", 128 + signal.Signals[stopped])
            return runner.Outcome(one.text(), one.seconds, one.problem,
                                  hung=stopped == "timeout" and one.begun)

    def tell(self, progress, run, job, failures):
        """A line for each boot, before it starts."""
        if self.live:
            sys.stderr.write("\r\x1b[K")
        for key in list(failures)[self.told:]:
            complain(f"{' '.join(key)}: {failures[key]}")
        self.told = len(failures)
        clock = _clock(progress.elapsed())
        if job is None:
            say(f"==> {progress.done} of {progress.total} boots in {clock}")
            return
        left = progress.remaining()
        what = (job.workloads[0].name if len(job.workloads) == 1
                else f"{len(job.workloads)} workloads")
        self.head = (f"==> {progress.done + 1}/{progress.total} {job.arm.name} {job.clock.name} "
                     f"run {run + 1}/{self.plan.runs[job.clock.name]}: {what}; {clock}"
                     + (f", about {_clock(left)} left" if left is not None else ""))
        if self.live:
            self.show()
        else:
            say(self.head)

    def measure_host(self):
        """The portable parts on this machine; a failure is told and does not hide the rest."""
        say("==> the portable parts on the host")
        try:
            self.host_rows = host.measure(HOST, self.options.quick)
        except host.Failed as failure:
            self.host_failed = True
            complain(f"{os.path.basename(HOST)}: {failure}")

    def run(self):
        """Measures, writes, and returns the exit status."""
        self.check()
        self.build()
        conditions = {"memory_bytes": measure.MEM, "load_before": os.getloadavg()[0],
                      "vmm_profile": "on (the VMM's default)",
                      "initramfs": "not compressed: else most of a boot would be its unpacking"}
        with tempfile.TemporaryDirectory(prefix="trapeze-vmm-") as directory:
            self.vmm, self.base = measure.freeze(self.vmm, directory)
            started = time.monotonic()
            measured = runner.run(self.plan, self.boot, self.tell)
        if self.with_host and not measured.interrupted:
            self.measure_host()
        conditions["seconds"] = round(time.monotonic() - started, 1)
        conditions["load_after"] = os.getloadavg()[0]
        document = results.put_together(results.host(ROOT, qemu.program()), self.plan, measured,
                                        conditions)
        if self.host_rows:
            document["host_benchmarks"] = self.host_rows
        self.write(document)
        if measured.interrupted:
            return INTERRUPTED
        failed = self.host_failed or any("error" in row for row in document["rows"])
        return GUEST_FAILED if failed else OK

    def write(self, document):
        """results.json and both reports."""
        results.write(os.path.join(self.out, "results.json"), document)
        # Only who measures waits for the pictures' code to be loaded.
        from bench.run import reference, report
        try:
            beside = reference.load(os.path.join(FOLDER, "reference"))
            paths = reference.load_paths(os.path.join(FOLDER, "paths.json"))
        except results.Unreadable as error:
            raise Failure(str(error)) from None
        for name, text in report.render(document, beside, paths).items():
            with open(os.path.join(self.out, name), "w", encoding="utf-8") as file:
                file.write(text)
        print("\n".join(report.summary(document)), flush=True)
        say("report: " + shown(os.path.join(self.out, "report.html")))


def _clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _list():
    for title, table, words in (("arms", ARMS, lambda one: one.note),
                                ("clocks", CLOCKS, lambda one: one.note),
                                ("workloads", WORKLOADS, lambda one: one.what)):
        print(title + ":")
        for name, one in table.items():
            print(f"  {name:20} {words(one)}")


def run(options):
    """The subcommand."""
    if options.qemu_arguments:
        raise Failure("bench takes nothing behind --")
    if options.guests:
        raise Failure("two guests beside each other are measured by ./trapeze bench beside")
    if options.list:
        _list()
        return OK
    return Bench(options).run()


def run_compare(options):
    """The subcommand's own subcommand."""
    try:
        rows = compare.compare(results.load(options.old), results.load(options.new))
    except results.Unreadable as error:
        raise Failure(str(error)) from None
    bad = compare.bad(rows, options.tolerance / 100, options.wall)
    if options.json:
        print(json.dumps({"schema": 1, "tolerance": options.tolerance, "wall": options.wall,
                          "bad": len(bad), "rows": rows}, indent=1))
    else:
        print("\n".join(compare.table(rows)))
        if bad:
            say(f"{len(bad)} figures got slower by more than {options.tolerance:g} %, or failed")
    return GUEST_FAILED if bad else OK


def _runs(text):
    value = int(text)
    if not 1 <= value <= 1000:
        raise ValueError(text)
    return value


def _percent(text):
    value = float(text)
    if not 0 <= value <= 1e6:
        raise ValueError(text)
    return value


_runs.__name__ = "number of runs"
_percent.__name__ = "percentage"


def add(commands, seconds):
    """Adds the subcommand; `seconds` is the type of a number of seconds."""
    form = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser("bench", description=HELP, epilog=END, allow_abbrev=False,
                                 usage="./trapeze bench [options] | beside [options] | between [options] | "
                                       "compare OLD.json NEW.json",
                                 formatter_class=form)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="under 4 minutes")
    how.add_argument("--full", action="store_true", help="under 20 minutes (the default)")
    for option, table in (("--arm", ARMS), ("--clock", CLOCKS), ("--workload", WORKLOADS)):
        parser.add_argument(option, action="append", default=[], metavar=option[2:].upper(),
                            choices=list(table), help="only this one; repeatable")
    parser.add_argument("--runs", type=_runs, metavar="N",
                        help="boots of each arm (full: 5 in wall, 2 in icount; quick: 2 and 1)")
    parser.add_argument("--timeout", type=seconds, metavar="S",
                        help="how long one workload may take (full: 120 s, quick: 60 s)")
    parser.add_argument("--out", metavar="DIR", help="where the report goes (default bench/out)")
    parser.add_argument("--list", action="store_true", help="say what there is, measure nothing")
    parser.add_argument("--guests", help=argparse.SUPPRESS)
    parser.set_defaults(handler=run)
    inner = parser.add_subparsers(dest="inner", prog="./trapeze bench", help=argparse.SUPPRESS, metavar="")
    beside.add(inner, seconds, _runs)
    between.add(inner, seconds, _runs)
    one = inner.add_parser("compare", description=COMPARE_HELP, allow_abbrev=False,
                           formatter_class=form)
    one.add_argument("old", metavar="OLD.json")
    one.add_argument("new", metavar="NEW.json")
    one.add_argument("--tolerance", type=_percent, default=5.0, metavar="PERCENT",
                     help="how much slower is still fine (default 5)")
    one.add_argument("--wall", action="store_true", help="wall clock counts for the status too")
    one.add_argument("--json", action="store_true", help="the comparison as JSON")
    one.set_defaults(handler=run_compare)
