# SPDX-License-Identifier: Apache-2.0
"""U-Boot of Debian's package u-boot-qemu as a guest: it says and does what it does natively."""
import os
import subprocess
import unittest
import zlib

import scenarios
from support import ROOT, TRAPEZE, Case, environment, finish, read_until, trapeze

UBOOT = "/usr/lib/u-boot/qemu-ppce500/uboot.elf"
GUEST = os.path.join(ROOT, "build", "guest")
PROMPT = b"\n=> "
WAYS = {"native": ["--native"],
        "crossed": ["--patch=hot", "--mapping=crossed"],
        "crossed, at once": ["--patch=eager", "--mapping=crossed"],
        "straight": ["--patch=hot", "--mapping=straight"],
        "straight, unpatched": ["--patch=off", "--mapping=straight"]}
# Of an e1000: as a user gives one.
NET = ("-netdev", "user,id=n0,tftp={}", "-device", "e1000,netdev=n0,romfile=")


class Console:
    """U-Boot behind a pipe, at its prompt."""

    def __init__(self, case, *options, qemu=()):
        command = [TRAPEZE, "boot", "--kernel", UBOOT, "--quiet", "--timeout", "150", *options]
        if qemu:
            command += ["--", *qemu]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(), start_new_session=True)
        case.addCleanup(self.close)
        self.expect(b"stop autoboot:")
        self.send("")
        self.expect(PROMPT)

    def close(self):
        """However it went, no process stays."""
        self.process.stdin.close()
        self.process.stdin = None
        finish(self.process)

    def expect(self, text):
        """All up to `text` (bytes), which must come."""
        try:
            return read_until(self.process.stdout, text)
        except EOFError as error:
            said = self.process.stderr.read().decode(errors="replace")
            raise AssertionError(f"{error}; stderr: {said}") from error

    def send(self, line):
        """A line as typed."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, line, until=PROMPT):
        """What a command prints, without its echo."""
        self.send(line)
        answer = self.expect(until).decode()
        return answer.removeprefix(line).removesuffix(until.decode()).strip()

    def end(self, line):
        """Sends the last command; the rest of the output, and the exit status."""
        self.send(line)
        rest = self.process.stdout.read()
        return rest.decode(), self.process.wait(60)


class Commands(Case):
    """The prompt, and what can be done there."""

    def test_same_as_natively(self):
        commands = ["version", "bdinfo", "printenv", "setenv hello world", "printenv hello",
                    "mw 100000 deadbeef 8", "md 100000 8", "cmp 100000 100010 4",
                    "mw.b 100001 0 3", "crc32 100000 20", "fdt addr $fdtcontroladdr",
                    "fdt list /memory", "fdt set /chosen note enough-room", "fdt list /chosen",
                    "pci", "pci header 0.0.0", "sleep 1", "echo $?"]
        said = {}
        for way, options in WAYS.items():
            uboot = Console(self, *options)
            said[way] = [uboot.ask(line) for line in commands]
            # The tree has a seed of its own each time, and U-Boot's last words are the board's.
            said[way] = [text.split("rng-seed")[0] for text in said[way]]
            self.assertEqual(uboot.end("poweroff" if "at once" in way else "reset")[1], 0, way)
        self.assertIn("U-Boot 20", said["native"][0])
        self.assertIn("deadbeef deadbeef", said["native"][6])
        for way, answers in said.items():
            self.assertEqual(answers, said["native"], way)

    def test_nothing_typed_is_lost(self):
        # Lines in one piece, far longer than the UART's receive buffer.
        uboot = Console(self)
        words = [f"w{number}" * 40 for number in range(8)]
        lines = [f"setenv long{number} {word}" for number, word in enumerate(words)]
        uboot.send("\n".join(lines))
        for _ in lines:
            uboot.expect(PROMPT)
        for number, word in enumerate(words):
            self.assertEqual(uboot.ask(f"printenv long{number}"), f"long{number}={word}")
        self.assertEqual(uboot.end("poweroff")[1], 0)


class Images(Case):
    """bootm of Linux, from memory and over the network."""

    def ramdisk(self):
        """The default guest's initramfs as U-Boot wants it."""
        path = self.path("ramdisk")
        subprocess.run(["mkimage", "-A", "ppc", "-O", "linux", "-T", "ramdisk", "-C", "none", "-d",
                        os.path.join(GUEST, "initramfs.cpio.gz"), path], check=True,
                       capture_output=True)
        return path

    def test_bootm_from_memory(self):
        kernel = os.path.join(GUEST, "uImage")
        loads = ["--load", f"{kernel}@0x2000000", "--load", f"{self.ramdisk()}@0x4000000"]
        for way in ("native", "crossed", "straight"):
            with self.subTest(way):
                uboot = Console(self, *WAYS[way], *loads)
                self.assertIn("Verifying Checksum ... OK", uboot.ask("iminfo 2000000"))
                self.boots_linux(uboot)

    def boots_linux(self, uboot):
        """Of the kernel and the ramdisk that are in memory."""
        uboot.ask("setenv bootargs console=ttyS0,115200 panic=-1 word")
        uboot.ask("bootm 2000000 4000000 $fdtcontroladdr", b"trapeze:~# ")
        answer = uboot.ask("cat /proc/cmdline", b"trapeze:~# ")
        self.assertEqual(answer, "console=ttyS0,115200 panic=-1 word")
        rest, status = uboot.end("poweroff -f")
        self.assertIn("Power down", rest)
        self.assertEqual(status, 0)

    def test_linux_over_the_network(self):
        self.ramdisk()
        os.symlink(os.path.join(GUEST, "uImage"), self.path("uImage"))
        uboot = Console(self, *WAYS["crossed"], qemu=[word.format(self.folder) for word in NET])
        uboot.ask("setenv ipaddr 10.0.2.15; setenv serverip 10.0.2.2")
        for address, name in (("2000000", "uImage"), ("4000000", "ramdisk")):
            size = os.path.getsize(self.path(name))
            self.assertIn(f"Bytes transferred = {size} ", uboot.ask(f"tftpboot {address} {name}"))
        self.boots_linux(uboot)

    def test_tftp_through_an_e1000(self):
        data = os.urandom(300_000)
        self.path("file", data)
        net = [word.format(self.folder) for word in NET]
        for way in ("native", "crossed, at once", "straight"):
            with self.subTest(way):
                uboot = Console(self, *WAYS[way], qemu=net)
                uboot.ask("setenv ipaddr 10.0.2.15; setenv serverip 10.0.2.2")
                self.assertIn("300000", uboot.ask("tftpboot 3000000 file"))
                self.assertIn(f"{zlib.crc32(data):08x}", uboot.ask("crc32 3000000 $filesize"))
                self.assertEqual(uboot.end("poweroff")[1], 0)


class Refused(Case):
    """--load that cannot be."""

    def test_load(self):
        file = self.path("file", b"x" * 100)
        for text, *words in ((file, "FILE@ADDRESS"), (f"{file}@12x", "FILE@ADDRESS"),
                             (f"{file}@0xffffff0", "--mem"), (f"{file}@0xf00000", "overlap"),
                             ("/nowhere@0x100", "no such file")):
            result = trapeze("boot", "--kernel", UBOOT, "--load", text)
            self.ends(result, 2)
            self.one_line(result, *words)
        self.one_line(trapeze("boot", "--load", f"{file}@0x100"), "--kernel")
        # Where the device tree is only the VMM knows.
        result = trapeze("boot", "--kernel", UBOOT, "-q", "--load", f"{file}@0x2700080")
        self.ends(result, 2)
        self.assertIn("overlaps the device tree", result.err)


class Keys(scenarios.Terminal):
    """The terminal is the guest's."""

    def test_type_interrupt_and_leave(self):
        self.open("boot", "--kernel", UBOOT)
        self.expect(b"Ctrl-A X leaves")
        self.expect(b"stop autoboot:")
        self.type(b" ")
        self.expect(b"=> ")
        # Ctrl-C ends U-Boot's command, not the run.
        self.type(b"sleep 1000\r")
        self.expect(b"sleep 1000")
        self.type(b"\x03")
        self.expect(b"=> ")
        self.type(b"echo still $hello here\r")
        self.expect(b"still here")
        self.type(b"\x01x")
        self.assertEqual(self.leave(), 0)


if __name__ == "__main__":
    unittest.main()
