# SPDX-License-Identifier: Apache-2.0
"""The debugger outside: gdb, by the command that --gdb prints, in the kernel and in a program."""
import os
import re
import socket
import subprocess
import sys
import unittest

from support import ROOT, Case, finish, start, trapeze

sys.path.insert(0, os.path.join(ROOT, "tools"))

from front.guest import cpio  # noqa: E402  (the path had to be set first)

GUEST = os.path.join(ROOT, "build", "guest")

# The guest's first program: it works, says what came out, and turns the machine off.
PROGRAM = r"""
static long call(long number, long a, long b, long c) {
    register long r0 __asm__("r0") = number, r3 __asm__("r3") = a, r4 __asm__("r4") = b,
                  r5 __asm__("r5") = c;
    __asm__ volatile("sc" : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5) : :
                     "memory", "cr0", "ctr", "r6", "r7", "r8", "r9", "r10", "r11", "r12");
    return r3;
}
int total;
int work(int turn) {
    int twice = turn * 2;
    total += twice;
    return total;
}
void _start(void) {
    for (int turn = 1; turn <= 4; turn++) {
        work(turn);
        call(20, 0, 0, 0); /* getpid */
    }
    call(4, 1, (long)(total == 20 ? "right\n" : "wrong\n"), 6);
    call(88, (long)0xfee1dead, 672274793, 0x4321fedc); /* reboot: power off */
}
"""

# What is typed, between lines that say so: gdb's answers are looked for between these.
SCRIPT = """
set pagination off
set confirm off
break start_kernel
continue
echo [kernel]\\n
backtrace
info registers pc r1
print linux_banner[0]
next
next
stepi
info registers pc
hbreak kernel_init
continue
echo [hardware]\\n
backtrace 1
add-symbol-file PROGRAM
break work if turn == 3
continue
echo [program]\\n
backtrace
print total
next
next
print total
finish
stepi
info registers pc
echo [bare]\\n
delete
detach
"""


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        return end.getsockname()[1]


class Gdb(Case):
    """One guest, natively and in each layout."""

    def guest(self):
        """(the initramfs, the program in it)"""
        source, program = self.path("work.c", PROGRAM.encode()), self.path("work")
        subprocess.run(["powerpc64-linux-gnu-gcc", "-m32", "-mcpu=powerpc", "-g", "-O0", "-static",
                        "-nostdlib", "-ffreestanding", "-fno-pie", "-fno-stack-protector",
                        "-o", program, source], check=True)
        with open(program, "rb") as binary:
            archive = cpio([("dev", 0o040755, b""), ("init", 0o100755, binary.read())])
        return self.path("initrd", archive), program

    @staticmethod
    def gdb(command, more):
        """The command as printed, in a shell, with more to do behind it."""
        return subprocess.run(["sh", "-c", f"ulimit -c 0; {command.strip()} -nx -batch {more}"],
                              capture_output=True, text=True, timeout=120, check=False)

    def debug(self, *options):
        """The text between the words of SCRIPT, by word; the boot must end well after it."""
        initrd, program = self.guest()
        process = start("boot", "--timeout", "90", "--kernel", os.path.join(GUEST, "uImage"),
                        "--initrd", initrd, "--append", "console=ttyS0,115200 panic=-1",
                        "--gdb", str(free_port()), *options)
        self.addCleanup(finish, process)
        command = ""
        while not command.startswith("  gdb-multiarch"):
            command = process.stderr.readline().decode()
            self.assertTrue(command, "no command was printed")
        script = self.path("script", SCRIPT.replace("PROGRAM", program).encode())
        # Named behind the rest, as somebody would who types it himself.
        vmlinux = os.path.join(GUEST, "vmlinux")
        done = self.gdb(command, f"-ex 'symbol-file {vmlinux}' -x {script}")
        said = done.stdout + done.stderr
        self.assertNotIn("rejected", said)
        out, err = process.communicate(timeout=100)
        self.assertEqual(process.returncode, 0, f"{said}\n{out.decode()}\n{err.decode()}")
        self.assertIn("right\n", out.decode())
        parts = re.split(r"\[(\w+)\]\n", done.stdout)
        return dict(zip(parts[1::2], parts[2::2])), said

    def check(self, *options):
        """What gdb must have seen."""
        parts, said = self.debug(*options)
        self.assertEqual(list(parts), ["kernel", "hardware", "program", "bare"], said)
        self.assertRegex(parts["kernel"], r"#0 +start_kernel \(\)")
        self.assertRegex(parts["kernel"], r"\npc +0xc0[0-9a-f]{6} +0xc0[0-9a-f]{6} <start_kernel(\+\d+)?>\n"
                                          r"r1 +0xc0[0-9a-f]{6} ")
        self.assertIn("76 'L'", parts["kernel"])
        # Steps end in the kernel: single ones, and those over what they call.
        self.assertRegex(parts["kernel"], r"(?s)\n9\d\d\b.*\npc +0xc0[0-9a-f]{6} +0xc0[0-9a-f]{6} <\w+"
                                          r"(\+\d+)?>\n.*\nBreakpoint 2, kernel_init")
        self.assertRegex(parts["hardware"], r"#0 +kernel_init ")
        self.assertRegex(parts["program"], r"#0 +work \(turn=3\) at \S+work.c:\d+\n"
                                           r"#1 .* in _start \(\)")
        self.assertRegex(parts["program"], r"(?s)\$2 = 6\n.*\$3 = 12\n.*Value returned is \$4 = 12\n")
        self.assertRegex(parts["program"],
                         r"\npc +0x1000[0-9a-f]{4} +0x1000[0-9a-f]{4} <_start\+\d+>\n$")

    def test_native(self):
        self.check("--native")

    def test_crossed(self):
        self.check("--mapping", "crossed")

    def test_straight(self):
        self.check("--mapping", "straight")

    def test_the_command_has_the_default_guest_s_symbols_and_sources(self):
        process = start("boot", "--gdb", str(free_port()))
        self.addCleanup(finish, process)
        command = ""
        while not command.startswith("  gdb-multiarch"):
            command = process.stderr.readline().decode()
        done = self.gdb(command, "-ex 'list start_kernel' -ex kill")
        self.assertIn("void start_kernel(void)", done.stdout, done.stderr)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"the debugger ended the guest", err)

    def test_port_that_is_taken(self):
        with socket.socket() as end:
            end.bind(("127.0.0.1", 0))
            end.listen()
            port = end.getsockname()[1]
            result = trapeze("boot", "--gdb", str(port))
            self.ends(result, 2)
            self.one_line(result, str(port), "in use", "--gdb PORT")
        for wrong in ("0", "65536", "x"):
            self.ends(trapeze("boot", "--gdb", wrong), 2)


if __name__ == "__main__":
    unittest.main()
