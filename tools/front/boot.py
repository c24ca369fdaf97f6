# SPDX-License-Identifier: Apache-2.0
"""`trapeze boot`: one guest from image to exit status."""
import contextlib
import json
import os
import re
import secrets
import shlex
import stat
import sys
import tempfile
import time

from . import (build, dump, guest, judge, listening, live, output, patching, qemu, service, setup,
               summary, trace, viewer)
from .common import (GUEST, INTERRUPTED, LAST, LIVE, OK, RUN_OFFSET, USAGE, VMM_ELF, VMM_FAILED,
                     Failure, complain, paint, say, shown)
from .console import GuestConsole, VmmLog
from .session import Session
from .terminal import HELP as KEYS, in_foreground

# What a run writes into its folder, besides the dumps.
FILES = ("console.log", "vmm.log", "qemu.log", "summary.json")
# The default guest's workload takes seconds; one that takes this long never ends.
WORKLOAD_TIMEOUT = 300.0


class Boot:
    """One boot: what was asked for, what it runs on, how it ended.

    folder  where the logs go
    sink    called with what the guest prints, instead of showing it on stdout
    base    path of an initramfs to use instead of ours
    extra   a cpio archive behind it
    """

    folder = LAST
    sink = None
    base = None
    extra = b""

    def __init__(self, options):
        self.options = options
        options.mem_given = options.mem
        options.mem = guest.DEFAULT_MEM if options.mem is None else options.mem
        self.mode = "run" if options.run is not None else (
            "shell" if options.shell else "workload")
        # Our initramfs runs the show unless a kernel of the user's comes with its own, or none.
        self.ours = not options.kernel or (options.run is not None and not options.initrd)
        self.nonce = secrets.token_hex(8) if self.ours else None
        self.timeout = options.timeout
        if self.timeout is None and self.ours and self.mode == "workload" and not options.gdb:
            self.timeout = WORKLOAD_TIMEOUT
        self.vmm_elf = os.environ.get("TRAPEZE_VMM", VMM_ELF)
        self.with_map = not options.native and not options.quiet and self.mode == "workload"
        self.dumps = dump.Store(self.folder)
        self.losses = output.Losses()
        self.json = self.traces = None
        self.session = None
        self._service = None

    def check(self):
        """Raises Failure (status 2) for what cannot be, before anything is built."""
        options = self.options
        guest.check_memory(options)
        if options.gdb:
            qemu.check_port(options.gdb)
        files = [("--kernel", options.kernel), ("--initrd", options.initrd),
                 ("--dtb", options.dtb), *(("--drive", path) for path in options.drive),
                 *(("--load", guest.parse_load(text)[0]) for text in options.load)]
        self.check_files(files)
        if options.load and not options.kernel:
            raise Failure("--load goes with --kernel; the default guest brings its own files")
        if options.initrd and not options.kernel:
            raise Failure("--initrd goes with --kernel; the default guest brings its own")
        if options.run is not None and options.initrd:
            raise Failure("--run needs the default initramfs: leave --initrd out")
        for name, value in (("--watchdog", options.watchdog), ("--profile", options.profile),
                            ("--dump-every", options.dump_every), ("--trace", options.trace),
                            *(one[:2] for one in patching.given(options))):
            if options.native and value is not None:
                raise Failure(f"{name} is the VMM's: it does not go with --native")
        patching.check(options)

    def check_files(self, files):
        """Raises Failure for one of `files`, pairs of an option and a path or None, that cannot be
        read, or would be written too."""
        written = [(name, path) for name, path in (("--json", self.options.json),
                                                   ("--trace", self.options.trace)) if path]
        if len({os.path.realpath(path) for _, path in written}) < len(written):
            raise Failure(f"{written[0][1]}: is one file for both --json and --trace")
        for name, path in files:
            if path is None:
                continue
            if not os.path.exists(path):
                raise Failure(f"{path}: there is no such file ({name})")
            kind = os.stat(path).st_mode
            if not stat.S_ISREG(kind) and not (name == "--drive" and stat.S_ISBLK(kind)):
                raise Failure(f"{path}: is not a file ({name})")
            if not os.access(path, os.R_OK | (os.W_OK if name == "--drive" else 0)):
                raise Failure(f"{path}: permission denied ({name})")
            for option, wanted in written:
                if os.path.exists(wanted) and os.path.samefile(wanted, path):
                    raise Failure(f"{wanted}: is read ({name}), and so not written ({option})")

    def build(self):
        """Builds what this boot needs and is not up to date."""
        options = self.options
        setup.ensure()
        build.for_boot(need_vmm=not options.native and self.vmm_elf == VMM_ELF,
                       need_pack=not options.native or bool(options.kernel or options.dtb),
                       need_guest=self.ours,
                       need_viewer=self.with_map and viewer.is_ours())

    def prepare(self, directory):
        """Builds what is needed and returns QEMU's arguments."""
        options = self.options
        self.build()
        kernel = options.kernel or os.path.join(GUEST, "uImage")
        initrd, words, symbols = options.initrd, [], None
        if self.ours:
            initrd = os.path.join(directory, "initramfs.cpio.gz")
            guest.write_initramfs(initrd, self.nonce, self.mode, options.run, self.base,
                                  self.extra)
            words = [guest.default_bootargs(self.mode, options.verbose)]
        if not options.kernel:
            symbols = os.path.join(GUEST, "System.map")
        append = " ".join(words + ([options.append] if options.append else []))
        if not options.native or options.kernel or options.dtb:
            image = os.path.join(directory, "guest.fit")
            guest.pack(image, kernel, initrd, options, append, symbols)
        if options.native:
            native = guest.native_kernel(kernel, directory, options.raw)
            command = qemu.machine(options.mem, native, initrd, append, options.dtb,
                                   bool(options.gdb))
        else:
            memory = guest.host_memory(options.mem, os.path.getsize(image))
            command = qemu.machine(memory, self.vmm_elf, image,
                                   f"mem={options.mem >> 20}M {self.vmm_words()}", None,
                                   bool(options.gdb))
        if options.native:
            command += qemu.loads(map(guest.parse_load, options.load))
        return command + self.qemu_words()

    def vmm_words(self):
        """The VMM's command line, but for the guest's memory."""
        options = self.options
        words = f"watchdog={30 if options.watchdog is None else options.watchdog}"
        if options.profile:
            words += f" profile={options.profile}"
        if options.dump_every is not None:
            words += f" dump-every={options.dump_every}"
        words += patching.words(options)
        if options.trace:
            words += f" trace={trace.KIB}"
        return words + (" " + options.vmm_append if options.vmm_append else "")

    def qemu_words(self):
        """QEMU's arguments that are alike for any guest."""
        options = self.options
        command = qemu.devices(options.drive, options.net)
        if options.icount:
            command += ["-icount", "shift=0,sleep=off"]
        if options.gdb:
            command += qemu.debugged(options.gdb)
        return command + options.qemu_arguments

    def _symbols(self):
        """The ELF file that has the guest's symbols, or None."""
        if not self.options.kernel:
            return os.path.join(GUEST, "vmlinux")
        with open(self.options.kernel, "rb") as kernel:
            is_elf = kernel.read(4) == b"\x7fELF"
        return os.path.abspath(self.options.kernel) if is_elf and not self.options.raw else None

    def serve(self, machine):
        """The other end of ./trapeze top, console and monitor, or None; a boot does not fail for
        want of it."""
        if self.options.native:
            return None
        servers = []
        try:
            listening.clear(LIVE)
            self.add_servers(servers, machine)
        except OSError as error:
            say(f"./trapeze top cannot follow this boot: {error.strerror}", "dim")
        return live.Group(servers) if servers else None

    def add_servers(self, servers, machine):
        """Puts them into the list one by one. Raises OSError."""
        servers.append(live.Server(machine.ask_vmm, self._symbols()))
        servers.append(self.service(machine, ["guest"]))

    def service(self, machine, names):
        """The Service for consoles and monitor."""
        self._service = service.Service(
            machine.ask_vmm, names, lambda number, data: self.session.type_to(number, data))
        return self._service

    def tap(self, number, data):
        """What a guest wrote, for those who look on."""
        if self._service:
            self._service.output(number, data)

    def _tell_gdb(self):
        # Whole paths: the other terminal may be in another folder.
        elf = self._symbols()
        # QEMU names the architecture; the byte order gdb has from a file, or from us.
        words = ["gdb-multiarch"] + ([elf] if elf else ["-ex", "set endian big"])
        if not self.options.kernel:
            # The default guest's debug information names its sources from their top folder.
            words += ["-ex", "directory " + os.path.join(GUEST, "linux-src")]
        words += ["-ex", f"target remote 127.0.0.1:{self.options.gdb}"]
        say("QEMU waits for a debugger; in another terminal:")
        say("  " + shlex.join(words), "bold")
        if not self.options.native:
            say(f"the VMM's own symbols: add-symbol-file {os.path.abspath(self.vmm_elf)}", "dim")

    def run(self):
        """Boots and returns the exit status."""
        self.check()
        with output.wanted(self.options.json, "--json") as self.json, \
                output.wanted(self.options.trace, "--trace") as trace_file:
            self.traces = trace.Collector(trace_file) if trace_file else None
            with tempfile.TemporaryDirectory(prefix="trapeze-") as directory:
                with output.naming(directory):
                    command = self.prepare(directory)
                self.clear()
                return self._run_qemu(command)

    def clear(self):
        """What an earlier run left goes, so that nobody takes it for this one's."""
        output.check_folder(self.folder)
        self.dumps.clear()
        for name in os.listdir(self.folder):
            if name in FILES or re.fullmatch(r"console-[a-z][a-z0-9-]*\.log", name):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.folder, name))
        if self.json:
            self.json.empty()
        if self.traces:
            self.traces.empty()

    def _log(self, name):
        return output.Log(os.path.join(self.folder, name), self.losses)

    def _stdin(self):
        """What the guest gets of ours, as Session takes it: a guest of the user's has a serial line."""
        if self.options.shell:
            return "keys"
        return "none" if self.ours or self.sink or not in_foreground() else "line"

    def _run_qemu(self, command):
        options = self.options
        interactive = options.shell
        stdin = self._stdin()
        raw = stdin != "none" and sys.stdin.isatty()
        qemu_log = os.path.join(self.folder, "qemu.log")
        with contextlib.ExitStack() as stack:
            console, log = self.consoles(stack, raw)
            vmm_file = stack.enter_context(self._log("vmm.log"))
            show_vmm = not (options.quiet or interactive) and (
                self.mode != "run" or options.verbose)
            session = None

            def on_line(text):
                if self._service:
                    self._service.heard()
                vmm_file.write(text.encode() + b"\n")
                if show_vmm:
                    if not session.column_zero and sys.stdout.isatty():
                        session.show(b"\n")
                    with session.writing():
                        say(text, "dim")

            def on_dump(block):
                session.dumped(block, self.store(block).take(block))

            def on_reply(text):
                if self._service:
                    self._service.reply(text)

            def on_trace(block, why):
                if self._service:
                    self._service.traced(block, why)

            def on_end(found):
                session.show(self.guest_ended(console, found))

            vmm_log = None if options.native else VmmLog(on_line, on_dump, self.dumps.bad, on_reply,
                                                         on_end, self.traces, on_trace)
            machine, served = qemu.Qemu(command, qemu_log, vmm_log is not None), None
            started = time.monotonic()
            try:
                if options.verbose:
                    say("+ " + shlex.join(machine.command), "dim")
                if options.gdb:
                    self._tell_gdb()
                if raw and stdin == "line" and not options.quiet:
                    say(f"what you type goes to the guest: {KEYS}", "dim")
                served = self.serve(machine)
                session = self.session = Session(
                    machine, console, vmm_log, log, self.timeout, stdin, wait=self.ours,
                    live=served, sink=self.sink, resets=self._panic_resets(),
                    patient=bool(options.gdb))
                session.run()
            finally:
                machine.close()
                if served:
                    served.close()
            wall = time.monotonic() - started
        status, words = self._judge(session, machine.status(), qemu_log)
        return self.report(session, status, words, wall)

    def consoles(self, stack, raw):
        """What takes the guest's output, and the log for that; `stack` closes it."""
        options = self.options
        console = GuestConsole(self.nonce, only_run=self.mode == "run" and not options.verbose,
                               markers=options.verbose, raw=raw, anchored=options.shell,
                               tap=lambda data: self.tap(0, data))
        return console, stack.enter_context(self._log("console.log"))

    def store(self, _block):
        """The dump.Store for a Block."""
        return self.dumps

    def stores(self):
        """All of them."""
        return [self.dumps]

    def console_logs(self):
        """Names of the logs of what guests wrote."""
        return ["console.log"]

    def guest_ended(self, _console, _found):
        """A summary has come; what to show then."""
        return b""

    def _panic_resets(self):
        # Of the same word twice Linux takes the last: ours unless the user has one.
        return self.ours and "panic=" not in (self.options.append or "")

    def _judge(self, session, qemu_status, qemu_log):
        """(exit status, a line for the user or None) from how everything ended."""
        log = session.vmm_log
        return judge.of_run(self, session, qemu_status, qemu_log) or judge.of_guest(
            judge.Guest(self.ours, self.mode, session.console, log and log.summary,
                        log and log.broken, native=log is None), session.stopped)

    def report(self, session, status, words, wall):
        """Tells the user how it ended, from exit status, a line or None, and the seconds that QEMU
        ran. Returns the exit status, another one if what was asked for could not be written."""
        options, log = self.options, session.vmm_log
        native = log is None
        facts = {"schema": 1, "mode": "native" if native else "vmm", "status": status,
                 "guest_status": session.console.status, "stopped": session.stopped,
                 "wall_seconds": round(wall, 3),
                 "symbols": None if native else self._symbols(),
                 "dump": self.dumps.path if self.dumps.last else None}
        good = log and log.summary and not summary.problem(log.summary)
        facts = {**(log.summary if good else {}), **facts}
        lost = self._write(facts)
        quiet = options.quiet or (self.mode == "run" and not options.verbose)
        if options.shell:
            # The terminal may be anywhere in a line; the guest's last words stay readable.
            sys.stderr.write("\n" if not session.column_zero else "")
        try:
            if not session.column_zero and not quiet and not options.shell:
                output.put(b"\n")
            if not quiet and not options.shell and (native or good):
                stream = sys.stderr if self.mode == "run" else sys.stdout
                print(summary.render(facts, stream), file=stream, flush=True)
            if self.with_map and (self.dumps.last or good and facts["end"] != "input"):
                viewer.after_boot(self.dumps, facts["symbols"])
        except output.Lost as failure:
            lost = lost or failure
        for complaint in (self.dumps.complaint(), self.losses.complaint(), str(lost or ""), words):
            if complaint:
                complain(complaint)
        if status not in (OK, INTERRUPTED) and self.mode != "run" or words:
            self._name_logs(session, status)
        return self._worse(status, lost)

    def _worse(self, status, lost):
        """The exit status, as `lost`, a Failure or None, and lost dumps make it."""
        if status != OK or not (lost or any(one.unwritten for one in self.stores())):
            return status
        if isinstance(lost, output.Gone):
            return lost.status
        return USAGE + (RUN_OFFSET if self.mode == "run" else 0)

    def _write(self, facts):
        """The summary and the trace, into their files; the Failure of --json or --trace, or None."""
        lost = None
        if self.traces:
            try:
                self.traces.write()
            except Failure as failure:
                lost = failure
        try:
            if self.json:
                self.json.fill((json.dumps(facts, indent=1) + "\n").encode())
        except Failure as failure:
            lost = failure
        facts["status"] = self._worse(facts["status"], lost)
        path = os.path.join(self.folder, "summary.json")
        try:
            output.replace(path, (json.dumps(facts, indent=1) + "\n").encode())
        except OSError as error:
            self.losses.add(path, error)
        return lost

    def _name_logs(self, session, status):
        logs = self.console_logs() + (["vmm.log"] if session.vmm_log else [])
        if status % RUN_OFFSET == VMM_FAILED:
            logs.append("qemu.log")
        say(paint("  logs: ", "dim", sys.stderr)
            + ", ".join(shown(os.path.join(self.folder, name)) for name in logs))


def run(options):
    """The subcommand."""
    from . import several  # (which is made of what is here)
    if several.wanted(options):
        return several.Several(options).run()
    if options.cores is not None:
        raise Failure("--cores goes with --guests or --config: one guest has one core")
    return Boot(options).run()
