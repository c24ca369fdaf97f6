# SPDX-License-Identifier: Apache-2.0
"""Profile dumps on the VMM's console: taken out of the log, checked, kept in build/last."""
import contextlib
import os
import re
import zlib

from .output import replace

BEGIN = "@@trapeze-dump "
END = "@@trapeze-dump-end "
KINDS = ("end", "request", "periodic", "live")
# Several times what the VMM's tables can hold; whatever is longer is no dump.
LONGEST = 16 << 20
# What an earlier run may have left.
_KEPT = re.compile(r"((guest|dump-\d{4,})(-[a-z][a-z0-9-]*)?\.trap(\.new)?"
                   r"|(heatmap|dump-\d{4,})(-[a-z][a-z0-9-]*)?\.html)")


class Block:
    """A whole dump as the VMM sent it, without the CRs of the console.

    kind      one of KINDS
    sequence  its number in this run
    data      bytes, from the begin line to the end line
    profile   False if the VMM said that it does not profile
    guest     its name if there are several guests, or None
    """

    def __init__(self, kind, sequence, data):
        self.kind, self.sequence, self.data = kind, sequence, data
        self.profile = not re.search(rb"^guest \d+ \S+ off\b", data, re.MULTILINE)
        name = re.search(rb"^name ([a-z][a-z0-9-]{0,14})\b", data, re.MULTILINE)
        self.guest = name[1].decode() if name else None


class Extractor:
    """Takes the console's lines; calls `on_block` with good dumps, `on_bad` with what was wrong."""

    begin, end = BEGIN.encode(), END.encode()

    def __init__(self, on_block, on_bad):
        self._on_block, self._on_bad = on_block, on_bad
        self._lines = None
        self._size = 0

    def line(self, raw):
        """Takes one line (bytes without CR LF); False if it is not part of a dump."""
        if raw.startswith(self.begin):
            self.cut("another began in it")
            self._lines, self._size = [], 0
        elif self._lines is None:
            if not raw.startswith(self.end):
                return False
            self._on_bad("its first line did not come")
            return True
        elif raw.startswith(self.end):
            lines, self._lines = self._lines, None
            self._check(lines, raw)
            return True
        elif raw.startswith((b"@@", b"[vmm ")):
            # No line of a dump looks like that: its end got lost, this one must not be.
            self.cut("it has no end")
            return False
        self._size += len(raw) + 1
        if self._size > LONGEST:
            self.cut("it does not end")
            return True
        self._lines.append(raw)
        return True

    @property
    def open(self):
        """Whether one has begun and not ended."""
        return self._lines is not None

    def cut(self, why):
        """Drops the open dump, if there is one."""
        if self._lines is not None:
            self._lines = None
            self._on_bad(why)

    def _check(self, lines, end):
        begin = re.fullmatch(rb"@@trapeze-dump (\d+) ([a-z]+) (\d+)", lines[0])
        last = re.fullmatch(rb"@@trapeze-dump-end (\d+) (\d+) ([0-9a-f]{8})", end)
        body = b"".join(line + b"\n" for line in lines)
        if not begin or begin[2].decode() not in KINDS:
            wrong = "its first line is damaged"
        elif int(begin[1]) != 1:
            wrong = f"it is of version {int(begin[1])}, known is 1"
        elif not last or last[1] != begin[3]:
            wrong = "its last line is damaged"
        elif int(last[2]) != len(lines) - 1:
            wrong = f"{len(lines) - 1} lines came, {int(last[2])} were sent"
        elif int(last[3], 16) != zlib.crc32(body):
            wrong = "its checksum is wrong"
        else:
            self._on_block(Block(begin[2].decode(), int(begin[3]), body + end + b"\n"))
            return
        self._on_bad(wrong)


class Store:
    """The dumps of one run as files: guest.trap is the last full one, dump-NNNN.trap those that
    were asked for, by a user or by --dump-every. Of several guests each has a Store, and its name
    behind both: guest-a.trap, dump-NNNN-a.trap.

    `last` is the last full Block or None; `problems` says what was wrong with dumps that did
    not come through; `unwritten` is True if one that was asked for is not there.
    """

    def __init__(self, folder, guest=None):
        self.folder = folder
        self._suffix = f"-{guest}" if guest else ""
        self.path = os.path.join(folder, f"guest{self._suffix}.trap")
        self.last = None
        self.problems = []
        self.unwritten = False
        self._count = 0

    def clear(self):
        """Removes what an earlier run has left."""
        for name in os.listdir(self.folder):
            if _KEPT.fullmatch(name):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.folder, name))

    def take(self, block):
        """Keeps a full dump; returns the path of its dump-NNNN.trap if it gets one."""
        if block.kind == "live":
            return None
        extra = None
        try:
            if block.kind != "end":
                self._count += 1
                extra = os.path.join(self.folder, f"dump-{self._count:04}{self._suffix}.trap")
                replace(extra, block.data)
            replace(self.path, block.data)
        except OSError as error:
            self.unwritten = self.unwritten or block.kind != "end"
            self.bad(f"it could not be written: {error.strerror}")
            return None
        self.last = block
        return extra

    def bad(self, why):
        """Remembers a dump that did not come through."""
        self.problems.append(why)

    def complaint(self):
        """One line about dumps that were lost, or None."""
        if not self.problems:
            return None
        kept = "the last good one is kept" if self.last else "there is no good one"
        lost = ("a dump of the profile was lost" if len(self.problems) == 1 else
                f"{len(self.problems)} dumps of the profile were lost, the first of them")
        return f"{lost}: {self.problems[0]}; {kept}"
