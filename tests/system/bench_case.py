# SPDX-License-Identifier: Apache-2.0
"""Calls of ./trapeze bench with programs that are played."""
import json
import os

import jsonschema

from fakes import Fake, ending
from support import ROOT, trapeze


def line(workload, ticks, ops=100, exits="-", kinds="-", metric=None, unit="ticks"):
    """What a program prints for one sample."""
    return f"@@bench {workload} {metric or workload} {unit} {ops} {ticks} {exits} {kinds}"


def report(path, schema):
    """What this file of a report holds, which is as its schema in bench/run says."""
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    with open(os.path.join(ROOT, "bench", "run", schema), encoding="utf-8") as file:
        jsonschema.validate(document, json.load(file))
    return document


class BenchCase(Fake):
    """Has the guest's programs say what a test wants, and reads the report."""

    def bench(self, native, vmm, *options, status=0, works=("null_syscall", "pipe", "mmap"),
              steps=None, hot=None, crossed=None):
        """results.json and the Result when programs say this: {workload: lines}. Without `hot`,
        what they say where hot sites are patched, only the arms native and trap are measured;
        without `crossed`, what they say in that layout, not the arm of that name."""
        out = self.path("out")
        chosen = [word for name in works for word in ("--workload", name)]
        if not crossed and "--arm" not in options:
            arms = ("native", "trap", "straight") if hot else ("native", "trap")
            chosen += [word for name in arms for word in ("--arm", name)]
        says = {"native": native, "vmm": vmm, "hot": hot or {}, "crossed": crossed or hot or {}}
        play = steps or [["bench", says, ending()[1]]]
        result = trapeze("bench", "--quick", "--clock", "icount", *chosen, "--out", out, *options,
                         **self.play(*play))
        self.ends(result, status)
        return report(os.path.join(out, "results.json"), "schema.json"), result

    GOOD = {"null_syscall": [line("null_syscall", ticks) for ticks in (800, 810, 790)],
            "pipe": [line("pipe", 4000)], "mmap": [line("mmap", 6000)]}
    TRAPPED = {"null_syscall": [line("null_syscall", 5600, 100, "privileged=900,syscall=100",
                                     "rfi=100,mtspr=300")],
               "pipe": [line("pipe", 20000, 100, "privileged=5000")],
               "mmap": [line("mmap", 12000)]}

    @staticmethod
    def row(document, workload, arm="trap"):
        """The one row of a workload and arm."""
        found, = (row for row in document["rows"]
                  if (row["workload"], row["arm"]) == (workload, arm))
        return found

    def report(self, name):
        """The text of a file of the report."""
        with open(self.path(os.path.join("out", name)), encoding="utf-8") as file:
            return file.read()
