# SPDX-License-Identifier: Apache-2.0
"""./trapeze bench with a program that plays QEMU: rows, failures, statuses, comparisons."""
import json
import os
import re
import signal
import sys
import time
import unittest

from bench_case import BenchCase, line
from fakes import ending
from support import ROOT, Case, finish, qemu_of, read_until, start, trapeze

sys.path.append(ROOT)
from bench.run import host, output, runner, stats, svg, view  # noqa: E402
from bench.run.arms import ARMS, CLOCKS, against  # noqa: E402
from bench.run.workloads import WORKLOADS  # noqa: E402


def samples(*ticks):
    """Samples of one operation each."""
    return [output.Sample("m", "ticks", 1, value, {}, {}) for value in ticks]


class Arithmetic(unittest.TestCase):
    """Figures that were worked out by hand."""

    def test_geometric_mean(self):
        self.assertIsNone(stats.geometric_mean([]))
        self.assertAlmostEqual(stats.geometric_mean([7]), 7)
        self.assertAlmostEqual(stats.geometric_mean([1, 10, 100]), 10)

    def test_ratios_come_from_pairs(self):
        # A machine that got four times slower for run 1: ratios of pairs do not see it.
        found = stats.rows({("native", "wall", "pipe"): {0: samples(10), 1: samples(40),
                                                         2: samples(10, 12, 30)},
                            ("trap", "wall", "pipe"): {0: samples(30), 1: samples(120),
                                                       2: samples(36, 48), 3: samples(1)}},
                           {}, "native")
        native, trap = found
        self.assertEqual(trap["ratios"], [3, 3, 3.5])
        self.assertEqual(trap["ratio_to_native"], 3)
        self.assertEqual(native["ratio_to_native"], 1)
        self.assertEqual((trap["n"], trap["min"], trap["max"]), (5, 2.5, 300))
        self.assertEqual(trap["median"], 90)
        self.assertEqual(native["samples"], [[25], [100], [25, 30, 75]])

    def test_gains_over_each_base_come_from_pairs(self):
        def key(arm):
            return arm, "wall", "pipe"

        *_, crossed = stats.rows({key("trap"): {0: samples(30), 1: samples(200)},
                                  key("straight"): {1: samples(80)},
                                  key("crossed"): {0: samples(10), 1: samples(50)}}, {}, None,
                                 {"crossed": ["trap", "straight", "pv"]})
        self.assertEqual((crossed["gain"], crossed["gains"]),
                         ({"trap": 3.5, "straight": 1.6}, {"trap": [3, 4], "straight": [1.6]}))

    def test_no_ratio_without_a_pair(self):
        found = stats.rows({("native", "wall", "pipe"): {0: samples(10)},
                            ("trap", "wall", "pipe"): {1: samples(30)},
                            ("trap", "icount", "pipe"): {0: samples(30)}}, {}, "native")
        self.assertEqual([row["ratio_to_native"] for row in found], [1, None, None])
        found = stats.rows({("trap", "wall", "pipe"): {0: samples(30)}}, {}, None)
        self.assertIsNone(found[0]["ratio_to_native"])

    def test_exits_are_of_one_operation(self):
        one = output.Sample("m", "ticks", 100, 5, {"privileged": 900, "dsi": 0}, {"rfi": 100})
        two = output.Sample("m", "ticks", 300, 5, {"privileged": 300, "mmio": 40}, {})
        self.assertEqual(stats.per_operation([one, two], "exits"), {"privileged": 3, "mmio": 0.1})
        self.assertEqual(stats.per_operation([one, two], "kinds"), {"rfi": 0.25})

    def test_units(self):
        self.assertEqual(stats.value_of(output.Sample("m", "ticks", 100, 400, {}, {})), 10)
        self.assertEqual(stats.value_of(output.Sample("m", "bytes", 1, 400, {}, {})), 400)
        self.assertEqual([stats.unit_of("ticks", "icount"), stats.unit_of("ticks", "wall"),
                          stats.unit_of("ticks_late", "icount")], ["instructions", "ns", "ns_late"])

    def test_a_workload_counts_once_in_the_mean(self):
        def row(workload, metric, ratio):
            return {"arm": "trap", "clock": "wall", "workload": workload, "metric": metric,
                    "unit": "ns", "ratio_to_native": ratio}

        document = {"host": {}, "conditions": {"arms": {"native": "", "trap": ""},
                                               "clocks": {"wall": ""}},
                    "rows": [row("mmap", "a", 4), row("mmap", "b", 16), row("pipe", "pipe", 2),
                             row("compute", "compute", 100), row("signal", "signal", None)]}
        mean, number = view.View(document).mean("trap", "wall")
        self.assertAlmostEqual(mean, 4)
        self.assertEqual(number, 2)

    def test_axis(self):
        axis = svg.LogAxis(1, 100, 0, 200)
        self.assertEqual([round(axis(value)) for value in (0.1, 1, 10, 100, 1000)],
                         [0, 0, 100, 200, 200])
        self.assertEqual(axis.ticks(), [1, 2, 5, 10, 20, 50, 100])

    def test_figures_for_people(self):
        for value, unit, text in ((1427, "instructions", "1,427"), (6.02, "instructions", "6.02"),
                                  (25.9e6, "instructions", "25.9 M"), (0.5, "ns", "0.50 ns"),
                                  (1500, "ns", "1.50 µs"), (2.5e9, "ns_late", "2.50 s")):
            self.assertEqual(view.quantity(value, unit), text)
        for value, text in ((0, "0"), (0.001, "<0.01"), (11.01, "11"), (4.25, "4.25"),
                            (83541, "83,541")):
            self.assertEqual(view.count(value), text)


class Reading(unittest.TestCase):
    """Lines of programs that are wrong."""

    def heard(self, *lines, native=False, wanted=("pipe", "mmap")):
        """What is made of the console."""
        return output.read("\n".join(lines), wanted, native, 1e6)

    def test_good_lines(self):
        heard = self.heard("[    0.1] noise", "@@bench-begin pipe",
                           line("pipe", 250.5, 100, "privileged=900,mmio=1", "rfi=100"))
        one = heard.samples["pipe"][0]
        self.assertEqual((one.ops, one.ticks, one.exits, one.kinds),
                         (100, 250.5, {"privileged": 900, "mmio": 1}, {"rfi": 100}))
        self.assertEqual((heard.begun, heard.failures), (["pipe"], {}))

    def test_lies(self):
        for bad, why in ((line("pipe", 10, ops=0), "operations is 0"),
                         (line("pipe", 10, ops=-5), "negative"),
                         (line("pipe", 10, ops=1.5), "operations is 1.5"),
                         (line("pipe", "NaN"), "finite"), (line("pipe", "inf"), "finite"),
                         (line("pipe", -1), "negative"), (line("pipe", 0), "no time"),
                         (line("pipe", "abc"), "not a number"), (line("pipe", 1e7), "too large"),
                         (line("pipe", "9" * 400), "too large"),
                         (line("pipe", 10, ops=1 << 60), "too large"),
                         (line("pipe", 10, exits="privileged"), "counts"),
                         (line("pipe", 10, exits="mmio=1,mmio=2"), "counts"),
                         (line("pipe", 10, exits="mmio=-1"), "negative"),
                         (line("pipe", 10, metric="<b>"), "metric"),
                         ("@@bench pipe pipe ticks 1 1 -", "7 words"), ("@@bench pipe", "words")):
            with self.subTest(line=bad[:60]):
                heard = self.heard(line("pipe", 5), bad, line("mmap", 5))
                self.assertIn(why, heard.failures["pipe"])
                # What was said before and by others stays.
                self.assertEqual((len(heard.samples["pipe"]), len(heard.samples["mmap"])), (1, 1))
                self.assertNotIn("mmap", heard.failures)

    def test_exits_where_there_is_no_vmm(self):
        bad = line("pipe", 10, exits="mmio=1")
        self.assertIn("no VMM", self.heard(bad, native=True).failures["pipe"])
        self.assertFalse(self.heard(bad).failures)

    def test_one_speaks_for_another(self):
        heard = self.heard("@@bench-begin pipe", line("null_syscall", 5))
        self.assertIn("null_syscall", heard.failures["pipe"])
        self.assertFalse(heard.samples)

    def test_two_units(self):
        heard = self.heard(line("pipe", 5), line("pipe", 5, unit="bytes"))
        self.assertIn("two units", heard.failures["pipe"])

    def test_reasons_are_safe_to_show(self):
        heard = self.heard("@@bench-failed pipe no \x1b[31mpipe " + "x" * 9999,
                           "@@bench-failed mmap")
        self.assertTrue(heard.failures["pipe"].startswith("no ?[31mpipe x"))
        self.assertLessEqual(len(heard.failures["pipe"]), 200)
        self.assertTrue(heard.failures["mmap"])


class Order(unittest.TestCase):
    """The boots of a plan."""

    def test_arms_lie_next_to_each_other(self):
        works = [WORKLOADS[name] for name in ("pipe", "mmap", "file_virtio", "proteus_fft")]
        plan = runner.Plan(list(ARMS.values()), list(CLOCKS.values()), works,
                           {"icount": 1, "wall": 2}, True, 1.0)
        order = [(run, job.clock.name, job.arm.name, "+".join(work.name for work in job.workloads))
                 for run, job in plan.all()]
        self.assertEqual(order[:8], [(0, "icount", arm, works)
                                     for works in ("pipe+mmap", "file_virtio")
                                     for arm in ("native", "trap", "straight", "crossed")])
        self.assertEqual(len(order), 36)
        # The other way round in the second run.
        again = [arm for run, _, arm, works in order if (run, works) == (1, "pipe+mmap")]
        self.assertEqual(again, list(ARMS)[::-1])
        self.assertEqual({(run, clock) for run, clock, _, _ in order},
                         {(0, "icount"), (0, "wall"), (1, "wall")})


class HostBenchmarks(Case):
    """What Google Benchmark prints becomes rows, a picture, tables, or one clear line."""

    @staticmethod
    def printed(*runs):
        return json.dumps({"context": {}, "benchmarks": [
            {"run_name": name, "run_type": "iteration", "cpu_time": time_, "time_unit": "ns", **more}
            for name, time_, more in runs]})

    def test_repetitions_become_one_row(self):
        rows = host.parse(self.printed(
            ("insert/1", 3.0, {"used": 1.0}), ("insert/1", 5.0, {"used": 1.0}),
            ("insert/1", 4.5, {"used": 1.0}), ("decode", 2.0, {}),
            ("decode", 9.0, {"run_type": "aggregate"})))
        self.assertEqual(rows, [
            {"name": "insert", "size": 1, "n": 3, "min": 3, "median": 4.5, "max": 5,
             "counters": {"used": 1}},
            {"name": "decode", "size": None, "n": 1, "min": 2, "median": 2, "max": 2,
             "counters": {}}])

    def test_nonsense_is_refused(self):
        for text in ("", "{}", "[]", '{"benchmarks": []}', self.printed(("a", 0, {})),
                     self.printed(("a", "fast", {})), self.printed(("a", True, {})),
                     self.printed(("a/b", 1.0, {})), self.printed(("a", 1.0, {"time_unit": "us"})),
                     self.printed(("a", 1.0, {"error_occurred": True}))):
            with self.subTest(text=text), self.assertRaises(host.Failed):
                host.parse(text)

    def test_a_program_that_fails_is_told(self):
        for words, said in (("#!/bin/sh\nexit 3\n", "status 3"), ("#!/bin/sh\necho hi\n", "JSON")):
            program = self.path("program", words.encode())
            os.chmod(program, 0o755)
            with self.assertRaisesRegex(host.Failed, said):
                host.measure(program, True)
        with self.assertRaisesRegex(host.Failed, "cannot start"):
            host.measure(self.path("absent"), True)

    def test_pictures_and_tables_hold_every_figure(self):
        rows = host.parse(self.printed(("decode", 2.5, {}), *(
            (f"insert/{size}", 3.0 + size / 1e5, {"lost": size}) for size in (1, 1000, 1000000))))
        picture = host.chart(rows)
        self.assertEqual(picture.count("<circle"), 3)
        self.assertIn("1,000,000 sites: 13 ns", picture)
        self.assertEqual(host.chart(rows[:1]), "")
        self.assertEqual(host.table(rows).count("<tr>"), 5)
        self.assertIn("| insert, 1,000,000 | 13 | 13 .. 13 | lost 1e+06 |", host.markdown(rows))


class Bench(BenchCase):
    """The command."""

    def test_rows(self):
        document, result = self.bench(self.GOOD, self.TRAPPED, "--runs", "2")
        self.assertEqual(len(document["rows"]), 6)
        native, trap = self.row(document, "null_syscall", "native"), self.row(document,
                                                                             "null_syscall")
        self.assertEqual((native["unit"], native["n"], native["min"], native["median"],
                          native["max"], native["exits"]),
                         ("instructions", 6, 19.75, 20, 20.25, {}))
        self.assertEqual((trap["median"], trap["ratio_to_native"], trap["ratios"], trap["exits"]),
                         (140, 7, [7, 7], {"privileged": 9, "syscall": 1}))
        self.assertEqual(trap["kinds"], {"mtspr": 3, "rfi": 1})
        self.assertEqual(document["conditions"]["boots"], 4)
        self.assertRegex(result.out, r"null_syscall +20\.0 +140 +7\.00× +10\n")
        self.assertRegex(result.out, r"geometric mean of 3 +4\.12×")
        self.assertRegex(result.err, r"1/4 native icount run 1/2.*\n.*2/4 trap icount run 1/2.*"
                                     r"about \d+:\d\d left\n.*3/4 trap icount run 2/2")
        self.assertIn("| null_syscall | 20.0 (19.8 .. 20.2) | 140 (140 .. 140) | 7.00× | 10 |",
                      self.report("report.md"))
        self.assertNotRegex(self.report("report.html"), r"(src|href)=")
        self.assertIn(">7.00×</text>", self.report("report.html"))

    def test_arms_are_options_of_the_vmm(self):
        self.assertEqual({name: arm.vmm for name, arm in ARMS.items()},
                         {"native": None, "trap": "patch=off",
                          "straight": "patch=hot mapping=straight",
                          "crossed": "patch=hot mapping=crossed"})
        # The report compares each with those that it must be better than, and no more.
        self.assertEqual(against(ARMS), {"straight": ["trap"], "crossed": ["trap", "straight"]})
        self.assertEqual(against(["native", "straight", "crossed"]), {"crossed": ["straight"]})

    def test_only_some(self):
        document, _ = self.bench(self.GOOD, self.TRAPPED, "--arm", "trap", works=("pipe",))
        row, = document["rows"]
        self.assertEqual((row["arm"], row["median"], row["ratio_to_native"]), ("trap", 500, None))

    def test_a_liar(self):
        vmm = {**self.TRAPPED, "pipe": [line("pipe", "NaN")]}
        document, result = self.bench(self.GOOD, vmm, status=1)
        row = self.row(document, "pipe")
        self.assertEqual((row["n"], row["median"], row["ratio_to_native"]), (0, None, None))
        self.assertIn("not finite: NaN", row["error"])
        self.assertEqual(self.row(document, "mmap")["ratio_to_native"], 2)
        self.assertIn("trap icount pipe: run 1: its output cannot be true", result.err)
        for name in ("report.md", "report.html"):
            self.assertIn("not finite: NaN", self.report(name))

    def test_some_samples_and_then_a_lie(self):
        vmm = {**self.TRAPPED, "pipe": [line("pipe", 20000), line("pipe", -3)]}
        row = self.row(self.bench(self.GOOD, vmm, status=1)[0], "pipe")
        self.assertEqual((row["n"], row["median"]), (1, 500))
        self.assertIn("negative", row["error"])

    def test_a_time_longer_than_the_boot(self):
        native = {**self.GOOD, "pipe": [line("pipe", 10 ** 13)]}
        out = self.path("out")
        result = trapeze("bench", "--quick", "--clock", "wall", "--workload", "pipe", "--runs", "1",
                         "--out", out, **self.play(
                             ["bench", {"native": native, "vmm": self.TRAPPED}, ending()[1]]))
        self.ends(result, 1)
        self.assertIn("native wall pipe: run 1: its output cannot be true: the time is too large",
                      result.err)

    def test_a_program_that_hangs(self):
        vmm = {**self.TRAPPED, "pipe": ["HANG"]}
        document, _ = self.bench(self.GOOD, vmm, "--timeout", "8", "--runs", "2", status=1)
        self.assertEqual(self.row(document, "pipe")["error"], "run 1: it took longer than 8 s")
        self.assertEqual(self.row(document, "null_syscall")["n"], 2)
        self.assertEqual(self.row(document, "mmap")["n"], 2)
        # One boot more, for the workload behind it; and in the second run it is left out.
        self.assertEqual(document["conditions"]["boots"], 5)

    def test_a_program_that_hangs_natively(self):
        native = {**self.GOOD, "mmap": ["HANG"]}
        document, _ = self.bench(native, self.TRAPPED, "--timeout", "8", status=1)
        self.assertIn("longer than 8 s", self.row(document, "mmap", "native")["error"])
        self.assertIsNone(self.row(document, "mmap")["ratio_to_native"])
        self.assertEqual(self.row(document, "mmap")["median"], 300)

    def test_a_guest_that_dies(self):
        vmm = {**self.TRAPPED, "pipe": [line("pipe", 20000), "DIE"]}
        document, _ = self.bench(self.GOOD, vmm, status=1)
        self.assertIn("summary", self.row(document, "pipe")["error"])
        self.assertEqual(self.row(document, "pipe")["n"], 1)
        self.assertEqual(self.row(document, "mmap")["ratio_to_native"], 2)

    def test_a_program_that_fails(self):
        vmm = {**self.TRAPPED, "pipe": ["@@bench-failed pipe fork: out of memory"]}
        document, _ = self.bench(self.GOOD, vmm, status=1)
        self.assertEqual(self.row(document, "pipe")["error"], "run 1: fork: out of memory")

    def test_a_program_that_is_missing(self):
        vmm = {**self.TRAPPED, "pipe": []}
        document, _ = self.bench(self.GOOD, vmm, status=1)
        self.assertIn("no result", self.row(document, "pipe")["error"])

    def test_no_guest_at_all(self):
        document, _ = self.bench({}, {}, status=1, steps=[["exit", 7]])
        self.assertEqual(len(document["rows"]), 6)
        for row in document["rows"]:
            self.assertIn("did not come so far: QEMU ended with status 7", row["error"])
        self.assertEqual(document["conditions"]["boots"], 2)

    def test_bare_metal(self):
        says = {"gandalf_hypercall": [line("gandalf_hypercall", 400)]}
        document, _ = self.bench(says, says, works=("gandalf_hypercall",))
        self.assertEqual(self.row(document, "gandalf_hypercall")["ratio_to_native"], 1)
        document, _ = self.bench(says, {"gandalf_hypercall": ["HANG"]}, "--timeout", "2", status=1,
                                 works=("gandalf_hypercall",))
        self.assertIn("2 s", self.row(document, "gandalf_hypercall")["error"])

    def test_ctrl_c(self):
        out = self.path("out")
        play = self.play(["bench", {"native": self.GOOD, "vmm": {"pipe": ["HANG"]}}, ending()[1]])
        process = start("bench", "--quick", "--clock", "icount", "--workload", "pipe", "--arm",
                        "native", "--arm", "trap", "--out", out, **play)
        try:
            read_until(process.stderr, b"2/2 trap")
            while not qemu_of(process.pid):
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)
            self.assertEqual(process.returncode, 130)
        finally:
            finish(process)
        with open(os.path.join(out, "results.json"), encoding="utf-8") as file:
            document = json.load(file)
        self.assertTrue(document["conditions"]["interrupted"])
        self.assertEqual([row["arm"] for row in document["rows"]], ["native"])


class Usage(Case):
    """What cannot be."""

    def test_wrong_options(self):
        blocked = self.path("file", b"")
        for words, why in ((["--arm", "x"], "native"), (["--clock", "x"], "icount"),
                           (["--workload", "x"], "null_syscall"), (["--runs", "0"], "--runs"),
                           (["--quick", "--full"], "not allowed"),
                           (["--timeout", "-1"], "--timeout"),
                           (["--out", blocked], "--out"), (["--", "x"], "--"),
                           (["compare", "/nonexistent", "x"], "/nonexistent"),
                           (["compare", blocked, blocked], "not JSON"), (["compare"], "OLD.json")):
            with self.subTest(words=words):
                result = trapeze("bench", *words)
                self.ends(result, 2)
                self.one_line(result, why)

    def test_list(self):
        result = trapeze("bench", "--list")
        self.ends(result, 0)
        for name in (*ARMS, *CLOCKS, *WORKLOADS):
            self.assertRegex(result.out, rf"(?m)^  {re.escape(name)} ")


class Compare(Case):
    """Two results side by side."""

    @staticmethod
    def row(workload, low, middle, high, clock="icount", **changes):
        """A row of results.json."""
        return {"arm": "trap", "clock": clock, "workload": workload, "metric": workload,
                "unit": "instructions", "n": 3, "min": low, "median": middle, "max": high,
                "ratio_to_native": None, "ratios": [], "exits": {}, "kinds": {}, "samples": [],
                **changes}

    def compare(self, old, new, *options, status=0):
        """`./trapeze bench compare` of two lists of rows, as JSON: {workload: row}."""
        # The one is of a version before gains over more than one arm.
        paths = [self.path(name, json.dumps({"schema": schema, "rows": rows}).encode())
                 for name, schema, rows in (("old", 1, old), ("new", 2, new))]
        result = trapeze("bench", "compare", *paths, "--json", *options)
        self.ends(result, status)
        table = trapeze("bench", "compare", *paths, *options)
        self.ends(table, status)
        self.table = table.out
        return {row["workload"]: row for row in json.loads(result.out)["rows"]}

    def test_verdicts(self):
        found = self.compare(
            [self.row("a", 99, 100, 101), self.row("b", 99, 100, 101), self.row("c", 90, 100, 110),
             self.row("d", 1, 1, 1)],
            [self.row("a", 79, 80, 81), self.row("b", 102, 103, 104), self.row("c", 105, 120, 130),
             self.row("e", 1, 1, 1)])
        self.assertEqual({name: row["verdict"] for name, row in found.items()},
                         {"a": "faster", "b": "slower", "c": "same", "d": "gone", "e": "new"})
        self.assertAlmostEqual(found["a"]["change"], -0.2)
        self.assertRegex(self.table, r"(?m)^slower +trap +icount +b +100 instructions +"
                                     r"103 instructions +\+3\.0 %$")
        self.assertIn("1 of 5 figures are the same", self.table)

    def test_tolerance(self):
        old, new = [self.row("a", 100, 100, 100)], [self.row("a", 107, 107, 107)]
        self.compare(old, new, status=1)
        self.compare(old, new, "--tolerance", "7.5")
        self.compare(new, old)

    def test_wall_only_on_request(self):
        old = [self.row("a", 100, 100, 100, clock="wall")]
        new = [self.row("a", 200, 200, 200, clock="wall")]
        self.assertEqual(self.compare(old, new)["a"]["verdict"], "slower")
        self.compare(old, new, "--wall", status=1)

    def test_failed_now(self):
        broken = self.row("a", None, None, None, metric=None, error="it hung")
        found = self.compare([self.row("a", 1, 1, 1)], [broken], status=1)
        self.assertEqual((found["a"]["verdict"], found["a"]["error"]), ("failed", "it hung"))
        self.compare([broken], [self.row("a", 1, 1, 1)])

    def test_files_that_are_damaged(self):
        good = self.path("good", json.dumps({"schema": 1, "rows": []}).encode())
        for bad in (b"[]", b"{}", b'{"schema": 3, "rows": []}', b'{"schema": 1, "rows": [1]}',
                    b'{"schema": 1, "rows": [{"arm": "a"}]}',
                    json.dumps({"schema": 1, "rows": [self.row("a", "x", 1, 1)]}).encode()):
            with self.subTest(bad=bad[:40]):
                result = trapeze("bench", "compare", good, self.path("bad", bad))
                self.ends(result, 2)
                self.one_line(result, "bad")


if __name__ == "__main__":
    unittest.main()
