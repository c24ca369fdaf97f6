# SPDX-License-Identifier: Apache-2.0
"""What comes out of the two UARTs: the guest's console and the VMM's log."""
import json
import re

from . import trace
from .dump import Extractor
from .panic import Panic

SUMMARY = "@@trapeze-summary "
# "@@monitor TEXT", and at a command's end "@@monitor-end STATUS".
REPLY = "@@monitor"


def _no_number(text):
    """Python takes NaN and Infinity, and would write them again; JSON has no such numbers."""
    raise ValueError(f"{text} is no number of JSON")


class GuestConsole:
    """Turns the guest's console into what the user sees, and reads /init's markers in it.

    nonce      the word in the markers, or None for a guest that is not ours
    only_run   show nothing but what lies between the begin and the exit marker
    markers    show the marker lines as well
    raw        keep CR LF as it is (for a terminal in raw mode); else undo the tty's LF -> CR LF,
               which also makes binary output come through unchanged. /init prints an empty line
               before each marker, to end a line that may be open; it is left out then
    anchored   look for markers at the start of a line only, so that a '[' that someone types
               shows at once
    tap        called with all that comes, as it comes; or None
    """

    # A guest that is alone ends the run itself.
    over = False
    # There is no other console to go to.
    turn = None

    def __init__(self, nonce, only_run=False, markers=False, raw=False, anchored=False,
                 tap=None):
        self.tap = tap
        self._prefix = f"[trapeze:{nonce}] ".encode() if nonce else None
        self._only_run = only_run
        self._markers = markers
        self._raw = raw
        self._anchored = anchored
        self._held = b""
        self._line_start = True
        self._newline = b""
        # Whether what was shown so far ends with a line end.
        self._fresh = True
        self.begun = False
        self.status = None
        self.panic = Panic(self._prefix)

    def feed(self, data):
        """Takes bytes from the UART, returns bytes to show."""
        if self.tap and data:
            self.tap(data)
        self.panic.feed(data)
        self._held += data
        shown = b""
        while self._held:
            start = self._find_marker() if self._prefix else -1
            if start >= 0:
                end = self._held.find(b"\n", start)
                if end < 0 and len(self._held) - start < 80:
                    shown += self._take(start)
                    break
                end = end + 1 or len(self._held)
                shown += self._take(start)
                shown += self._take_marker(end - start)
                continue
            shown += self._take(len(self._held) - self._hold_back())
            break
        return shown

    @staticmethod
    def encode(data, _number=None):
        """What is typed, as bytes for the UART."""
        return data

    def start_again(self):
        """The guest does: its orders begin anew."""
        self.begun, self.status = False, None

    def finish(self):
        """What was held back because it could have become a marker or a line end."""
        return self._take(len(self._held)) + self._newline

    @property
    def waiting(self):
        """True while a line end is held back that nothing has followed yet, and that somebody may wait for: an
        empty line waits unseen, for as long as it takes the guest to say whether it is a marker's."""
        return bool(self._newline) and not self._fresh

    def idle(self):
        """The held line end, once nothing has followed it for so long that no marker will."""
        if not self.waiting:
            return b""
        newline, self._newline, self._fresh = self._newline, b"", True
        return newline

    def _find_marker(self):
        start = self._held.find(self._prefix)
        while self._anchored and start > 0 and self._held[start - 1:start] != b"\n":
            start = self._held.find(self._prefix, start + 1)
        return -1 if start == 0 and self._anchored and not self._line_start else start

    def _hold_back(self):
        """How many bytes at the end may be the start of a marker or of CR LF."""
        if self._prefix:
            for count in range(min(len(self._prefix) - 1, len(self._held)), 0, -1):
                if self._prefix.startswith(self._held[-count:]):
                    before = self._held[-count - 1:-count] if count < len(self._held) else b""
                    fresh = before == b"\n" or (not before and self._line_start)
                    if fresh or not self._anchored:
                        return count
        return 1 if not self._raw and self._held.endswith(b"\r") else 0

    def _take(self, count):
        part, self._held = self._held[:count], self._held[count:]
        if not part:
            return b""
        self._line_start = part.endswith(b"\n")
        if self._only_run and (not self.begun or self.status is not None):
            return b""
        if self._raw:
            return part
        part = self._newline + part.replace(b"\r\n", b"\n")
        self._newline = b""
        if self._prefix and part.endswith(b"\n"):
            # It may be the one that /init puts before a marker: wait for what follows.
            part, self._newline = part[:-1], b"\n"
        self._fresh = part.endswith(b"\n") if part else self._fresh
        return part

    def _take_marker(self, count):
        line, self._held = self._held[:count], self._held[count:]
        self._line_start = True
        self._newline = b""
        words = line[len(self._prefix):].split()
        if words[:1] == [b"begin"]:
            self.begun = True
        elif words[:1] == [b"exit"] and len(words) == 2 and words[1].isdigit():
            self.status = int(words[1]) & 0xff
        if not self._markers:
            return b""
        return line if self._raw else line.replace(b"\r\n", b"\n")


class VmmLog:
    """The VMM's console: whole lines for people; one line of JSON and the dumps for us.

    on_line   called with each line for people
    on_dump   called with each good dump.Block
    on_bad    called with what was wrong with a dump that did not come through
    on_reply  called with each line of the monitor's, without what marks it
    on_end    called with each summary
    traces    takes each good trace.Block, and what was wrong with others (trace.Collector)
    on_trace  called with each good trace.Block, or None and what was wrong with one

    `summary` is the last one; `summaries` has the last one of each guest, by name, and of a VMM
    that has none to name, by None. `broken` says what was wrong with one.
    """

    def __init__(self, on_line, on_dump=lambda block: None, on_bad=lambda why: None,
                 on_reply=lambda text: None, on_end=lambda summary: None, traces=None,
                 on_trace=lambda block, why: None):
        self._on_line, self._on_reply, self._on_end = on_line, on_reply, on_end
        self._dumps = Extractor(on_dump, on_bad)
        def take(block):
            if traces:
                traces.take(block)
            on_trace(block, None)

        def bad(why):
            if traces:
                traces.bad(why)
            on_trace(None, why)

        self._traces = trace.Extractor(take, bad)
        self._rest = b""
        self.summary = None
        self.summaries = {}
        self.broken = None

    def feed(self, data):
        """Takes bytes from the UART; calls back with each complete human line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)

    @property
    def busy(self):
        """Whether something long is coming, and its end has not come: a trace is some MB."""
        return self._traces.open

    def finish(self):
        """The last line may lack its end when QEMU was killed."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""
        for blocks in (self._dumps, self._traces):
            blocks.cut("the VMM ended in the middle of it")

    def _line(self, raw):
        raw = raw.rstrip(b"\r")
        if self._dumps.line(raw) or self._traces.line(raw):
            return
        text = raw.decode("utf-8", "replace")
        if not text.startswith(SUMMARY):
            # The VMM's words may quote a guest: let no escape sequence through.
            text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "?", text)
            if text.startswith(REPLY):
                self._on_reply(text[len(REPLY):])
            else:
                self._on_line(text)
            return
        try:
            found = json.loads(text[len(SUMMARY):], parse_constant=_no_number)
            if not isinstance(found, dict) or found.get("schema") != 1:
                raise ValueError("not a summary of schema 1")
            name = found.get("guest")
            if name is not None and not isinstance(name, str):
                raise ValueError("its guest has no name")
            self.summary = self.summaries[name] = found
        except ValueError as error:
            self.broken = str(error)
        except RecursionError:
            self.broken = "it nests too deep"
        else:
            self._on_end(found)
