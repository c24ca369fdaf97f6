# SPDX-License-Identifier: Apache-2.0
"""A running guest's dumps: the socket that boot serves, ./trapeze top, Ctrl-A D."""
import contextlib
import os
import resource
import signal
import socket
import time
import unittest

import scenarios
from fakes import BEGIN, DONE, Fake, dump, ending
from support import LAST, LIVE, ROOT, alive, cpu_seconds, finish, read_until, start, trapeze

VMLINUX = os.path.join(ROOT, "build", "guest", "vmlinux")
HELLO = ["guest", "hello\r\nworld"]
FULL = dump("request", 1)
ANSWERS = {"d": [FULL], "l": [dump("live", 2, sites=1), dump("live", 3, sites=2)]}


def plain(text):
    """Bytes of a dump without the console's CRs."""
    return text.replace("\r\n", "\n").encode()


class Live(Fake):
    """Boots in the background, and clients."""

    def setUp(self):
        super().setUp()
        os.makedirs(LIVE, exist_ok=True)

    def start(self, *steps, **changes):
        """A boot that has said hello and plays these steps; ended when the test ends."""
        options = changes.pop("options", [])
        steps += (DONE,) if "--native" in options else (DONE, ending())
        process = start("boot", *options, **{**self.play(BEGIN, HELLO, *steps), **changes})
        self.addCleanup(finish, process)
        read_until(process.stdout, b"world")
        return process

    def connect(self, process):
        """A client of the boot."""
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        # Without a timeout it waits while the queue is full.
        client.connect(os.path.relpath(os.path.join(LIVE, f"{process.pid}.sock")))
        client.settimeout(300)
        return client

    def expect(self, client, data):
        """The client gets exactly these bytes next."""
        seen = b""
        while len(seen) < len(data):
            piece = client.recv(len(data) - len(seen))
            self.assertTrue(piece, f"ended after {seen!r}")
            seen += piece
        self.assertEqual(seen, data)

    def expect_after(self, client, passed, data):
        """The client gets these bytes, after those of a second that may have gone by."""
        seen = b""
        while not seen.endswith(data):
            piece = client.recv(1)
            self.assertTrue(piece, f"ended after {seen!r}")
            seen += piece
        before = seen[:-len(data)]
        self.assertEqual(before, passed * (len(before) // len(passed)))

    def stopped(self, process):
        """Ends a boot that would go on; its (stdout, stderr)."""
        process.send_signal(signal.SIGINT)
        return self.ended(process, 130)

    def ended(self, process, status=0):
        """Waits for the boot's end; its (stdout, stderr)."""
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, status, err)
        self.assertFalse([name for name in os.listdir(LIVE) if name.startswith(f"{process.pid}.")])
        return out.decode(), err.decode()


class Server(Live):
    """What clients get, and what they cannot do to the guest."""

    def test_full_then_one_a_second_then_the_end(self):
        # More than a socket holds, and QEMU ends right after.
        last = dump("end", 9, sites=60000)
        process = self.start(["answer", ANSWERS, 30], ["answer", {}, 1.5], ["vmm", last])
        client = self.connect(process)
        self.expect(client, plain(FULL))
        began = time.monotonic()
        for number in (0, 1, 1):
            self.expect(client, plain(ANSWERS["l"][number]))
        self.assertGreater(time.monotonic() - began, 2.5, "more than one a second")
        process.send_signal(signal.SIGINT)
        self.expect(client, plain(last))
        self.assertEqual(client.recv(1), b"")
        self.ended(process, 130)
        self.assertRegex(self.heard(), r"^dlll+q$")

    def test_nobody_there_costs_nothing(self):
        process = self.start(["answer", ANSWERS, 6])
        client = self.connect(process)
        self.expect(client, plain(FULL))
        client.close()
        time.sleep(5)
        self.assertIn(self.heard(), ("d", "dl"))
        self.ended(process)

    def test_nobody_starts_with_a_part(self):
        process = self.start(["answer", {"d": [ANSWERS["l"][0] + FULL]}, 60])
        self.expect(self.connect(process), plain(FULL))
        self.stopped(process)

    def test_second_client_starts_with_a_full_dump(self):
        process = self.start(["answer", {**ANSWERS, "d": [FULL, dump("request", 5)]}, 60])
        first = self.connect(process)
        self.expect(first, plain(FULL))
        self.expect(first, plain(ANSWERS["l"][0]))
        second = self.connect(process)
        self.expect(second, plain(dump("request", 5)))
        self.expect_after(first, plain(ANSWERS["l"][1]), plain(dump("request", 5)))
        self.stopped(process)

    def test_deaf_vmm_is_asked_again(self):
        # It hears nothing before it has set up its console.
        process = self.start(["wait", "d"], ["answer", ANSWERS, 60])
        self.expect(self.connect(process), plain(FULL))
        self.stopped(process)

    def test_slow_client_is_dropped_and_the_guest_goes_on(self):
        big = dump("live", 2, sites=60000)
        process = self.start(["answer", {"d": [FULL], "l": [big]}, 60], HELLO)
        slow, quick = self.connect(process), self.connect(process)
        self.expect(quick, plain(FULL))
        for _ in range(5):
            self.expect(quick, plain(big))
        # The slow one has what the socket held: the start of the very same stream, and its end.
        seen = b""
        while piece := slow.recv(1 << 20):
            seen += piece
        # If the other came after the answer to this one, that one's full dump is in it too.
        full = plain(FULL)
        self.assertTrue(any(start.startswith(seen) for start in (full + plain(big),
                                                                 full + full + plain(big))))
        self.assertIsNone(process.poll())
        self.assertIn("world", self.stopped(process)[0])

    def test_clients_that_misbehave(self):
        process = self.start(["answer", ANSWERS, 6], ["burst", 1 << 20])
        good = self.connect(process)
        talker = self.connect(process)
        talker.sendall(b"q")
        with contextlib.suppress(ConnectionResetError):
            while talker.recv(1 << 16):
                pass
        self.assertIsNone(process.poll(), "a client that talks stays until the guest ends")
        for _ in range(40):
            with self.connect(process) as client, contextlib.suppress(OSError):
                client.sendall(b"q" * 1000)
        self.expect(good, plain(FULL))
        out, _ = self.ended(process)
        self.assertGreater(out.count("x"), 1 << 20)
        self.assertNotIn("q", self.heard())
        self.assertLess(self.heard().count("d"), 6, "clients can flood the VMM")

    def test_more_clients_than_are_served(self):
        process = self.start(["wait", "q"], ["burst", 1 << 20])
        others = [self.connect(process) for _ in range(16)]
        for late in (self.connect(process), self.connect(process)):
            told = late.recv(1 << 10)
            self.assertRegex(told, rb"^@@trapeze-refused 16 others follow this guest\b.*\n$")
            self.assertEqual(late.recv(1), b"")
        self.one_line(trapeze("top", TRAPEZE_OUT=os.path.dirname(LIVE)), "no dumps: 16 others")
        for client in others:
            client.settimeout(0)
            self.assertRaises(BlockingIOError, client.recv, 1)
        process.send_signal(signal.SIGINT)
        self.assertGreater(self.ended(process, 130)[0].count("x"), 1 << 20)

    def test_those_that_read_nothing_make_room(self):
        # What they are sent fills their sockets.
        big = dump("live", 2, sites=20000)
        process = self.start(["answer", {"d": [FULL], "l": [big]}, 60])
        silent = [self.connect(process) for _ in range(16)]
        seen = b"@@trapeze-refused"
        while seen.startswith(b"@@trapeze-refused"):
            # Room comes with the second dump that does not fit, some seconds on.
            time.sleep(0.1)
            with self.connect(process) as reader:
                seen = reader.recv(1 << 10)
        self.assertTrue(plain(FULL).startswith(seen))
        for client in silent[:8]:
            client.close()
        self.expect(self.connect(process), plain(FULL))
        process.send_signal(signal.SIGINT)
        self.ended(process, 130)

    def test_no_descriptor_left_for_a_client(self):
        process = self.start(["answer", ANSWERS, 30])
        good = self.connect(process)
        self.expect(good, plain(FULL))
        there = len(os.listdir(f"/proc/{process.pid}/fd"))
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (there, there))
        before = cpu_seconds(process.pid)
        for _ in range(3):
            self.assertEqual(self.connect(process).recv(1), b"")
        self.expect(good, plain(ANSWERS["l"][0]))
        # It does not turn in circles over one that it cannot take.
        self.assertLess(cpu_seconds(process.pid) - before, 0.5)
        process.send_signal(signal.SIGINT)
        self.ended(process, 130)

    def test_damaged_dumps_do_not_reach_clients(self):
        bad = dump("request", 1, crc="0" * 8)
        process = self.start(["answer", {"d": [bad, FULL]}, 60])
        self.expect(self.connect(process), plain(FULL))
        self.stopped(process)

    def test_stale_sockets_go(self):
        os.makedirs(LIVE, exist_ok=True)
        gone = start("--version")
        gone.communicate(timeout=120)
        stale = os.path.join(LIVE, f"{gone.pid}.sock")
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(os.path.relpath(stale))
        os.symlink("/nowhere", os.path.join(LIVE, f"{gone.pid}.elf"))
        self.one_line(trapeze("top", "--pid", str(gone.pid), **self.viewer()), "no guest")
        self.ended(self.start())
        self.assertFalse(os.path.exists(stale))
        self.assertFalse(os.path.lexists(os.path.join(LIVE, f"{gone.pid}.elf")))


class Top(Live):
    """./trapeze top."""

    def test_no_guest(self):
        if any(name.endswith(".sock") and alive(int(name.split(".")[0]))
               for name in os.listdir(LIVE)):
            self.skipTest("somebody runs a guest in this checkout")
        for options in ([], ["--pid", "1"]):
            result = trapeze("top", *options, **self.viewer())
            self.ends(result, 2)
            self.one_line(result, "no guest is running", "./trapeze boot")

    def test_follows_the_newest_or_the_one_named(self):
        first = self.start(["answer", {"d": [dump("request", 11)]}, 30])
        second = self.start(["answer", {"d": [dump("request", 22)]}, 30])
        for options, number in (([], 22), (["--pid", str(first.pid)], 11),
                                (["--pid", str(second.pid), "--by", "page"], 22)):
            top = start("top", *options, **self.viewer())
            self.addCleanup(finish, top)
            seen = read_until(top.stdout, b"\n")
            self.assertEqual(seen, f"@@trapeze-dump 1 request {number}\n".encode())
            finish(top)
        self.assertEqual(self.calls()[-1], ["--elf", VMLINUX, "--follow", "--by", "page"])
        result = trapeze("top", "--pid", "1", **self.viewer())
        self.ends(result, 2)
        self.one_line(result, "process 1 runs no guest", str(first.pid), str(second.pid))
        # Having been looked at and left has not disturbed them.
        for process in (first, second):
            process.send_signal(signal.SIGINT)
            self.assertIn("privileged", self.ended(process, 130)[0])

    def test_ends_with_the_guest(self):
        process = self.start(["answer", ANSWERS, 2], ["vmm", dump("end", 9)])
        top = start("top", **self.viewer())
        self.addCleanup(finish, top)
        out, _ = top.communicate(timeout=120)
        self.assertTrue(out.startswith(b"@@trapeze-dump 1 request 1\n"), out)
        self.assertTrue(out.endswith(b"@@trapeze-dump 1 end 9\nend\n"), out)
        self.assertEqual(top.returncode, 0)
        self.ended(process)

    def test_native_boot_cannot_be_followed(self):
        process = self.start(["sleep", 2], options=["--native"])
        self.ends(trapeze("top", "--pid", str(process.pid), **self.viewer()), 2)
        self.ended(process)


class Keys(scenarios.Terminal, Fake):
    """Ctrl-A D in --shell."""

    def shell(self, *steps):
        """A shell whose guest prompts and then plays these steps."""
        self.open("boot", "--shell", **self.play(BEGIN, ["guest", "# "], *steps, ending()))
        self.expect(b"# ")

    def test_dump_on_request(self):
        self.shell(["answer", ANSWERS, 20])
        self.type(b"\x01d")
        self.expect(b"last/dump-0001.trap")
        with open(os.path.join(LAST, "dump-0001.trap"), "rb") as saved:
            self.assertEqual(saved.read(), plain(FULL))
        self.type(b"\x01h")
        self.expect(b"Ctrl-A D saves a dump")
        self.type(b"\x01x")
        self.assertEqual(self.leave(), 0)
        self.assertEqual(self.heard(), "dq")


if __name__ == "__main__":
    unittest.main()
