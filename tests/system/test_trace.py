# SPDX-License-Identifier: Apache-2.0
"""--trace: what the VMM prints becomes a file that Perfetto opens (docs/trace.md)."""
import collections
import json
import math
import os
import sys
import time
import types
import unittest
import zlib

from fakes import BEGIN, DONE, Fake, ending
import trace_rules
from support import ROOT, Case, finish, read_until, start, trapeze

sys.path.insert(0, os.path.join(ROOT, "tools"))

from front import session, trace  # noqa: E402  (the path had to be set first)
from front.console import VmmLog  # noqa: E402

LINES = [
    "clock 1000000 900", "guest 0 a", "guest 1 b",
    "started 10 0 0", "runs 20 0 0",
    "symbol 0 c0001000 first", "symbol 0 c0000100 _start", "symbol 0 c0001000 first",
    "word 7ce000a6 mfmsr r7",
    "exit 30 5 0 privileged k c0001004 7ce000a6 00000000",
    "exit 40 7 0 dtlb_guest u 10000000 00000000 4800f000 13",
    "ready 50 0 0", "runs 50 0 0", "ready 100 0 0", "runs 100 1 0",
    "exit 120 5 1 mmio k 00000050 90230000 e0004500",
    "sends 125 0 1", "message 130 0 0", "asked 131 1 48", "waits 150 1 0", "runs 150 0 0",
    "interrupt 151 0 10", "powered_off 800 0 0", "waits 800 0 0",
]


def printed(lines=LINES, core=0, lost=0, **damage):
    """A trace as the VMM sends it."""
    body = "".join(f"{line}\n" for line in (f"@@trapeze-trace 1 {core} {len(lines)} {lost}", *lines))
    crc = damage.get("crc", f"{zlib.crc32(body.encode()):08x}")
    return body + f"@@trapeze-trace-end {damage.get('sent', len(lines))} {crc}\n"


def extracted(text):
    """(blocks, complaints) of console text."""
    blocks, bad = [], []
    extractor = trace.Extractor(blocks.append, bad.append)
    for line in text.splitlines():
        extractor.line(line.encode())
    extractor.cut("no end")
    return blocks, bad


class Converter(Case):
    """Lines to events."""

    def events(self, *blocks):
        """All but names, of the document of these texts."""
        found = []
        for text in blocks or (printed(),):
            one, bad = extracted(text)
            self.assertEqual(bad, [])
            found += one
        data = trace.document(found)
        self.assertEqual(trace_rules.problems(data, sum(len(block.records) for block in found)), [])
        self.document = json.loads(data)
        return [event for event in self.document["traceEvents"] if event["ph"] != "M"]

    def slices(self, pid, tid, *blocks):
        """(name, from, to) of a track, in order."""
        return [(event["name"], event["ts"], event["ts"] + event["dur"]) for event in self.events(*blocks)
                if (event["ph"], event["pid"], event["tid"]) == ("X", pid, tid)]

    def test_who_has_the_core(self):
        """Changes of no length are none; what lasts goes on to the end."""
        self.assertEqual(self.slices(1, 1), [("a", 20, 50), ("a", 50, 100), ("b", 100, 150),
                                             ("a", 150, 800)])
        self.assertEqual(self.slices(100, 1), [("runs", 20, 50), ("runs", 50, 100), ("ready", 100, 150),
                                               ("runs", 150, 800)])
        self.assertEqual(self.slices(101, 1), [("runs", 100, 150), ("waits", 150, 900)])

    def test_exits(self):
        """By cause, with site, instruction and address."""
        exits = [event for event in self.events() if event["ph"] == "X" and event["tid"] == 2]
        self.assertEqual([(e["name"], e["pid"], e["ts"], e["dur"], e["args"]) for e in exits], [
            ("privileged", 100, 30, 5, {"site": "first+0x4", "nip": "c0001004", "mode": "kernel",
                                        "instruction": "mfmsr r7"}),
            ("dtlb_guest", 100, 40, 7, {"site": "10000000", "nip": "10000000", "mode": "user",
                                        "address": "4800f000"}),
            ("mmio", 101, 120, 5, {"site": "00000050", "nip": "00000050", "mode": "kernel",
                                   "instruction": "90230000", "address": "e0004500"})])
        self.assertTrue(all(event["cname"] for event in exits))

    def test_moments(self):
        """Interrupts, messages and lives."""
        moments = [(e["name"], e["pid"], e["ts"]) for e in self.events() if e["ph"] == "i"]
        self.assertEqual(moments, [("started", 100, 10), ("interrupt: data TLB miss", 100, 47),
                                   ("message to core 1", 1, 125), ("message", 1, 130),
                                   ("asked: pause, resume", 1, 131), ("interrupt: decrementer", 100, 151),
                                   ("powered off", 100, 800)])

    def test_lives(self):
        """How a guest's life goes: a paused one may wait for something, and is paused all the same."""
        lines = ["clock 1000000 900", "guest 0 a", "started 10 0 0", "runs 10 0 0", "paused 20 0 0", "waits 20 0 0",
                 "waits 30 0 0", "resumed 40 0 0", "ready 40 0 0", "runs 45 0 0", "died 50 0 0", "waits 51 0 0",
                 "restarted 60 0 0", "runs 60 0 0", "stopped 70 0 0", "restarted 75 0 0", "runs 75 0 0", "reset 80 0 0"]
        self.assertEqual(self.slices(100, 1, printed(lines)), [
            ("runs", 10, 20), ("paused", 20, 40), ("ready", 40, 45), ("runs", 45, 50), ("runs", 60, 70),
            ("runs", 75, 80)])
        self.assertEqual([(e["name"], e["ts"]) for e in self.events(printed(lines)) if e["ph"] == "i"], [
            ("started", 10), ("paused", 20), ("resumed", 40), ("died", 50), ("restarted", 60), ("stopped", 70),
            ("restarted", 75), ("reset", 80)])

    def test_sites_of_each_guest(self):
        """One address is one function in one guest, another one in the other, and none far behind both."""
        def exit_of(guest, address):
            return f"exit {100 + guest} 1 {guest} privileged k {address:08x} 7ce000a6 00000000"

        lines = ["clock 1000000 900", "guest 0 a", "guest 1 b", "symbol 0 00001000 one", "symbol 1 00000800 other",
                 exit_of(0, 0x1004), exit_of(1, 0x1004), exit_of(0, 0x10fff), exit_of(0, 0x11000), exit_of(1, 0x10)]
        sites = [(e["pid"], e["args"]["site"]) for e in self.events(printed(lines)) if e["ph"] == "X" and e["tid"] == 2]
        self.assertEqual(sites, [(100, "one+0x4"), (100, "one+0xffff"), (100, "00011000"), (101, "other+0x804"),
                                 (101, "00000010")])

    def test_longest(self):
        """The file's size has a bound, whatever records say."""
        late, name = (1 << 64) - 1, '"' * 255
        lines = ["clock 400000000 " + str(late), "guest 0 " + "n" * 15, f"symbol 0 00001000 {name}",
                 "word ffffffff " + '"' * 63]
        lines += [f"exit {late - 5} 4294967295 0 text_write k 00001004 ffffffff ffffffff 14"] * 200
        lines += [f"{what} {late - 4} 0 4294967295" for what in ("runs", "ready", "asked", "sends", "powered_off")] * 40
        blocks, bad = extracted(printed(lines))
        self.assertEqual(bad, [])
        data = trace.document(blocks)
        self.assertLess(len(data), trace_rules.RECORD_BYTES * 400)

    def test_names(self):
        """Each track has one."""
        self.events()
        names = [(event["pid"], event["args"]["name"]) for event in self.document["traceEvents"]
                 if event["name"] == "process_name"]
        self.assertEqual(names, [(1, "core 0"), (100, "a"), (101, "b")])

    def test_times_are_microseconds(self):
        """At any frequency."""
        lines = ["clock 400000000 0", *LINES[1:]]
        self.assertEqual(min(event["ts"] for event in self.events(printed(lines))), 10 / 400)

    def test_what_was_before(self):
        """Where the beginning is lost, who exits has had the core."""
        found = self.events(printed(["clock 1000000 90", "guest 0 -",
                                     "exit 30 5 0 syscall u 00000100 00000000 00000000",
                                     "waits 60 0 0"], lost=7))
        states = [(e["name"], e["ts"], e["dur"]) for e in found if e["pid"] == 100 and e["tid"] == 1]
        self.assertEqual(states, [("runs", 30, 30), ("waits", 60, 30)])
        self.assertEqual(self.document["otherData"], {"lost": 7})

    def test_cores(self):
        """A process each, on one line of time."""
        def of_core(guest, offset):
            names = ["clock 1000000 90", "guest 0 a", "guest 1 b"]
            return names + [f"runs {20 + offset} {guest} 0", f"sends {40 + offset} 0 {1 - guest}",
                            f"message {60 + offset} 0 0"]

        found = self.events(printed(of_core(0, 0)), printed(of_core(1, 5), core=1))
        self.assertEqual([(e["pid"], e["name"]) for e in found if e["ph"] == "X"],
                         [(100, "runs"), (1, "a"), (101, "runs"), (2, "b")])
        self.assertEqual([(e["ts"], e["pid"], e["name"]) for e in found if e["ph"] == "i"], [
            (40, 1, "message to core 1"), (45, 2, "message to core 0"), (60, 1, "message"), (65, 2, "message")])

    def test_damage(self):
        """What is not whole is not taken, and said once."""
        good = printed()
        for text, word in ((printed(crc="00000000"), "checksum"), (printed(sent=3), "3 were sent"),
                           (good.replace("trace 1 0", "trace 2 0"), "version 2"),
                           (good.replace("exit 30", "exit thirty"), "checksum"),
                           (printed(["what is this"]), "what is this"),
                           (good[:len(good) // 2], "no end"),
                           (good.split("\n", 1)[1], "first line did not come")):
            with self.subTest(word=word):
                blocks, bad = extracted(text)
                self.assertEqual((len(blocks), len(bad)), (0, 1))
                self.assertIn(word, bad[0])


class Rules(unittest.TestCase):
    """What checks the files finds what it is to find."""

    GOOD = [{"ph": "M", "cat": "c", "name": "process_name", "pid": 1, "tid": 0, "args": {"cat": "c", "name": "p"}},
            {"ph": "M", "cat": "c", "name": "thread_name", "pid": 1, "tid": 1, "args": {"cat": "c", "name": "t"}},
            {"ph": "B", "cat": "c", "name": "x", "pid": 1, "tid": 1, "ts": 0},
            {"ph": "E", "cat": "c", "name": "x", "pid": 1, "tid": 1, "ts": 1},
            {"ph": "X", "cat": "c", "name": "x", "pid": 1, "tid": 1, "ts": 1.5, "dur": 2},
            {"ph": "X", "cat": "c", "name": "x", "pid": 1, "tid": 1, "ts": 2, "dur": 1.5},
            {"ph": "i", "cat": "c", "name": "x", "pid": 1, "tid": 1, "ts": 3, "s": "t"}]

    def wrong(self, *changes, records=None):
        """What is found after (number of an event, what of it becomes another) changes."""
        events = [dict(event) for event in self.GOOD]
        for number, change in changes:
            events[number].update(change)
        return len(trace_rules.problems(json.dumps({"displayTimeUnit": "ns", "traceEvents": events}), records))

    def test_each(self):
        """One mistake each."""
        self.assertEqual(self.wrong(records=1), 0)
        for number, change in ((0, {"args": {}}), (1, {"args": {"name": 1}}), (1, {"name": "thread"}), (2, {"ph": "E"}),
                               (3, {"ph": "B"}), (3, {"ts": 3}), (4, {"dur": -1}), (4, {"ts": "1.5"}), (4, {"dur": True}),
                               (4, {"pid": 1.0}), (4, {"tid": 2}), (5, {"dur": 2}), (5, {"ts": math.nan}),
                               (4, {"name": ""}), (4, {"cat": None}), (5, {"args": []}), (6, {"s": "x"}), (6, {"ph": "?"})):
            with self.subTest(number=number, change=change):
                self.assertGreater(self.wrong((number, change)), 0)
        self.assertEqual(self.wrong((4, {"name": "x" * 10000}), records=1), 1)


class Front(Fake):
    """What a user sees of it."""

    def test_file(self):
        """The last one that came, although a damaged one came before."""
        path = self.path("t.json")
        result = self.boot([BEGIN, ["vmm", printed(crc="0" * 8)], ["vmm", printed(lost=1)],
                            ["vmm", printed(lost=2)], DONE, ending()], "--trace", path, "-q")
        self.ends(result, 2)
        self.assertIn("a part of the trace was lost: its checksum is wrong (--trace)", result.err)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["otherData"], {"lost": 2})

    def test_none_came(self):
        """No trace, no file."""
        result = self.boot([BEGIN, DONE, ending()], "--trace", self.path("t.json"), "-q")
        self.ends(result, 2)
        self.one_line(result, "there is no trace", "--trace")
        self.assertFalse(os.path.exists(self.path("t.json")))

    def test_not_asked_for(self):
        """The VMM's own doing: not for the log."""
        result = self.boot([BEGIN, ["vmm", printed()], DONE, ending()], "--verbose")
        self.ends(result, 0)
        self.assertNotIn("trapeze-trace", result.err)

    def test_it_takes_its_time(self):
        """While a trace comes, a guest that is done is not taken for one that does not end."""
        now = time.monotonic()
        one = session.Session(None, None, VmmLog(lambda text: None), None, None, "none", False)
        one._graceful_end = one._kill_at = one._kill_at_last = now  # pylint: disable=protected-access
        one.qemu = types.SimpleNamespace(vmm=None, delayed=lambda: 0.0)
        for text, later in (("[vmm 1] line\n", False), ("@@trapeze-trace 1 0 1 0\n", True), ("x\n", True)):
            one._receive = lambda end, text=text: text.encode()  # pylint: disable=protected-access
            one._on_vmm(0)  # pylint: disable=protected-access
            with self.subTest(text=text):
                self.assertEqual(one._graceful_end > now, later)  # pylint: disable=protected-access
                self.assertEqual(one._kill_at_last > now, later)  # pylint: disable=protected-access

    def test_cannot_be(self):
        """Said before anything runs."""
        for words, said in ((("--native", "--trace", self.path("t")), "--trace is the VMM's"),
                            (("--trace", "/nowhere/t"), "/nowhere/t: cannot be written"),
                            (("--trace", self.path("t"), "--json", self.path("t")), "one file")):
            with self.subTest(said=said):
                result = self.boot([], *words)
                self.ends(result, 2)
                self.one_line(result, said)


class Request(Fake):
    """./trapeze trace FILE."""

    def running(self, *steps):
        """A boot that plays these steps."""
        process = start("boot", **self.play(["vmm", "[vmm    0.000001] starts\r\n"], ["guest", BEGIN[1] + "hello\r\n"],
                                            *steps, DONE, ending()))
        self.addCleanup(finish, process)
        read_until(process.stdout, b"hello")
        return process

    def answered(self, *cores, lines=("0",)):
        """The step in which the VMM answers; what it prints besides comes after it."""
        said = [f"core {core}: its trace is sent" for core in cores]
        return ["monitor", {"trace": [*said, *lines]}, 1]

    def test_file(self):
        """That of all cores that were announced, of which some come later."""
        self.running(self.answered(0, 1), ["vmm", printed(core=1, lost=1) + "[vmm    1.000000] line\r\n"],
                     ["vmm", printed(lost=2)])
        path = self.path("now.json")
        self.ends(trapeze("trace", path), 0)
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual(trace_rules.problems(data), [])
        self.assertEqual(json.loads(data)["otherData"], {"lost": 3})
        self.assertEqual(self.heard(), ":trace\n")

    def test_fails(self):
        """Said in one line, and without a file."""
        for steps, status, words in (
                ([["monitor", {"trace": ["nothing is traced: boot with --trace (trace=KIB)", "1"]}, 1]], 1, "is traced"),
                ([self.answered(0), ["vmm", printed(crc="0" * 8)], ["sleep", 1]], 3, "checksum"),
                ([self.answered(0)], 3, "the boot has ended")):
            with self.subTest(words=words):
                process = self.running(*steps)
                result = trapeze("trace", self.path("now.json"))
                self.ends(result, status)
                self.one_line(result, words)
                self.assertFalse(os.path.exists(self.path("now.json")))
                process.communicate(timeout=120)
        for words, said in (((self.path("now.json"),), "no guest is running"), (("/nowhere/t",), "cannot be written"),
                            ((), "FILE"), (("x", "--", "y"), "nothing behind --")):
            result = trapeze("trace", *words)
            self.ends(result, 2)
            self.one_line(result, said)


class Guest(Case):
    """A bare-metal program under the VMM."""

    def boot(self, *options):
        """Its trace and its summary."""
        files = self.path("trace"), self.path("summary")
        program = os.path.join(ROOT, "build", "hv", "tests", "isa", "interrupts.elf")
        result = trapeze("boot", "--kernel", program, "--icount", "-q", "--trace", files[0], "--json",
                         files[1], *options)
        self.ends(result, 0)
        self.assertIn("isa: done", result.out)
        loaded = []
        with open(files[0], "rb") as file:
            self.assertEqual(trace_rules.problems(file.read()), [])
        for path in files:
            with open(path, encoding="utf-8") as file:
                loaded.append(json.load(file))
        return loaded

    def test_every_exit(self):
        """As many of each cause as the summary counts, as long as it says, in order; but for the exit
        that ends the guest, which is not charged."""
        found, summary = self.boot()
        self.assertEqual(found["otherData"], {"lost": 0})
        exits = [event for event in found["traceEvents"]
                 if event["ph"] == "X" and (event["pid"], event["tid"]) == (100, 2)]
        self.assertEqual(collections.Counter(event["name"] for event in exits),
                         {row["cause"]: row["count"] for row in summary["exits"]})
        per_micro = summary["ticks_per_second"] / 1e6
        for row in summary["exits"]:
            took = sum(event["dur"] for event in exits if event["name"] == row["cause"]) * per_micro
            self.assertGreaterEqual(took, row["total_ticks"], row["cause"])
        for one, other in zip(exits, exits[1:]):
            self.assertLessEqual(one["ts"] + one["dur"], other["ts"])
        self.assertIn("mfmsr r0", {event["args"].get("instruction") for event in exits})
        self.assertIn("_start+0x20", {event["args"]["site"] for event in exits})
        moments = collections.Counter(event["name"] for event in found["traceEvents"]
                                      if event["ph"] == "i")
        self.assertEqual((moments["started"], moments["reset"]), (1, 1))
        self.assertEqual(moments["interrupt: system call"], 20)
        idle = sum(event["dur"] for event in found["traceEvents"] if event["name"] == "waits")
        self.assertAlmostEqual(idle * per_micro, summary["ticks"]["idle"], delta=10)

    def test_bounded(self):
        """A ring of 4 KiB has the last 128; what is lost is counted."""
        found, summary = self.boot("--vmm-append", "trace=4")
        events = [event for event in found["traceEvents"] if event["ph"] == "X" and event["tid"] == 2]
        self.assertLess(len(events), 128)
        self.assertGreater(found["otherData"]["lost"], sum(row["count"] for row in summary["exits"]) - 128)


if __name__ == "__main__":
    unittest.main()
