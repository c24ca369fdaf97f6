# SPDX-License-Identifier: Apache-2.0
"""Boots of several guests, ./trapeze console and monitor, with a program that plays QEMU and VMM."""
import json
import os
import signal
import socket
import stat
import subprocess
import unittest
import zlib

import scenarios
from fakes import SUMMARY, Fake, dump
from support import LAST, LIVE, ROOT, TRAPEZE, environment, finish, read_until, start, trapeze

BEGIN, DONE = "\r\n[trapeze:NONCE] begin\r\n", "\r\n[trapeze:NONCE] exit %d\r\n"
VMLINUX = os.path.join(ROOT, "build", "guest", "vmlinux")


def at(number, text):
    """A step in which the guest of this number writes."""
    return ["guest", f"\x10{chr(65 + number)}" + text.replace("\x10", "\x10\x10")]


def end(name, **changes):
    """The step in which the VMM prints a guest's summary."""
    return ["vmm", "@@trapeze-summary " + json.dumps({**SUMMARY, "guest": name, **changes}) + "\r\n"]


def named(name, kind="end", sequence=1):
    """A dump of the guest."""
    text = dump(kind, sequence).replace("\r\n", "\n").split("@@trapeze-dump-end")[0]
    text = text.replace("\nguest ", f"\nname {name} 0\nguest ", 1)
    last = f"@@trapeze-dump-end {sequence} {text.count(chr(10)) - 1} {zlib.crc32(text.encode()):08x}\n"
    return (text + last).replace("\n", "\r\n")


def kept(name):
    """A file of the last run."""
    with open(os.path.join(LAST, name), "rb") as file:
        return file.read()


class Guests(Fake):
    """Boots that end by themselves."""

    def two(self, steps, *options, **changes):
        """A boot of a and b."""
        return self.boot(steps, "--guests", "2", *options, **changes)

    def test_run(self):
        result = self.two(
            [at(0, BEGIN), at(1, BEGIN + "one\r\ntw"), at(0, "\x10A\r\n"), ["guest", "\x10"],
             ["guest", "Bo\r\n"], at(0, DONE % 0), end("a"), at(1, DONE % 42), end("b")], "--run", "x")
        self.ends(result, 42)
        self.assertEqual(sorted(result.out.splitlines()), ["a| \x10A", "b| one", "b| two"])
        self.assertEqual(result.err, "")
        self.assertRegex(kept("console-b.log"), rb"^\r\n\[trapeze:\w+\] begin\r\none\r\ntwo\r\n"
                         rb"\r\n\[trapeze:\w+\] exit 42\r\n$")
        self.assertEqual(sorted(kept("console.log").splitlines()), [b"a| \x10A", b"b| one", b"b| two"])

    def test_first_status_that_is_not_0(self):
        for how, status, words in (
                ([at(0, BEGIN + DONE % 3), at(1, BEGIN + DONE % 4), end("b"), end("a")], 3, ""),
                ([at(0, BEGIN), at(1, BEGIN + DONE % 4), end("b"), end("a", end="guest-died", reason="oh")],
                 121, "a: the guest died: oh"),
                ([at(0, BEGIN + DONE % 0), at(1, BEGIN + DONE % 0), end("a")], 123, "b: the VMM printed no summary"),
                ([["vmm", "@@trapeze-summary " + json.dumps({**SUMMARY, "end": "input", "reason": "no"}) + "\r\n"]],
                 122, "no")):
            result = self.two(how, "--run", "x")
            self.ends(result, status)
            self.assertIn(words, result.err)

    def test_summary_lines_and_files(self):
        path = self.path("j.json")
        result = self.two([["vmm", named("b")], at(0, BEGIN + "hi\r\n" + DONE % 0),
                           at(1, BEGIN + DONE % 0), ["vmm", named("a", "request", 2)], ["vmm", named("a")],
                           end("a"), end("b", ticks={**SUMMARY["ticks"], "stolen": 80000000})], "--json", path)
        self.ends(result, 0)
        self.assertRegex(result.out, r"\n  a +poweroff +0 +2,000 +50\.0 % +25\.0 % +25\.0 % +0\.0 % +2\.00 s +-\n")
        self.assertRegex(result.out, r"\n  b +poweroff +0 .* 10\.0 %")
        with open(path, encoding="utf-8") as handle:
            found = json.load(handle)
        self.assertEqual([one["guest"] for one in found["guests"]], ["a", "b"])
        self.assertEqual((found["status"], found["cores"], found["guests"][1]["ticks"]["stolen"]), (0, 1, 80000000))
        for name in ("guest-a.trap", "guest-b.trap", "dump-0001-a.trap"):
            self.assertIn(f"\nname {name[-6]} 0\n".encode(), kept(name))
        for options, name in (([], "a"), (["--guest", "b"], "b")):
            self.ends(trapeze("heatmap", *options, **self.viewer()), 0)
            trap = os.path.join(LAST, f"guest-{name}.trap")
            self.assertEqual(self.calls()[-1], [trap, "--elf", VMLINUX, "--html",
                                                os.path.join(LAST, f"heatmap-{name}.html")])
        result = trapeze("heatmap", "--guest", "c", **self.viewer())
        self.ends(result, 2)
        self.one_line(result, "no guest 'c': there is a, b")

    def test_one_guest_has_neither_prefix_nor_frames(self):
        result = self.boot([["guest", BEGIN + "hi\x10A\r\n" + DONE % 7], end("a")], "--guests", "1",
                           "--run", "x")
        self.assertEqual((result.status, result.out, result.err), (7, "hi\x10A\n", ""))

    def test_others_are_stopped_when_ours_are_done(self):
        kernel = self.path("k", b"\x48\0\0\0" * 1024)
        config = self.path("m.dts", b'/dts-v1/;\n/ { compatible = "trapeze,config";\n'
                           b'linux { compatible = "partition"; };\n'
                           b'rt { compatible = "partition"; kernel = "k"; memory = "4M"; cpus = <1 1>; };\n'
                           b'later { compatible = "partition"; kernel = "k"; no-autostart; console = "log"; };\n};\n')
        self.assertTrue(kernel)
        result = self.boot([at(1, "tick\r\n"), at(0, BEGIN + "hi\r\n" + DONE % 0), end("linux"), ["wait", "q"],
                            at(2, "late\r\n"), end("rt", end="stopped")], "--config", config, "-q")
        self.ends(result, 0)
        self.assertEqual(sorted(result.out.splitlines()), ["linux| hi", "rt   | tick"])
        self.assertEqual(kept("console-later.log"), b"late\r\n")
        self.assertIn(b"late", kept("console.log"))

    def test_who_starts_again_goes_on(self):
        """The run is over when a guest has ended that does not start again; what counts is its last life."""
        result = self.two([at(0, BEGIN + "one\r\n" + DONE % 3), ["sleep", 0.5], end("a", end="stopped", again=True),
                           at(1, BEGIN + DONE % 0), end("b", again=False), ["sleep", 0.5],
                           at(0, "boots\r\n" + BEGIN + "two\r\n" + DONE % 0), end("a", again=False)], "--run", "x")
        self.ends(result, 0)
        self.assertEqual(sorted(result.out.splitlines()), ["a| one", "a| two"])

    def test_full_speed(self):
        much = "x" * 63 + "\r\n"
        steps = [at(0, BEGIN), at(1, BEGIN)]
        for _ in range(64):
            steps += [at(0, much * 256), at(1, much * 256)]
        result = self.two([*steps, at(0, DONE % 0), end("a"), at(1, DONE % 0), end("b")], "--run", "x")
        self.ends(result, 0)
        self.assertEqual(result.out.count("a| " + "x" * 63 + "\n"), 64 * 256)
        self.assertEqual(len(result.out), 2 * 64 * 256 * 67)


class Attached(scenarios.Terminal, Fake):
    """Other terminals, and keys."""

    def start(self, *steps, options=()):
        """A boot of a and b that has begun and plays these steps."""
        process = start("boot", "--guests", "2", *options, **self.play(
            ["vmm", "[vmm    0.000001] starts\r\n"], at(0, BEGIN + "hello a\r\n"), at(1, BEGIN + "hello b\r\n"),
            *steps, at(0, DONE % 0), at(1, DONE % 0), end("a"), end("b")))
        self.addCleanup(finish, process)
        seen = b""
        while not (b"hello a" in seen and b"hello b" in seen):
            seen += read_until(process.stdout, b"\n")
        return process

    def over(self, process, status=0):
        """The boot's stdout."""
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, status, err)
        return out.decode()

    def test_console(self):
        process = self.start(["typed", "\x10Bls\n\x10\x10"], at(1, "fi\x10le\r\n"), at(0, "not b's\r\n"),
                             ["typed", "\x10A?"], at(0, "last\r\n"))
        mode = os.stat(os.path.join(LIVE, f"{process.pid}.con")).st_mode
        self.assertEqual(stat.S_IMODE(mode) & 0o077, 0)
        one = subprocess.run([TRAPEZE, "console", "c"], capture_output=True, env=environment(), check=False)
        self.assertEqual((one.returncode, one.stdout), (2, b""))
        self.assertIn(b"no guest 'c', but a, b", one.stderr)
        reader = start("console", "b")
        self.addCleanup(finish, reader)
        self.assertTrue(read_until(reader.stdout, b"hello b\r\n").startswith(b"\r\n[trapeze:"))
        feed = subprocess.Popen([TRAPEZE, "console", "b", "--pid", str(process.pid)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, env=environment())
        self.addCleanup(finish, feed)
        feed.stdin.write(b"ls\n\x10")
        feed.stdin.flush()
        self.assertEqual(read_until(reader.stdout, b"le\r\n"), b"fi\x10le\r\n")
        other = subprocess.Popen([TRAPEZE, "console"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 env=environment())
        self.addCleanup(finish, other)
        read_until(other.stdout, b"not b's\r\n")
        out, _ = other.communicate(b"?", timeout=120)
        self.assertTrue(out.startswith(b"last\r\n"), out)
        out, _ = reader.communicate(timeout=120)
        self.assertRegex(out, rb"^\r\n\[trapeze:\w+\] exit 0\r\n$")
        self.assertEqual((reader.returncode, other.returncode), (0, 0))
        self.over(process)

    def test_monitor(self):
        process = self.start(["monitor", {"guests": ["a running", "b paused", "0"], "stop c": ["no such guest", "1"],
                                          "help": ["0"]}, 5])
        one = trapeze("monitor", "guests")
        self.assertEqual((one.status, one.out, one.err), (0, "a running\nb paused\n", ""))
        one = trapeze("monitor", "stop", "c")
        self.assertEqual((one.status, one.out, one.err), (1, "no such guest\n", ""))
        one = trapeze("monitor", stdin=b"help\nstop c\n\nguests\n")
        self.assertEqual((one.status, one.out), (1, "no such guest\na running\nb paused\n"))
        self.assertNotIn("@@monitor", self.over(process))
        self.assertEqual(self.heard(), ":guests\n:stop c\n:help\n:stop c\n:guests\n")
        self.one_line(trapeze("monitor", "guests", TRAPEZE_OUT=os.path.dirname(LIVE)), "no guest is running")

    def connect(self, process, words):
        """A client of the consoles and the monitor that has said its first line."""
        with socket.socket(socket.AF_UNIX) as end:
            end.connect(os.path.relpath(os.path.join(LIVE, f"{process.pid}.con")))
            end.sendall(words)
            file = end.makefile("rb")
        self.addCleanup(file.close)
        return file

    def test_monitor_one_at_a_time(self):
        # An answer that nobody could tell from the other one's would come, if both were asked.
        process = self.start(["monitor", {"one": [""]}, 1], ["sleep", 0.5],
                             ["vmm", "@@monitor 1\r\n@@monitor-end 0\r\n"], ["monitor", {"two": ["2", "1"]}, 1])
        one = self.connect(process, b"monitor\none\ntwo\n")
        self.assertEqual([one.readline() for _ in range(5)],
                         [b"ok\n", b"| 1\n", b"end 0\n", b"| 2\n", b"end 1\n"])
        self.over(process)

    def test_clients_that_misbehave(self):
        process = self.start(["monitor", {"x": ["1", "0"], "y": ["2", "0"]}, 2])
        gone = self.connect(process, b"monitor\nx\n")
        self.assertEqual(gone.readline(), b"ok\n")
        gone.close()
        after = self.connect(process, b"monitor\ny\n")
        self.assertEqual([after.readline() for _ in range(3)], [b"ok\n", b"| 2\n", b"end 0\n"])
        for words, answer in ((b"what\n", b"no there is no such service\n"), (b"console c\n", b"no there is no guest 'c'"
                               b", but a, b\n"), (b"x" * 100, b""), (b"console a b\n", b"no there is no such service\n")):
            self.assertEqual(self.connect(process, words).readline(), answer)
        self.over(process)

    def test_clients_that_are_too_many(self):
        process = self.start(["monitor", {"x": ["1", "0"]}, 1])
        crowd = []
        for _ in range(32):
            end = socket.socket(socket.AF_UNIX)
            self.addCleanup(end.close)
            end.connect(os.path.relpath(os.path.join(LIVE, f"{process.pid}.con")))
            crowd.append(end)
        one = trapeze("monitor", "guests")
        self.ends(one, 2)
        self.one_line(one, f"process {process.pid} serves nobody more")
        # The boot has taken all of them by now, and those that it will not serve have yet to speak.
        for end in crowd:
            end.sendall(b"monitor\n")
        self.assertEqual([end.recv(100) for end in crowd],
                         [b"ok\n"] * 16 + [b"no 16 others are served, and more are not\n"] * 16)
        crowd[15].sendall(b"x\n")
        self.assertEqual(crowd[15].makefile("rb").read(10), b"| 1\nend 0\n")
        self.over(process)

    def test_monitor_that_cannot_be_asked(self):
        process = self.start(["monitor", {"guests": ["half", ""]}, 1])
        for words in (["x" * 127], ["é"], ["x\ty"]):
            one = trapeze("monitor", *words)
            self.ends(one, 3)
            self.one_line(one, "1 to 126 characters")
        one = trapeze("monitor", "guests")
        self.assertEqual((one.status, one.out), (3, "half\n"))
        self.one_line(one, "the boot has ended")
        self.over(process)

    def test_top_follows_one_guest(self):
        process = self.start(["answer", {"d": [named("a", "request") + named("b", "request", 7)]}, 30])
        for options, number in (["--guest", "b"], 7), ([], 1):
            top = start("top", *options, **self.viewer())
            self.addCleanup(finish, top)
            self.assertEqual(read_until(top.stdout, b"\n"), f"@@trapeze-dump 1 request {number}\n".encode())
            finish(top)
        one = trapeze("top", "--guest", "c", **self.viewer())
        self.ends(one, 2)
        self.one_line(one, "no guest 'c' is running")
        process.send_signal(signal.SIGINT)
        self.over(process, 130)

    def test_colours_on_a_terminal(self):
        steps = [at(0, BEGIN + "one\r\n"), at(1, BEGIN + "two\r\n" + DONE % 0), at(0, DONE % 0), end("a"), end("b")]
        self.open("boot", "--guests", "2", "--run", "x", **self.play(*steps))
        self.assertEqual(self.leave(), 0)
        for line in (b"\x1b[36ma|\x1b[0m one\r\n", b"\x1b[33mb|\x1b[0m two\r\n"):
            self.assertIn(line, self.seen)

    def test_end_of_input(self):
        result = self.boot([at(0, BEGIN), ["typed", "\x10Als\n"], ["typed", "\x04"], at(0, DONE % 0), end("a"),
                            at(1, BEGIN), ["typed", "\x10B\x04"], at(1, "b's\r\n" + DONE % 0), end("b")],
                           "--guests", "2", "--shell", stdin=b"ls\n")
        self.ends(result, 0)
        self.assertIn("[guest b]", result.out)
        self.assertIn("b's", result.out)

    def test_keyboard(self):
        self.open("boot", "--guests", "2", "--shell", **self.play(
            at(1, BEGIN + "b here"), at(0, BEGIN + "a# "), ["typed", "\x10Als"], at(0, "file\r\n"),
            ["typed", "\x10Bpwd"], at(1, "/root"), at(0, DONE % 0), end("a"), ["typed", "\x04"],
            at(1, DONE % 5), end("b")))
        self.expect(b"a# ")
        self.assertNotIn(b"b here", self.seen)
        self.type(b"ls")
        self.expect(b"file\r\n")
        self.type(b"\x01n")
        self.expect(b"[guest b]\r\n")
        self.expect(b"b here")
        self.type(b"pwd")
        self.expect(b"/root")
        self.type(b"\x04")
        self.assertEqual(self.leave(), 0)


if __name__ == "__main__":
    unittest.main()
