# SPDX-License-Identifier: Apache-2.0
"""Signals at every stage of the front door's commands; test_signals_all.py has each with each."""
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
import unittest

from signal_case import ENDS, LEAVES, LONG, STAGES, SignalCase
from support import TRAPEZE, children, environment, finish


class Stages(SignalCase):
    """Each stage once, and each signal."""

    def test_those_that_end(self):
        for number, stage in enumerate(STAGES):
            self.end_by(stage, ENDS[number % len(ENDS)])

    def test_those_that_do_not(self):
        for number, sent in enumerate(LEAVES):
            self.leave_by(STAGES[number], sent)

    def test_help_that_nobody_reads(self):
        # More than the pipe holds: it waits for its reader, and is ended there.
        for sent in (signal.SIGINT, signal.SIGTERM):
            reader, writer = os.pipe()
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
            process = subprocess.Popen([TRAPEZE, "help", "boot"], stdin=subprocess.DEVNULL,
                                       stdout=writer, stderr=subprocess.PIPE, env=environment())
            self.addCleanup(finish, process)
            os.close(writer)
            # All that it takes is there: the next byte has to wait.
            self.fills(reader, 4096)
            process.send_signal(sent)
            self.ended(process, [], sent)
            os.close(reader)

    def fills(self, reader, size):
        """Waits until the pipe has so many bytes."""
        until, held = time.monotonic() + LONG, bytearray(4)
        while int.from_bytes(held, sys.byteorder) < size and time.monotonic() < until:
            fcntl.ioctl(reader, termios.FIONREAD, held)
            time.sleep(0.01)
        self.assertEqual(int.from_bytes(held, sys.byteorder), size)


class Terminal(SignalCase):
    """The terminal is put right, whatever comes."""

    def test_ends(self):
        for words, sent in ((["--shell"], signal.SIGTERM), (["--shell"], signal.SIGUSR1),
                            (["--kernel", self.path("raw", b"\x48\0\0\0" * 64)], signal.SIGHUP)):
            with self.subTest(words=words[0], sent=sent):
                process, terminal, before = self.at_terminal(*words)
                below = children(process.pid)
                process.send_signal(sent)
                self.ended(process, below, sent)
                self.assertEqual(termios.tcgetattr(terminal), before)

    def test_stopped_and_continued(self):
        process, terminal, before = self.at_terminal("--shell")
        raw = termios.tcgetattr(terminal)
        process.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        self.assertEqual(termios.tcgetattr(terminal), before)
        process.send_signal(signal.SIGCONT)
        until = time.monotonic() + LONG
        while termios.tcgetattr(terminal) != raw and time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(termios.tcgetattr(terminal), raw)
        below = children(process.pid)
        process.send_signal(signal.SIGTERM)
        self.ended(process, below, signal.SIGTERM)
        self.assertEqual(termios.tcgetattr(terminal), before)


if __name__ == "__main__":
    unittest.main()
