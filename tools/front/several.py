# SPDX-License-Identifier: Apache-2.0
"""`trapeze boot` of several guests: --guests N or --config FILE."""
import os
import sys
import types

from . import (build, config, consoles, dump, guest, judge, links, live, machine, output, qemu, setup,
               summary)
from .boot import Boot
from .common import GUEST, LAST, OK, VMM_ELF, Failure, complain, paint
from .console import GuestConsole

# What a file of --config says itself.
OF_CONFIG = ("kernel", "initrd", "dtb", "append", "load", "raw")


def wanted(options):
    """Whether these options ask for several guests."""
    return options.guests is not None or options.config is not None


class Several(Boot):
    """One run of several guests."""

    def __init__(self, options):
        self.machine = None
        self.members, self.verdicts = [], []
        super().__init__(options)
        # One page a guest is made when it is asked for: ./trapeze heatmap --guest NAME.
        self.with_map = False

    def check(self):
        """Raises Failure (status 2) for what cannot be, before anything is built."""
        options = self.options
        if options.native:
            raise Failure("--native is without the VMM, and so without several guests: leave "
                          "--guests and --config out")
        if options.guests is not None and options.config is not None:
            raise Failure("--config says how many guests there are: leave --guests out")
        if options.config is None:
            super().check()
            self.machine = machine.of_options(options)
        else:
            self._check_config()
        self.ours = any(spec.ours for spec in self.machine.guests)
        if options.run is not None and not self.ours:
            raise Failure("--run is for default guests, and there is none here: leave it out")
        if not self.ours and options.timeout is None:
            self.timeout = None
        owner = [spec.name for spec in self.machine.guests if spec.pci]
        if (options.drive or options.net) and not owner:
            raise Failure(f"{'--drive' if options.drive else '--net'} goes to the guest that owns "
                          'the PCI bus, and none does: say devices = "pci" in one')

    def _check_config(self):
        options = self.options
        for name in OF_CONFIG:
            if getattr(options, name):
                raise Failure(f"--{name} is said by the file of --config, for each guest: leave "
                              "it out")
        self.check_files([("--drive", path) for path in options.drive])
        if options.json and os.path.exists(options.json) and os.path.exists(
                options.config) and os.path.samefile(options.json, options.config):
            raise Failure(f"{options.json}: is read (--config), and so not written (--json)")
        self.machine = config.read(options.config)
        cores = options.cores
        if cores is not None:
            if not self.machine.cores <= cores <= machine.CORES_MOST:
                raise Failure(f"--cores {cores}: {options.config} needs {self.machine.cores}, and "
                              f"{machine.CORES_MOST} are the most")
            self.machine.cores = cores
        if options.mem_given is not None and options.mem_given < self.machine.memory:
            raise Failure(f"--mem is the whole machine's with --config, and {options.config} needs "
                          f"{self.machine.memory >> 20}M with the VMM: leave it out")

    def build(self):
        """Builds what this boot needs and is not up to date."""
        setup.ensure()
        build.for_boot(need_vmm=self.vmm_elf == VMM_ELF, need_pack=True,
                       need_guest=any(spec.kernel is None for spec in self.machine.guests)
                       or self.ours, need_viewer=False, programs=sorted(
                           {target for spec in self.machine.guests if spec.kernel
                            for target in [machine.target_of(spec.kernel)] if target}))

    def prepare(self, directory):
        """Builds what is needed and returns QEMU's arguments."""
        options = self.options
        self.build()
        image = os.path.join(directory, "machine.img")
        machine.write_image(image, self.machine, self._fits(directory))
        memory = self.machine.memory_with(os.path.getsize(image))
        if options.config is not None and options.mem_given is not None:
            memory = guest.round_up(max(memory, options.mem_given), guest.QEMU_RAM_STEP)
        command = qemu.machine(memory, self.vmm_elf, image, self.vmm_words(), None,
                               bool(options.gdb), self.machine.cores)
        return command + self.qemu_words()

    def _fits(self, directory):
        """The path of each guest's FIT; guests that are alike share one."""
        options, initramfs, made, fits = self.options, None, {}, []
        for spec in self.machine.guests:
            initrd, words = spec.initrd, []
            if spec.ours:
                if not initramfs:
                    initramfs = os.path.join(directory, "initramfs.cpio.gz")
                    guest.write_initramfs(initramfs, self.nonce, self.mode, options.run, self.base,
                                          self.extra)
                initrd = initramfs
                words = [guest.default_bootargs(self.mode, options.verbose, links.console_of(spec.handles))]
                if any(one.address is not None for one in spec.handles):
                    # Linux's driver for memory in its tree asks for the name that it goes by.
                    words.append("uio_pdrv_genirq.of_id=generic-uio")
            append = " ".join(words + ([spec.append] if spec.append else []))
            key = (spec.kernel, initrd, spec.dtb, tuple(spec.load), spec.raw, spec.mem, append)
            if key not in made:
                made[key] = os.path.join(directory, f"{spec.name}.fit")
                guest.pack(made[key], spec.kernel or os.path.join(GUEST, "uImage"), initrd,
                           types.SimpleNamespace(mem=spec.mem, raw=spec.raw, dtb=spec.dtb,
                                                 load=spec.load), append,
                           None if spec.kernel else os.path.join(GUEST, "System.map"))
            fits.append(made[key])
        return fits

    def _symbols(self):
        return self.machine.guests[0].symbols

    def add_servers(self, servers, qemu_process):
        """One for each guest's dumps; who names none gets the first one's."""
        def serve(spec, guest_name):
            servers.append(live.Server(qemu_process.ask_vmm, spec.symbols, guest=guest_name,
                                       wants=lambda block: block.guest == spec.name))

        serve(self.machine.guests[0], None)
        for spec in self.machine.guests:
            serve(spec, spec.name)
        servers.append(self.service(qemu_process, [spec.name for spec in self.machine.guests]))

    def _stdin(self):
        # Several guests have no keyboard unless somebody wants to type.
        return "keys" if self.options.shell else "none"

    def consoles(self, stack, raw):
        """What takes the guests' output; `stack` closes the logs."""
        options = self.options
        for number, spec in enumerate(self.machine.guests):
            console = GuestConsole(
                self.nonce if spec.ours else None, only_run=spec.ours and self.mode == "run"
                and not options.verbose, markers=options.verbose, raw=raw, anchored=options.shell,
                tap=lambda data, number=number: self.tap(number, data))
            log = stack.enter_context(self._log(f"console-{spec.name}.log"))
            self.members.append(consoles.Member(number, spec, console, log,
                                                dump.Store(self.folder, spec.name)))
        merged = stack.enter_context(self._log("console.log"))
        return consoles.Consoles(self.members, merged, options.shell, sys.stdout), None

    def store(self, block):
        """The dump.Store for a Block."""
        for one in self.members:
            if one.name == block.guest:
                return one.dumps
        return self.dumps

    def guest_ended(self, console, found):
        """A summary has come; what to show then."""
        return console.end(found.get("guest"), found.get("again") is True)

    def _panic_resets(self):
        # Each guest's own affair; only if all of them loop the run ends.
        return False

    def _judge(self, session, qemu_status, qemu_log):
        """(exit status, a line for the user or None): the first status that is not 0."""
        whole = judge.of_run(self, session, qemu_status, qemu_log)
        self.verdicts = [self._verdict(session, one) for one in self.members]
        if whole:
            return whole
        of_vmm = session.vmm_log.summaries.get(None)
        if of_vmm and of_vmm.get("end") in judge.BAD_ENDS:
            return judge.of_guest(judge.Guest(self.ours, self.mode, session.console, of_vmm, None),
                                  session.stopped)
        bad = [(one, verdict) for one, verdict in zip(self.members, self.verdicts) if verdict[0]]
        for one, (_, words) in bad[1:]:
            if words:
                complain(f"{one.name}: {words}")
        if not bad:
            return OK, None
        one, (status, words) = bad[0]
        return status, f"{one.name}: {words}" if words else None

    def _verdict(self, session, one):
        found = session.vmm_log.summaries.get(one.name)
        if not found and one.waits:
            return OK, None
        stopped = "over" if session.stopped == "panic" and not one.console.panic.loops else (
            session.stopped)
        return judge.of_guest(judge.Guest(one.spec.ours, self.mode, one.console, found,
                                          session.vmm_log.broken), stopped)

    def report(self, session, status, words, wall):
        """Tells the user how it ended. Returns the exit status."""
        rows = [self._facts(session, one, verdict)
                for one, verdict in zip(self.members, self.verdicts)]
        facts = {"schema": 1, "mode": "vmm", "status": status, "stopped": session.stopped,
                 "wall_seconds": round(wall, 3), "cores": self.machine.cores, "guests": rows}
        lost = self._write(facts)
        options = self.options
        if options.shell:
            sys.stderr.write("\n" if not session.column_zero else "")
        try:
            if not (options.quiet or options.shell or self.mode == "run" and not options.verbose):
                if not session.column_zero:
                    output.put(b"\n")
                print(summary.of_guests(rows, sys.stdout), flush=True)
                for row in rows if options.verbose else ():
                    if "ticks" in row:
                        print(paint(f"\nguest {row['guest']}", "bold", sys.stdout)
                              + summary.render(row, sys.stdout), flush=True)
        except output.Lost as failure:
            lost = lost or failure
        complaints = [f"{one.name}: {text}" for one in self.members
                      for text in [one.dumps.complaint()] if text]
        for complaint in (*complaints, self.losses.complaint(), str(lost or ""), words):
            if complaint:
                complain(complaint)
        if status not in (OK, judge.INTERRUPTED) and self.mode != "run" or words:
            self._name_logs(session, status)
        return self._worse(status, lost)

    def _facts(self, session, one, verdict):
        """A row of summary.json for a guest."""
        found = session.vmm_log.summaries.get(one.name)
        good = found and not summary.problem(found)
        return {**(found if good else {}), "guest": one.name, "status": verdict[0],
                "guest_status": one.console.status, "times_ended": one.ends,
                "mode": "vmm", "symbols": one.spec.symbols,
                "console": os.path.join(LAST, f"console-{one.name}.log"),
                "dump": one.dumps.path if one.dumps.last else None}

    def stores(self):
        """All of them."""
        return [one.dumps for one in self.members] + [self.dumps]

    def console_logs(self):
        """Names of the logs of what guests wrote."""
        return [f"console-{one.name}.log" for one in self.members]
