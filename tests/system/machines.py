# SPDX-License-Identifier: Apache-2.0
"""A machine of several guests in QEMU, without the front door: tests talk to both its UARTs."""
import os
import re
import selectors
import socket
import subprocess
import time

from support import ROOT

VMM = os.path.join(ROOT, "build", "hv", "hv", "trapeze-hv.elf")
PACK = os.path.join(ROOT, "build", "host", "tools", "pack", "trapeze-pack")
TREE_BYTES = 0x10000
MARK = 0x10
PATIENCE = 300


def isa(name):
    """The path of a bare-metal program of tests/isa."""
    return os.path.join(ROOT, "build", "hv", "tests", "isa", name + ".elf")


def pack(path, kernel, memory=4 << 20):
    """Packs a bare-metal program into a guest image, and returns the path."""
    subprocess.run([PACK, "--kernel", kernel, "--mem", str(memory), "--output", path], check=True,
                   capture_output=True)
    return path


def write_image(path, guests, machine=""):
    """Writes a machine image. `guests` are (name, guest image, options, what else its node has)."""
    nodes, parts, at = "", b"", TREE_BYTES
    for name, fit, options, more in guests:
        with open(fit, "rb") as handle:
            data = handle.read()
        nodes += (f'{name} {{ options = "{options}"; image = <{at:#x} {len(data):#x}>; '
                  f'{more} }};\n')
        data += bytes(-len(data) % 4096)
        parts += data
        at += len(data)
    source = f'/dts-v1/; / {{ compatible = "trapeze,machine"; {machine} guests {{ {nodes} }}; }};'
    tree = subprocess.run(["dtc", "-I", "dts", "-O", "dtb", "-S", str(TREE_BYTES), "-q"],
                          input=source.encode(), stdout=subprocess.PIPE, check=True).stdout
    with open(path, "wb") as handle:
        handle.write(tree + parts)
    return path


class Machine:
    """QEMU with an image: `consoles` has what each guest wrote, `log` what the VMM did."""

    def __init__(self, image, *words, memory=192, count=2):
        ends = [socket.socketpair() for _ in range(2)]
        command = ["qemu-system-ppc64", "-M", "ppce500", "-cpu", "e500v2", "-m", f"{memory}M",
                   "-nodefaults", "-display", "none", "-no-reboot", "-kernel", VMM, "-initrd",
                   image, *words]
        for number, (_, theirs) in enumerate(ends):
            command += ["-chardev", f"socket,id=s{number},fd={theirs.fileno()}",
                        "-serial", f"chardev:s{number}"]
        self._uarts = [ours for ours, _ in ends]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE,
                                         pass_fds=[theirs.fileno() for _, theirs in ends])
        for _, theirs in ends:
            theirs.close()
        self.consoles = [bytearray() for _ in range(count)]
        self.log = bytearray()
        self._many, self._marked, self._channel = count > 1, False, 0
        self._selector = selectors.DefaultSelector()
        for number, end in enumerate(self._uarts):
            self._selector.register(end, selectors.EVENT_READ, number)

    def close(self):
        """Ends it in whatever state it is."""
        self._process.kill()
        self._process.communicate()
        self._selector.close()
        for end in self._uarts:
            end.close()

    def _take(self, data):
        for byte in data:
            if not self._many:
                self.consoles[0].append(byte)
            elif self._marked:
                self._marked = False
                if byte == MARK:
                    self.consoles[self._channel].append(byte)
                else:
                    self._channel = byte - ord("A")
            elif byte == MARK:
                self._marked = True
            else:
                self.consoles[self._channel].append(byte)

    def _pump(self, seconds):
        """Reads what is there. False if nothing came, or nothing will."""
        some = False
        for key, _ in self._selector.select(seconds):
            try:
                data = self._uarts[key.data].recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                self._selector.unregister(self._uarts[key.data])
                continue
            some = True
            if key.data == 0:
                self._take(data)
            else:
                self.log += data
        return some or bool(self._selector.get_map())

    def until(self, done, what):
        """Waits until done() is true; EOFError with everything that came if it never is."""
        limit = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > limit or not self._pump(1.0):
                if done():
                    return
                raise EOFError(f"{what} did not come\n--- log\n{self.log.decode()[-4000:]}\n"
                               f"--- consoles\n{self.consoles}")

    def says(self, number, text, count=1):
        """Waits until guest `number` has written `text` that often."""
        self.until(lambda: self.consoles[number].count(text.encode()) >= count, f"{number}: {text}")

    def logs(self, text, count=1):
        """Waits until the VMM's log has `text` that often."""
        self.until(lambda: self.log.count(text.encode()) >= count, text)

    def type(self, number, text):
        """Input for a guest."""
        frame = bytes([MARK, ord("A") + number]) if self._many else b""
        self._uarts[0].sendall(frame + text.encode())

    def request(self, text):
        """Bytes for the VMM as they are."""
        self._uarts[1].sendall(text.encode())

    def ask(self, command):
        """A command of the monitor's: (its status, the lines of its answer)."""
        at = len(self.log)
        self.request(f":{command}\n")
        end = re.compile(rb"@@monitor-end ([01])\r?\n")
        self.until(lambda: end.search(self.log, at), command)
        found = end.search(self.log, at)
        lines = self.log[at:found.start()].decode().splitlines()
        return int(found[1]), [line[len("@@monitor "):] for line in lines
                               if line.startswith("@@monitor ")]

    def ends(self):
        """Waits until the machine has gone off; QEMU's status."""
        self.until(lambda: not self._selector.get_map(), "the machine's end")
        return self._process.wait(timeout=PATIENCE)
