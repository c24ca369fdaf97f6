# SPDX-License-Identifier: Apache-2.0
"""What an arm gains over the one that it is compared with: patched sites over trapped ones."""
from dataclasses import dataclass

from . import view as v
from .stats import geometric_mean
from .workloads import WORKLOADS

# The instructions that read or change MSR, and do little else that the VMM would have to see.
MSR = ("mfmsr", "wrtee", "wrteei", "mtmsr")
# Unit of a reference whose values are gains as ours are.
FASTER = "times faster than trap and emulate"


def exits(row):
    """All exits of one operation."""
    return sum(row["exits"].values())


def privileged(row):
    """Those of privileged instructions."""
    return row["exits"].get("privileged", 0)


def of_msr(row):
    """Those of the instructions in MSR."""
    return sum(row["kinds"].get(name, 0) for name in MSR)


@dataclass(frozen=True)
class Line:
    """A workload in both arms."""

    figure: v.Figure
    before: dict
    after: dict

    @property
    def gain(self):
        """How many times less time it takes; the median over pairs of boots, or None."""
        return self.after.get("gain")

    @property
    def kernel(self):
        """True if the geometric mean is over this one too."""
        known = WORKLOADS.get(self.figure.workload)
        return bool(known and known.mean)


class Gains:
    """All workloads of one arm in one clock beside those of `base`."""

    def __init__(self, view, arm, clock):
        self.arm, self.base, self.clock = arm, view.against[arm], clock
        self.lines = [Line(figure, figure.rows[self.base, clock], figure.rows[arm, clock])
                      for figure in sorted(view.timed(), key=v.group_order)
                      if (self.base, clock) in figure.rows and (arm, clock) in figure.rows]
        self.kernel = [line for line in self.lines if line.kernel]
        self.mean, self.number = view.mean(arm, clock, "gain")

    def total(self, which):
        """(before, after): `which` of one operation of each of the kernel-heavy workloads."""
        return (sum(which(line.before) for line in self.kernel),
                sum(which(line.after) for line in self.kernel))

    def kinds(self):
        """[(instruction, before, after)] of the kernel-heavy ones, most frequent first."""
        names = {name for line in self.kernel for row in (line.before, line.after)
                 for name in row["kinds"]}
        found = [(name, *self.total(lambda row, name=name: row["kinds"].get(name, 0)))
                 for name in names]
        return sorted(found, key=lambda one: (-max(one[1:]), one[0]))

    def facts(self):
        """For results.json."""
        return {"arm": self.arm, "against": self.base, "clock": self.clock,
                "workloads": sorted({line.figure.workload for line in self.kernel}),
                "gain": self.mean,
                **{name: dict(zip(("before", "after"), self.total(which))) for name, which in (
                    ("exits", exits), ("privileged", privileged), ("msr", of_msr))}}


def every(view):
    """A Gains for each arm that is compared with another, and each clock, if there is anything."""
    found = [Gains(view, arm, clock) for arm in view.against for clock in view.clocks]
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
    if not gains.total(privileged)[0]:
        return ""
    text = ("privileged-instruction exits over the kernel-heavy rows "
            + _down(gains.total(privileged)))
    if gains.total(of_msr)[0]:
        text += f", for {', '.join(MSR[:-1])} and {MSR[-1]} " + _down(gains.total(of_msr))
    return text


def sentence(gains):
    """The whole in words."""
    words = []
    if gains.mean:
        words.append(f"{v.digits(gains.mean)} times as fast as {gains.base} (geometric mean of "
                     f"{gains.number} workloads)")
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
