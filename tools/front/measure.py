# SPDX-License-Identifier: Apache-2.0
"""What boots that are measured have in common."""
import gzip
import os
import shutil
import subprocess
import time

from . import guest
from .common import GUEST, OUT, VMM_ELF, VMM_FAILED, Failure

LOGS = os.path.join(OUT, "bench", "last")
# A guest's memory, in bytes.
MEM = 256 << 20
# Seconds that one workload, or the start of a guest, may take: with --quick, and else.
TIMEOUT = {True: 60.0, False: 120.0}


class Quiet:
    """In front of Boot, or of what is made of it: its output is ours to read, and everything is
    built before.

    problem, seconds  once it has run: why it ended badly or None, and how long QEMU ran
    """

    problem, seconds = None, 0.0

    def set_up(self, vmm, base, extra, patience):
        """The VMM to boot, an initramfs, a cpio archive behind it, the time limit of a part."""
        self.vmm_elf, self.base, self.extra = vmm, base, extra
        self.timeout = self.patience = patience

    def goes_on(self):
        """The next part gets the time limit anew."""
        if self.session.deadline:
            self.session.deadline = time.monotonic() + self.patience

    def build(self):
        """Done once for all boots: nothing changes while it is measured."""

    def serve(self, machine):
        """Nobody may disturb a measurement."""

    def report(self, session, status, words, wall):
        """Keeps what the runner wants to know."""
        self.problem = words
        self.seconds = wall
        return status

    def keep_logs(self):
        """For a user who wants to know more; a measurement beside this one does so too."""
        os.makedirs(LOGS, exist_ok=True)
        for name in os.listdir(self.folder):
            beside = os.path.join(LOGS, f".{os.getpid()}.{name}")
            shutil.copyfile(os.path.join(self.folder, name), beside)
            os.replace(beside, os.path.join(LOGS, name))


def overlay(programs):
    """The programs of the guest, a folder, as a cpio archive."""
    members = [("bench", 0o040755, b"")]
    for folder, folders, files in os.walk(programs):
        folders.sort()
        inside = os.path.relpath(folder, programs)
        if inside != ".":
            members.append((os.path.join("bench", inside), 0o040755, b""))
        for name in sorted(files):
            path = os.path.join(folder, name)
            with open(path, "rb") as program:
                members.append((os.path.normpath(os.path.join("bench", inside, name)),
                                0o100755 if os.access(path, os.X_OK) else 0o100644,
                                program.read()))
    return guest.cpio(members)


def quietly(command):
    """Runs a tool; what it says matters only if it fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", check=False)
    except OSError as error:
        raise Failure(f"cannot start {command[0]}: {error.strerror}", VMM_FAILED) from None
    if done.returncode != 0:
        last = (done.stderr.strip() or f"status {done.returncode}").split("\n")[-1]
        raise Failure(f"{os.path.basename(command[0])}: {last}", VMM_FAILED)


def freeze(vmm, directory):
    """(a VMM, an initramfs that is not compressed) in a folder: a build in this checkout while we
    measure must not change what is measured."""
    if vmm == VMM_ELF:
        vmm = shutil.copy(VMM_ELF, directory)
    base = os.path.join(directory, "initramfs.cpio")
    with gzip.open(os.path.join(GUEST, "initramfs.cpio.gz")) as packed:
        with open(base, "wb") as plain:
            shutil.copyfileobj(packed, plain)
    return vmm, base
