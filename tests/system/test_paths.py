# SPDX-License-Identifier: Apache-2.0
"""No path through the VMM grows unnoticed (bench/paths.json), and the tool that says so."""
import copy
import os
import sys
import unittest

from support import ROOT

sys.path.insert(0, os.path.join(ROOT, "bench"))

from run import para, paths, peers, turns  # noqa: E402  (the path had to be set first)

TABLE = {"schema": 1, "paths": [
    {"name": "one", "cause": "syscall", "bound": 104, "last": 100.0, "vmm": 60.0},
    {"name": "two", "cause": "mmio", "bound": 1030, "last": 1000.0, "vmm": 900.0}]}
MEASURED = {"one": {"cause": "syscall", "last": 100.0, "vmm": 60.0},
            "two": {"cause": "mmio", "last": 1000.0, "vmm": 900.0}}


def measured(**changes):
    """MEASURED with other totals; None leaves a path out."""
    result = copy.deepcopy(MEASURED)
    for name, total in changes.items():
        if total is None:
            del result[name]
        else:
            result.setdefault(name, {"cause": "mmio", "vmm": 1.0})["last"] = total
    return result


class Bounds(unittest.TestCase):
    """The comparison."""

    def test_within(self):
        self.assertEqual(paths.compare(TABLE, MEASURED), [])
        self.assertEqual(paths.compare(TABLE, measured(one=104.0, two=500.0)), [])

    def test_longer_than_its_bound(self):
        wrong = paths.compare(TABLE, measured(one=104.1))
        self.assertEqual(len(wrong), 1)
        self.assertIn("one", wrong[0])
        self.assertIn("104", wrong[0])

    def test_not_measured(self):
        self.assertEqual(len(paths.compare(TABLE, measured(two=None))), 1)

    def test_without_a_bound(self):
        self.assertEqual(len(paths.compare(TABLE, measured(three=5.0))), 1)

    def test_under_another_cause(self):
        now = measured()
        now["one"]["cause"] = "privileged"
        self.assertEqual(len(paths.compare(TABLE, now)), 1)


class Turns(unittest.TestCase):
    """What two guests beside each other have seen."""

    def test_of_a_gap_what_the_other_one_did_not_have(self):
        found = turns.gaps("a| noise\na| @@turn 100 300\nb| @@turn 50 120\nb| @@turn 280 330\n"
                           "a| @@turn 310 500\na| @@turn x 5\n")
        self.assertEqual(found, {"a": [(100, 300), (310, 500)], "b": [(50, 120), (280, 330)]})
        # b had the core from 120 to 280 of a's 100 to 300: two changes of 20 ticks.
        self.assertEqual(turns.turns(found), [20])

    def test_what_one_alone_has_seen_tells_nothing(self):
        self.assertEqual(turns.turns({"a": [(0, 100)], "b": []}), [])
        self.assertEqual(turns.turns({"a": [(0, 100)], "b": [(90, 110), (190, 200)]}), [])
        # Two stretches in one gap: it missed a turn of its own.
        self.assertEqual(turns.turns({"a": [(0, 100)], "b": [(5, 10), (20, 30), (40, 50)]}), [])


class Peers(unittest.TestCase):
    """What guests that exchange something have noted."""

    TEXT = ("b| noise\na| @@message 0 40 140 200 500\na| @@message 1000 1040 1142 1210 1520\n"
            "a| @@message 4294967290 4 94 204 494\na| @@restart 10 20 70 90\na| @@restart 5 25 65 90\n")

    def test_medians_in_instructions(self):
        # 100, 102, 90 ticks from the bell; 200, 210, 210 to the message; 500, 520, 500 there and back.
        self.assertEqual(peers.messages(self.TEXT), [250, 525, 1250])
        self.assertEqual(peers.restarts(self.TEXT), [37.5, 112.5])

    def test_nothing_told(self):
        for read in (peers.messages, peers.restarts):
            with self.subTest(read=read), self.assertRaises(para.Failed):
                read("a| @@message 1 2 3\na| @@restart x 1 2 3\n")

    def test_who_is_managed_is_there_only_for_calls(self):
        alone, managing = (peers.config("x.elf", calls, 1) for calls in (False, True))
        self.assertNotIn("managed-partition", alone)
        self.assertIn("managed-partition", managing)
        self.assertIn('cpus = <1 1>; memory = "16M"; kernel = "', alone)


class Update(unittest.TestCase):
    """What --update writes."""

    def bounds(self, now, *may_rise):
        """{name: bound} of the table after an update."""
        table = paths.updated(TABLE, now, may_rise)
        return {row["name"]: row["bound"] for row in table["paths"]}

    def test_bounds_sink(self):
        self.assertEqual(self.bounds(measured(one=50.0)), {"one": 54, "two": 1030})

    def test_bounds_do_not_rise(self):
        now = measured(one=200.0)
        self.assertEqual(self.bounds(now), {"one": 104, "two": 1030})
        self.assertEqual(len(paths.compare(paths.updated(TABLE, now), now)), 1)

    def test_bounds_rise_by_name(self):
        now = measured(one=200.0, two=2000.0)
        self.assertEqual(self.bounds(now, "two"), {"one": 104, "two": 2060})
        with self.assertRaises(paths.Wrong):
            paths.updated(TABLE, now, ["thre"])

    def test_paths_come_and_go(self):
        self.assertEqual(self.bounds(measured(one=None, three=10.0)), {"two": 1030, "three": 14})

    def test_what_is_written_is_read_back(self):
        table = paths.load()
        with open(paths.TABLE, encoding="utf-8") as handle:
            self.assertEqual(handle.read(), paths.render(table))


class Console(unittest.TestCase):
    """What the guest prints."""

    def test_lines(self):
        text = "# note\n@@path one 1000 600 syscall\n@@path two 10000 9000 mmio\nisa: done\n"
        self.assertEqual(paths.parse(text), MEASURED)

    def test_bad_output(self):
        for text in ("@@path one 1000 600 syscall\n",                              # cut short
                     "@@path one 1000 600\nisa: done\n",                           # a field less
                     "@@path one 1000 - syscall\nisa: done\n",                     # without VMM
                     "@@bench-failed paths why\nisa: done\n",
                     "@@path one 1 1 mmio\n@@path one 1 1 mmio\nisa: done\n"):     # twice
            with self.subTest(text=text), self.assertRaises(paths.Wrong):
                paths.parse(text)


class Lengths(unittest.TestCase):
    """The paths themselves, measured now."""

    def test_every_path_keeps_its_bound(self):
        self.assertEqual(paths.compare(paths.load(), paths.measure()), [])

    def test_bounds_are_tight(self):
        for row in paths.load()["paths"]:
            with self.subTest(path=row["name"]):
                self.assertGreaterEqual(row["bound"], row["last"])
                self.assertLessEqual(row["bound"], paths.bound_of(row["last"]))
                self.assertLess(row["vmm"], row["last"])


if __name__ == "__main__":
    unittest.main()
