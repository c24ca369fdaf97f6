# SPDX-License-Identifier: Apache-2.0
"""What a guest must do natively and under the VMM alike. A module picks scenarios and says in
`options` how to boot; natively they prove the test itself."""
import contextlib
import hashlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading
import time

from support import TRAPEZE, Case, alive, children, environment, finish, qemu_of, start, trapeze


class Scenario(Case):
    """Boots with the options of the module's class."""

    options = ()

    def boot(self, *arguments, **changes):
        """./trapeze boot with this class's options."""
        return trapeze("boot", "--timeout", "300", *self.options, *arguments, **changes)

    def run_in_guest(self, command, *arguments, status=0):
        """What `command` prints in the guest; it must end with `status`."""
        result = self.boot("--run", command, *arguments)
        self.ends(result, status)
        return result


class Boots(Scenario):
    """The default guest, its statuses and its summary."""

    def test_workload(self):
        path = self.path("summary.json")
        result = self.boot("--json", path)
        self.ends(result, 0)
        self.assertIn("Linux version 6.", result.out)
        self.assertIn("reboot: Power down", result.out)
        with open(path, encoding="utf-8") as handle:
            found = json.load(handle)
        self.assertEqual((found["schema"], found["status"], found["guest_status"]), (1, 0, 0))
        self.check_summary(found, result)

    def check_summary(self, found, result):
        """The part of the summary that is of one kind of boot."""
        raise NotImplementedError

    def test_run_returns_status_and_output(self):
        result = self.run_in_guest("echo to out; echo to err >&2; exit 42", status=42)
        self.assertEqual((result.out, result.err), ("to out\nto err\n", ""))
        self.assertEqual(self.run_in_guest("printf 'no newline'").out, "no newline")
        self.ends(self.boot("--run", "kill -9 $$"), 137)

    def test_binary_and_large_output(self):
        # All byte values and line ends of every kind, then more than any buffer holds.
        self.assertEqual(self.run_in_guest(r"printf '\0\1\r\n\n\r\377\033['").bytes,
                         b"\0\1\r\n\n\r\xff\x1b[")
        result = self.run_in_guest("i=0; while [ $i -lt 9000 ]; do echo line $i; i=$((i+1)); done")
        self.assertEqual(result.out, "".join(f"line {i}\n" for i in range(9000)))

    def test_timeout(self):
        result = trapeze("boot", *self.options, "--run", "sleep 1000", "--timeout", "3")
        self.ends(result, 124)

    def test_kernel_panic_is_a_failure(self):
        result = self.boot("--run", "echo c > /proc/sysrq-trigger; sleep 5")
        if "nonexistent directory" in result.out or "can't create" in result.out:
            # Without magic SysRq: end the first process, which the kernel does not survive.
            result = self.boot("--run", "kill -SEGV 1; kill -9 $PPID; sleep 20")
        self.ends(result, 121)
        self.assertIn("panicked", result.err)

    def test_append_and_memory_reach_the_kernel(self):
        result = self.run_in_guest("cat /proc/cmdline /proc/meminfo", "--append", "one=1 two",
                                   "--mem", "128M")
        self.assertIn(" one=1 two\n", result.out)
        total = int(re.search(r"MemTotal: +(\d+) kB", result.out)[1])
        self.assertTrue(100 << 10 < total < 128 << 10, result.out)

    def test_ctrl_c_leaves_nothing_behind(self):
        process = start("boot", *self.options, "--run", "echo ready; sleep 1000")
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            qemu = qemu_of(process.pid)
            self.assertTrue(qemu and alive(qemu))
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)
            self.assertEqual(process.returncode, 130)
            self.assertFalse(alive(qemu))
        finally:
            finish(process)

    def test_second_boot_builds_nothing(self):
        self.run_in_guest("true")
        result = self.boot("--run", "read up rest < /proc/uptime; echo $up", "--verbose")
        self.ends(result, 0)
        self.assertNotIn("==>", result.err, "something was built again")

    def test_icount_repeats(self):
        result = self.run_in_guest("uname -m", "--icount")
        self.assertEqual(result.out, "ppc\n")

    def test_foreign_use_of_kernel_option(self):
        # The user's own kernel with our initramfs, and with none: the latter must panic.
        kernel = os.path.join(os.path.dirname(TRAPEZE), "build", "guest", "uImage")
        self.assertEqual(self.boot("--kernel", kernel, "--run", "echo hi").out, "hi\n")
        result = self.boot("--kernel", kernel, "--append", "console=ttyS0 panic=-1")
        self.ends(result, 1)
        self.assertIn("Kernel panic", result.out)


class Blocks(Scenario):
    """A disk: an ext4 file system made here, written in the guest, checked here."""

    def test_ext4(self):
        disk = self.path("disk,with comma.img")
        random = os.urandom(1 << 20)
        source = self.path("source")
        os.mkdir(source)
        with open(os.path.join(source, "from-host"), "wb") as handle:
            handle.write(random)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", source, disk, "32M"], check=True,
                       env=environment(PATH="/usr/sbin:/sbin:" + os.environ["PATH"]))
        script = """set -e
            mount -t ext4 /dev/vda /mnt
            md5sum < /mnt/from-host
            dd if=/dev/urandom of=/mnt/from-guest bs=64k count=64 2>/dev/null
            sync; echo 3 > /proc/sys/vm/drop_caches
            md5sum < /mnt/from-guest
            mkdir /mnt/a; i=0; while [ $i -lt 200 ]; do echo $i > /mnt/a/$i; i=$((i+1)); done
            rm /mnt/from-host
            umount /mnt"""
        result = self.run_in_guest(script, "--drive", disk)
        there, written = (line.split()[0] for line in result.out.splitlines())
        self.assertEqual(there, hashlib.md5(random).hexdigest())
        self.check_disk(disk, written)

    def check_disk(self, disk, written):
        """On the host: the file system is sound and holds what the guest wrote."""
        tools = environment(PATH="/usr/sbin:/sbin:" + os.environ["PATH"])
        check = subprocess.run(["e2fsck", "-fn", disk], capture_output=True, text=True, env=tools,
                               check=False)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        copy = self.path("from-guest")
        subprocess.run(["debugfs", "-R", f"dump /from-guest {copy}", disk], check=True,
                       capture_output=True, env=tools)
        with open(copy, "rb") as handle:
            self.assertEqual(hashlib.md5(handle.read()).hexdigest(), written)
        listing = subprocess.run(["debugfs", "-R", "ls -p /a", disk], capture_output=True,
                                 text=True, env=tools, check=True).stdout
        names = {row.split("/")[5] for row in listing.splitlines() if row.count("/") > 5}
        self.assertEqual(names - {".", ".."}, {str(i) for i in range(200)})


class Nets(Scenario):
    """A TCP transfer in both directions over QEMU's user network to a server here."""

    SIZE = 4 << 20

    def serve(self, listener, sent, received):
        """Answers one connection: takes what comes up to its end, and sends `sent`."""
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(300)
                sender = threading.Thread(target=connection.sendall, args=(sent,), daemon=True)
                sender.start()
                while len(received) < self.SIZE:
                    piece = connection.recv(1 << 16)
                    if not piece:
                        break
                    received += piece
                sender.join(60)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass

    def test_tcp_both_ways(self):
        sent, received = os.urandom(self.SIZE), bytearray()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            listener.settimeout(300)
            server = threading.Thread(target=self.serve, args=(listener, sent, received),
                                      daemon=True)
            server.start()
            port = listener.getsockname()[1]
            script = f"""dd if=/dev/urandom of=/tmp/up bs=64k count={self.SIZE >> 16} 2>/dev/null
                nc 10.0.2.2 {port} < /tmp/up > /tmp/down
                md5sum < /tmp/up; md5sum < /tmp/down"""
            result = self.run_in_guest(script, "--net")
            server.join(10)
        up, down = (line.split()[0] for line in result.out.splitlines())
        self.assertEqual(down, hashlib.md5(sent).hexdigest(), "host to guest")
        self.assertEqual(len(received), self.SIZE)
        self.assertEqual(up, hashlib.md5(received).hexdigest(), "guest to host")


class Terminal(Case):
    """A front door on a terminal of its own."""

    def open(self, *arguments, **changes):
        """Starts ./trapeze with `arguments` and changes to the environment."""
        self.seen = b""
        self.ended = None
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(TRAPEZE, [TRAPEZE, *arguments], environment(TERM="vt100", **changes))
        self.addCleanup(self.clean)

    def clean(self):
        """Whatever went wrong, no process and no descriptor stays."""
        if self.ended is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.terminal)

    def expect(self, text, seconds=180):
        """Reads the terminal until `text` has come, then forgets all up to it."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], max(end - time.monotonic(), 0))
            try:
                piece = os.read(self.terminal, 4096) if ready else b""
            except OSError:
                piece = b""
            if not piece:
                self.fail(f"{text!r} did not come; this did: {self.seen[-2000:]!r}")
            self.seen += piece
        self.seen = self.seen.split(text, 1)[1]

    def type(self, data):
        """Bytes as if typed."""
        os.write(self.terminal, data)

    def leave(self, seconds=120):
        """Waits for the front door's end and returns its exit status."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ready, _, _ = select.select([self.terminal], [], [], 0.05)
            if ready:
                with contextlib.suppress(OSError):
                    self.seen += os.read(self.terminal, 4096)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.ended = os.waitstatus_to_exitcode(status)
                return self.ended
        self.fail(f"did not end; on the terminal: {self.seen[-2000:]!r}")


class Shells(Terminal, Scenario):
    """`--shell` on a terminal."""

    def setUp(self):
        super().setUp()
        self.open("boot", "--shell", *self.options)

    def test_type_and_leave(self):
        self.expect(b"# ")
        self.type(b"echo $((6 * 7)) answered\r")
        self.expect(b"42 answered")
        below = children(self.pid)
        self.type(b"\x01x")
        self.assertEqual(self.leave(), 0)
        self.assertFalse([pid for pid in below if alive(pid)])

    def test_control_keys_belong_to_the_guest(self):
        self.expect(b"# ")
        self.type(b"sleep 1000\r")
        time.sleep(1)
        self.type(b"\x03")
        self.expect(b"# ")
        # Ctrl-A Ctrl-A is the line editor's "start of line".
        self.type(b"$((40 + 2))\x01\x01echo start \r")
        self.expect(b"start 42")
        self.type(b"exit\r")
        self.assertEqual(self.leave(), 0)

    def test_terminal_is_restored(self):
        import termios
        before = termios.tcgetattr(self.terminal)
        self.expect(b"# ")
        self.assertNotEqual(termios.tcgetattr(self.terminal)[3], before[3], "not in raw mode")
        self.type(b"\x01x")
        self.assertEqual(self.leave(), 0)
        self.assertEqual(termios.tcgetattr(self.terminal)[3], before[3])


class Pipes(Scenario):
    """`--shell` without a terminal takes its commands from a pipe."""

    def test_script_on_stdin(self):
        result = self.boot("--shell", stdin=b"echo $((6 * 7)) answered\n")
        self.ends(result, 0)
        self.assertIn("42 answered\n", result.out)
