#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guests that attack (tests/isa/attack), and what is to be seen from outside afterwards.

examples:
  attacks.py chaos                           one seed, in every mode
  attacks.py chaos --seed 100 --count 50     seeds 100 to 149
  attacks.py chaos --seed 117 --modes hot.crossed   one of them again
  attacks.py --list                          the attacks

exit status: 0 nothing found, 1 something, 2 usage.
"""
import argparse
import functools
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(ROOT, "build", "hv")
VMM = os.path.join(BUILD, "hv", "trapeze-hv.elf")
PROGRAMS = os.path.join(BUILD, "tests", "isa")
MIB = 1 << 20
MODES = {f"{patch.split()[0]}.{mapping}": f"patch={patch} mapping={mapping}"
         for patch in ("off", "hot threshold=2", "eager") for mapping in ("straight", "crossed")}
# Masters on the PCI bus for dma.cpp. The bounds keep QEMU from making random numbers all the time.
MASTERS = ["-device", "edu,addr=1,dma_mask=0xffffffff",
           "-device", "virtio-rng-pci,addr=2,disable-legacy=on,iommu_platform=on,"
                      "max-bytes=1024,period=100",
           "-device", "virtio-rng-pci,addr=3,disable-legacy=on"]
# Attack -> exit statuses it may end with, and QEMU's devices for it. One that may kill its guest has a report then; one
# that may go on for ever has a summary.
# Time is instructions, so that a seed does the same each time; but for chaos, where QEMU 7.2 lets a loop that stores to
# a page of its own text run without any interrupt under -icount.
ICOUNT = ["--icount"]
ATTACKS = {"accesses": ((0,), [], ICOUNT), "causes": ((0, 1), [], ICOUNT),
           "chaos": ((0, 1, 4), [], []), "dma": ((0,), MASTERS, ICOUNT),
           "forge": ((0, 1), [], ICOUNT), "jumps": ((0, 1), [], ICOUNT),
           "tables": ((0, 1), [], ICOUNT)}
# Attack -> what alone may be its guest's end, and what it has printed by then. Where random translations overlap (the
# guest's error, manual 12.3.1), one instruction may need two that displace each other.
MAY_END = {"tables": ("no progress: ", "interrupts: ")}
GUEST, MACHINE = 64 * MIB, 384 * MIB
GUEST_AT = 256 * MIB
# Seconds, to end what hangs; and for a guest that the VMM must not end, because it may only be busy.
TIMEOUT, ENOUGH = 120, 20
# What runs afterwards: it does a little of everything, with patches.
ORDINARY = "sprgs"


def read_only(path):
    """Physical address and bytes of each segment of an ELF file that nobody may write."""
    with open(path, "rb") as handle:
        image = handle.read()
    headers, = struct.unpack_from(">I", image, 28)
    size, count = struct.unpack_from(">HH", image, 42)
    for number in range(count):
        kind, offset, _, address, length, _, flags, _ = struct.unpack_from(
            ">8I", image, headers + number * size)
        if kind == 1 and not flags & 2:
            yield address, image[offset:offset + length]


def machine(memory, *devices):
    """QEMU's arguments for a machine whose memory is a file."""
    return ["--", "-object",
            f"memory-backend-file,id=ram0,size={MACHINE},mem-path={memory},share=on",
            "-machine", "memory-backend=ram0", "-m", f"{MACHINE // MIB}M", *devices]


class Run:
    """One boot of an attack, and what is wrong afterwards."""

    def __init__(self, attack, seed, mode, folder, rounds=None, clock=False):
        self.attack, self.seed, self.mode = attack, seed, mode
        self.statuses, self.devices, time = ATTACKS[attack]
        self.out = os.path.join(folder, "build")
        self.last = os.path.join(self.out, "last")
        self.memory = os.path.join(folder, "ram")
        words = [f"seed={seed}"]
        words += [f"rounds={rounds}"] if rounds is not None else []
        program = os.path.join(PROGRAMS, "attack", attack + ".elf")
        # QEMU's own random numbers, those of virtio-rng among them, come from the seed too.
        self.done = self.boot(program, ["--append", " ".join(words), "--vmm-append", MODES[mode],
                                        "--timeout", str(ENOUGH if 4 in self.statuses else TIMEOUT),
                                        "--watchdog", "5", *(() if clock else time)])

    def boot(self, program, options):
        """Boots a program in the machine, whose memory stays as the one before has left it."""
        command = [os.path.join(ROOT, "trapeze"), "boot", "--kernel", program, "--quiet",
                   "--mem", f"{GUEST // MIB}M", *options,
                   *machine(self.memory, "-seed", str(self.seed), *self.devices)]
        return subprocess.run(command, capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, check=False,
                              env={**os.environ, "TRAPEZE_OUT": self.out})

    def read(self, name):
        """A file of the boot's, as text; empty if there is none."""
        if not os.path.exists(os.path.join(self.last, name)):
            return ""
        with open(os.path.join(self.last, name), encoding="utf-8", errors="replace") as handle:
            return handle.read()

    def problems(self):
        """What must not be: a list of lines, empty if all is well."""
        if not os.path.exists(os.path.join(self.last, "vmm.log")):
            return [f"did not start, status {self.done.returncode}: {self.done.stderr.strip()}"]
        return [*self.ending(), *self.console(), *self.image()]

    def ending(self):
        """A documented status, with a report, a dump and a summary where they belong."""
        status = self.done.returncode
        if status not in self.statuses:
            yield f"status {status}: {self.done.stderr.strip()[-400:]}"
            return
        log = self.read("vmm.log")
        reports = log.count("---- the guest died")
        if reports != (1 if status == 1 else 0):
            yield f"status {status} and {reports} reports"
        cause, printed = MAY_END.get(self.attack, ("", ""))
        if reports and (f"cause: {cause}" not in log or printed not in self.done.stdout):
            yield f"an end that it may not have: {re.findall('cause: (.*)', log)}"
        if status == 0 and "isa: done" not in self.done.stdout and self.statuses == (0,):
            yield f"ended before it was done: {self.done.stdout[-200:]}"
        try:
            facts = json.loads(self.read("summary.json"))
        except (OSError, ValueError) as error:
            yield f"no summary: {error}"
            return
        if "end" not in facts:
            yield "no summary: the VMM does not answer"
        dump = facts.get("dump")
        if not dump or not os.path.getsize(dump):
            yield "no dump"
        if "dump" in self.done.stderr and "damaged" in self.done.stderr:
            yield f"a damaged dump: {self.done.stderr.strip()[-300:]}"

    def console(self):
        """Only the VMM writes to its console."""
        log = self.read("vmm.log")
        for line in log.splitlines():
            if not re.fullmatch(r"\[vmm +\d+\.\d{6}\] [ -~]*|", line):
                yield f"not the VMM's: {line!r}"
                return
        if "VMM itself failed" in log:
            yield "the VMM failed"

    def image(self):
        """The VMM's image is as it was loaded, and nothing is behind the guest's memory."""
        with open(self.memory, "rb") as handle:
            for address, wanted in read_only(VMM):
                handle.seek(address)
                if handle.read(len(wanted)) != wanted:
                    yield f"the VMM's image at {address:#x} is not what was loaded"
            handle.seek(GUEST_AT + GUEST)
            rest = handle.read()
            if rest.count(0) != len(rest):
                yield "something is behind the guest's memory"

    def afterwards(self):
        """An ordinary program in the same machine, whose memory has what the attack left there."""
        program = os.path.join(PROGRAMS, ORDINARY + ".elf")
        options = ["--vmm-append", MODES[self.mode], "--timeout", "300"]
        done = self.boot(program, options)
        if done.returncode != 0 or done.stdout != ordinary(self.mode):
            yield f"afterwards: status {done.returncode} {done.stdout[-200:]}{done.stderr[-300:]}"


@functools.lru_cache(maxsize=None)
def ordinary(mode):
    """What the ordinary program prints in a machine that nobody attacked."""
    with tempfile.TemporaryDirectory(prefix="trapeze-attack-") as folder:
        done = subprocess.run(
            [os.path.join(ROOT, "trapeze"), "boot", "--kernel",
             os.path.join(PROGRAMS, ORDINARY + ".elf"), "--quiet", "--mem", f"{GUEST // MIB}M",
             "--vmm-append", MODES[mode]], capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, check=True, env={**os.environ, "TRAPEZE_OUT": folder})
    return done.stdout


def run(attack, seed, mode, after=True, **others):
    """A line with what came of it, and the list of what is wrong."""
    with tempfile.TemporaryDirectory(prefix="trapeze-attack-") as folder:
        done = Run(attack, seed, mode, folder=folder, **others)
        problems = list(done.problems())
        causes = re.findall("cause: (.*)", done.read("vmm.log"))
        if after and not problems:
            problems = list(done.afterwards())
    status = done.done.returncode
    how = causes[0][:70] if causes else "it went on" if status == 4 else ""
    return f"{attack} seed {seed} {mode}: status {status} {how}", problems


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attack", nargs="?", choices=sorted(ATTACKS))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=list(MODES))
    parser.add_argument("--after", type=int, default=1, metavar="N",
                        help="the ordinary program afterwards with every Nth seed")
    parser.add_argument("--clock", action="store_true",
                        help="with the host's time, so that interrupts come anywhere")
    options = parser.parse_args()
    if options.list:
        print("\n".join(sorted(ATTACKS)))
        return 0
    if not options.attack:
        parser.error("which attack? (--list)")
    bad = 0
    for seed in range(options.seed, options.seed + options.count):
        for mode in options.modes:
            after = (seed - options.seed) % options.after == 0
            line, problems = run(options.attack, seed, mode, after, rounds=options.rounds,
                                 clock=options.clock)
            print(line, flush=True)
            for problem in problems:
                print(f"  PROBLEM: {problem}", flush=True)
            bad += bool(problems)
    print(f"{bad} with problems")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
