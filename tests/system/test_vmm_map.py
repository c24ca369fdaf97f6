# SPDX-License-Identifier: Apache-2.0
"""The map of trap sites from the VMM to the user: at a boot's end, of a dead guest, while it runs."""
import contextlib
import glob
import json
import os
import re
import signal
import unittest
import zlib

import scenarios
from support import LAST, ROOT, Case, finish, read_until, start, trapeze

DEATH = os.path.join(ROOT, "build", "hv", "tests", "isa", "death", "no_handler.elf")


def head(path):
    """(kind, sequence) of a file that holds one sound dump."""
    with open(path, "rb") as handle:
        data = handle.read()
    *lines, end = data.splitlines(keepends=True)
    words = end.split()
    assert words[0] == b"@@trapeze-dump-end", end
    assert (int(words[2]), int(words[3], 16)) == (len(lines) - 1, zlib.crc32(b"".join(lines)))
    _, _, kind, sequence = lines[0].split()
    assert sequence == words[1]
    return kind.decode(), int(sequence)


class Ends(Case):
    """The last dump of a run, and what is made of it."""

    def test_workload_boot_ends_with_the_map(self):
        result = trapeze("boot", COLUMNS="120")
        self.ends(result, 0)
        table = result.out[result.out.index("where the time went"):]
        rows = re.findall(r"(?m)^.* (?:mfspr|mtspr|mfmsr|mtmsr|wrtee|wrteei|rfi|m[ft]\w+|tlb\w+) .*$",
                          table)
        self.assertEqual(len(rows), 10, table)
        self.assertRegex(table, r"entry_32\.S:\d+")
        self.assertRegex(table, r"\n  heat map: .*build/last/heatmap\.html\n$")
        with open(os.path.join(LAST, "heatmap.html"), encoding="utf-8") as page:
            self.assertIn("interrupt_return", page.read())
        self.assertEqual(head(os.path.join(LAST, "guest.trap"))[0], "end")
        again = trapeze("heatmap", "--json")
        self.ends(again, 0)
        found = json.loads(again.out)
        self.assertGreater(len(found["sites"]), 300)
        named = [site for site in found["sites"] if site["function"] and site["source"]]
        self.assertGreater(len(named), 0.95 * len(found["sites"]))
        self.assertFalse([site["source"] for site in named if site["source"].startswith("/")])
        # The VMM's own table of causes and the dump are the same to the unit.
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as handle:
            summary = json.load(handle)
        exits = {row["cause"]: (row["count"], row["total_ticks"]) for row in summary["exits"]}
        self.assertEqual(exits, {row["name"]: (row["count"], row["ticks"])
                                 for row in found["causes"] if row["count"]})

    def test_dead_guest(self):
        result = trapeze("boot", "--kernel", DEATH, "--timeout", "300")
        self.ends(result, 1)
        self.assertRegex(result.out, r"_start\+0xc +mtivpr")
        self.assertEqual(head(os.path.join(LAST, "guest.trap"))[0], "end")

    def test_stopped_by_timeout(self):
        result = trapeze("boot", "--run", "sleep 100", "--timeout", "5")
        self.ends(result, 124)
        self.assertEqual(head(os.path.join(LAST, "guest.trap"))[0], "end")

    def test_dump_every(self):
        self.ends(trapeze("boot", "--run", "sleep 4", "--dump-every", "1"), 0)
        names = sorted(glob.glob(os.path.join(LAST, "dump-*.trap")))
        self.assertIn(len(names), range(3, 9))
        self.assertEqual([head(name) for name in names],
                         [("periodic", number + 1) for number in range(len(names))])

    def test_profile_off(self):
        result = trapeze("boot", "--kernel", DEATH, "--timeout", "300", "--profile", "off")
        self.ends(result, 1)
        self.assertIn("no heat map: the profile was off\n", result.err)
        with open(os.path.join(LAST, "guest.trap"), encoding="ascii") as dump:
            self.assertNotRegex(dump.read(), r"(?m)^(site|page) ")


class Follows(Case):
    """./trapeze top beside a guest that works."""

    WORK = "echo ready; for i in 1 2 3 4 5 6 7 8 9; do burst syscalls >/dev/null; sleep 1; done; echo done"

    def test_looking_does_not_disturb(self):
        guest = start("boot", "--run", self.WORK)
        self.addCleanup(finish, guest)
        read_until(guest.stdout, b"ready")
        top = start("top", "--top", "3", "--pid", str(guest.pid), COLUMNS="120")
        self.addCleanup(finish, top)
        seen = b""
        while len(re.findall(rb"exits/s|a second", seen)) < 4:
            piece = os.read(top.stdout.fileno(), 4096)
            self.assertTrue(piece, seen)
            seen += piece
        top.send_signal(signal.SIGINT)
        with contextlib.suppress(Exception):
            top.communicate(timeout=10)
        out, err = guest.communicate(timeout=120)
        self.assertEqual((guest.returncode, out.split()[-1:], err), (0, [b"done"], b""))
        self.assertRegex(seen.decode(), r"(wrtee|wrteei|mf\w+|mt\w+|rfi) ")


class Keys(scenarios.Terminal):
    """Ctrl-A D in the shell."""

    def test_dump_on_request(self):
        self.open("boot", "--shell")
        self.expect(b"# ")
        self.type(b"\x01d")
        self.expect(b"build/last/dump-0001.trap")
        self.assertEqual(head(os.path.join(LAST, "dump-0001.trap")), ("request", 1))
        self.type(b"echo $((6 * 7)) answered\r")
        self.expect(b"42 answered")
        self.type(b"\x01x")
        self.assertEqual(self.leave(), 0)


if __name__ == "__main__":
    unittest.main()
