# SPDX-License-Identifier: Apache-2.0
"""The benchmarks inside the guest: what they print, and what holds whatever the machine does."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

from support import ROOT, Case, trapeze

sys.path.append(os.path.join(ROOT, "tools"))

# pylint: disable=wrong-import-position
from front import guest  # noqa: E402

GUEST = os.path.join(ROOT, "build", "guest")
BUILD = os.path.join(ROOT, "bench", "guest", "build.sh")
LINE = re.compile(r"@@bench (\w+) (\w+) (ticks|ticks_\w+) (\d+) (\d+) (\S+) (\S+)")
WORKLOADS = ("boot", "null_syscall", "signal", "page_fault", "compute")
INSTRUCTIONS_PER_TICK = 2.5  # -icount shift=0 and a 400 MHz time base
SAMPLES = 3


def counts(text):
    """The numbers of a field NAME=COUNT,... or '-'."""
    if text == "-":
        return {}
    pairs = [pair.split("=") for pair in text.split(",")]
    return {name: int(number) for name, number in pairs}


class Sample:
    """One line of a benchmark."""

    def __init__(self, found):
        self.workload, self.metric, self.unit = found.group(1, 2, 3)
        self.ops, self.ticks = int(found[4]), int(found[5])
        self.exits, self.kinds = counts(found[6]), counts(found[7])
        self.instructions = self.ticks * INSTRUCTIONS_PER_TICK / self.ops


def programs(folder):
    """The benchmarks as members of an archive, built by their own script."""
    done = subprocess.run([BUILD, "--out", folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    members = [("bench", 0o040755, b"")]
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as program:
            members.append(("bench/" + name, 0o100755, program.read()))
    return members


def run(command, native, extra=()):
    """Boots Linux with the benchmarks in /bench, runs a shell command there, returns the Result."""
    files = [("etc", 0o040755, b""), ("etc/trapeze", 0o040755, b""),
             ("etc/trapeze/nonce", 0o100644, b"0123456789abcdef\n"),
             ("etc/trapeze/mode", 0o100644, b"run\n"),
             ("etc/trapeze/command", 0o100644, command.encode() + b"\n"),
             *programs(os.path.join(ROOT, "build", "bench", "guest")), *extra]
    with open(os.path.join(GUEST, "initramfs.cpio.gz"), "rb") as archive:
        data = archive.read()
    words = "console=ttyS0,115200 panic=-1 quiet rdinit=/bench/init BENCH_CLOCK=icount"
    options = ["--native"] if native else ["--vmm-append", "exits-device=on"]
    with tempfile.NamedTemporaryFile(prefix="trapeze-test-") as initrd:
        initrd.write(data + b"\0" * (-len(data) % 4) + guest.cpio(files))
        initrd.flush()
        return trapeze("boot", "--icount", "--quiet", *options,
                       "--kernel", os.path.join(GUEST, "uImage"), "--initrd", initrd.name,
                       "--append", words + ("" if native else " BENCH_EXITS=1"))


def samples(result):
    """The samples by workload; fails the test if the guest did, or a line does not parse."""
    found = {}
    if result.status != 0 or "[trapeze:0123456789abcdef] exit 0" not in result.out:
        raise AssertionError(str(result))
    for line in result.out.replace("\r", "").split("\n"):
        if line.startswith("@@bench "):
            match = LINE.fullmatch(line)
            if not match:
                raise AssertionError(f"not a line of a benchmark: {line}")
            sample = Sample(match)
            found.setdefault(sample.workload, []).append(sample)
    return found


class Figures(Case):
    """The same workloads natively and under the VMM, counted in instructions."""

    @classmethod
    def setUpClass(cls):
        command = "sh /bench/all quick " + " ".join(WORKLOADS)
        cls.native = samples(run(command, native=True))
        cls.trapped = samples(run(command, native=False))

    def test_all_sampled(self):
        for found in (self.native, self.trapped):
            self.assertEqual(list(found), list(WORKLOADS))
            for name, taken in found.items():
                self.assertGreaterEqual(len(taken), 1 if name == "boot" else SAMPLES, name)

    def test_native_counts_no_exits(self):
        for taken in self.native.values():
            for sample in taken:
                self.assertEqual((sample.exits, sample.kinds), ({}, {}))

    def test_boot(self):
        # Some hundred million instructions, from the machine's start and from the guest's.
        for found in (self.native, self.trapped):
            self.assertGreater(found["boot"][0].instructions, 10e6)
            self.assertLess(found["boot"][0].instructions, 2e9)
        self.assertGreater(self.trapped["boot"][0].exits["privileged"], 1000)

    def test_null_system_call(self):
        for sample in self.native["null_syscall"]:
            self.assertTrue(100 < sample.instructions < 400, sample.instructions)
        for sample in self.trapped["null_syscall"]:
            # sc and rfi always; what else the kernel's path has is patched once it is hot.
            self.assertTrue(2 <= sum(sample.exits.values()) / sample.ops <= 40, sample.exits)
            self.assertTrue(sample.ops <= sample.exits["syscall"] <= sample.ops + 5, sample.exits)
            self.assertGreaterEqual(sample.kinds["rfi"], sample.ops)
            # What the device counts for its own loads is taken off.
            self.assertNotIn("mmio", sample.exits)

    def test_signal(self):
        # kill() and sigreturn().
        for sample in self.trapped["signal"]:
            self.assertGreaterEqual(sample.exits["syscall"], 2 * sample.ops)
        self.assertGreater(self.native["signal"][0].instructions,
                           self.native["null_syscall"][0].instructions)

    def test_page_fault(self):
        # The first touch of a page is a TLB miss that finds nothing, then a second for the page.
        for sample in self.trapped["page_fault"]:
            misses = sample.exits["dtlb_guest"] + sample.exits.get("dtlb_shadow", 0)
            self.assertGreaterEqual(misses, sample.ops, sample.exits)
            self.assertGreaterEqual(sample.kinds["tlbwe"], sample.ops)

    def test_compute_is_untouched(self):
        for sample in self.native["compute"]:
            # Six instructions a round, and an interrupt now and then.
            self.assertAlmostEqual(sample.instructions, 6, delta=0.02)
        for mine, bare in zip(self.trapped["compute"], self.native["compute"]):
            self.assertLess(sum(mine.exits.values()), mine.ops / 10000, mine.exits)
            self.assertLess(abs(mine.ticks / bare.ticks - 1), 0.01)

    def test_work_repeats(self):
        # The clock counts instructions, so what differs is where a timer's interrupt falls.
        for name in WORKLOADS[1:]:
            ticks = [sample.ticks for sample in self.native[name]]
            self.assertLess(max(ticks) / min(ticks), 1.05, name)


class Failures(Case):
    """A workload that fails is a line that says so, and the next one runs."""

    def test_failures(self):
        crash = b"#!/bin/sh\nkill -SEGV $$\n"
        fail = b"#!/bin/sh\nexit 7\n"
        result = run("sh /bench/all quick crasher no_such failer file_virtio compute", True,
                     [("bench/crasher", 0o100755, crash), ("bench/failer", 0o100755, fail)])
        self.ends(result, 0)
        found = re.findall(r"^@@bench-failed (\w+) (.*?)\r?$", result.out, re.MULTILINE)
        self.assertEqual([name for name, _ in found],
                         ["crasher", "no_such", "failer", "file_virtio"], str(result))
        for (_, why), words in zip(found, ("signal 11", "no such workload", "status 7",
                                           "/dev/vda")):
            self.assertIn(words, why)
        self.assertIn("@@bench compute", result.out)
        self.assertIn("[trapeze:0123456789abcdef] exit 1", result.out)

    def test_usage(self):
        result = run("/bench/all; echo all=$?; /bench/bench compute; echo bench=$?; "
                     "BENCH_EXITS= /bench/bench compute huge; echo size=$?", native=True)
        for words in ("all=2", "bench=2", "size=2"):
            self.assertIn(words, result.out, str(result))

    def test_on_a_terminal(self):
        # A background process that waits for a terminal's output is stopped, unless it takes care.
        result = run("setsid cttyhack sh -c 'sh /bench/all quick compute'", native=True)
        self.ends(result, 0)
        self.assertEqual(len(re.findall("^@@bench compute ", result.out, re.MULTILINE)), SAMPLES,
                         str(result))

    def test_up_to_date(self):
        # The second build has nothing to do and says nothing.
        programs(os.path.join(ROOT, "build", "bench", "guest"))
        done = subprocess.run([BUILD], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        wrong = subprocess.run([BUILD, "--nonsense"], capture_output=True, text=True, check=False)
        self.assertEqual(wrong.returncode, 2, wrong.stderr)


if __name__ == "__main__":
    unittest.main()
