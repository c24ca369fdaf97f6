# SPDX-License-Identifier: Apache-2.0
"""The VMM's trace: taken out of its console, checked, and made a file for Perfetto (docs/trace.md).

The file is Chrome's trace-event JSON: times in microseconds, a process for each core and each
guest.
"""
import bisect
import json
import re
import zlib

from . import dump
from .common import Failure

# What --trace asks for, unless --vmm-append says otherwise.
KIB = 1024
# Processes of the file: cores from 1 on, guests from here on. Threads of a guest.
GUESTS = 100
STATE, EXITS = 1, 2
CATEGORIES = {STATE: "state", EXITS: "exits"}
STATES = ("runs", "ready", "waits")
STARTS, ENDS = ("started", "restarted"), ("powered_off", "reset", "died", "stopped")
# What cores ask of guests: bits of the VMM's guest::Ask.
ASKED = ("stop", "report", "dump", "live dump", "pause", "resume", "start", "restart", "halt",
         "registers", "trace")
# A function reaches no further, as in the VMM: what is behind that is in none that is known.
FURTHEST = 0x10000
# Of a function's name, in characters.
NAME_MOST = 100
# By IVOR number (manual 5.7).
VECTORS = {0: "critical input", 1: "machine check", 2: "data storage", 3: "instruction storage",
           4: "external input", 5: "alignment", 6: "program", 7: "FP unavailable", 8: "system call",
           9: "AP unavailable", 10: "decrementer", 11: "fixed-interval timer", 12: "watchdog",
           13: "data TLB miss", 14: "instruction TLB miss", 15: "debug", 16: "SPE unavailable",
           17: "SPE data", 18: "SPE round", 19: "performance monitor"}
# Chrome's page has names for its colours; Perfetto goes by the name of what it draws.
COLOURS = {"privileged": "thread_state_running", "syscall": "rail_response",
           "dtlb_shadow": "rail_idle", "itlb_shadow": "rail_idle", "dtlb_guest": "rail_animation",
           "itlb_guest": "rail_animation", "dsi": "bad", "isi": "bad", "mmio": "rail_load",
           "tracing": "terrible", "text_write": "terrible", "program": "yellow", "alignment": "olive",
           "unavailable": "olive", "external": "thread_state_iowait",
           "decrementer": "thread_state_runnable", "heartbeat": "grey", "critical": "black",
           "machine_check": "black", "debug": "white", "runs": "good",
           "ready": "thread_state_runnable", "waits": "grey", "paused": "white"}

_FIRST = re.compile(rb"@@trapeze-trace (\d+) (\d+) (\d+) (\d+)")
_LAST = re.compile(rb"@@trapeze-trace-end (\d+) ([0-9a-f]{8})")
_LINES = (
    re.compile(r"(clock) (\d+) (\d+)"),
    re.compile(r"(guest) (\d+) (\S+)"),
    re.compile(r"(symbol) (\d+) ([0-9a-f]{8}) (\S+)"),
    re.compile(r"(word) ([0-9a-f]{8}) (.*)"),
    re.compile(r"(exit) (\d+) (\d+) (\d+) ([a-z_]+) ([uk]) ([0-9a-f]{8}) ([0-9a-f]{8}) "
               r"([0-9a-f]{8})(?: (\d+))?"),
    re.compile(r"(runs|ready|waits|started|restarted|paused|resumed|powered_off|reset|died|stopped"
               r"|interrupt|sends|message|asked) (\d+) (\d+) (\d+)"),
)


class Block:
    """The trace of one core.

    core       its number
    lost       how many records there were before the first that is here
    frequency  ticks a second
    end        when it was printed, in ticks
    guests     {number: name}
    symbols    {guest: sorted [(address, name)]}
    words      {instruction: text}
    records    tuples of text: ("exit", time, ticks, guest, cause, mode, nip, word, data, vector) or
               (what, time, guest, number), in their order
    data       bytes, as the VMM sent it
    """

    def __init__(self, core, lost, lines, data=b""):
        self.core, self.lost, self.data = core, lost, data
        self.frequency, self.end = 1, 0
        self.guests, self.symbols, self.words, self.records = {}, {}, {}, []
        for line in lines:
            for pattern in _LINES:
                found = pattern.fullmatch(line)
                if found:
                    self._take(*found.groups())
                    break
            else:
                raise ValueError(f"what is this? {line[:60]}")
        for table in self.symbols.values():
            table.sort()

    def _take(self, what, *words):
        if what == "clock":
            self.frequency, self.end = max(1, int(words[0])), int(words[1])
        elif what == "guest":
            self.guests[int(words[0])] = "guest" if words[1] == "-" else words[1]
        elif what == "symbol":
            row = (int(words[1], 16), words[2][:NAME_MOST])
            table = self.symbols.setdefault(int(words[0]), [])
            if row not in table[-1:]:
                table.append(row)
        elif what == "word":
            self.words[words[0]] = words[1]
        else:
            self.records.append((what, *words))

    def place(self, guest, address):
        """A kernel address of a guest as text, with its function if that is known."""
        table = self.symbols.get(guest, [])
        at = bisect.bisect_right(table, (address, "\U0010ffff")) - 1
        if at < 0:
            return f"{address:08x}"
        start, name = table[at]
        if address - start >= FURTHEST:
            return f"{address:08x}"
        return f"{name}+0x{address - start:x}"

    def micros(self, ticks):
        """Ticks as microseconds."""
        return round(ticks * 1e6 / self.frequency, 4)


class Extractor(dump.Extractor):
    """As that of dumps; `on_block` gets a Block."""

    begin, end = b"@@trapeze-trace ", b"@@trapeze-trace-end "

    def _check(self, lines, end):
        first, last = _FIRST.fullmatch(lines[0]), _LAST.fullmatch(end)
        body = b"".join(line + b"\n" for line in lines)
        if not first:
            wrong = "its first line is damaged"
        elif int(first[1]) != 1:
            wrong = f"it is of version {int(first[1])}, known is 1"
        elif not last:
            wrong = "its last line is damaged"
        elif int(last[1]) != len(lines) - 1:
            wrong = f"{len(lines) - 1} lines came, {int(last[1])} were sent"
        elif int(last[2], 16) != zlib.crc32(body):
            wrong = "its checksum is wrong"
        else:
            try:
                block = Block(int(first[2]), int(first[4]),
                              [line.decode("ascii", "replace") for line in lines[1:]],
                              body + end + b"\n")
            except ValueError as error:
                wrong = str(error)
            else:
                self._on_block(block)
                return
        self._on_bad(wrong)


def _named(pid, name, threads=()):
    yield {"ph": "M", "cat": "__metadata", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}}
    yield {"ph": "M", "cat": "__metadata", "name": "process_sort_index", "pid": pid, "tid": 0,
           "args": {"sort_index": pid}}
    for tid, thread in threads:
        yield {"ph": "M", "cat": "__metadata", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": thread}}


def _slice(block, begin, end, name, where, **args):
    event = {"ph": "X", "cat": CATEGORIES[where[1]], "name": name, "pid": where[0], "tid": where[1],
             "ts": block.micros(begin), "dur": round(block.micros(end) - block.micros(begin), 4)}
    if name in COLOURS:
        event["cname"] = COLOURS[name]
    if args:
        event["args"] = args
    return event


def _instant(block, time, name, where, **args):
    event = {"ph": "i", "s": "t", "cat": CATEGORIES[where[1]], "name": name, "pid": where[0], "tid": where[1],
             "ts": block.micros(time)}
    if args:
        event["args"] = args
    return event


def _exit(block, words):
    time, ticks, guest, cause, mode, nip, word, data, vector = words
    time, ticks, guest, address = int(time), int(ticks), int(guest), int(nip, 16)
    where = (GUESTS + guest, EXITS)
    args = {"site": block.place(guest, address) if mode == "k" else nip,
            "nip": nip, "mode": "kernel" if mode == "k" else "user"}
    if int(word, 16):
        args["instruction"] = block.words.get(word, word)
    if int(data, 16):
        args["address"] = data
    yield _slice(block, time, time + ticks, cause, where, **args)
    if vector is not None:
        yield _instant(block, time + ticks, _interrupt(vector), where, at=args["site"])


def _interrupt(vector):
    return "interrupt: " + VECTORS.get(int(vector), f"IVOR{vector}")


def _asked(bits):
    words = [ASKED[i] if i < len(ASKED) else f"bit {i}" for i in range(32) if bits >> i & 1]
    return "asked: " + ", ".join(words or ["nothing"])


class _States:
    """What the guests of a core did with its time, as slices."""

    def __init__(self, block):
        self._block = block
        self._now = {}
        self._paused = set()

    def change(self, guest, state, time):
        """From `time` on; None: it is over. Yields what was before."""
        if guest in self._paused and state is not None:
            state = "paused"
        before, since = self._now.get(guest, (None, time))
        if before == state:
            return
        if before is not None and since < time:
            yield _slice(self._block, since, time, before, (GUESTS + guest, STATE))
            if before == "runs":
                name = self._block.guests.get(guest, str(guest))
                yield _slice(self._block, since, time, name, (1 + self._block.core, STATE))
        self._now[guest] = (state, time)

    def pause(self, guest, on, time):
        """It is, or no longer: it may wait for something all the same. Yields what was before."""
        if on:
            self._paused.add(guest)
        else:
            self._paused.discard(guest)
        yield from self.change(guest, "ready", time)

    def seen(self, guest, time):
        """It exited at `time`: whatever came before, it had the core."""
        if guest not in self._now:
            self._now[guest] = ("runs", time)

    def finish(self):
        """Yields what lasted until the end."""
        for guest in list(self._now):
            yield from self.change(guest, None, max(self._block.end, self._now[guest][1]))


class _Core:
    """The records of a Block as events."""

    def __init__(self, block):
        self._block = block
        self._where = (1 + block.core, STATE)
        self._states, self._over = _States(block), set()

    def events(self):
        """Yields them; slices when they end."""
        for what, *words in self._block.records:
            if what == "exit":
                self._states.seen(int(words[2]), int(words[0]))
                yield from _exit(self._block, words)
            else:
                yield from self._record(what, *map(int, words))
        yield from self._states.finish()

    def _record(self, what, time, guest, number):
        block = self._block
        name = block.guests.get(guest, str(guest))
        if what in STATES:
            if guest not in self._over:
                yield from self._states.change(guest, what, time)
        elif what == "sends":
            yield _instant(block, time, f"message to core {number}", self._where)
        elif what == "message":
            yield _instant(block, time, "message", self._where)
        elif what == "asked":
            yield _instant(block, time, _asked(number), self._where, guest=name)
        elif what == "interrupt":
            yield _instant(block, time, _interrupt(number), (GUESTS + guest, EXITS))
        else:
            yield from self._life(what, time, guest)

    def _life(self, what, time, guest):
        if what in STARTS:
            self._over.discard(guest)
        elif what in ENDS:
            self._over.add(guest)
            yield from self._states.change(guest, None, time)
        else:
            yield from self._states.pause(guest, what == "paused", time)
        yield _instant(self._block, time, what.replace("_", " "), (GUESTS + guest, STATE))


def _names(blocks):
    for block in blocks:
        yield from _named(1 + block.core, f"core {block.core}", [(STATE, "who has it")])
    guests = {number: name for block in blocks for number, name in block.guests.items()}
    for number, name in sorted(guests.items()):
        yield from _named(GUESTS + number, name, [(STATE, "state"), (EXITS, "exits")])


def events(blocks):
    """The trace events of the cores' Blocks: names, and what happened on all of them, in order."""
    found = [event for block in blocks for event in _Core(block).events()]
    # What is longer comes first: the other one lies in it.
    found.sort(key=lambda event: (event["ts"], -event.get("dur", 0)))
    return [*_names(blocks), *found]


def document(blocks):
    """The file, bytes, of the cores' Blocks."""
    rows = [json.dumps(event, separators=(",", ":")) for event in events(blocks)]
    lost = sum(block.lost for block in blocks)
    return ('{"displayTimeUnit":"ns","otherData":' + json.dumps({"lost": lost})
            + ',"traceEvents":[\n' + ",\n".join(rows) + "\n]}\n").encode()


class Collector:
    """The traces of one run: the last one of each core, for the output.Wanted `file`."""

    def __init__(self, file):
        self._file = file
        self._blocks = {}
        self._problems = []

    def take(self, block):
        """A Block has come."""
        self._blocks[block.core] = block

    def empty(self):
        """What an earlier run left goes."""
        self._file.empty()

    def bad(self, why):
        """One did not come through."""
        self._problems.append(why)

    def write(self):
        """Fills the file. Raises Failure, also if there is nothing to fill it with."""
        if not self._blocks:
            why = self._problems[0] if self._problems else "the VMM printed none"
            raise Failure(f"there is no trace: {why} (--trace)")
        self._file.fill(document([self._blocks[core] for core in sorted(self._blocks)]))
        if self._problems:
            raise Failure(f"a part of the trace was lost: {self._problems[0]} (--trace)")
