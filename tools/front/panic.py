# SPDX-License-Identifier: Apache-2.0
"""A Linux panic on the console: told from a program's words by what the machine does then."""
import re

# What printk puts before a message: nothing, or time and, if configured, task or core. A program
# may have left a line open in front of it.
_PREFIX = rb"(?:.*\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? )?"
_PANIC = re.compile(_PREFIX + rb"Kernel panic - not syncing: (.*)")
_LOOP = re.compile(_PREFIX + rb"(?:---\[ end Kernel panic - not syncing: (.*) \]---"
                   rb"|Rebooting in \d+ seconds\.\.)")
# The kernel's last words when it ends as it was told to, which after a panic it does not say.
_ENDS = re.compile(_PREFIX + rb"reboot: (Power down|Restarting system|System halted)")
_WORDS = (b"Kernel panic", b"Rebooting in ", b"reboot: ")
# A console line is shorter; a longer one is no line of the kernel's.
_LONGEST = 1024


class Panic:
    """Reads the console's bytes. A program can print all of this, so it never counts by itself:

    said   the kernel's line has come, and nothing after it that shows that the kernel lives on. A
           machine that ends then, and not by powering off, has panicked
    loops  the last line has come too of a kernel that then stays in a loop, for ever or until it
           resets the machine, and nothing since. One that goes on saying nothing has panicked

    sign   bytes in a line that only a living guest prints, or None
    """

    def __init__(self, sign=None):
        self._sign = sign
        self._words = _WORDS + ((sign,) if sign else ())
        self._line = b""
        self._why = None
        self.said = self.loops = False

    def feed(self, data):
        """Takes bytes as they come."""
        if not data:
            return
        text = self._line + data
        *lines, rest = text.split(b"\n") if b"\n" in data else [text]
        if any(word in text for word in self._words):
            for line in lines:
                self._take(line.rstrip(b"\r"))
        elif lines:
            self.loops = False
        if rest.strip(b"\r"):
            self.loops = False
        self._line = rest[-_LONGEST:]

    def _take(self, line):
        panic, loop = _PANIC.fullmatch(line), _LOOP.fullmatch(line)
        self.loops = bool(self.said and loop and loop[1] in (None, self._why))
        if panic:
            self.said, self._why = True, panic[1]
        elif (self._sign and self._sign in line) or _ENDS.fullmatch(line):
            self.said = False
