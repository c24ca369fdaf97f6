# SPDX-License-Identifier: Apache-2.0
"""Boots the arms in turn, run after run, and collects what their programs print."""
import time
from dataclasses import dataclass, field

from . import output, stats
from .arms import NS_PER_TICK, against


@dataclass(frozen=True)
class Job:
    """One boot: an arm, a clock, workloads; `bare` boots and those with a disk have one."""

    arm: object
    clock: object
    workloads: tuple
    run: int
    quick: bool
    timeout: float

    @property
    def bare(self):
        """True for a bare-metal guest."""
        return self.workloads[0].bare

    @property
    def disk(self):
        """True if the guest gets a disk."""
        return self.workloads[0].disk


@dataclass
class Outcome:
    """How a boot went: the guest's console, seconds of QEMU, and why it ended badly or None.

    hung         True if the workload that ran last was ended because it took too long
    interrupted  True if the user wants no more of this
    """

    text: str
    seconds: float
    problem: str = None
    hung: bool = False
    interrupted: bool = False


@dataclass
class Plan:
    """What to measure. `arms`, `clocks`, `workloads` are lists of their types."""

    arms: list
    clocks: list
    workloads: list
    runs: dict
    quick: bool
    timeout: float

    def jobs(self, run):
        """The boots of run number `run` (from 0), arms next to each other; in each second run
        the other way round, so that a machine that gets slower is no arm's fault."""
        arms = self.arms[::-1] if run % 2 else self.arms
        linux = tuple(work for work in self.workloads if not (work.bare or work.disk))
        groups = [linux] if linux else []
        groups += [(work,) for work in self.workloads if work not in linux]
        return [Job(arm, clock, group, run, self.quick, self.timeout)
                for clock in self.clocks if run < self.runs[clock.name]
                for group in groups for arm in arms]

    def all(self):
        """Every (run, Job) in the order in which they are booted."""
        return [(run, job) for run in range(max(self.runs.values())) for job in self.jobs(run)]


@dataclass
class Measured:
    """What `run` found: see stats.rows; `interrupted` if the user stopped it."""

    samples: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)
    boots: int = 0
    interrupted: bool = False

    def rows(self):
        """The rows of results.json."""
        arms = {arm for arm, _, _ in self.samples}
        return stats.rows(self.samples, self.failures, "native" if "native" in arms else None,
                          against(arms))


class Progress:
    """Estimates how long the rest takes from how long each kind of boot has taken so far."""

    def __init__(self, schedule):
        self._left = list(schedule)
        self._took = {}
        self.total = len(self._left)
        self.done = 0
        self.started = time.monotonic()

    @staticmethod
    def _kind(job):
        return job.arm.name, job.clock.name, job.bare, job.disk

    def finish(self, job, seconds):
        """Notes that the next boot of the schedule took so long."""
        self._took.setdefault(self._kind(job), []).append(seconds)
        self._left.pop(0)
        self.done += 1

    def elapsed(self):
        """Seconds since the start."""
        return time.monotonic() - self.started

    def remaining(self):
        """Seconds, or None before anything can be told."""
        known = [sum(took) / len(took) for took in self._took.values()]
        if not known:
            return None
        rest = 0.0
        for _, job in self._left:
            took = self._took.get(self._kind(job))
            rest += sum(took) / len(took) if took else sum(known) / len(known)
        return rest


class _Boots:
    """The boots of one job: again for what is left when a workload took its guest along."""

    def __init__(self, boot, job, measured, run):
        self.boot, self.job, self.measured, self.run = boot, job, measured, run

    def _fail(self, work, why):
        key = (self.job.arm.name, self.job.clock.name, work.name)
        self.measured.failures.setdefault(key, f"run {self.run + 1}: {why}")

    def _keep(self, left, heard):
        for work in left:
            key = (self.job.arm.name, self.job.clock.name, work.name)
            if work.name in heard.samples:
                self.measured.samples.setdefault(key, {}).setdefault(self.run, []).extend(
                    heard.samples[work.name])
            if work.name in heard.failures:
                self._fail(work, heard.failures[work.name])

    def all(self):
        """Returns False if the user wants no more."""
        key = (self.job.arm.name, self.job.clock.name)
        # What failed once is not tried again: a hang in each run would cost its time limit.
        left = [work for work in self.job.workloads
                if (*key, work.name) not in self.measured.failures]
        while left:
            outcome = self.boot(self.job, left)
            self.measured.boots += 1
            most = output.MOST_TICKS
            if not self.job.clock.icount:
                most = (outcome.seconds * 1.1 + 0.5) * 1e9 / NS_PER_TICK
            heard = output.read(outcome.text, [work.name for work in left],
                                self.job.arm.native, most)
            if outcome.interrupted:
                return False
            self._keep(left, heard)
            left = self._after(left, heard, outcome)
        return True

    def _after(self, left, heard, outcome):
        """Names who is to blame; returns what must be booted again for."""
        if self.job.bare:
            for work in left:
                if outcome.problem:
                    self._fail(work, outcome.problem)
                elif work.name not in heard.samples:
                    self._fail(work, "it printed no result")
            return []
        names = [work.name for work in left]
        begun = [name for name in heard.begun if name in names]
        if not outcome.problem:
            for work in left:
                if work.name not in heard.samples:
                    self._fail(work, "it printed no result")
            return []
        if not begun:
            for work in left:
                self._fail(work, f"the guest did not come so far: {outcome.problem}")
            return []
        last = names.index(begun[-1])
        for work in left[:last]:
            if work.name not in heard.samples:
                self._fail(work, "it printed no result")
        self._fail(left[last], f"it took longer than {self.job.timeout:g} s"
                   if outcome.hung else outcome.problem)
        return left[last + 1:]


def run(plan, boot, tell):
    """Measures a Plan.

    boot  called with a Job and the workloads to run of it; returns an Outcome
    tell  called with (Progress, run, Job, failures so far) before each job, and with None as
          the Job at the end
    """
    measured = Measured()
    schedule = plan.all()
    progress = Progress(schedule)
    for number, job in schedule:
        tell(progress, number, job, measured.failures)
        started = time.monotonic()
        try:
            measured.interrupted = not _Boots(boot, job, measured, number).all()
        except KeyboardInterrupt:
            measured.interrupted = True
        if measured.interrupted:
            break
        progress.finish(job, time.monotonic() - started)
    tell(progress, None, None, measured.failures)
    return measured
