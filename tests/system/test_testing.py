# SPDX-License-Identifier: Apache-2.0
"""How tests are run: ./trapeze test and lint, and the reference of the bare-metal programs."""
import contextlib
import io
import json
import os
import subprocess
import sys
import unittest

from support import ROOT, Case, environment, finish, read_until, trapeze

sys.path.append(os.path.join(ROOT, "tools"))
sys.path.append(os.path.join(ROOT, "tests", "system", "isa"))
sys.path.append(os.path.join(ROOT, "tests", "torture"))

# pylint: disable=wrong-import-position
import cases  # noqa: E402
import compare  # noqa: E402
from front import mistakes, testing  # noqa: E402
from front.common import Failure  # noqa: E402

TESTS = [("quick", 0.11), ("slow", 61.5), ("middle", 7.0)]
SUMMARY = ["66% tests passed, 1 tests failed out of 3", "", "Total Test time (real) =  68.61 sec"]


class Following(Case):
    """What the front door makes of ctest's lines."""

    def follow(self, status=0, summary=tuple(SUMMARY)):
        """(status, what is printed) with a program that plays ctest."""
        lines = [f"      Start {number}: {name}\n{number}/3 Test #{number}: {name} ....   Passed  {took} sec"
                 for number, (name, took) in enumerate(TESTS, 1)]
        path = self.path("said", "\n".join([*lines, "", *summary, ""]).encode())
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            found = testing.follow(["sh", "-c", f"cat {path}; exit {status}"])
        return found, printed.getvalue().splitlines()

    def test_the_last_lines_are_those_of_ctest(self):
        status, lines = self.follow(8)
        self.assertEqual(status, 8)
        self.assertEqual(lines[-len(SUMMARY):], SUMMARY)
        at = lines.index("The slowest tests:")
        self.assertEqual([line.split() for line in lines[at + 1:at + 4]],
                         [["61.5", "s", "slow"], ["7.0", "s", "middle"], []])

    def test_without_a_summary_nothing_is_lost(self):
        _, lines = self.follow(summary=["No tests were found!!!"])
        self.assertIn("No tests were found!!!", lines)
        self.assertEqual(len([line for line in lines if "Test #" in line]), 3)

    def test_time_left(self):
        """By the times of the last run, if it ran all of them: those that are slow start first."""
        known = testing.Progress({"quick": 1.0, "slow": 98.0, "middle": 1.0}, now=0.0)
        known.line("1/3 Test #1: quick .....   Passed   1.00 sec", now=1.0)
        self.assertAlmostEqual(known.left(3, now=1.0), 99.0)
        unknown = testing.Progress({"quick": 1.0}, now=0.0)
        unknown.line("1/3 Test #1: quick .....***Failed   1.00 sec", now=1.0)
        self.assertIsNone(unknown.left(3, now=1.0))


class KeptSequences(Case):
    """Sequences as text (tests/torture/cases)."""

    def test_written_and_read(self):
        one = cases.empty()
        one.number, one.seed, one.flags, one.rounds, one.place, one.count = 7, 0xf00d, 5, 3, 0x1000, 9
        one.state = list(range(41))
        one.words[2], one.words[8] = 0x7c0004ac, 0x4e800020
        one.starts[0] = 1 << 2
        path = self.path("one.case")
        cases.write(path, one, "What it showed.")
        self.assertEqual(cases.read(path).pack(), one.pack())
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
        self.assertIn("# What it showed.\n", text)
        self.assertIn("008 * 7c0004ac  ", text)

    def test_kept_ones_say_why(self):
        for name in os.listdir(cases.FOLDER):
            with open(os.path.join(cases.FOLDER, name), encoding="utf-8") as handle:
                self.assertRegex(handle.readline(), "^# .{20}", name)
        self.assertTrue(cases.kept())

    def test_bad_lines(self):
        for line in ("word 12", "004 xyz", "005 * 60000000", "1000 60000000", "r8 1 2 3",
                     "flags pulse sometimes", "count 97", "number", "cr 1 xer 2"):
            with self.assertRaisesRegex(cases.Bad, "bad.case:1: "):
                cases.read(self.path("bad.case", line.encode() + b"\n"))


class Reading(Case):
    """What the tests read of a guest's output."""

    def test_what_comes_behind_a_text_stays(self):
        process = subprocess.Popen(["printf", "a> b> c"], stdout=subprocess.PIPE)
        self.addCleanup(finish, process)
        process.wait()
        self.assertEqual(read_until(process.stdout, b"> "), b"a> ")
        self.assertEqual(read_until(process.stdout, b"> "), b"b> ")
        with self.assertRaisesRegex(EOFError, "this did: b'c'"):
            read_until(process.stdout, b"> ")


class Planted(Case):
    """The mistakes of tests/mutants, and what is said of those that are none."""

    STANZA = "= one\n: hv/a.cpp\n? It goes wrong\n! hv_mmu_test\n- x = 1;\n+ x = 2;\n"

    def refused(self, text, *words):
        """Parsing `text` ends with one line that has the file, the line, and these words."""
        with self.assertRaises(Failure) as caught:
            mistakes.parse(text, "f.txt")
        for word in ("f.txt:", *words):
            self.assertIn(word, str(caught.exception))

    def test_they_fit_the_sources(self):
        found = mistakes.load()
        mistakes.check(found)
        self.assertGreater(len(found), 150)

    def test_one_is_planted_and_keeps_the_indentation(self):
        one = mistakes.parse(self.STANZA, "f.txt")[0]
        self.assertEqual(one.planted("{\n    x = 1;\n}\n"), "{\n    x = 2;\n}\n")

    def test_who_must_notice(self):
        for line, units, python, ctest in (
                ("hv_mmu_test tcache_test", ["hv_mmu_test", "tcache_test"], [], ""),
                ("python test_dump test_fake.Status.test_panic", [],
                 ["test_dump", "test_fake.Status.test_panic"], ""),
                ("ctest isa.a|system.b", [], [], "isa.a|system.b")):
            one = mistakes.parse(self.STANZA.replace("hv_mmu_test", line), "f.txt")[0]
            self.assertEqual((one.units, one.python, one.ctest), (units, python, ctest))

    def test_python_keeps_its_blocks(self):
        stanza = "= one\n: a.py\n? Wrong\n! python test_a\n- if a:\n- b()\n+ if c:\n+     b()\n"
        one = mistakes.parse(stanza, "f.txt")[0]
        text = "def f():\n    if a:\n        b()\n"
        self.assertEqual(one.planted(text), "def f():\n    if c:\n        b()\n")
        broken = mistakes.parse(stanza.replace("+     b()", "+ b()"), "f.txt")[0]
        with self.assertRaisesRegex(Failure, "makes no Python"):
            broken.planted(text)

    def test_lines_that_are_not_there_once(self):
        one = mistakes.parse(self.STANZA, "f.txt")[0]
        for text, count in (("y = 1;\n", "0 times"), ("x = 1;\nx = 1;\n", "2 times")):
            with self.assertRaisesRegex(Failure, count):
                one.planted(text)

    def test_what_is_missing_or_wrong(self):
        self.refused(self.STANZA.replace(": hv/a.cpp\n", ""), "one", "a file (:)")
        self.refused(self.STANZA.replace("! hv_mmu_test\n", ""), "tests (!)", "reason")
        self.refused(self.STANZA + "~ it cannot matter\n", "tests (!)")
        for line in ("something else", "python", "python dump", "ctest"):
            self.refused(self.STANZA.replace("hv_mmu_test", line), "f.txt:4")
        self.refused("- x = 1;\n" + self.STANZA, "f.txt:1", "begins with its name")
        self.refused(self.STANZA.replace("x = 2", "x = 1"), "lines that change")


class Long(Case):
    """What is left to --long is listed with it alone."""

    def names(self, *options):
        """The tests that ctest would run."""
        done = subprocess.run(["ctest", "--test-dir", os.path.join(ROOT, "build", "host"),
                               "--show-only=json-v1", *options], capture_output=True, check=True)
        return {test["name"] for test in json.loads(done.stdout)["tests"]}

    def test_they_are_few_and_there(self):
        every, usual, rare = self.names(), self.names(*testing.NOT_LONG), self.names("-L", "^long$")
        self.assertEqual(sorted(rare), sorted(every - usual))
        self.assertTrue(rare)
        # Each promise has a test that runs always.
        self.assertLess(len(rare), len(every) / 20)


class Lint(Case):
    """cmake/lint.py with programs that play clang-format and clang-tidy."""

    def setUp(self):
        super().setUp()
        for folder in ("bin", "host", "cross", "dbt"):
            os.mkdir(os.path.join(self.folder, folder))
        for name in ("clang-format", "clang-tidy"):
            play = self.path(f"bin/{name}", f"""#!/bin/sh
                [ "$1" = --version ] && echo 14 && exit
                echo {name} "$@" >> {self.folder}/calls
                for word; do case $word in *.[ch]pp) grep -n BAD-{name} "$word" >&2 && exit 1; esac; done
                exit 0""".encode())
            os.chmod(play, 0o755)
        for folder in ("host", "cross"):
            self.path(f"{folder}/compile_commands.json", b"[]")
        self.path(".clang-tidy", b"Checks: a")
        self.path("dbt/one.hpp", b"int one();\n")
        self.path("dbt/one.cpp", b'#include "one.hpp"\n')
        self.path("dbt/two.cpp", b"int two;\n")

    def lint(self, *paths):
        """(status, output, names that clang-tidy saw)"""
        calls = self.path("calls", b"")
        done = subprocess.run(
            [sys.executable, os.path.join(ROOT, "cmake", "lint.py"), "--root", self.folder, "--host",
             self.path("host"), "--cross", self.path("cross"), *paths], capture_output=True, text=True,
            check=False, env=environment(PATH=self.path("bin") + ":" + os.environ["PATH"]))
        with open(calls, encoding="utf-8") as handle:
            seen = [line.split() for line in handle if line.startswith("clang-tidy")]
        return done.returncode, done.stdout + done.stderr, sorted(
            word for words in seen for word in words if word.endswith(".cpp"))

    def test_what_was_clean_is_not_looked_at_again(self):
        self.assertEqual(self.lint()[::2], (0, ["dbt/one.cpp", "dbt/two.cpp"]))
        self.assertEqual(self.lint()[::2], (0, []))
        for change in ("dbt/one.cpp", "dbt/one.hpp"):
            self.path(change, b'#include "one.hpp"\n' if change.endswith("cpp") else b"int two();\n")
            with open(self.path(change), "a", encoding="ascii") as handle:
                handle.write("// changed\n")
            self.assertEqual(self.lint()[::2], (0, ["dbt/one.cpp"]), change)
        self.path(".clang-tidy", b"Checks: b")
        self.assertEqual(self.lint()[::2], (0, ["dbt/one.cpp", "dbt/two.cpp"]))

    def test_findings(self):
        self.path("dbt/two.cpp", b"int two;  // BAD-clang-tidy\n")
        for _ in range(2):
            status, said, seen = self.lint()
            self.assertEqual((status, "BAD-clang-tidy" in said, "dbt/two.cpp" in seen), (1, True, True))
        self.assertEqual(self.lint(self.path("dbt/one.cpp"))[::2], (0, []))
        self.path("dbt/two.cpp", b"int two;  // BAD-clang-format\n")
        status, said, _ = self.lint(self.path("dbt"))
        self.assertEqual((status, "BAD-clang-format" in said), (1, True))

    def test_no_source_there(self):
        self.assertEqual(self.lint(self.path("bin"))[0], 1)
        result = trapeze("lint", "/no/such/folder")
        self.ends(result, 2)
        self.one_line(result, "/no/such/folder")


class Reference(Case):
    """A native run is kept for a program, and no longer than it may."""

    def setUp(self):
        super().setUp()
        self.runs = 0
        self.program = self.path("program.elf", b"one")
        for name, value in (("KEPT", self.folder), ("printed", self.printed)):
            self.addCleanup(setattr, compare, name, getattr(compare, name))
            setattr(compare, name, value)

    def printed(self, _program, *options):
        """Stands in for a run."""
        self.assertEqual(options, ("--native",))
        self.runs += 1
        return None if self.runs == 3 else [f"run {self.runs}", "", "isa: done"]

    def test_kept(self):
        first = compare.natively(self.program)
        self.assertEqual((first, compare.natively(self.program)), (["run 1", "", "isa: done"],) * 2)
        self.path("program.elf", b"two")
        self.assertEqual(compare.natively(self.program)[0], "run 2")
        # A run that failed is no reference, for itself or for the next.
        self.path("program.elf", b"three")
        self.assertIsNone(compare.natively(self.program))
        self.assertEqual(compare.natively(self.program)[0], "run 4")


if __name__ == "__main__":
    unittest.main()
