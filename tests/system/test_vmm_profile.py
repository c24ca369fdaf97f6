# SPDX-License-Identifier: Apache-2.0
"""The VMM's profile against guests whose exits are known, and against its own exit counters."""
import json
import os
import re
import signal
import socket
import subprocess
import time
import unittest

from dumps import Dump, elf_symbols, sums
from support import LAST, LIVE, ROOT, Case, finish, read_until, start, trapeze

ISA = os.path.join(ROOT, "build", "hv", "tests", "isa")
TRAPMAP = os.path.join(ROOT, "build", "host", "tools", "trapmap", "trapmap")

# The labelled sites of tests/isa/heat.cpp: how often each runs, and its instruction.
LABELLED = {
    "mfmsr": (1000, 0x7CC000A6), "mtmsr": (37, 0x7C800124), "wrtee": (31, 0x7C800106),
    "wrteei": (70, 0x7C000146), "mtspr_srr0": (300, 0x7C9A03A6), "mfspr_dear": (23, 0x7CDD0AA6),
    "mfspr_dec": (47, 0x7CD602A6), "mtspr_mas0": (29, 0x7C909BA6),
    "mtspr_sprg4": (53, 0x7C9443A6), "mtspr_pid": (43, 0x7C900BA6), "tlbwe": (11, 0x7C0007A4),
    "tlbre": (12, 0x7C000764), "tlbsx": (13, 0x7C002724), "tlbivax": (17, 0x7C002624),
    "tlbsync": (19, 0x7C00046C), "dcbi": (7, 0x7C0023AC), "rfi": (41, 0x4C000064)}


def program(name):
    """A bare-metal program."""
    return os.path.join(ISA, name + ".elf")


def content(name):
    """A file of the last run."""
    with open(os.path.join(LAST, name), "rb") as handle:
        return handle.read()


class Profile(Case):
    """Boots with a profile and reads the dumps."""

    def boot(self, *options, status=0):
        """(result, its last dump), with sums that are right and agree with the summary."""
        result = trapeze("boot", "--quiet", "--timeout", "300", *options)
        self.ends(result, status)
        dump = self.whole(content("guest.trap"), "end")
        self.agrees_with_summary(dump)
        return result, dump

    def whole(self, data, kind):
        """The dump of that kind, with sums that are right."""
        dump = Dump(data)
        self.assertEqual(dump.kind, kind)
        self.assertEqual(sums(dump), [])
        return dump

    def interrupted(self, process):
        """The last dump of a boot that Ctrl-C ends now."""
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130)
        dump = self.whole(content("guest.trap"), "end")
        self.agrees_with_summary(dump)
        return dump

    def agrees_with_summary(self, dump):
        """The summary of the same run counts the same."""
        summary = json.loads(content("summary.json"))
        self.assertEqual({exits["cause"]: (exits["count"], exits["total_ticks"],
                                           exits["min_ticks"], exits["max_ticks"])
                          for exits in summary["exits"] if exits["count"]},
                         {name: cause[:4] for name, cause in dump.causes.items()})
        self.assertEqual({kind["name"]: kind["count"] for kind in summary["instructions"]},
                         dump.instructions)

    def has(self, dump, key, count):
        """There is that site, with just so many exits."""
        self.assertIn(key, dump.sites, f"{key[0]:x}")
        self.assertEqual(dump.sites[key].count, count, dump.sites[key])

    def known_counts(self, result, dump):
        """What tests/isa/heat.cpp has done stands in the dump, and nothing else at its sites."""
        symbols = elf_symbols(program("heat"))
        for name, (count, word) in LABELLED.items():
            at = symbols["heat_" + name]
            self.has(dump, (at, at, word, 0, "k"), count)
            self.assertEqual(dump.symbols.get(at), "heat_" + name)
        expected = re.findall(
            r"^expect site (\w{8}) (\w{8}) (\w{8}) (\d+) (\w) (\d+)$", result.out, re.M)
        self.assertEqual(len(expected), 19, result)
        announced = set()
        for ea, gpa, word, pid, mode, count in expected:
            key = (int(ea, 16), int(gpa, 16), int(word, 16), int(pid), mode)
            self.has(dump, key, int(count))
            announced.add(key)
        for key in dump.sites:
            if key[0] >= 0x40000000:
                self.assertIn(key, announced, "nobody was there")
        expected = re.findall(r"^expect page (\w{8}) (\w) (\w+) (\d+)$", result.out, re.M)
        self.assertEqual(len(expected), 18, result)
        for ea, mode, cause, count in expected:
            self.assertEqual(dump.pages.get((int(ea, 16), mode, cause)), int(count), (ea, cause))
        self.assertEqual(sum(count for key, count in dump.pages.items()
                             if key[1:] == ("u", "syscall")), 40 + 1 + 2 + 1 + 1)

    def test_known_counts(self):
        self.known_counts(*self.boot("--patch=off", "--kernel", program("heat")))

    def test_known_counts_repeat_with_and_without(self):
        """The same guest by counted instructions, with the profile and without."""
        options = ("--icount", "--patch=off", "--kernel", program("heat"))
        result, on = self.boot(*options)
        self.known_counts(result, on)
        self.assertFalse(on.values["sites"][2], "no site made way")
        _, off = self.boot("--profile", "off", *options)
        self.assertFalse(off.profile)
        self.assertEqual(off.instructions, on.instructions)
        on, off = on.counts(), off.counts()
        for name in ("heartbeat",):  # follows time, and the VMM with a profile takes longer
            on.pop(name, None)
            off.pop(name, None)
        self.assertEqual(on, off)

    def test_the_viewer_reads_the_same(self):
        _, dump = self.boot("--kernel", program("heat"))
        done = subprocess.run([TRAPMAP, os.path.join(LAST, "guest.trap"), "--json"],
                              capture_output=True, check=True, timeout=60)
        told = json.loads(done.stdout)
        modes = {("kernel", 0): "k", ("kernel", 1): "K", ("user", 0): "u", ("user", 1): "U"}
        self.assertEqual(
            {(site["ea"], site["gpa"], site["word"], site["pid"],
              modes[site["mode"], site["space"]], site["count"], site["ticks"], site["max"],
              site["first"], site["last"], site["rate"], site["id"],
              site["state"], site["reason"] or "-", site["saved"]) for site in told["sites"]},
            set(dump.sites.values()))
        self.assertEqual({(page["ea"], page["mode"][0], page["cause"]): page["count"]
                          for page in told["pages"]}, dump.pages)
        self.assertEqual({cause["name"]: tuple(cause[field] for field in dump.causes["mmio"]._fields)
                          for cause in told["causes"]}, dump.causes)
        self.assertEqual({kind["name"]: kind["count"] for kind in told["instructions"]},
                         dump.instructions)
        self.assertEqual(told["spans"], {"ticks": dump.span_ticks, "causes": dump.columns,
                                         "counts": dump.spans})

    def test_more_sites_than_there_is_room_for(self):
        _, dump = self.boot("--patch=off", "--kernel", program("flood"))
        capacity, used, evicted, lost, _ = dump.values["sites"]
        self.assertEqual(used, capacity)
        flood = [site for site in dump.sites.values() if 0x600000 <= site.ea < 0x700000]
        self.assertEqual({site.count for site in flood}, {1})
        self.has(dump, (0x5FF000, 0x5FF000, 0x7CC000A6, 0, "k"), 1100)
        # Of the flood's sites those are gone that are not there; of the others hardly any.
        gone = 6 * 1023 - len(flood)
        self.assertTrue(gone <= evicted < gone + 40, dump.values["sites"])
        self.assertGreaterEqual(lost, evicted)

    def test_linux(self):
        result, dump = self.boot("--run", "true")
        self.assertGreater(dump.values["sites"][1], 300, result)
        self.assertGreater(len(dump.symbols), 100)
        # Most exits are gone with the patches, and what is left was trapped.
        self.assertGreater(dump.values["patch"].patched, 0)
        self.assertGreater(dump.causes["privileged"].count, 10_000)
        self.assertTrue(any(key[1] == "u" for key in dump.pages))

    def test_off(self):
        result, dump = self.boot("--profile", "off", "--run", "true")
        self.assertFalse(dump.profile, result)
        self.assertGreater(dump.causes["privileged"].count, 100_000)
        self.assertEqual((dump.sites, dump.pages, dump.spans), ({}, {}, []))

    def test_guests_that_die(self):
        for name, options in (("storm", ()), ("no_handler", ()), ("checkstop", ()), ("wait", ()),
                              ("endless", ("--watchdog", "1"))):
            with self.subTest(name):
                guest = os.path.join("death", name)
                _, dump = self.boot("--kernel", program(guest), *options, status=1)
                begin = elf_symbols(program(guest))["_start"]
                if name == "no_handler":
                    self.has(dump, (begin + 12, begin + 12, 0x7C7F0BA6, 0, "k"), 1)
                    self.assertGreater(dump.causes["itlb_guest"].count, 60)
                elif name == "endless":
                    self.has(dump, (begin + 8, begin + 8, 0x7C000146, 0, "k"), 1)
                    self.assertGreater(dump.pages[begin & ~0xFFF, "k", "heartbeat"], 5)
                elif name == "wait":
                    self.has(dump, (begin + 12, begin + 12, 0x7C70FBA6, 0, "k"), 1)

    def test_periodic(self):
        """A dump each second of a busy guest: each is whole, and nothing ever falls."""
        # What a dump takes is the machine's: the guest is busy until there are four.
        process = start("boot", "--quiet", "--timeout", "300", "--dump-every", "1", "--run",
                        "while :; do date +%s > /dev/null; done")
        self.addCleanup(finish, process)
        fourth = os.path.join(LAST, "dump-0004.trap")
        while process.poll() is None and not os.path.exists(fourth):
            time.sleep(0.1)
        last = self.interrupted(process)
        dumps = [self.whole(content(f"dump-{number:04}.trap"), "periodic")
                 for number in range(1, last.sequence)]
        self.assertGreaterEqual(len(dumps), 4)
        self.assertEqual([dump.sequence for dump in dumps], list(range(1, last.sequence)))
        for before, after in zip(dumps, [*dumps[1:], last]):
            self.assertGreater(after.values["clock"][1], before.values["clock"][1])
            for key, site in before.sites.items():
                self.assertGreaterEqual(after.sites[key][5:8], site[5:8])
                self.assertEqual((after.sites[key].first, after.sites[key].id),
                                 (site.first, site.id))
            if not after.values["pages"][2]:
                for key, count in before.pages.items():
                    self.assertGreaterEqual(after.pages[key], count)

    def test_live(self):
        """Live dumps are short: the hottest of what has changed, and others in turn."""
        process = start("boot", "--patch=off", "--run",
                        "i=0; while [ $i -lt 8 ]; do ls -lR /proc/1 /sys "
                        "> /dev/null 2>&1; sleep 1; i=$((i + 1)); done")
        try:
            blocks = self.listen(process.pid)
            process.communicate(timeout=120)
        finally:
            finish(process)
        self.assertEqual(process.returncode, 0)
        first, *rest, last = blocks
        self.assertEqual((first.kind, sums(first)), ("request", []))
        self.assertEqual((last.kind, sums(last)), ("end", []))
        self.assertGreaterEqual(len(rest), 3)
        sites, pages, before = dict(first.sites), dict(first.pages), first
        shown = set()
        for dump in rest:
            self.assertEqual((dump.kind, dump.columns), ("live", None))
            self.assertLessEqual(len(dump.sites), 64)
            self.assertLessEqual(len(dump.pages), 64)
            news = 0
            for key, site in dump.sites.items():
                known = sites[key].count if key in sites else 0
                self.assertGreater(site.count, known, site)
                self.assertLessEqual(site.count, last.sites[key].count)
                news += site.count - known
            for key, count in dump.pages.items():
                # One that made way and came back may have the count it had.
                self.assertTrue(count != pages.get(key) or dump.values["pages"][2], key)
            grown = dump.causes["privileged"][0] - before.causes["privileged"][0]
            # The hottest 64 of a thousand sites.
            self.assertGreaterEqual(news, grown / 8)
            self.assertLessEqual(news, dump.causes["privileged"][0])
            sites.update(dump.sites)
            pages.update(dump.pages)
            shown |= dump.sites.keys()
            before = dump
        self.assertLessEqual(sites.keys(), last.sites.keys())
        self.assertGreater(len(shown), 64, "not the same ones each time")

    def listen(self, pid):
        """The dumps that the front door `pid` sends to who listens, until it ends."""
        path = os.path.join(LIVE, f"{pid}.sock")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(300)
            until = time.monotonic() + 300
            while True:
                try:
                    client.connect(os.path.relpath(path))
                    break
                except OSError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.05)
            data = b"".join(iter(lambda: client.recv(1 << 16), b""))
        return [Dump(block) for block in
                re.findall(rb"^@@trapeze-dump 1 .*?^@@trapeze-dump-end [^\n]*\n", data, re.M | re.S)]

    def test_interrupted(self):
        """Ctrl-C: the dump is there and whole."""
        process = start("boot", "--run", "echo is up; sleep 60")
        self.addCleanup(finish, process)
        read_until(process.stdout, b"is up")
        dump = self.interrupted(process)
        self.assertGreater(dump.causes["privileged"].count, 10_000)


if __name__ == "__main__":
    unittest.main()
