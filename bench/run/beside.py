# SPDX-License-Identifier: Apache-2.0
"""Guests beside each other: what each of two gets done, as a share of what one alone does.

A guest prints for each metric

  @@bench-ready WORKLOAD METRIC                          set up, waits for the others
  @@bench-beside WORKLOAD METRIC OPS TICKS BEGIN END     OPS operations took TICKS; the time base
                                                         before the first and after the last
"""
import statistics
from dataclasses import dataclass, field

from . import output
from .arms import NS_PER_TICK, TICKS_PER_SECOND


@dataclass(frozen=True)
class Arm:
    """So many guests on so many cores."""

    name: str
    guests: int
    cores: int
    note: str


ARMS = {arm.name: arm for arm in (
    Arm("alone", 1, 1, "one guest, on one core"),
    Arm("two_cores", 2, 2, "two guests, a core for each"),
    Arm("one_core", 2, 1, "two guests in turn on one core"),
)}
ROWS = ("compute", "null_syscall", "fork_exit", "file_tmpfs")
# Not made of operations that can go on for a time, or with a device that one guest has.
NOT_BESIDE = ("boot", "idle", "timer_latency", "sleep", "wrt_sleep", "file_virtio")
SLICE_US = 10000
# How much of the longer one's time two guests must have been busy together.
OVERLAP_LEAST = 0.9
# How often a boot is made again for rows that did not overlap.
TRIES = 3


@dataclass
class Span:
    """What a guest did of a metric: operations, their ticks, the time base at both ends."""

    ops: int
    ticks: int
    begin: int
    end: int

    @property
    def each(self):
        """Ticks of one operation."""
        return self.ticks / self.ops


def overlap(spans):
    """The share of the longest span in which all were under way; 1 of one alone."""
    together = min(span.end for span in spans) - max(span.begin for span in spans)
    return max(together, 0) / max(span.end - span.begin for span in spans)


@dataclass
class Heard:
    """What a guest's console told: spans by (workload, metric), failures by workload."""

    spans: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)


def _span(words, milliseconds, most_ticks):
    if len(words) != 5:
        raise output.Lie(f"a line has {len(words) + 2} words, not 7")
    ops = output.number(words[1], output.MOST_OPS, "the number of operations")
    ticks, begin, end = (output.number(word, most, what) for word, most, what in zip(
        words[2:], (most_ticks, output.MOST_TICKS, output.MOST_TICKS),
        ("the time", "the begin", "the end")))
    if any(not isinstance(value, int) for value in (ops, ticks, begin, end)):
        raise output.Lie("a number is not whole")
    if ops == 0 or ticks == 0:
        raise output.Lie(f"{ops} operations took {ticks} ticks")
    if end - begin < max(ticks, milliseconds * TICKS_PER_SECOND // 1000):
        raise output.Lie(f"from begin to end are {end - begin} ticks")
    return Span(ops, ticks, begin, end)


def read(text, wanted, milliseconds, most_ticks=output.MOST_TICKS):
    """Heard of one guest's console, about the `wanted` workloads."""
    heard = Heard()
    for line in text.splitlines():
        tag, *words = line.split()[:64] or [""]
        if len(words) < 2 or words[0] not in wanted:
            continue
        name, metric = words[:2]
        if tag == "@@bench-failed":
            why = " ".join(words[1:])
            heard.failures.setdefault(name, "".join(
                letter if letter.isprintable() else "?" for letter in why)[:output.LONGEST_WHY])
        elif tag == "@@bench-beside":
            try:
                if (name, metric) in heard.spans:
                    raise output.Lie(f"it measured {metric} twice")
                heard.spans[name, metric] = _span(words[1:], milliseconds, most_ticks)
            except output.Lie as lie:
                heard.failures.setdefault(name, f"its output cannot be true: {lie}")
    return heard


class Barrier:
    """Has guests that run the same workloads begin each metric together. Each method returns the
    numbers of the guests that may begin now."""

    def __init__(self, guests, workloads):
        self._left = set(range(guests))
        self._workloads = list(workloads)
        self._metrics = []
        self._ready = {}
        self._past = dict.fromkeys(self._left, -1)

    def failed(self, guest, workload):
        """A guest has given a workload up: nobody waits for it there."""
        if workload in self._workloads:
            self._past[guest] = max(self._past[guest], self._workloads.index(workload))
        return self._release()

    def ready(self, guest, workload, metric):
        """A guest is ready for this."""
        row = (workload, metric)
        if workload not in self._workloads:
            return []
        if row not in self._metrics:
            self._metrics.append(row)
        self._ready[guest] = self._workloads.index(workload), self._metrics.index(row)
        return self._release()

    def gone(self, guest):
        """A guest will not be ready again."""
        self._left.discard(guest)
        self._ready.pop(guest, None)
        return self._release()

    def _release(self):
        if not self._ready:
            return []
        # Who is ahead of the others waits for them at the next.
        first = min(self._ready.values())
        if any(guest not in self._ready and self._past[guest] < first[0] for guest in self._left):
            return []
        found = sorted(guest for guest, row in self._ready.items() if row == first)
        for guest in found:
            del self._ready[guest]
        return found


@dataclass
class Job:
    """One boot of an arm."""

    arm: Arm
    run: int
    workloads: list


@dataclass
class Outcome:
    """How it went: each guest's console; why it ended badly or None; workloads in the order in
    which they were begun; whether the last one took too long, or the user wants no more."""

    texts: list
    begun: list
    problem: str = None
    hung: bool = False
    interrupted: bool = False


@dataclass
class Measured:
    """`spans`: (arm, workload, metric): {run: a Span for each guest}; `failures`: (arm, workload):
    why; `boots`."""

    spans: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)
    boots: int = 0
    interrupted: bool = False


@dataclass
class Plan:
    """What to measure: Arms, names of workloads, boots of each arm, how long a metric goes on."""

    arms: list
    workloads: list
    runs: int
    milliseconds: int
    icount: bool
    timeout: float

    def jobs(self):
        """All boots in order: the arms in turn, in each second run the other way round."""
        return [Job(arm, run, self.workloads) for run in range(self.runs)
                for arm in (self.arms[::-1] if run % 2 else self.arms)]


class _Boots:
    """The boots of one Job: again for what did not overlap, and behind what took its guest along."""

    def __init__(self, plan, boot, measured):
        self.plan, self.boot, self.measured = plan, boot, measured

    def fail(self, job, name, why):
        """Only the first reason stays."""
        self.measured.failures.setdefault((job.arm.name, name), f"run {job.run + 1}: {why}")

    def all(self, job):
        """Returns False if the user wants no more."""
        left = [name for name in job.workloads
                if (job.arm.name, name) not in self.measured.failures]
        apart = {}
        for _ in range(TRIES):
            apart = {}
            while left:
                outcome = self.boot(job, left)
                self.measured.boots += 1
                if outcome.interrupted:
                    return False
                apart.update(self._keep(job, left, outcome))
                left = self._behind(job, left, outcome)
            left = list(apart)
        for name, share in apart.items():
            self.fail(job, name, f"the guests ran together only {share:.0%} of the time, "
                                 f"{TRIES} times")
        return True

    def _keep(self, job, left, outcome):
        """{workload: the least overlap} of those that must be measured again."""
        guests = [read(text, left, self.plan.milliseconds) for text in outcome.texts]
        apart = {}
        for name in left:
            for number, heard in enumerate(guests):
                if name in heard.failures:
                    self.fail(job, name, f"guest {number + 1}: {heard.failures[name]}")
            if (job.arm.name, name) in self.measured.failures:
                continue
            keys = [key for key in guests[0].spans if key[0] == name]
            if any(set(keys) != {key for key in heard.spans if key[0] == name}
                   for heard in guests):
                # Who ended in the middle of it is blamed for it; see _behind.
                continue
            shares = [overlap([heard.spans[key] for heard in guests]) for key in keys]
            if shares and min(shares) < OVERLAP_LEAST:
                apart[name] = min(shares)
                continue
            for key in keys:
                self.measured.spans.setdefault((job.arm.name, *key), {})[job.run] = [
                    heard.spans[key] for heard in guests]
        for name in left:
            if not (outcome.problem or name in apart or self._has(job, name)):
                self.fail(job, name, "it printed no result")
        return apart

    def _has(self, job, name):
        return any(key[:2] == (job.arm.name, name) and job.run in found
                   for key, found in self.measured.spans.items())

    def _behind(self, job, left, outcome):
        """Names who is to blame for a bad end; returns what must be booted again for."""
        if not outcome.problem:
            return []
        begun = [name for name in outcome.begun if name in left]
        if not begun:
            for name in left:
                self.fail(job, name, f"the guests did not come so far: {outcome.problem}")
            return []
        last = left.index(begun[-1])
        if not self._has(job, left[last]):
            self.fail(job, left[last], f"it took longer than {self.plan.timeout:g} s"
                      if outcome.hung else outcome.problem)
        for name in left[:last]:
            if not self._has(job, name):
                self.fail(job, name, "it printed no result")
        return left[last + 1:]


def run(plan, boot, tell):
    """Measures a Plan: `boot` is called with a Job and workloads and returns an Outcome; `tell` with
    the number of the boot, how many there are, and the Job."""
    measured = Measured()
    boots = _Boots(plan, boot, measured)
    jobs = plan.jobs()
    for number, job in enumerate(jobs):
        tell(number, len(jobs), job)
        try:
            measured.interrupted = not boots.all(job)
        except KeyboardInterrupt:
            measured.interrupted = True
        if measured.interrupted:
            break
    return measured


def _summary(values, **more):
    """The median, least and greatest of the values, a list for each run; null of none."""
    flat = [value for one in values for value in one]
    if not flat:
        return None
    return {"median": statistics.median(flat), "min": min(flat), "max": max(flat), "runs": values,
            **more}


def rows(plan, measured):
    """The rows of beside.json. Ratios are of boots that lay next to each other: each run's alone."""
    value = 1e9 / TICKS_PER_SECOND
    found = []
    for work in plan.workloads:
        metrics = dict.fromkeys(key[2] for key in measured.spans if key[1] == work)
        errors = {arm: why for (arm, name), why in measured.failures.items() if name == work}
        for metric in metrics or [None]:
            alone, two, one = (measured.spans.get((name, work, metric), {}) for name in ARMS)
            paired = {arm: {number: [alone[number][0].each / span.each for span in spans]
                            for number, spans in sorted(of.items()) if number in alone}
                      for arm, of in (("two", two), ("one", one))}
            shares = {arm: min(map(overlap, of.values()), default=None)
                      for arm, of in (("two", two), ("one", one))}
            row = {"workload": work, "metric": metric,
                   "unit": "instructions" if plan.icount else "ns",
                   "alone": _summary([[span.each * value for span in spans]
                                      for _, spans in sorted(alone.items())]),
                   "two_cores_each": _summary(list(paired["two"].values()), overlap=shares["two"]),
                   "one_core_sum": _summary([[sum(of)] for of in paired["one"].values()],
                                            overlap=shares["one"])}
            found.append({**row, "errors": errors} if errors else row)
    return found


CORES = "cores"


def cores_rows(outcome, most_ticks=output.MOST_TICKS):
    """(rows, why there is none or None): what two cores gain natively, from the console of
    bench/bare/cores.cpp. `share` is what each of two gets done of what one alone does."""
    heard = output.read(outcome.texts[0], [CORES], True, most_ticks)
    taken = {}
    for one in heard.samples.get(CORES, []):
        name, _, who = one.metric.partition(".")
        taken.setdefault(name, {}).setdefault(who, []).append(one.each * NS_PER_TICK)
    found = [{"loop": name, "unit": "ns", "alone": values["alone"][0],
              "both": statistics.mean(values["both"]),
              "share": values["alone"][0] / statistics.mean(values["both"])}
             for name, values in taken.items()
             if {who: len(of) for who, of in values.items()} == {"alone": 1, "both": 2}]
    why = outcome.problem or heard.failures.get(CORES)
    if not why and (not found or len(found) < len(taken)):
        why = "it printed no result"
    return found, why


def _share(figure):
    if figure is None:
        return "-"
    text = f"{figure['median']:.2f}"
    if figure["min"] != figure["max"]:
        text += f" ({figure['min']:.2f} to {figure['max']:.2f})"
    return text


def lines(document):
    """The report, as Markdown that is read as it is."""
    unit = document["conditions"]["unit"]
    table = [("workload", f"alone, {unit}", "each of two on two cores", "both on one core")]
    for row in document["rows"]:
        name = row["workload"] if row["metric"] in (None, row["workload"]) else (
            f"{row['workload']} {row['metric']}")
        alone = row["alone"] and f"{row['alone']['median']:,.4g}"
        table.append((name, alone or "-", _share(row["two_cores_each"]),
                      _share(row["one_core_sum"])))
    found = _table(table) if document["rows"] else []
    if document["cores"]:
        found += [""] * bool(found) + _table(
            [("two cores natively", "alone, ns", "both, ns", "each of two")]
            + [(row["loop"], f"{row['alone']:,.4g}", f"{row['both']:,.4g}", f"{row['share']:.2f}")
               for row in document["cores"]])
    errors = [f"{row['workload']}, {arm}: {why}" for row in document["rows"]
              for arm, why in row.get("errors", {}).items()]
    errors += [f"{CORES}: {document['cores_error']}"] if document["cores_error"] else []
    return found + [""] * bool(errors) + list(dict.fromkeys(errors))


def _table(rows_of):
    widths = [max(map(len, column)) for column in zip(*rows_of)]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
            for row in rows_of]
    return [text[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *text[1:]]
