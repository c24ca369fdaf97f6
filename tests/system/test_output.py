# SPDX-License-Identifier: Apache-2.0
"""Output that does not get where it should: closed descriptors, full disks, readers that leave."""
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import unittest

from fakes import BEGIN, DONE, Fake, dump, ending
from support import LAST, ROOT, TRAPEZE, Result, alive, environment, finish, read_until

# Commands that print at once, and so can be tried without a guest.
PRINTS = (("--version",), ("--help",), ("help", "boot"), ("bench", "--help"), ("setup", "--list"),
          ("bench", "--list"))
ALL = (*PRINTS, ("boot",), ("heatmap",), ("top",), ("test", "--list"), ("setup", "--check"), ("bench",))
STOPPED = ending(end="stopped")


class Broken(Fake):
    """Calls with redirections as a shell makes them."""

    def call(self, redirection, *arguments, limit=None, **changes):
        """./trapeze with these arguments and this redirection; `limit`: bytes a file may have."""
        def prepare():
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return Result(subprocess.run(
            ["sh", "-c", f'exec "$@" {redirection}', "sh", TRAPEZE, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, preexec_fn=prepare,
            env=environment(**changes), check=False))

    def refused(self, result, status, *words):
        """One line, no traceback, this status."""
        self.ends(result, status)
        self.one_line(result, *words)

    def last(self):
        """The last run's summary."""
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as summary:
            return json.load(summary)


class Streams(Broken):
    """Descriptors 0 to 2."""

    def test_closed_stdout_is_said_before_anything_is_done(self):
        for redirection in (">&-", "1</dev/null"):
            for arguments in ALL if redirection == ">&-" else PRINTS[:1]:
                with self.subTest(arguments=arguments, redirection=redirection):
                    self.refused(self.call(redirection, *arguments), 2, "stdout is closed")
        self.refused(self.call(">&-", "boot", "--run", "x", **self.play(["hang"])), 122,
                     "stdout is closed")

    def test_nothing_is_lost_without_the_others(self):
        for redirection in ("<&-", "2>&-", "<&- 2>&-", "2>/dev/full", "0>/dev/null", "2</dev/null"):
            with self.subTest(redirection=redirection):
                result = self.call(redirection, "setup", "--list")
                self.ends(result, 0)
                self.assertIn("qemu-system-ppc\n", result.out)
                result = self.call(redirection, "boot", "--run", "x",
                                   **self.play(BEGIN, ["guest", "out\r\n"], DONE, ending()))
                self.ends(result, 0)
                self.assertEqual((result.out, result.err), ("out\n", ""))

    def test_full(self):
        for arguments in PRINTS:
            with self.subTest(arguments=arguments):
                self.refused(self.call(">/dev/full", *arguments), 2, "stdout", "No space left")

    def test_full_while_a_guest_runs(self):
        for options, status in (([], 2), (["--run", "x"], 122)):
            result = self.call(">/dev/full", "boot", *options, **self.play(
                BEGIN, ["guest", "hello\r\n"], ["wait", "q"], STOPPED))
            self.ends(result, status)
            self.assertEqual(result.err.count("trapeze: "), 1, result.err)
            self.assertIn("stopped: stdout: No space left on device", result.err)
            self.assertEqual(self.heard(), "q" if not options else "qq")
            self.assertEqual((self.last()["stopped"], self.last()["status"]), ("output", status))

    def test_full_when_all_is_done(self):
        # Nothing but the tables is lost.
        result = self.call(">/dev/full", "boot", **self.play(ending(end="reset")))
        self.ends(result, 1)
        result = self.call(">/dev/full", "boot", **self.play(BEGIN, DONE, ending()))
        self.ends(result, 2)
        self.assertIn("stdout: No space left", result.err)

    def test_reader_that_leaves(self):
        first = ["guest", "first\r\n"]
        process = subprocess.Popen(
            ["bash", "-c", '"$@" | head -n 1; exit ${PIPESTATUS[0]}', "bash", TRAPEZE, "boot"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            env=environment(**self.play(BEGIN, first, *[["burst", 4096], ["sleep", 0.2]] * 3,
                                        ["wait", "q"], STOPPED)))
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (141, b"first\n"), err)
        self.assertIn(b"stopped: the reader of stdout has left", err)
        self.assertEqual(self.last()["exits"][0]["count"], 1500)

    def test_slow_reader_of_a_pipe_that_does_not_block(self):
        # A shell, or ssh, may leave the end it shares with us in that mode.
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        # So small that it never takes all.
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        process = subprocess.Popen(
            [TRAPEZE, "boot", "--run", "x"], stdout=writer, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, env=environment(**self.play(
                BEGIN, ["burst", 300000], ["guest", "\r\n[trapeze:NONCE] exit 5\r\n"], ending())))
        os.close(writer)
        with open(reader, "rb") as pipe:
            self.assertEqual(pipe.read(), b"x" * 300000)
        _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (5, b""))


class Files(Broken):
    """Files that were asked for, and ours."""

    def good(self):
        """The environment of a boot that ends well."""
        return self.play(BEGIN, ["guest", "hello\r\n"], DONE, ending())

    def test_json_that_cannot_be_written_is_known_before_the_boot(self):
        os.mkfifo(self.path("fifo"))
        os.symlink(self.path("nowhere/x"), self.path("dangling"))
        for path, why in ((self.path("none/x.json"), "No such file"), (self.folder, "directory"),
                          ("/proc/x.json", "cannot be written"), (self.path("fifo"), "nobody reads"),
                          (self.path("f", b"") + "/x", "Not a directory"),
                          (self.path("x" * 300), "name too long"),
                          (self.path("dangling"), "No such file")):
            with self.subTest(path=path):
                result = self.call("", "boot", "--json", path, **self.good())
                self.refused(result, 2, path, why, "(--json)")
                self.assertEqual(result.out, "")
        kernel = self.path("kernel", b"\x48\0\0\0" * 64)
        self.refused(self.call("", "boot", "--kernel", kernel, "--json", kernel), 2, "--kernel")
        self.assertEqual(os.path.getsize(kernel), 256)

    def test_folder_of_the_report_that_cannot_be_written(self):
        # Permissions tell root nothing about it.
        for path in ("/proc/x", "/proc", self.path("file", b"")):
            self.refused(self.call("", "bench", "--out", path), 2, path, "cannot be written", "(--out)")

    def test_viewer_leaves_no_part_of_a_file(self):
        subprocess.run(["ninja", "-C", os.path.join(ROOT, "build", "host"), "trapmap"], check=True,
                       stdout=subprocess.DEVNULL)
        text = dump("request", 1, sites=2000).replace("\r", "").encode()
        dumped, page = self.path("x.trap", text), self.path("x.json")
        for option in ("--json", "--csv", "--html"):
            for there in (True, False):
                with open(page, "wb") as old:
                    old.write(b"old")
                if not there:
                    os.unlink(page)
                self.refused(self.call("", "heatmap", dumped, option, page, limit=8192), 2, page,
                             "File too large")
                self.assertFalse(os.path.exists(page) and os.path.getsize(page))
            self.refused(self.call("", "heatmap", dumped, option, "/proc/x"), 2, "/proc/x")

    def test_json_that_turns_out_to_be_full(self):
        result = self.call("", "boot", "--json", "/dev/full", **self.good())
        self.ends(result, 2)
        self.assertEqual(result.err.count("trapeze: "), 1)
        self.assertIn("/dev/full: No space left on device (--json)", result.err)
        self.assertEqual(self.last()["status"], 2)
        result = self.call("", "boot", "--run", "x", "--json", "/dev/full", **self.play(
            BEGIN, ["guest", "\r\n[trapeze:NONCE] exit 5\r\n"], ending()))
        self.ends(result, 5)

    def test_json_of_an_earlier_run_is_not_taken_for_this_one_s(self):
        # What ends before there is a run leaves none, and does not touch one.
        text = self.path("text", b"hello there\n")
        for there in (True, False):
            path = self.path(f"{there}.json", b"{}" if there else None)
            for wrong in (["--kernel", text], ["--mem", "1M"]):
                self.ends(self.call("", "boot", "--json", path, *wrong), 2)
                self.assertEqual(os.path.exists(path), there)
        path = self.path("summary.json", b"old")
        process = subprocess.Popen([TRAPEZE, "boot", "--json", path], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                   env=environment(**self.play(BEGIN, ["guest", "hello\r\n"], ["hang"])))
        self.addCleanup(finish, process)
        read_until(process.stdout, b"hello")
        process.kill()
        process.wait()
        self.assertEqual(os.path.getsize(path), 0)
        self.assertFalse(os.path.exists(os.path.join(LAST, "summary.json")))

    def test_json_into_a_pipe(self):
        reader, writer = os.pipe()
        result = subprocess.run([TRAPEZE, "boot", "--json", f"/dev/fd/{writer}"], pass_fds=[writer],
                                capture_output=True, env=environment(**self.good()), check=False)
        os.close(writer)
        with open(reader, "rb") as pipe:
            self.assertEqual(json.load(pipe)["status"], 0)
        self.assertEqual(result.returncode, 0)

    def test_disk_full(self):
        # A limit to the size of files is a disk that is full for some and not for others.
        big = dump("periodic", 1, sites=5000)
        kernel = ["--kernel", self.path("raw", b"\x48\0\0\0" * 64)]
        result = self.call("", "boot", *kernel, "--dump-every", "1", limit=16384, **self.play(
            ["burst", 20000], ["vmm", big], ["vmm", big], ["vmm", dump("end", 3)], ending()))
        self.ends(result, 2)
        self.assertEqual(result.err.count("trapeze: "), 2, result.err)
        self.assertIn("2 dumps of the profile were lost, the first of them: it could not be written: "
                      "File too large", result.err)
        self.assertIn("console.log: File too large", result.err)
        self.assertIn("privileged", result.out)
        self.assertFalse([name for name in os.listdir(LAST) if name.endswith(".new")
                          or name.startswith("dump-")])
        self.assertEqual(self.last()["status"], 2)
        # What nobody asked for does not change the status.
        result = self.call("", "boot", "--quiet", *kernel, limit=16384, **self.play(
            ["burst", 20000], ending()))
        self.ends(result, 0)
        self.one_line(result, "console.log")
        # Not even the summary can be kept: none of an earlier run is left in its place.
        result = self.call("", "boot", limit=0, **self.play(BEGIN, DONE, ending()))
        self.assertIn(result.status, (2, 3), str(result))
        self.assertNotIn("Traceback", result.err)
        # Nor does it harm the next call, whatever was written in part.
        self.ends(self.call("", "boot", "--run", "x", **self.play(BEGIN, DONE, ending())), 0)

    def test_byte_code_in_part(self):
        # A full disk cuts it short, and Python does not see that when it writes it.
        copy = self.path("checkout")
        for folder in ("build", "tools"):
            os.makedirs(os.path.join(copy, folder))
        shutil.copy(TRAPEZE, copy)
        shutil.copytree(os.path.join(ROOT, "tools", "front"), os.path.join(copy, "tools", "front"),
                        ignore=shutil.ignore_patterns("__pycache__"))
        for limit in (4000, resource.RLIM_INFINITY):
            result = subprocess.run(
                [os.path.join(copy, "trapeze"), "setup", "--list"], capture_output=True, check=False,
                env=environment(PYTHONDONTWRITEBYTECODE=""),
                preexec_fn=lambda most=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            if limit == 4000:
                self.assertTrue(os.listdir(os.path.join(copy, "build", "pycache")))


class Early(Broken):
    """Signals while something is built."""

    def test_signals_end_what_is_run(self):
        # A ninja that builds for ever, in a group with a child of its own.
        tools = self.path("tools")
        os.mkdir(tools)
        with open(os.path.join(tools, "ninja"), "w", encoding="utf-8") as ninja:
            ninja.write("#!/bin/sh\ncase \"$*\" in *-n) exit 1;; esac\nsleep 1000 &\n"
                        "echo \"$$ $!\" > \"$NINJA_IS\"\nwait\n")
        os.chmod(ninja.name, 0o755)
        place = self.path("is")
        os.mkfifo(place)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(number=number):
                process = subprocess.Popen(
                    [sys.executable, os.path.join(os.path.dirname(TRAPEZE), "tools", "front"),
                     "boot"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, start_new_session=True,
                    env=environment(PATH=tools + ":" + os.environ["PATH"], NINJA_IS=place))
                self.addCleanup(finish, process)
                with open(place, encoding="ascii") as fifo:
                    below = [int(word) for word in fifo.read().split()]
                process.send_signal(number)
                _, err = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 128 + number, err)
                self.assertTrue(err.endswith(b"trapeze: stopped\n"), err)
                self.assertFalse([pid for pid in below if alive(pid)])


if __name__ == "__main__":
    unittest.main()
