# SPDX-License-Identifier: Apache-2.0
"""The user's end: the terminal in raw mode, Ctrl-A commands."""
import contextlib
import os
import signal
import sys
import termios
import tty

CTRL_A, CTRL_D = 1, 4
OUTPUT_FLAGS = 1  # in the list that termios.tcgetattr returns
SEVERAL = "Ctrl-A N goes to the next guest's console"
HELP = ("Ctrl-A X leaves, Ctrl-A D saves a dump of the trap sites, Ctrl-A ? asks the VMM for a "
        "report, Ctrl-A Ctrl-A sends Ctrl-A")


def in_foreground():
    """Whether stdin can be read: a terminal stops whoever reads it from the background."""
    try:
        return not os.isatty(0) or os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


@contextlib.contextmanager
def raw_mode(wanted, keep_output=False):
    """Puts the terminal on stdin into raw mode if `wanted`, and always puts it back. With
    `keep_output` a line end still goes to the left margin, for lines that are not a guest tty's."""
    if not wanted:
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def enter():
        tty.setraw(descriptor)
        if keep_output:
            now = termios.tcgetattr(descriptor)
            now[OUTPUT_FLAGS] |= termios.OPOST
            termios.tcsetattr(descriptor, termios.TCSADRAIN, now)

    def stop(_number, _frame):
        # Whoever goes on in the meantime, a shell, finds the terminal as it was.
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        os.kill(os.getpid(), signal.SIGSTOP)
        enter()

    old = signal.signal(signal.SIGTSTP, stop)
    try:
        enter()
        yield
    finally:
        signal.signal(signal.SIGTSTP, old)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class Keys:
    """Splits what is typed into bytes for the guest and Ctrl-A commands."""

    def __init__(self):
        self._escaped = False

    def feed(self, data):
        """Returns (bytes for the guest, list of commands out of 'leave', 'report', 'dump',
        'next', 'help')."""
        for_guest, commands = bytearray(), []
        for byte in data:
            if not self._escaped:
                if byte == CTRL_A:
                    self._escaped = True
                else:
                    for_guest.append(byte)
                continue
            self._escaped = False
            if byte in b"xX":
                commands.append("leave")
            elif byte == ord("?"):
                commands.append("report")
            elif byte in b"dD":
                commands.append("dump")
            elif byte in b"nN":
                commands.append("next")
            elif byte in (CTRL_A, ord("a")):
                for_guest.append(CTRL_A)
            else:
                commands.append("help")
        return bytes(for_guest), commands
