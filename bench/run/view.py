# SPDX-License-Identifier: Apache-2.0
"""results.json as the report shows it: figures by workload, means, what belongs beside them."""
import re
from dataclasses import dataclass, field

from .arms import CLOCKS, COMPARISONS, PATCHING, Comparison
from .stats import geometric_mean
from .workloads import GROUPS, LITERATURE, TIME, WORKLOADS


@dataclass
class Figure:
    """One metric of one workload: its rows by (arm, clock)."""

    workload: str
    metric: str
    unit: str
    rows: dict = field(default_factory=dict)
    label: str = ""

    @property
    def group(self):
        """The workload's group; results of another version may have workloads unknown here."""
        known = WORKLOADS.get(self.workload)
        return known.group if known else "other"

    @property
    def timed(self):
        """True if it is the time of an operation, which a ratio to native makes sense of."""
        return not self.unit.startswith("ns_") and self.group != TIME


@dataclass(frozen=True)
class Beside:
    """A figure that was measured elsewhere."""

    name: str
    source: str
    conditions: str
    unit: str
    value: float
    ratio: float
    exits: object
    number: int


class View:
    """A document of results.json, the references of bench/reference, bench/paths.json."""

    def __init__(self, document, references=(), paths=None):
        self.document, self.references, self.paths = document, list(references), paths
        self.host, self.conditions = document["host"], document["conditions"]
        self.arms = list(self.conditions["arms"])
        self.others = [arm for arm in self.arms if arm != "native"]
        self.clocks = list(self.conditions["clocks"])
        self.comparisons = self._comparisons()
        self.errors = {}
        figures = {}
        for row in document["rows"]:
            if "error" in row:
                self.errors[row["arm"], row["clock"], row["workload"]] = row["error"]
            if row["metric"] is None:
                continue
            figure = figures.setdefault((row["workload"], row["metric"]),
                                        Figure(row["workload"], row["metric"], row["unit"]))
            figure.rows[row["arm"], row["clock"]] = row
        self.figures = list(figures.values())
        for figure in self.figures:
            alone = sum(other.workload == figure.workload for other in self.figures) == 1
            figure.label = figure.workload if alone else f"{figure.workload} {figure.metric}"

    def _comparisons(self):
        # Those of this version, in its order; results of another may have others.
        known = {(one.arm, one.base): one for one in COMPARISONS}
        found = [known.get((arm, base), Comparison(arm, base, PATCHING))
                 for arm, bases in self.conditions.get("against", {}).items() for base in bases]
        return sorted(found, key=lambda one: COMPARISONS.index(one) if one in COMPARISONS
                      else len(COMPARISONS))

    def timed(self):
        """Figures for tables and charts of ratios."""
        return [figure for figure in self.figures if figure.timed]

    def mean(self, arm, clock, base=None):
        """(geometric mean over kernel-heavy workloads, of the ratios to native or the gains over
        `base`; how many): a workload with several metrics counts once."""
        ratios = {}
        for figure in self.timed():
            row = figure.rows.get((arm, clock))
            known = WORKLOADS.get(figure.workload)
            value = row and (gain(row, base) if base else row["ratio_to_native"])
            if known and known.mean and value:
                ratios.setdefault(figure.workload, []).append(value)
        return geometric_mean(map(geometric_mean, ratios.values())), len(ratios)

    def means_wanted(self):
        """How many workloads the geometric mean is over when all were measured."""
        return sum(work.mean for work in WORKLOADS.values())

    def beside(self, workload):
        """What was measured elsewhere of this workload."""
        found = []
        for number, reference in enumerate(self.references):
            for row in reference["rows"]:
                if row["workload"] == workload:
                    found.append(Beside(reference["name"], reference["source"],
                                        reference["conditions"],
                                        row.get("unit") or reference.get("unit") or "",
                                        row.get("value"), row.get("ratio_to_native"),
                                        row.get("exits"), number))
        return found

    def literature(self):
        """Figures of the literature's own workloads, those of their sleep plots aside."""
        return [figure for figure in self.timed() if figure.group == LITERATURE]

    def sleeps(self):
        """{seconds asked for: Figure} of each workload with metrics observed_<time>."""
        found = {}
        for figure in self.figures:
            match = re.fullmatch(r"observed_(\d+)(us|ms|s)", figure.metric)
            if match:
                scale = {"us": 1e-6, "ms": 1e-3, "s": 1.0}[match[2]]
                found.setdefault(figure.workload, {})[int(match[1]) * scale] = figure
        return found

    def lateness(self):
        """{name of the statistic: Figure} of timer_latency, such as late_max."""
        return {figure.metric: figure for figure in self.figures
                if figure.workload == "timer_latency" and figure.unit == "ns_late"}

    def clock_of(self, name):
        """The Clock, or None if this version does not have it."""
        return CLOCKS.get(name)


def gain(row, base):
    """How many times less time than `base` a row takes; None without a pair."""
    return row.get("gain", {}).get(base)


def group_order(figure):
    """Sorts figures by group."""
    return GROUPS.index(figure.group) if figure.group in GROUPS else len(GROUPS)


def elsewhere(one):
    """The value of a Beside with its unit, as its source gives it."""
    if one.value is None:
        return "–"
    value = f"{one.value:,.0f}" if one.value >= 1000 else f"{one.value:g}"
    return f"{value} {one.unit}".strip()


def quantity(value, unit):
    """A figure with its unit, three digits or so: 1.43 us, 1,427 (instructions have no suffix)."""
    if value is None:
        return "–"
    if unit.startswith("ns"):
        for scale, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
            if value >= scale:
                return f"{digits(value / scale)} {name}"
        return f"{digits(value)} ns"
    if unit == "instructions":
        for scale, name in ((1e9, " G"), (1e6, " M")):
            if value >= scale:
                return digits(value / scale) + name
        return digits(value)
    return f"{digits(value)} {unit}".strip()


def digits(value):
    """Three digits at least, thousands apart, no more decimals than that takes."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def ratio(value):
    """7.4x; nothing where there is none."""
    return "–" if value is None else f"{digits(value)}×"


def count(value):
    """Exits of an operation: whole when nearly whole, small ones with two digits."""
    if value == 0:
        return "0"
    if value < 0.005:
        return "<0.01"
    if value >= 100 or abs(value - round(value)) < 0.005:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}".removesuffix(".0")


def exits(row):
    """All exits of an operation, None where none were counted (natively, or no row)."""
    return sum(row["exits"].values()) if row and row["arm"] != "native" else None


def exits_shown(figure, row):
    """The number of exits for people; of times as such they may not have been counted."""
    if not row or (not figure.timed and not row["exits"]):
        return "–"
    return count(exits(row))


def listed(counts, most=4):
    """'privileged 9, syscall 1, 2 others 0.3'."""
    items = list(counts.items())
    if len(items) > most + 1:
        rest = sum(value for _, value in items[most:])
        items = items[:most] + [(f"{len(items) - most} others", rest)]
    return ", ".join(f"{name} {count(value)}" for name, value in items)
