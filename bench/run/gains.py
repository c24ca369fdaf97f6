# SPDX-License-Identifier: Apache-2.0
"""What an arm gains over another: patched sites over trapped ones, one layout over another."""
from dataclasses import dataclass

from . import view as v
from .stats import geometric_mean
from .workloads import WORKLOADS

# The instructions that read or change MSR, and do little else that the VMM would have to see.
MSR = ("mfmsr", "wrtee", "wrteei", "mtmsr")
# Unit of a reference whose values are gains as ours are.
FASTER = "times faster than trap and emulate"
# Gains below this are a loss that the two digits of a table show.
LOSS = 0.995


def exits(row):
    """All exits of one operation."""
    return sum(row["exits"].values())


def of_msr(row):
    """Those of the instructions in MSR."""
    return sum(row["kinds"].get(name, 0) for name in MSR)


def _of_causes(*names):
    return lambda row: sum(row["exits"].get(name, 0) for name in names)


# Name in results.json: what tables call it, and how many a row has.
COUNTERS = {"exits": ("all", exits), "privileged": ("privileged", _of_causes("privileged")),
            "msr": ("MSR", of_msr), "tracing": ("tracing", _of_causes("tracing")),
            "text_writes": ("text writes", _of_causes("text_write")),
            "core_misses": ("core's TLB", _of_causes("dtlb_shadow", "itlb_shadow"))}


@dataclass(frozen=True)
class Line:
    """A workload in both arms."""

    figure: v.Figure
    before: dict
    after: dict
    base: str

    @property
    def gain(self):
        """How many times less time it takes; the median over pairs of boots, or None."""
        return v.gain(self.after, self.base)

    @property
    def gains(self):
        """That of each pair."""
        return self.after.get("gains", {}).get(self.base, [])

    @property
    def slower(self):
        """True if it takes longer in each pair."""
        return bool(self.gains) and max(self.gains) < LOSS

    @property
    def kernel(self):
        """True if the geometric mean is over this one too."""
        known = WORKLOADS.get(self.figure.workload)
        return bool(known and known.mean)


class Gains:
    """All workloads of one comparison's arm in one clock beside those of its base."""

    def __init__(self, view, comparison, clock):
        self.arm, self.base, self.clock = comparison.arm, comparison.base, clock
        self.question = comparison.question
        self.lines = [Line(figure, figure.rows[self.base, clock], figure.rows[self.arm, clock],
                           self.base)
                      for figure in sorted(view.timed(), key=v.group_order)
                      if (self.base, clock) in figure.rows and (self.arm, clock) in figure.rows]
        self.kernel = [line for line in self.lines if line.kernel]
        self.slower = [line for line in self.lines if line.slower]
        self.mean, self.number = view.mean(self.arm, clock, self.base)

    @property
    def counters(self):
        """[(what tables call it, how many a row has)]"""
        return [COUNTERS[name] for name in self.question.counters]

    def total(self, name, lines=None):
        """(before, after): a counter of one operation of each of the kernel-heavy workloads, or
        of those of `lines`."""
        lines, which = self.kernel if lines is None else lines, COUNTERS[name][1]
        return sum(which(line.before) for line in lines), sum(which(line.after) for line in lines)

    def kinds(self):
        """[(instruction, before, after)] of the kernel-heavy ones, most frequent first."""
        names = {name for line in self.kernel for row in (line.before, line.after)
                 for name in row["kinds"]}
        found = [(name, sum(line.before["kinds"].get(name, 0) for line in self.kernel),
                  sum(line.after["kinds"].get(name, 0) for line in self.kernel))
                 for name in names]
        return sorted(found, key=lambda one: (-max(one[1:]), one[0]))

    def facts(self):
        """For results.json."""
        return {"arm": self.arm, "against": self.base, "clock": self.clock,
                "workloads": sorted({line.figure.workload for line in self.kernel}),
                "gain": self.mean, "slower": [line.figure.label for line in self.slower],
                **{name: dict(zip(("before", "after"), self.total(name))) for name in COUNTERS}}


def every(view):
    """A Gains for each comparison and clock, if there is anything."""
    found = [Gains(view, one, clock) for one in view.comparisons for clock in view.clocks]
    return [one for one in found if one.lines]


def change(before, after):
    """-78.1 %; nothing where there was nothing to begin with."""
    return f"{100 * (after / before - 1):+.1f} %".replace("-", "−") if before else "–"


def _down(pair):
    before, after = pair
    share = 100 * (1 - after / before)
    return f"{'down' if share >= 0 else 'up'} by {abs(share):.1f} %"


def exits_sentence(gains):
    """How many fewer exits the kernel-heavy workloads take, in words; '' if none were counted."""
    if not gains.total("privileged")[0]:
        return ""
    text = ("privileged-instruction exits over the kernel-heavy rows "
            + _down(gains.total("privileged")))
    if gains.total("msr")[0]:
        text += f", for {', '.join(MSR[:-1])} and {MSR[-1]} " + _down(gains.total("msr"))
    return text


def layout_sentence(gains):
    """Where it is slower, and tracing faults, over all workloads."""
    if gains.slower:
        text = "slower in each pair of boots: " + ", ".join(
            f"{line.figure.label} {v.ratio(line.gain)}" for line in gains.slower)
    else:
        text = f"in no workload of {len(gains.lines)} slower in each pair of boots"
    before, after = gains.total("tracing", gains.lines)
    return (f"{text}; tracing faults of one operation of each workload: {v.count(before)} → "
            f"{v.count(after)}")


def sentence(gains):
    """The whole in words."""
    words = []
    if gains.mean:
        words.append(f"{v.digits(gains.mean)} times as fast as {gains.base} (geometric mean of "
                     f"{gains.number} workloads)")
    if "tracing" in gains.question.counters:
        words.append(layout_sentence(gains))
    else:
        words.append(exits_sentence(gains))
    return (f"{gains.arm}, {gains.clock}: "
            + ("; ".join(filter(None, words)) or "nothing to compare"))


def elsewhere(view, line, clock):
    """[(name, figure)] of the same workload measured elsewhere."""
    found = []
    for one in view.beside(line.figure.workload):
        if one.ratio and view.references[one.number].get("clock") in (None, clock):
            found.append((one.name, f"{v.ratio(one.ratio)} native"))
        elif one.unit == FASTER and one.value:
            found.append((one.name, f"{one.value:g} {FASTER}"))
    return found


def means_elsewhere(view, gains):
    """The same for the geometric mean: of each reference that has most of its workloads."""
    found = []
    names = {line.figure.workload for line in gains.kernel}
    for reference in view.references:
        ratios = [row["ratio_to_native"] for row in reference["rows"]
                  if row["workload"] in names and row.get("ratio_to_native")]
        if reference.get("clock") in (None, gains.clock) and 2 * len(ratios) > len(names):
            found.append((reference["name"],
                          f"{v.ratio(geometric_mean(ratios))} native ({len(ratios)} workloads)"))
    return found
