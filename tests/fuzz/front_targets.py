# SPDX-License-Identifier: Apache-2.0
"""What the front door reads of a guest, of the VMM, of files and of clients, as functions of bytes.

A target takes a Source. What it may raise is Failure, in one line; all else that escapes, and every
assertion, is a defect.
"""
import json
import os
import selectors
import socket
import sys
import tempfile
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tools"), ROOT]

from front import cli, guest, live, mistakes, patching, summary, viewer  # noqa: E402
from front.common import Failure, plain  # noqa: E402
from front.console import GuestConsole, VmmLog  # noqa: E402
from front.dump import Block, Store  # noqa: E402
from front.frames import Demux  # noqa: E402
from front.terminal import Keys  # noqa: E402
from bench.run import compare, output, results  # noqa: E402

COUNT = {"count": 3, "min_ticks": 1, "max_ticks": 9, "total_ticks": 12}
PATCH = {"mode": "hot", "mapping": "straight", "threshold": 16, "patched": 3, "saved": 45,
         "faults": 3, "text_writes": 0, "net_ticks": -168, "made": 3, "dropped": 6, "back": 2,
         "stolen_pages": 4, "mirrored_pages": 11, "window_ticks": 125}
SUMMARY = {"schema": 1, "end": "poweroff", "reason": "so", "ticks_per_second": 400000000,
           "ticks": {"total": 8, "guest": 4, "vmm": 2, "idle": 2},
           "exits": [{"cause": "privileged", **COUNT}], "tlb": {},
           "instructions": [{"name": "rfi", "count": 5}], "patch": PATCH}
ROW = {"arm": "trap", "clock": "icount", "workload": "pipe", "metric": "pipe", "unit": "ticks",
       "n": 3, "min": 1, "median": 2, "max": 3, "ratio_to_native": None, "ratios": [], "exits": {},
       "kinds": {}, "samples": []}
ODD = (None, True, False, 0, -1, 1.5, 1e308, 10 ** 400, "", "x", "\x1b[31m\n", "é\0", [], {}, [[]],
       {"count": 1}, float("nan"), float("inf"))
PIECES = (b"@@trapeze-summary ", b"@@trapeze-dump 1 end 1\n", b"@@trapeze-dump-end 1 0 00000000\n",
          b"@@trapeze-dump ", b"@@trapeze-dump-end ", b"[vmm    0.000001] ", b"\r\n", b"\n", b"\r",
          b"[trapeze:n1] begin\r\n", b"[trapeze:n1] exit 0\r\n", b"[trapeze:", b"\x01", b"\x1b[2J",
          b"Kernel panic - not syncing: oh\r\n", b"---[ end Kernel panic - not syncing: oh ]---\r\n",
          b"Rebooting in 5 seconds..\r\n", b"reboot: Power down\r\n", b"[    1.000000] ",
          b"@@bench pipe pipe ticks 10 1 - -\n", b"@@bench-begin pipe\n", b"@@bench-failed pipe ",
          b"guest 1 straight off\n", b"\xff\xfe", b"9" * 40)


class Source:
    """Decisions out of bytes; zeroes behind their end."""

    def __init__(self, data):
        self._data, self._at = data, 0

    @property
    def empty(self):
        """Whether only zeroes follow."""
        return self._at >= len(self._data)

    def byte(self):
        """The next one."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def below(self, limit):
        """0 to limit - 1."""
        return self.byte() % limit

    def one_of(self, choices):
        """One of them."""
        return choices[self.byte() % len(choices)]

    def rest(self):
        """All that is left."""
        left, self._at = self._data[self._at:], len(self._data)
        return left

    def stream(self, most=60):
        """Bytes of a console: pieces that mean something, and others."""
        out = b""
        for _ in range(most):
            if self.empty:
                break
            kind = self.byte()
            if kind < 180:
                out += PIECES[kind % len(PIECES)]
            elif kind < 200:
                out += framed(self)
            elif kind < 210:
                out += b"@@trapeze-summary " + json.dumps(odd(self, SUMMARY)).encode() + b"\r\n"
            else:
                out += bytes(self.byte() for _ in range(self.below(20)))
        return out


def framed(source):
    """A dump whose end line is right, and its lines are anything without line ends."""
    lines = [f"@@trapeze-dump {source.one_of((1, 1, 2))} "
             f"{source.one_of(('end', 'request', 'periodic', 'live', 'odd'))} 7".encode()]
    for _ in range(source.below(4)):
        lines.append(bytes(source.byte() for _ in range(source.below(12))).translate(
            None, b"\r\n@["))
    body = b"".join(line + b"\n" for line in lines)
    count = len(lines) - 1 + source.one_of((0, 0, 0, 1))
    return body + f"@@trapeze-dump-end 7 {count} {zlib.crc32(body):08x}\n".encode()


def odd(source, value):
    """`value`, here and there replaced by something else."""
    kind = source.byte()
    if kind > 240:
        return source.one_of(ODD)
    if isinstance(value, dict):
        return {name: odd(source, one) for name, one in value.items() if source.byte() < 250}
    if isinstance(value, list):
        return [odd(source, one) for one in value for _ in range(source.one_of((1, 1, 1, 2, 0)))]
    return value


def in_pieces(source, stream):
    """The stream cut into pieces."""
    at = 0
    while at < len(stream):
        size = 1 + source.below(9)
        yield stream[at:at + size]
        at += size


def vmm_console(source):
    """The VMM's console, whole and in pieces."""
    stream = source.stream()
    heard = []
    for pieces in ([stream], list(in_pieces(source, stream))):
        lines, blocks, bad = [], [], []
        log = VmmLog(lines.append, blocks.append, bad.append)
        for piece in pieces:
            log.feed(piece)
        log.finish()
        heard.append((lines, [(b.kind, b.sequence, b.data, b.profile) for b in blocks], bad,
                      json.dumps(log.summary), log.broken))
        for line in lines:
            assert not any(c < " " and c != "\t" for c in line), line
        if log.summary is not None and not summary.problem(log.summary):
            summary.render({**log.summary, "mode": "vmm"}, sys.stdout)
    assert heard[0] == heard[1], heard


def guest_console(source):
    """The guest's console, whole and in pieces."""
    options = {name: bool(source.byte() & 1) for name in ("only_run", "markers", "raw", "anchored")}
    nonce = source.one_of(("n1", None))
    stream = source.stream()
    heard = []
    for pieces in ([stream], list(in_pieces(source, stream))):
        console = GuestConsole(nonce, **options)
        shown = b"".join(map(console.feed, pieces)) + console.finish()
        heard.append((shown, console.begun, console.status, console.panic.said,
                      console.panic.loops))
    assert heard[0] == heard[1], heard


def summaries(source):
    """A summary in which values are not what they should be."""
    found = odd(source, SUMMARY)
    if not isinstance(found, dict) or summary.problem(found):
        return
    shown = summary.render({**found, "mode": "vmm"}, sys.stdout)
    assert shown.replace("\n", "").isprintable(), shown
    patching.line(found)
    json.dumps(found)


def files(source):
    """Files that the front door wrote, or was given, and others have changed."""
    with tempfile.TemporaryDirectory() as folder:
        which = source.below(4)
        path = os.path.join(folder, ("summary.json", "a.json", "mistakes.txt", "elf")[which])
        if which == 0:
            facts = {**SUMMARY, "mode": "vmm", "dump": os.path.join(folder, "guest.trap"),
                     "symbols": "/x/build/guest/vmlinux"}
            data = json.dumps(odd(source, facts)).encode() if source.byte() % 4 else source.rest()
        elif which == 1:
            data = json.dumps(odd(source, {"schema": 1, "rows": [ROW, ROW]})).encode()
        elif which == 2:
            data = b"= one\n: hv/a.cpp\n? It\n! hv_mmu_test\n- x = 1;\n+ x = 2;\n" + source.rest()
        else:
            data = source.one_of((b"\x7fELF", b"\x27\x05\x19\x56", b"")) + source.rest()
        with open(path, "wb") as handle:
            handle.write(data)
        if which == 0:
            found = viewer.last_run(folder)
            assert isinstance(found.get("dump") or "", str) and isinstance(
                found.get("symbols") or "", str)
        elif which == 1:
            try:
                one = results.load(path)
                compare.table(compare.compare(one, one))
            except results.Unreadable:
                pass
        elif which == 2:
            mistakes.parse(data.decode("utf-8", "replace"), "f.txt")
        else:
            guest.native_kernel(path, folder, False)


def words(source):
    """What is typed: sizes, addresses, keys; and what comes for several guests' consoles."""
    data = source.rest()
    text = os.fsdecode(data)
    try:
        guest.parse_size(text)
    except ValueError:
        pass
    try:
        guest.parse_load(text)
    except Failure:
        pass
    together, keys = Keys().feed(data), Keys()
    apart = [keys.feed(bytes([byte])) for byte in data]
    assert together == (b"".join(one for one, _ in apart), [c for _, cs in apart for c in cs])
    whole, cut, came = Demux(), Demux(), [{}, {}]
    for sums, pieces in zip(came, (whole.feed(data), [one for byte in data
                                                      for one in cut.feed(bytes([byte]))])):
        for channel, part in pieces:
            sums[channel] = sums.get(channel, b"") + part
    assert came[0] == came[1] and whole.channel == cut.channel, came


def bench_lines(source):
    """What programs in the guest say they measured."""
    heard = output.read(source.stream().decode("utf-8", "replace"), ("pipe", "mmap"),
                        bool(source.byte() & 1), 1e6)
    for why in heard.failures.values():
        assert why.isprintable() and len(why) <= 200, why


def clients(source):
    """Clients of a running guest that come, go, talk, and do not listen, while dumps come."""
    with tempfile.TemporaryDirectory() as folder, selectors.DefaultSelector() as selector:
        asked, ends = [], []
        server = live.Server(asked.append, None, folder)
        server.attach(selector)
        store = Store(folder)
        for _ in range(30):
            if source.empty:
                break
            what = source.below(7)
            if what == 0 and len(ends) < 20:
                end = socket.socket(socket.AF_UNIX)
                end.connect(os.path.join(folder, f"{os.getpid()}.sock"))
                ends.append(end)
            elif what == 1 and ends:
                ends.pop(source.below(len(ends))).close()
            elif what == 2 and ends:
                try:
                    ends[source.below(len(ends))].send(b"x", socket.MSG_DONTWAIT)
                except OSError:
                    pass
            elif what == 3:
                kind = source.one_of(("end", "request", "periodic", "live"))
                block = Block(kind, 1, b"x" * (1 << source.below(16)))
                server.offer(block)
                store.take(block)
            elif what == 4:
                server.tick()
            elif what == 5 and ends:
                try:
                    ends[source.below(len(ends))].recv(1 << 20, socket.MSG_DONTWAIT)
                except OSError:
                    pass
            for key, events in selector.select(0):
                key.data(events)
        assert set(asked) <= {b"d", b"l"}
        for end in ends:
            end.close()
        server.close()
        assert not [name for name in os.listdir(folder) if name.endswith((".sock", ".new"))]


def command_lines(source):
    """Options of ./trapeze boot; nothing is done with them."""
    given = []
    for _ in range(source.below(6)):
        given.append(source.one_of(
            ("--mem", "1G", "--run", "--gdb", "--threshold", "16", "--mirror-mb", "4", "--patch=hot",
             "--watchdog=5", "--timeout", "nan", "1e400", "--dump-every", "-1", "--mem=\u0663M",
             "--load=@", "--kernel=\0", "--profile", "off", "--gdb=99999", "--timeout=\u0661")))
    if source.byte() % 4 == 0:
        given.append(os.fsdecode(source.rest()))
    cli.boot_options(*given)


TARGETS = (vmm_console, guest_console, summaries, files, words, bench_lines, clients, command_lines)


def run(data):
    """One input: the first byte says which target."""
    source = Source(data)
    try:
        TARGETS[source.below(len(TARGETS))](source)
    except Failure as failure:
        assert plain(str(failure)), "it does not say what is wrong"
