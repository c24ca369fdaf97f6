# SPDX-License-Identifier: Apache-2.0
"""QEMU's command line, and its process with a console on each UART."""
import contextlib
import glob
import os
import shutil
import socket
import subprocess

from .children import dies_with_us
from .common import VMM_FAILED, Failure

# Without these a virtio device ignores the bridge's inbound windows and reaches any host memory.
BEHIND_BRIDGE = "disable-legacy=on,iommu_platform=on"
GDB_PORT = 1234


def program(debugged=False):
    """QEMU's path: $TRAPEZE_QEMU or qemu-system-ppc64 from PATH.

    The same machine of qemu-system-ppc is for one that is debugged: the other tells gdb of 64-bit
    registers, which gdb rejects for a 32-bit program, and then reads all wrong.
    """
    name = os.environ.get("TRAPEZE_QEMU", "qemu-system-ppc" if debugged else "qemu-system-ppc64")
    found = shutil.which(name)
    if not found:
        raise Failure(f"{name} is not there: run ./trapeze setup", VMM_FAILED)
    return found


def _comma_safe(path):
    # In an option's value QEMU takes a comma as the next option unless it is doubled.
    return path.replace(",", ",,")


def check_port(port):
    """Raises Failure if a debugger could not be waited for there."""
    with socket.socket() as end:
        # As QEMU does: a connection of a moment ago that is still closing does not count.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            end.bind(("127.0.0.1", port))
        except OSError as error:
            raise Failure(f"port {port} for the debugger: {error.strerror}; another one: "
                          "--gdb PORT") from None


def debugged(port):
    """Arguments to wait for a debugger: from this machine only, for it may read and write all."""
    return ["-gdb", f"tcp:127.0.0.1:{port}", "-S"]


def machine(mem, kernel, initrd, append, dtb, debug=False, cores=1):
    """The arguments that every boot has. `mem` is in bytes; absent parts are None or ''."""
    command = [program(debug), "-M", "ppce500", "-cpu", "e500v2", "-m", f"{mem >> 20}M",
               "-nodefaults", "-display", "none", "-no-reboot", "-kernel", kernel]
    if cores > 1:
        command += ["-smp", str(cores)]
    if initrd:
        command += ["-initrd", initrd]
    if append:
        command += ["-append", append]
    if dtb:
        command += ["-dtb", dtb]
    return command


def loads(files):
    """Puts each of `files`, pairs of a path and an address, into memory before the start."""
    command = []
    for path, address in files:
        command += ["-device", f"loader,file={_comma_safe(path)},addr={address:#x},force-raw=on"]
    return command


def devices(drives, net):
    """virtio-blk for each raw image in `drives`; virtio-net on QEMU's user network if `net`."""
    command = []
    for number, path in enumerate(drives):
        command += ["-drive", f"file={_comma_safe(path)},format=raw,if=none,id=drive{number}",
                    "-device", f"virtio-blk-pci,drive=drive{number},{BEHIND_BRIDGE}"]
    if net:
        # No option ROM: nothing here runs one, and Debian keeps them in a package of its own.
        command += ["-netdev", "user,id=net0",
                    "-device", f"virtio-net-pci,netdev=net0,romfile=,{BEHIND_BRIDGE}"]
    return command


class Qemu:
    """A running QEMU; `guest` and `vmm` are the sockets of UART0 and UART1 (vmm may be None).

    The sockets are connected pairs, not files, so nothing is left behind, and what QEMU wrote
    before it ended can still be read up to the end of file.
    """

    def __init__(self, command, log_path, with_vmm):
        self.guest, guest_end = self._pair()
        self.vmm, vmm_end = self._pair() if with_vmm else (None, None)
        command = [*command, *self._chardev("guest", guest_end)]
        if with_vmm:
            command += self._chardev("vmm", vmm_end)
        self.command = command
        self._delayed, self._waited = 0.0, {}
        ends = [end for end in (guest_end, vmm_end) if end]
        with open(log_path, "wb") as log:
            try:
                # A session of its own: the terminal's Ctrl-C is ours to handle, not QEMU's.
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    pass_fds=[end.fileno() for end in ends], start_new_session=True,
                    preexec_fn=dies_with_us())
            except OSError as error:
                raise Failure(f"cannot start {command[0]}: {error.strerror}",
                              VMM_FAILED) from None
            finally:
                for end in ends:
                    end.close()

    @staticmethod
    def _pair():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        # Room for a burst of output, so that QEMU's UART does not have to wait for us.
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        return ours, theirs

    @staticmethod
    def _chardev(name, end):
        return ["-chardev", f"socket,id={name},fd={end.fileno()}", "-serial", f"chardev:{name}"]

    def status(self):
        """The exit status, or None while it runs."""
        return self.process.poll()

    def delayed(self):
        """Seconds so far that QEMU was ready to run and the host gave its processors to others, as far as this was
        asked for again and again: between two times it is that of the thread that has waited most (proc(5),
        schedstat). 0.0 where Linux does not tell."""
        grown = 0
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/schedstat"):
            # A thread may end meanwhile.
            with contextlib.suppress(OSError, IndexError, ValueError):
                with open(path, encoding="ascii") as stat:
                    now = int(stat.read().split()[1])
                grown = max(grown, now - self._waited.get(path, now))
                self._waited[path] = now
        self._delayed += grown / 1e9
        return self._delayed

    def ask_vmm(self, words):
        """Sends a request to the VMM's console without waiting; False if it did not go."""
        try:
            return bool(self.vmm) and self.vmm.send(words) == len(words)
        except OSError:
            return False

    def stop(self):
        """Ends QEMU for certain: SIGTERM, two seconds, SIGKILL."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def close(self):
        """Ends QEMU and closes the sockets."""
        self.stop()
        for end in (self.guest, self.vmm):
            if end:
                end.close()
