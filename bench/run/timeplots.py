# SPDX-License-Identifier: Apache-2.0
"""The report's pictures of time: how late a timer is, and sleep as asked for and observed."""
from . import view as v
from .charts import LABELS, WIDTH, arm_class
from .svg import LogAxis, Picture


def _ns(value):
    for scale, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if value >= scale:
            return f"{value / scale:g} {name}"
    return f"{value:g} ns"


def _across(picture, axis, top, bottom):
    for value in axis.ticks():
        picture.line(axis(value), top, axis(value), bottom, "grid")
        picture.text(axis(value), bottom + 14, _ns(value), "tick middle")


def latency(view):
    """A line from least to greatest for each arm and clock, a box between the 10th and the 90th
    of a hundred, dots for what single rounds gave."""
    late = view.lateness()
    rows = [(clock, arm) for clock in view.clocks for arm in view.arms
            if any((arm, clock) in figure.rows for figure in late.values())]
    values = [value for figure in late.values() for row in figure.rows.values()
              for run in row["samples"] for value in run if value > 0]
    if not rows or not values:
        return ""
    picture = Picture(WIDTH, 34 * len(rows) + 34, "how late a periodic timer wakes a process")
    axis = LogAxis(min(values) / 1.15, max(values) * 1.15, LABELS, WIDTH - 40)
    bottom = 34 * len(rows) + 10
    _across(picture, axis, 4, bottom)
    for number, (clock, arm) in enumerate(rows):
        y = 22 + 34 * number
        kind = arm_class(view, arm)
        found = {name: figure.rows[arm, clock] for name, figure in late.items()
                 if (arm, clock) in figure.rows}
        picture.text(LABELS - 10, y + 4, f"{arm}, {clock}", "label end")

        def at(name, found=found):
            row = found.get(name)
            return row["median"] if row and row["median"] > 0 else None

        least = found.get("late_min")
        most = found.get("late_max")
        if least and most:
            picture.line(axis(max(least["min"], axis.low)), y, axis(most["max"]), y,
                         "range " + kind, f"{arm}, {clock}: {v.quantity(least['min'], 'ns')} to "
                         f"{v.quantity(most['max'], 'ns')} late")
        if at("late_p10") and at("late_p90"):
            low, high = axis(at("late_p10")), axis(at("late_p90"))
            picture.box(low, y - 8, max(high - low, 1), 16, "bar soft " + kind,
                        f"80 of 100 between {v.quantity(at('late_p10'), 'ns')} and "
                        f"{v.quantity(at('late_p90'), 'ns')}")
        for name, row in found.items():
            for value in (value for run in row["samples"] for value in run if value > 0):
                picture.dot(axis(value), y, 2.4, "bar " + kind,
                            f"{name.replace('late_', '')} of a round: {v.quantity(value, 'ns')}")
        if at("late_median"):
            x = axis(at("late_median"))
            picture.line(x, y - 11, x, y + 11, "median",
                         f"median {v.quantity(at('late_median'), 'ns')}")
            picture.text(x + 4, y - 9, v.quantity(at("late_median"), "ns"), "tick")
    return str(picture)


def _panel(picture, view, left, width, clock, sleeps, excess):
    top, bottom = 34, 230
    points = [(arm, asked * 1e9, value) for arm in view.arms for asked, figure in sleeps.items()
              if (arm, clock) in figure.rows
              for value in (figure.rows[arm, clock]["min"], figure.rows[arm, clock]["median"],
                            figure.rows[arm, clock]["max"])]
    if not points:
        return
    along = [asked for _, asked, _ in points]
    x_axis = LogAxis(min(along) / 1.6, max(along) * 1.6, left + 56, left + width - 14)
    up = [value - asked if excess else value for _, asked, value in points]
    up = [value for value in up if value > 0] or [1.0]
    y_axis = LogAxis(min(up) / 1.6, max(up) * 1.6, bottom, top)
    picture.text(left + 56, 18, f"{clock}: " + ("observed − expected" if excess else "observed"),
                 "head")
    for value in x_axis.ticks():
        if f"{value:.0e}"[0] == "1" or len(x_axis.ticks()) < 5:
            picture.line(x_axis(value), top, x_axis(value), bottom, "grid")
            picture.text(x_axis(value), bottom + 14, _ns(value), "tick middle")
    for value in y_axis.ticks():
        picture.line(left + 56, y_axis(value), left + width - 14, y_axis(value), "grid")
        picture.text(left + 51, y_axis(value) + 4, _ns(value), "tick end")
    picture.text((left + 56 + left + width - 14) / 2, bottom + 30, "expected", "tick middle")
    if not excess:
        low, high = max(x_axis.low, y_axis.low), min(x_axis.high, y_axis.high)
        picture.line(x_axis(low), y_axis(low), x_axis(high), y_axis(high), "ideal",
                     "observed = expected")
    for arm in view.arms:
        kind = arm_class(view, arm)
        line = []
        for asked, figure in sorted(sleeps.items()):
            row = figure.rows.get((arm, clock))
            if not row:
                continue
            less = asked * 1e9 if excess else 0
            low, middle, high = (max(row[name] - less, y_axis.low)
                                 for name in ("min", "median", "max"))
            x = x_axis(asked * 1e9)
            picture.line(x, y_axis(low), x, y_axis(high), "range " + kind)
            picture.dot(x, y_axis(middle), 4, "bar " + kind,
                        f"{arm}: asked for {_ns(asked * 1e9)}, {v.quantity(row['median'], 'ns')} "
                        f"passed")
            line.append((x, y_axis(middle)))
        if line:
            picture.path(line, "curve " + kind)


def sleep(view, workload):
    """Expected against observed, as WrtVMM plots it, and the difference of the two."""
    sleeps = view.sleeps().get(workload)
    if not sleeps:
        return ""
    panels = [(clock, excess) for clock in view.clocks for excess in (False, True)]
    columns = 4 if len(panels) >= 4 else len(panels)
    width = max(WIDTH / columns, 295)
    picture = Picture(width * columns, 268, f"{workload}: expected against observed")
    for number, (clock, excess) in enumerate(panels[:columns]):
        _panel(picture, view, number * width, width, clock, sleeps, excess)
    return str(picture)
