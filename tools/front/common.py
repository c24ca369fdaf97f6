# SPDX-License-Identifier: Apache-2.0
"""Where things are, what exit statuses mean, and how to talk to the user."""
import os
import re
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(ROOT, "build")
LOGS = os.path.join(BUILD, "log")
# Runs beside each other do not meet if each has a folder of its own.
OUT = os.path.abspath(os.environ.get("TRAPEZE_OUT") or BUILD)
LAST = os.path.join(OUT, "last")
LIVE = os.path.join(OUT, "live")
GUEST = os.path.join(BUILD, "guest")
VMM_ELF = os.path.join(BUILD, "hv", "hv", "trapeze-hv.elf")
PACK = os.path.join(BUILD, "host", "tools", "pack", "trapeze-pack")
TRAPMAP = os.path.join(BUILD, "host", "tools", "trapmap", "trapmap")

OK, GUEST_FAILED, USAGE, VMM_FAILED, TIMEOUT = range(5)
# With --run the guest command's own status comes back; ours move out of its way.
RUN_OFFSET = 120
INTERRUPTED = 130

STYLES = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "blue": "34",
          "magenta": "35", "cyan": "36"}


class Failure(Exception):
    """Ends the front door: one line for the user and the exit status."""

    def __init__(self, message, status=USAGE):
        super().__init__(message)
        self.status = status


def colour_on(stream):
    """True when escape sequences are welcome on `stream` (a terminal, and no NO_COLOR)."""
    return (stream.isatty() and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM", "dumb") != "dumb")


def paint(text, style, stream):
    """`text` in a style of STYLES if `stream` takes colour, else `text` as it is."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if colour_on(stream) else text


def say(text, style=None):
    """One line about progress, on stderr."""
    print(paint(text, style, sys.stderr) if style else text, file=sys.stderr, flush=True)


def plain(text):
    """`text` as one line that a terminal shows and does not obey, whatever a user's words or a
    file's name have in them."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], text)


def complain(text):
    """One line about what went wrong, on stderr."""
    say(paint("trapeze: ", "red", sys.stderr) + plain(text))


def shown(path):
    """`path` as the user would type it: relative when it lies below the current directory."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


class Step:
    """A long step: says its name, then how long it took; on a terminal a live line between.

    Use as a context manager; `note()` changes the live text (a file name, a percentage).
    """

    def __init__(self, title, quiet=False):
        self.title = title
        self.quiet = quiet
        self.started = 0.0
        self.live = sys.stderr.isatty() and not quiet

    def __enter__(self):
        self.started = time.monotonic()
        if not self.quiet and not self.live:
            say(f"==> {self.title}")
        self.note("")
        return self

    def note(self, text):
        """Shows `text` behind the title; only on a terminal."""
        if not self.live:
            return
        width = os.get_terminal_size(sys.stderr.fileno()).columns
        line = f"==> {self.title} {text}"
        sys.stderr.write("\r\x1b[K" + line[:max(width - 1, 20)])
        sys.stderr.flush()

    def __exit__(self, kind, value, trace):
        if self.quiet:
            return
        took = time.monotonic() - self.started
        end = "failed after" if kind else "done in"
        head = "\r\x1b[K" if self.live else ""
        sys.stderr.write(f"{head}==> {self.title}: {end} {took:.1f} s\n")
        sys.stderr.flush()
