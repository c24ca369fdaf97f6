# SPDX-License-Identifier: Apache-2.0
"""The parts of the front door that read consoles, byte by byte and in pieces of every size."""
import os
import random
import sys
import unittest

from fakes import dump
from support import ROOT

sys.path.insert(0, os.path.join(ROOT, "tools"))

from front import guest, summary  # noqa: E402  (the path had to be set first)
from front.console import GuestConsole, VmmLog  # noqa: E402
from front.terminal import Keys  # noqa: E402

NOISE = b"[    0.1] Linux\r\n"


def told(body, status=b"3"):
    """A console's stream with `body` between /init's markers."""
    return (NOISE + b"\r\n[trapeze:n1] begin\r\n" + body + b"\r\n[trapeze:n1] exit " + status
            + b"\r\n[    9.9] reboot: Power down\r\n")


def feed(console, stream, pieces):
    """What is shown when the stream comes in pieces of these sizes, over and over."""
    shown, at, turn = b"", 0, 0
    while at < len(stream):
        size = pieces[turn % len(pieces)]
        shown += console.feed(stream[at:at + size])
        at, turn = at + size, turn + 1
    return shown + console.finish()


class Console(unittest.TestCase):
    """Markers, hidden lines, line ends."""

    def each_way(self, stream, **options):
        """The one result of feeding whole, byte by byte and in random pieces."""
        random.seed(1)
        results = set()
        for pieces in ([len(stream)], [1], [2], [7], [random.randint(1, 9) for _ in range(50)]):
            console = GuestConsole("n1", **options)
            results.add((feed(console, stream, pieces), console.status,
                         (console.panic.said, console.panic.loops)))
        self.assertEqual(len(results), 1, results)
        return results.pop()

    def test_run_shows_the_command_only(self):
        for body in (b"", b"a", b"a\r\n", b"a\r\n\r\n", b"\r\n", b"x\r\r\n", b"[trapeze:", b"\0\xff"):
            shown, status, _ = self.each_way(told(body), only_run=True)
            self.assertEqual(shown, body.replace(b"\r\n", b"\n"))
            self.assertEqual(status, 3)

    def test_a_guest_that_is_slow_adds_no_empty_line(self):
        # However long it is quiet between two bytes, as a guest of a busy host may be.
        for body in (b"", b"a\r\n", b"a\r\n\r\n", b"\r\n", b"a\r\nb\r\n"):
            console, shown = GuestConsole("n1", only_run=True), b""
            for number in told(body):
                shown += console.feed(bytes([number])) + console.idle()
            self.assertEqual(shown + console.finish(), body.replace(b"\r\n", b"\n"), body)

    def test_a_line_does_not_wait_for_the_next_one(self):
        console = GuestConsole("n1", only_run=True)
        shown = console.feed(NOISE + b"\r\n[trapeze:n1] begin\r\nready\r\n")
        self.assertTrue(console.waiting)
        self.assertEqual((shown + console.idle(), console.waiting), (b"ready\n", False))

    def test_binary_output_comes_back(self):
        random.seed(2)
        for _ in range(20):
            data = bytes(random.choice(b"\r\n[tx\0") for _ in range(200))
            # What a tty does on output: LF becomes CR LF.
            shown, _, _ = self.each_way(told(data.replace(b"\n", b"\r\n")), only_run=True)
            self.assertEqual(shown, data)

    def test_another_nonce_is_text(self):
        body = b"[trapeze:n2] exit 0\r\n"
        shown, status, _ = self.each_way(told(body), only_run=True)
        self.assertEqual((shown, status), (body.replace(b"\r", b""), 3))

    def test_all_but_the_markers(self):
        shown, _, _ = self.each_way(told(b"hello\r\n"))
        self.assertEqual(shown, b"[    0.1] Linux\nhello\n[    9.9] reboot: Power down\n")

    def test_nothing_is_lost_without_an_end(self):
        stream = NOISE + b"\r\n[trapeze:n1] begin\r\npartial\r\n[trap"
        shown, status, _ = self.each_way(stream, only_run=True)
        self.assertEqual((shown, status), (b"partial\n[trap", None))

    def test_statuses(self):
        for text, status in ((b"0", 0), (b"255", 255), (b"x", None), (b"-1", None),
                             (b"256", 0), (b"300", 44)):
            self.assertEqual(self.each_way(told(b"", text))[1], status)

    def test_panic(self):
        panic, end = b"Kernel panic - not syncing: y\r\n", b"---[ end Kernel panic - not syncing: y ]---\r\n"
        for stream, said, loops in (
                (b"[    1.234567] " + panic, True, False),
                (b"[    1.234567][   T12] " + panic + b"more\r\n", True, False),
                (panic, True, False),
                (b"left open[    1.234567] " + panic, True, False),
                (b"x " + panic, False, False),
                (b"Kernel panic - not syncing\r\n", False, False),
                (panic[:-2], False, False),
                # The end of a kernel that stays in a loop, and nothing after it.
                (panic + b"Call Trace:\r\n" + end, True, True),
                (panic + b"[    1.234568] Rebooting in 180 seconds..\r\n", True, True),
                (panic + end[:-2], True, False),
                (panic + end + b"x", True, False),
                (panic + end + b"\r\n", True, False),
                (panic + end.replace(b": y", b": z"), True, False),
                (end, False, False),
                # A kernel that lives on.
                (panic + b"[    2.000000] reboot: Power down\r\n", False, False),
                (panic + end + b"[    2.000000] reboot: Restarting system\r\n", False, False),
                (panic + b"x reboot: Power down\r\n", True, False),
                (panic + b"\r\n[trapeze:n1] exit 7\r\n", False, False),
                (panic + b"\r\n[trapeze:n2] exit 7\r\n", True, False),
                (b"\r\n[trapeze:n1] exit 7\r\n" + panic, True, False)):
            with self.subTest(stream=stream):
                self.assertEqual(self.each_way(stream)[2], (said, loops))

    def test_a_typed_bracket_shows_at_once(self):
        console = GuestConsole("n1", raw=True, anchored=True)
        self.assertEqual(console.feed(b"# "), b"# ")
        self.assertEqual(console.feed(b"["), b"[")

    def test_a_marker_in_a_line_is_what_somebody_typed(self):
        line = b"# echo [trapeze:n1] exit 3\r\n"
        for pieces in ([len(line)], [1]):
            console = GuestConsole("n1", raw=True, anchored=True)
            self.assertEqual(feed(console, line, pieces), line)
            self.assertIsNone(console.status)
            self.assertEqual(feed(console, b"[trapeze:n1] exit 3\r\n", pieces), b"")
            self.assertEqual(console.status, 3)

    def test_vmm_lines_and_summary(self):
        lines = []
        log = VmmLog(lines.append)
        for byte in b'[vmm 0.1] a\x1b[2Jb\r\n@@trapeze-summary {"schema":1}\r\nlast':
            log.feed(bytes([byte]))
        log.finish()
        self.assertEqual(lines, ["[vmm 0.1] a?[2Jb", "last"])
        self.assertEqual(log.summary, {"schema": 1})
        log.feed(b"@@trapeze-summary {broken\n")
        self.assertIsNotNone(log.broken)
        for other in (b'{"schema":2}', b"[]", b"1"):
            log = VmmLog(lines.append)
            log.feed(b"@@trapeze-summary " + other + b"\n")
            self.assertIsNone(log.summary)
            self.assertIsNotNone(log.broken)

    def test_summaries_that_are_no_json(self):
        for text in (b"[" * 100_000, b'{"schema":1,"x":NaN}', b'{"schema":1,"x":Infinity}', b"9" * 9999):
            log = VmmLog(lambda line: None)
            log.feed(b"@@trapeze-summary " + text + b"\r\n")
            self.assertIsNone(log.summary)
            self.assertTrue(log.broken)

    def test_dumps_are_taken_out_whatever_the_pieces(self):
        good = dump("end", 7).encode()
        stream = (b"[vmm 0.1] a\r\n" + dump("request", 3)[:150].encode() + b"\r\n[vmm 0.2] b\r\n"
                  + good + b"@@trapeze-summary {\"schema\":1}\r\n")
        for size in (1, 2, 7, 64, len(stream)):
            lines, blocks, bad = [], [], []
            log = VmmLog(lines.append, blocks.append, bad.append)
            for at in range(0, len(stream), size):
                log.feed(stream[at:at + size])
            log.finish()
            self.assertEqual(lines, ["[vmm 0.1] a", "[vmm 0.2] b"])
            self.assertEqual([(block.kind, block.sequence, block.profile, block.data)
                              for block in blocks], [("end", 7, True, good.replace(b"\r", b""))])
            self.assertEqual((len(bad), log.summary), (1, {"schema": 1}))

    def test_dump_without_end_does_not_fill_the_memory(self):
        bad = []
        log = VmmLog(lambda line: None, on_bad=bad.append)
        log.feed(b"@@trapeze-dump 1 end 1\n")
        for _ in range(40):
            log.feed(b"site x\n" * 100000)
        self.assertEqual(bad, ["it does not end"])

    def test_keys(self):
        keys = Keys()
        self.assertEqual(keys.feed(b"ab\x01"), (b"ab", []))
        self.assertEqual(keys.feed(b"\x01c\x01?\x01x"), (b"\x01c", ["report", "leave"]))
        self.assertEqual(keys.feed(b"d\x01d\x01D"), (b"d", ["dump", "dump"]))


class Numbers(unittest.TestCase):
    """Sizes and the tables."""

    def test_sizes(self):
        self.assertEqual(guest.parse_size("256M"), 256 << 20)
        self.assertEqual(guest.parse_size("1g"), 1 << 30)
        self.assertEqual(guest.parse_size("4096"), 4096)
        for text in ("", "M", "1.5G", "-1", "0x10", "1MB", "\u0661"):
            with self.assertRaises(ValueError, msg=text):
                guest.parse_size(text)

    def test_host_memory_leaves_room_to_align(self):
        mib = guest.MIB
        for mem, image, host in ((16, 1, 128), (64, 8, 192), (256, 8, 512), (1024, 8, 1280)):
            self.assertEqual(guest.host_memory(mem * mib, image * mib), host * mib, mem)

    def test_summary_is_checked(self):
        good = {"schema": 1, "end": "poweroff", "ticks_per_second": 100,
                "ticks": {"total": 100, "guest": 50, "vmm": 30, "idle": 20},
                "exits": [{"cause": "privileged", "count": 10, "min_ticks": 1, "max_ticks": 9,
                           "total_ticks": 30}], "instructions": [{"name": "mfmsr", "count": 10}]}
        self.assertIsNone(summary.problem(good))
        for change in ({"end": "else"}, {"ticks_per_second": 0}, {"ticks": {}},
                       {"ticks_per_second": -1}, {"ticks_per_second": True},
                       {"ticks": {**good["ticks"], "idle": -1}},
                       {"exits": [{**good["exits"][0], "count": -1}]},
                       {"exits": [{**good["exits"][0], "max_ticks": 1.5}]},
                       {"instructions": [{"name": "rfi", "count": -1}]},
                       {"exits": [{"cause": "x"}]}, {"instructions": [{"name": 3}]},
                       {"exits": True}, {"exits": {}}, {"instructions": 1.5}, {"end": []},
                       {"reason": 3}, {"reason": "\x1b[2J"}, {"ticks_per_second": 10 ** 400},
                       {"instructions": [{"name": "\n", "count": 1}]}):
            self.assertIsNotNone(summary.problem({**good, **change}), change)
        text = summary.render(good, sys.stdout)
        self.assertRegex(text, r"privileged +10 +100\.0 % +10000\.00 +30000\.00 +90000\.00 +300\.0 ms")
        self.assertRegex(text, r"mfmsr +10 +100\.0 %")
        self.assertIn("guest 500.0 ms (50.0 %), VMM 300.0 ms (30.0 %), idle 200.0 ms (20.0 %)", text)


if __name__ == "__main__":
    unittest.main()
