# SPDX-License-Identifier: Apache-2.0
"""Reads what the guest's programs print. They may be wrong, cut short or mixed up: trust nothing.

  @@bench-begin WORKLOAD
  @@bench WORKLOAD METRIC UNIT OPS TICKS CAUSE=COUNT,... KIND=COUNT,...
  @@bench-failed WORKLOAD why
"""
import math
import re
from dataclasses import dataclass, field

# Far more than any run can do or take; whatever is larger was never measured.
MOST_OPS = 1 << 40
MOST_TICKS = 1 << 50
LONGEST_WHY = 200


@dataclass
class Sample:
    """One measurement: `ops` operations took `ticks`, and caused `exits` and emulated `kinds`."""

    metric: str
    unit: str
    ops: int
    ticks: float
    exits: dict
    kinds: dict

    @property
    def each(self):
        """Ticks of one operation."""
        return self.ticks / self.ops


@dataclass
class Heard:
    """What one boot's console told: samples and failures by workload, the begin lines in order."""

    samples: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)
    begun: list = field(default_factory=list)


class Lie(ValueError):
    """A line that cannot be true; str() says why."""


def number(text, most, what):
    """What the text says, an int or a float from 0 to `most`; raises Lie about `what`."""
    try:
        value = int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    except ValueError:
        raise Lie(f"{what} is not a number: {text}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise Lie(f"{what} is not finite: {text}")
    if value < 0:
        raise Lie(f"{what} is negative: {text[:20]}")
    if value > most:
        raise Lie(f"{what} is too large to be true: {text[:20]}")
    return value


def _counts(text):
    if text == "-":
        return {}
    counts = {}
    for part in text.split(","):
        name, equals, count = part.partition("=")
        if not equals or not re.fullmatch(r"[\w.+/-]+", name) or name in counts:
            raise Lie(f"cannot read the counts '{text}'")
        counts[name] = number(count, MOST_OPS, f"the count of {name}")
    return counts


def sample(words, native, most_ticks):
    """The Sample of the words behind `@@bench WORKLOAD`; raises Lie."""
    if len(words) != 6:
        raise Lie(f"a line has {len(words) + 2} words, not 8")
    metric, unit, ops, ticks, exits, kinds = words
    if not re.fullmatch(r"\w[\w.-]*", metric) or not re.fullmatch(r"[a-z_]+", unit):
        raise Lie(f"cannot read metric and unit '{metric} {unit}'")
    count = number(ops, MOST_OPS, "the number of operations")
    if count == 0 or count != int(count):
        raise Lie(f"the number of operations is {ops}")
    value = number(ticks, most_ticks, "the time")
    if unit == "ticks" and value == 0:
        raise Lie(f"{ops} operations took no time")
    result = Sample(metric, unit, int(count), value, _counts(exits), _counts(kinds))
    if native and (result.exits or result.kinds):
        raise Lie("it counts exits where there is no VMM")
    return result


def read(text, wanted, native, most_ticks=MOST_TICKS):
    """What a console says about the `wanted` workloads.

    text        the console as text
    native      True if there was no VMM
    most_ticks  how long the guest ran at most; no measurement can be longer
    """
    heard = Heard()
    units = {}

    def failed(name, why):
        why = "".join(letter if letter.isprintable() else "?" for letter in why)
        heard.failures.setdefault(name, why[:LONGEST_WHY])

    for line in text.splitlines():
        tag, *words = line.split()[:64] or [""]
        if tag not in ("@@bench", "@@bench-begin", "@@bench-failed") or not words:
            continue
        name = words[0]
        if name not in wanted:
            # Whose it is cannot be told; the one that runs is answerable for it.
            if heard.begun:
                failed(heard.begun[-1], f"it spoke for '{name[:40]}', which was not asked for")
        elif tag == "@@bench-begin":
            heard.begun.append(name)
        elif tag == "@@bench-failed":
            failed(name, " ".join(words[1:]) or "it gave no reason")
        else:
            try:
                found = sample(words[1:], native, most_ticks)
                if units.setdefault((name, found.metric), found.unit) != found.unit:
                    raise Lie(f"{found.metric} has two units")
                heard.samples.setdefault(name, []).append(found)
            except Lie as lie:
                failed(name, f"its output cannot be true: {lie}")
    return heard
