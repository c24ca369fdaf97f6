# SPDX-License-Identifier: Apache-2.0
"""--trace: what the VMM prints becomes a file that Perfetto opens (docs/trace.md)."""
import collections
import json
import os
import sys
import unittest
import zlib

from fakes import BEGIN, DONE, Fake, ending
from support import ROOT, Case, trapeze

sys.path.insert(0, os.path.join(ROOT, "tools"))

from front import trace  # noqa: E402  (the path had to be set first)

LINES = [
    "clock 1000000 900", "guest 0 a", "guest 1 b",
    "started 10 0 0", "runs 20 0 0",
    "symbol 0 c0001000 first", "symbol 0 c0000100 _start", "symbol 0 c0001000 first",
    "word 7ce000a6 mfmsr r7",
    "exit 30 5 0 privileged k c0001004 7ce000a6 00000000",
    "exit 40 7 0 dtlb_guest u 10000000 00000000 4800f000 13",
    "ready 50 0 0", "runs 50 0 0", "ready 100 0 0", "runs 100 1 0",
    "exit 120 5 1 mmio k 00000050 90230000 e0004500",
    "message 130 1 3", "waits 150 1 0", "runs 150 0 0", "ended 800 0 0", "waits 800 0 0",
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
        self.document = json.loads(trace.document(found))
        return [event for event in self.document["traceEvents"] if event["ph"] != "M"]

    def slices(self, pid, tid):
        """(name, from, to) of a track, in order."""
        return [(event["name"], event["ts"], event["ts"] + event["dur"]) for event in self.events()
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
                                   ("message", 1, 130), ("ended", 100, 800)])

    def test_names(self):
        """Each track has one."""
        self.events()
        names = {(event["pid"], event["args"]["name"]) for event in self.document["traceEvents"]
                 if event["name"] == "process_name"}
        self.assertEqual(names, {(1, "core 0"), (100, "a"), (101, "b")})

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
        """A process each."""
        found = self.events(printed(), printed(core=1))
        self.assertEqual({e["pid"] for e in found if e["name"] == "a"}, {1, 2})

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

    def test_cannot_be(self):
        """Said before anything runs."""
        for words, said in ((("--native", "--trace", self.path("t")), "--trace is the VMM's"),
                            (("--trace", "/nowhere/t"), "/nowhere/t: cannot be written"),
                            (("--trace", self.path("t"), "--json", self.path("t")), "one file")):
            with self.subTest(said=said):
                result = self.boot([], *words)
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
        self.assertEqual((moments["started"], moments["ended"]), (1, 1))
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
