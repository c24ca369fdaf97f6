# SPDX-License-Identifier: Apache-2.0
"""Every command of the front door at every stage, with programs that play those that it runs, and
what must be so when a signal has come: the status, one line, nobody left, no file in part."""
import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

from fakes import BEGIN, DONE, Fake, dump, ending
from support import LAST, LIVE, ROOT, TRAPEZE, alive, children, environment, finish, read_until

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
        signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGXCPU, signal.SIGIO)
# What a program does that is sent one of these is nothing, or to stop and go on.
LEAVES = (signal.SIGWINCH, signal.SIGPIPE, signal.SIGCHLD, signal.SIGURG, signal.SIGCONT,
          signal.SIGTSTP)
STOPPED = ending(end="stopped")
# A tool that says it is there, has a child, and does not end by itself.
BLOCKS = """#!/bin/sh
case "$*" in *-n|*--version*) exit 1;; esac
sleep 1000 &
echo "$$ $!" > "$STAGE"
wait
"""
# Patience with a loaded machine; nothing waits this long that goes right.
LONG = 60


class Stage:
    """A command at a point of its work.

    words    its arguments
    tool     the program that blocks it there, or None
    play     what the fake QEMU plays, or None
    shows    what is on stdout when it is there, if no tool says so
    viewer   whether the fake viewer blocks it there
    offset   what is added to its statuses that are its own
    """

    def __init__(self, name, *words, tool=None, play=None, shows=None, viewer=False):
        self.name, self.words, self.tool, self.play = name, words, tool, play
        self.shows, self.viewer = shows, viewer


HELLO = ["guest", "hello\r\nthere\r\n"]
RUNS = [BEGIN, HELLO, ["wait", "q"], STOPPED]
DUMPS = [BEGIN, ["vmm", dump(cut=150)], HELLO, ["wait", "q"], ["vmm", "\r\n"], STOPPED]
DEAF = [BEGIN, HELLO, ["wait", "q"], ["exit", 0]]
OVER = [BEGIN, ["vmm", dump()], HELLO, DONE, ending()]
STAGES = (
    Stage("boot that builds", "boot", tool="ninja"),
    Stage("boot whose guest runs", "boot", play=RUNS, shows=b"there"),
    Stage("boot --run", "boot", "--run", "x", play=RUNS, shows=b"there"),
    Stage("boot while a dump comes", "boot", play=DUMPS, shows=b"there"),
    Stage("boot whose VMM says nothing more", "boot", play=DEAF, shows=b"there"),
    Stage("boot that is over", "boot", play=OVER, viewer=True),
    Stage("test that builds", "test", tool="ninja"),
    Stage("test that tests", "test", "--list", tool="ctest"),
    Stage("lint that formats", "lint", os.path.join(ROOT, "hv", "boot"), tool="clang-format"),
    Stage("bench that builds", "bench", tool="ninja"),
    Stage("heatmap that builds", "heatmap", "DUMP", tool="ninja"),
    Stage("heatmap that shows", "heatmap", "DUMP", viewer=True),
    Stage("setup that looks", "setup", "--check", tool="dpkg-query"),
)


class SignalCase(Fake):
    """Brings a command to a stage, and looks what is there afterwards."""

    def reach(self, stage, **streams):
        """(Popen, process numbers of what it runs) once it is there."""
        changes = dict(self.play(*stage.play)) if stage.play else {}
        fifo = None
        if stage.tool or stage.viewer:
            fifo = self.path(f"stage-{len(os.listdir(self.folder))}")
            os.mkfifo(fifo)
        if stage.tool:
            changes["PATH"] = self.blocking(stage.tool) + ":" + os.environ["PATH"]
            changes["STAGE"] = fifo
        if stage.viewer:
            changes.update(self.viewer(FAKE_TRAPMAP_STAGE=fifo))
        words = [self.path("some.trap", dump().replace("\r", "").encode()) if word == "DUMP" else word
                 for word in stage.words]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   # (SIGTSTP stops nobody whose parent is of another session.)
                   "preexec_fn": os.setpgrp, **streams}
        process = subprocess.Popen([TRAPEZE, *words], env=environment(**changes), **streams)
        self.addCleanup(finish, process)
        if fifo:
            return process, self.told(process, fifo)
        read_until(process.stdout, stage.shows)
        return process, children(process.pid)

    def told(self, process, fifo):
        """The process numbers that are written there."""
        end = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        said, until = b"", time.monotonic() + LONG
        try:
            while not said and process.poll() is None and time.monotonic() < until:
                select.select([end], [], [], 0.05)
                with contextlib.suppress(BlockingIOError):
                    said = os.read(end, 100)
        finally:
            os.close(end)
        if not said:
            process.kill()
            self.fail(f"it did not get there: {process.communicate()}")
        return [int(word) for word in said.split()]

    def blocking(self, tool):
        """A folder in which `tool` is BLOCKS, and what comes before it does nothing."""
        folder = self.path("tools-" + tool)
        if os.path.isdir(folder):
            return folder
        os.mkdir(folder)
        for name in {tool, "ninja"}:
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as script:
                script.write(BLOCKS if name == tool else "#!/bin/sh\necho ninja: no work to do.\n")
            os.chmod(path, 0o755)
        return folder

    def gone(self, below):
        """Nobody of these is left."""
        until = time.monotonic() + LONG
        while any(map(alive, below)) and time.monotonic() < until:
            time.sleep(0.02)
        left = {pid: self.command_of(pid) for pid in below if alive(pid)}
        self.assertFalse(left, "left behind")

    @staticmethod
    def command_of(pid):
        """Its command line."""
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as words:
                return words.read().split(b"\0")
        return None

    def whole(self):
        """No file is there in part, and no socket of a boot that has ended."""
        with contextlib.suppress(FileNotFoundError):
            self.assertFalse([name for name in os.listdir(LAST) if name.endswith(".new")])
            with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as summary:
                json.load(summary)
        with contextlib.suppress(FileNotFoundError):
            self.assertFalse(os.listdir(LIVE))

    def ended(self, process, below, number):
        """The command has ended as it does by the signal."""
        _, err = process.communicate(timeout=LONG)
        self.assertEqual(process.returncode, 128 + number, err)
        # One line, and one more if a dump was cut.
        self.assertEqual(err.count(b"trapeze: "), 1 + err.count(b"a dump of the profile was lost"), err)
        self.assertRegex(err, rb"(?m)^trapeze: stopped$")
        self.assertNotIn(b"Traceback", err)
        self.gone(below)
        self.whole()

    def end_by(self, stage, number):
        """Brings it there, and ends it."""
        with self.subTest(stage=stage.name, signal=signal.Signals(number).name):
            process, below = self.reach(stage)
            self.assertTrue(below)
            process.send_signal(number)
            self.ended(process, below, number)

    def leave_by(self, stage, number):
        """Sends it a signal that changes nothing; one that stops it until it may go on."""
        with self.subTest(stage=stage.name, signal=signal.Signals(number).name):
            process, below = self.reach(stage)
            process.send_signal(number)
            if number == signal.SIGTSTP:
                _, status = os.waitpid(process.pid, os.WUNTRACED)
                self.assertTrue(os.WIFSTOPPED(status))
                process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            self.ended(process, below, signal.SIGTERM)

    def at_terminal(self, *words):
        """(Popen, the terminal's other end, its modes before) with a guest that runs and reads."""
        other, terminal = pty.openpty()
        self.addCleanup(os.close, other)
        before = termios.tcgetattr(terminal)

        def own():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            [TRAPEZE, "boot", *words], stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=own, env=environment(**self.play(*RUNS)))
        self.addCleanup(finish, process)
        self.addCleanup(os.close, terminal)
        read_until(process.stdout, b"there")
        self.assertNotEqual(termios.tcgetattr(terminal), before)
        return process, terminal, before
