# SPDX-License-Identifier: Apache-2.0
"""./trapeze bench beside: rows of two guests, with a program that plays them; and the real ones."""
import json
import os
import sys
import unittest

from bench_case import report
from fakes import SUMMARY, Fake
from support import ROOT, Case, trapeze

sys.path.append(ROOT)
from bench.run import beside  # noqa: E402

MS = 400_000  # ticks
ALONE, TWO, ONE = beside.ARMS.values()


def said(workload, ops, begin=0, end=1000, ticks=None, metric="m"):
    """What a guest prints that was busy from `begin` to `end`, milliseconds."""
    return (f"@@bench-beside {workload} {metric} {ops} "
            f"{(end - begin) * MS if ticks is None else ticks} {begin * MS} {end * MS}")


class Reading(unittest.TestCase):
    """Lines of programs, right and wrong."""

    def test_a_good_line(self):
        heard = beside.read(f"noise\n{said('pipe', 100, 5, 1005)}\n{said('mmap', 1)}", ["pipe"], 1000)
        self.assertEqual(heard.spans, {("pipe", "m"): beside.Span(100, 1000 * MS, 5 * MS, 1005 * MS)})
        self.assertEqual(heard.failures, {})

    def test_lies(self):
        for bad, why in ((said("pipe", 0), "0 operations"), (said("pipe", -1), "negative"),
                         (said("pipe", 1.5), "not whole"), (said("pipe", 5, ticks=0), "0 ticks"),
                         (said("pipe", 5, 0, 900), "from begin to end"),
                         (said("pipe", 5, 2000, 1000, 9), "from begin to end"),
                         (said("pipe", 5, ticks=1001 * MS), "from begin to end"),
                         (said("pipe", 5, ticks=1 << 60), "too large"), (said("pipe", "nan"), "finite"),
                         ("@@bench-beside pipe m 1 1", "words"),
                         (f"{said('pipe', 5)}\n{said('pipe', 5)}", "twice"),
                         ("@@bench-failed pipe no \x1b[31mpipe", "no ?[31mpipe")):
            with self.subTest(line=bad):
                self.assertIn(why, beside.read(bad, ["pipe"], 1000, 2000 * MS).failures["pipe"])

    def test_overlap(self):
        def spans(*ends):
            return [beside.Span(1, 1, *one) for one in ends]

        for ends, share in ((((0, 100),), 1), (((0, 100), (0, 100)), 1), (((0, 100), (10, 110)), 0.9),
                            (((0, 100), (0, 50)), 0.5), (((0, 100), (100, 200)), 0),
                            (((0, 100), (300, 400)), 0)):
            self.assertAlmostEqual(beside.overlap(spans(*ends)), share)


class Barrier(unittest.TestCase):
    """Who may begin, and when."""

    def test_all_wait_for_each_other(self):
        barrier = beside.Barrier(2, ["pipe", "mmap"])
        self.assertEqual(barrier.ready(1, "pipe", "m"), [])
        self.assertEqual(barrier.ready(0, "pipe", "m"), [0, 1])
        self.assertEqual(barrier.ready(0, "mmap", "m"), [])
        self.assertEqual(barrier.ready(1, "mmap", "m"), [0, 1])

    def test_one_alone_waits_for_nobody(self):
        self.assertEqual(beside.Barrier(1, ["pipe"]).ready(0, "pipe", "m"), [0])

    def test_who_is_ahead_waits(self):
        barrier = beside.Barrier(2, ["pipe", "mmap"])
        self.assertEqual(barrier.ready(0, "mmap", "m"), [])
        self.assertEqual(barrier.ready(1, "pipe", "m"), [1])
        self.assertEqual(barrier.ready(1, "mmap", "m"), [0, 1])

    def test_who_has_failed_is_not_waited_for(self):
        barrier = beside.Barrier(2, ["pipe", "mmap"])
        self.assertEqual(barrier.failed(0, "pipe"), [])
        self.assertEqual(barrier.ready(1, "pipe", "m"), [1])
        self.assertEqual(barrier.ready(1, "mmap", "m"), [])
        self.assertEqual(barrier.failed(0, "mmap"), [1])

    def test_who_is_gone_is_not_waited_for(self):
        barrier = beside.Barrier(2, ["pipe"])
        self.assertEqual(barrier.ready(0, "pipe", "m"), [])
        self.assertEqual(barrier.gone(1), [0])
        self.assertEqual(barrier.ready(1, "nonsense", "m"), [])


class Boots(unittest.TestCase):
    """Which boots are made, and what is kept of them."""

    def run_plan(self, boots, arms=(ALONE, TWO), works=("pipe",), runs=1):
        """Measured, when boot number i of a job ends as boots[i] says, the last one for good."""
        self.asked = []

        def boot(job, workloads):
            self.asked.append((job.arm.name, list(workloads)))
            found = boots[min(len(self.asked), len(boots)) - 1]
            return found if isinstance(found, beside.Outcome) else self.outcome(job, workloads, *found)

        plan = beside.Plan(list(arms), list(works), runs, 1000, False, 5)
        measured = beside.run(plan, boot, lambda *_: None)
        return plan, measured

    @staticmethod
    def outcome(job, workloads, late=0, **changes):
        """A boot in which the last guest begins `late`."""
        texts = ["\n".join(said(name, 100, late * number, 1000 + late * number) for name in workloads)
                 for number in range(job.arm.guests)]
        return beside.Outcome(texts, list(workloads), **changes)

    def test_arms_take_turns(self):
        self.run_plan([()], beside.ARMS.values(), runs=2)
        self.assertEqual([arm for arm, _ in self.asked],
                         ["alone", "two_cores", "one_core", "one_core", "two_cores", "alone"])

    def test_what_did_not_overlap_is_measured_again(self):
        plan, measured = self.run_plan([(200,), (200,), (50,)], (TWO,), ("pipe", "mmap"))
        self.assertEqual([works for _, works in self.asked], [["pipe", "mmap"]] * 3)
        self.assertEqual((measured.failures, measured.boots), ({}, 3))
        self.assertEqual(len(measured.spans), 2)

    def test_and_not_for_ever(self):
        plan, measured = self.run_plan([(200,)], (TWO,))
        self.assertEqual(measured.boots, beside.TRIES)
        self.assertEqual(measured.failures, {
            ("two_cores", "pipe"): "run 1: the guests ran together only 80% of the time, 3 times"})
        row, = beside.rows(plan, measured)
        self.assertEqual((row["two_cores_each"], list(row["errors"])), (None, ["two_cores"]))

    def test_behind_one_that_hangs(self):
        hangs = beside.Outcome([said("pipe", 1)] * 2, ["pipe", "mmap"], "it hung", hung=True)
        _, measured = self.run_plan([hangs, ()], (TWO,), ("pipe", "mmap", "signal"))
        self.assertEqual([works for _, works in self.asked], [["pipe", "mmap", "signal"], ["signal"]])
        self.assertEqual(measured.failures, {("two_cores", "mmap"): "run 1: it took longer than 5 s"})
        self.assertEqual({key[1] for key in measured.spans}, {"pipe", "signal"})

    def test_one_guest_of_two(self):
        half = beside.Outcome([said("pipe", 1), ""], ["pipe"])
        _, measured = self.run_plan([half], (TWO,))
        self.assertEqual(measured.failures, {("two_cores", "pipe"): "run 1: it printed no result"})

    def test_ratios_are_of_neighbours(self):
        # The machine is half as fast in run 2; ratios do not see it.
        measured = beside.Measured()
        for run, pace in enumerate((1, 2)):
            for arm, each in ((ALONE, (10,)), (TWO, (10, 12.5)), (ONE, (20, 25))):
                measured.spans.setdefault((arm.name, "pipe", "m"), {})[run] = [
                    beside.Span(100, one * 100 * pace, 0, 1000) for one in each]
        row, = beside.rows(beside.Plan([ALONE, TWO, ONE], ["pipe"], 2, 1, False, 5), measured)
        self.assertEqual(row["alone"]["runs"], [[25], [50]])
        self.assertEqual(row["two_cores_each"]["runs"], [[1, 0.8]] * 2)
        self.assertAlmostEqual(row["two_cores_each"]["median"], 0.9)
        self.assertEqual(row["one_core_sum"]["runs"], [[0.9]] * 2)


class Command(Fake):
    """The command."""

    SAYS = {"alone": {"compute": [[said("compute", 1000)]], "pipe": [[said("pipe", 100)]]},
            "two_cores": {"compute": [[said("compute", 1000)], [said("compute", 900)]],
                          "pipe": [[said("pipe", 40)]] * 2},
            "one_core": {"compute": [[said("compute", 490)]] * 2, "pipe": [[said("pipe", 45)]] * 2}}
    TEXTS = ["@@trapeze-summary " + json.dumps({**SUMMARY, "guest": name}) + "\r\n" for name in "ab"]

    def beside(self, says, *options, status=0, works=("compute", "pipe")):
        """(beside.json, Result) of one quick run of each arm."""
        out = self.path("out")
        result = trapeze("bench", "beside", "--quick", "--runs", "1", "--out", out,
                         *(word for name in works for word in ("--workload", name)), *options,
                         **self.play(["beside", says, self.TEXTS]))
        self.ends(result, status)
        return report(os.path.join(out, "beside.json"), "beside_schema.json"), result

    def changed(self, arm, workload, *lines):
        """SAYS with other words of one row: a list for each guest."""
        return {**self.SAYS, arm: {**self.SAYS[arm], workload: list(lines)}}

    def test_rows(self):
        document, result = self.beside(self.SAYS)
        pipe, compute = sorted(document["rows"], key=lambda row: row["workload"], reverse=True)
        self.assertEqual(compute["two_cores_each"]["runs"], [[1, 0.9]])
        self.assertAlmostEqual(compute["one_core_sum"]["median"], 0.98)
        self.assertAlmostEqual(pipe["two_cores_each"]["median"], 0.4)
        self.assertEqual(pipe["alone"]["median"], 1e7)
        self.assertEqual(document["conditions"]["boots"], 3)
        self.assertRegex(result.out, r"\| compute m +\| 1e\+06 +\| 0\.95 \(0\.90 to 1\.00\) +\| 0\.98 ")
        self.assertRegex(result.err, r"2/3 two_cores run 1/1.*\n.*3/3 one_core")
        with open(self.path(os.path.join("out", "beside.md")), encoding="utf-8") as report:
            self.assertEqual(report.read(), result.out)

    def test_icount_has_no_two_cores(self):
        document, _ = self.beside({**self.SAYS, "two_cores": {}}, "--clock", "icount")
        self.assertEqual(list(document["conditions"]["arms"]), ["alone", "one_core"])
        self.assertIsNone(document["rows"][0]["two_cores_each"])

    def test_one_guest_fails(self):
        says = self.changed("two_cores", "compute", ["@@bench-failed compute oh"], [said("compute", 9)])
        document, result = self.beside(says, status=1)
        row, = (row for row in document["rows"] if row["workload"] == "compute")
        self.assertEqual(row["errors"], {"two_cores": "run 1: guest 1: oh"})
        self.assertIsNotNone(row["one_core_sum"])
        self.assertIn("compute, two_cores: run 1: guest 1: oh", result.out)

    def test_one_guest_hangs(self):
        says = self.changed("one_core", "pipe", [said("pipe", 1)], ["HANG"])
        document, _ = self.beside(says, "--timeout", "2", status=1)
        pipe, = (row for row in document["rows"] if row["workload"] == "pipe")
        self.assertEqual(pipe["errors"], {"one_core": "run 1: it took longer than 2 s"})
        # One boot more, for what was behind it.
        self.assertEqual(document["conditions"]["boots"], 4)
        self.assertFalse([row for row in document["rows"] if row["one_core_sum"] is None
                          and row is not pipe])

    def test_guests_that_die(self):
        says = self.changed("two_cores", "compute", ["DIE"], ["DIE"])
        document, _ = self.beside(says, status=1, works=("compute",))
        self.assertIn("summary", document["rows"][0]["errors"]["two_cores"])

    def test_cores(self):
        says = [f"@@bench cores {name} ticks {ops} 4000 - -"
                for name, ops in (("rfi.alone", 100), ("rfi.both", 50), ("rfi.both", 25))]
        for lines, share, status in ((says, 1 / 3, 0), (says[:2], None, 1), (["DIE"], None, 1)):
            document, result = self.cores(lines, status)
            self.assertEqual(len(document["cores"]), int(share is not None))
            if share:
                self.assertAlmostEqual(document["cores"][0]["share"], share)
                self.assertIn("| rfi ", result.out)
            else:
                self.assertIn("cores: ", result.out)

    def cores(self, lines, status):
        """(beside.json, Result) when the program for two cores says this."""
        out = self.path("out")
        result = trapeze("bench", "beside", "--quick", "--workload", "cores", "--out", out,
                         **self.play(["bench", {"native": {"cores": lines}}, ""]))
        self.ends(result, status)
        with open(os.path.join(out, "beside.json"), encoding="utf-8") as file:
            return json.load(file), result


class Usage(Case):
    """What cannot be."""

    def test_wrong_options(self):
        blocked = self.path("file", b"")
        for words, why in ((["--workload", "idle"], "idle"), (["--workload", "x"], "x"),
                           (["--clock", "x"], "icount"), (["--runs", "0"], "--runs"),
                           (["--clock", "wall", "--clock", "icount"], "one --clock"),
                           (["--quick", "--full"], "not allowed"), (["--out", blocked], "--out"),
                           (["--clock", "icount", "--workload", "cores"], "icount"),
                           (["--guests", "3"], "unrecognized"), (["--", "x"], "--")):
            with self.subTest(words=words):
                result = trapeze("bench", "beside", *words)
                self.ends(result, 2)
                self.one_line(result, why)
        for words, why in ((["--arm", "trap", "beside"], "arms"), (["--list", "beside"], "list"),
                           (["--guests", "2"], "beside")):
            result = trapeze("bench", *words)
            self.ends(result, 2)
            self.one_line(result, why)


class Real(Case):
    """The real guests, in instructions: what each does beside the other is what it does alone."""

    def test_two_on_one_core(self):
        # The median of three: when orders reach the guests is the host's affair, even here, and a guest may have lost
        # its patches for a while when it is measured.
        out = self.path("out")
        result = trapeze("bench", "beside", "--quick", "--runs", "3", "--clock", "icount", "--workload", "compute",
                         "--workload", "null_syscall", "--out", out)
        self.ends(result, 0)
        with open(os.path.join(out, "beside.json"), encoding="utf-8") as file:
            document = json.load(file)
        for row in document["rows"]:
            with self.subTest(row=row):
                self.assertAlmostEqual(row["one_core_sum"]["median"], 1, delta=0.1)
                for share in row["one_core_sum"]["runs"]:
                    self.assertEqual(len(share), 1)

    def test_two_cores_natively(self):
        program = os.path.join(ROOT, "build", "hv", "bench", "bare", "cores.elf")
        done = trapeze("boot", "--native", "--kernel", program, "--quiet", "--append", "quick", "--",
                       "-smp", "2")
        self.ends(done, 0)
        self.assertEqual(done.out.count("@@bench cores "), 12)
        # Without a second core it says so.
        done = trapeze("boot", "--native", "--kernel", program, "--quiet", "--append", "quick")
        self.assertIn("there is no second core", done.out)


if __name__ == "__main__":
    unittest.main()
