# SPDX-License-Identifier: Apache-2.0
"""The report's pictures of ratios and exits."""
from . import view as v
from .svg import LogAxis, Picture
from .workloads import LITERATURE

WIDTH = 1180
LABELS = 190
# Ratios beyond this say that the native operation is next to nothing; their bars end here.
MOST = 400.0
# Causes have colours of their own, so that pages can be compared; see page.css.
CAUSES = ("privileged", "syscall", "dtlb_guest", "dtlb_shadow", "itlb_guest", "itlb_shadow", "dsi",
          "isi", "mmio", "program", "external", "decrementer", "others", "tracing", "text_write")
OTHERS = CAUSES.index("others")


def arm_class(view, arm):
    """The class that colours an arm."""
    return "native" if arm == "native" else f"arm{view.others.index(arm) % 4}"


def cause_class(name):
    """The class that colours a cause; the rare ones share one."""
    return f"k{CAUSES.index(name) if name in CAUSES else OTHERS}"


def _reach(view, figures, clocks):
    """The ends of an axis for all ratios, so that panels compare."""
    low, high = 0.9, 2.0
    for figure in figures:
        for clock in clocks:
            for arm in view.others:
                row = figure.rows.get((arm, clock))
                if row and row["ratios"]:
                    low, high = min(low, *row["ratios"]), max(high, *row["ratios"])
        for one in view.beside(figure.workload):
            if one.ratio:
                low, high = min(low, one.ratio), max(high, one.ratio)
    return max(low, 1 / MOST), min(high * 1.05, MOST)


def marked(view, workloads=None):
    """Numbers of the references with ratios (for these workloads); each has a shape."""
    return [number for number, one in enumerate(view.references) if any(
        row.get("ratio_to_native") and (workloads is None or row["workload"] in workloads)
        for row in one["rows"])]


def place_of(view, number):
    """The shape of a reference's marks."""
    return marked(view).index(number)


def shown_in(reference, clock):
    """True if figures of a reference belong into the panel of this clock."""
    return reference.get("clock") in (None, clock)


def _grid(picture, axis, top, bottom, suffix="×"):
    for value in axis.ticks():
        x = axis(value)
        picture.line(x, top, x, bottom, "one" if value == 1 and suffix == "×" else "grid")
        picture.text(x, bottom + 14, f"{value:g}{suffix}", "tick middle")


def _bar(picture, view, axis, y, arm, row, end):
    kind = arm_class(view, arm)
    value = row["ratio_to_native"]
    left, right = sorted((axis(1), axis(value)))
    spread = (f"{v.ratio(min(row['ratios']))} to {v.ratio(max(row['ratios']))} in "
              f"{len(row['ratios'])} pairs")
    picture.box(left, y, max(right - left, 1.5), 11, "bar " + kind,
                f"{row['workload']} {row['metric']}, {arm}, {row['clock']}: {v.ratio(value)} "
                f"({spread})")
    low, high = axis(min(row["ratios"])), axis(max(row["ratios"]))
    if high - low > 1.5:
        picture.line(low, y + 5.5, high, y + 5.5, "whisker")
        picture.line(low, y + 3, low, y + 8, "whisker")
        picture.line(high, y + 3, high, y + 8, "whisker")
    picture.text(end, y + 9.5, v.ratio(value), "value end")


def ratios(view):
    """Bars of the ratio to native, a panel for each clock, rows in both the same."""
    figures = [figure for figure in view.timed() if figure.group != LITERATURE and any(
        figure.rows.get((arm, clock)) and figure.rows[arm, clock]["ratio_to_native"]
        for arm in view.others for clock in view.clocks)]
    if not figures:
        return ""
    step = 13 * len(view.others) + 9
    rows, y, group = [], 44, None
    figures.sort(key=v.group_order)
    for figure in figures:
        if figure.group != group:
            group = figure.group
            rows.append((y, group, None))
            y += 22
        rows.append((y, None, figure))
        y += step
    picture = Picture(WIDTH, y + 26, "ratio to native of each workload")
    panel = (WIDTH - LABELS) / len(view.clocks)
    low, high = _reach(view, figures, view.clocks)
    for number, clock in enumerate(view.clocks):
        left = LABELS + number * panel
        axis = LogAxis(low, high, left + 8, left + panel - 78)
        picture.text(left + 8, 20, clock, "head")
        picture.text(left + 8, 34, "instructions, repeatable" if clock == "icount"
                     else "time in QEMU, noisy" if clock == "wall" else "", "tick")
        _grid(picture, axis, 40, y)
        for at, _, figure in rows:
            if not figure:
                continue
            for place, arm in enumerate(view.others):
                row = figure.rows.get((arm, clock))
                if row and row["ratio_to_native"]:
                    _bar(picture, view, axis, at + 13 * place, arm, row, left + panel - 14)
            for one in view.beside(figure.workload):
                if one.ratio and shown_in(view.references[one.number], clock):
                    picture.marker(axis(one.ratio), at + 5.5, place_of(view, one.number),
                                   "elsewhere",
                                   f"{one.name}: {v.ratio(one.ratio)} (measured elsewhere)")
    for at, title, figure in rows:
        if figure:
            picture.text(LABELS - 8, at + 9.5, figure.label, "label end")
        else:
            picture.text(6, at + 12, title, "group")
    return str(picture)


def strip(ratio, high, kind):
    """A bar on a log axis from 1 for a table's cell."""
    picture = Picture(60, 10, f"{ratio:.2f}")
    axis = LogAxis(min(1.0, ratio), max(min(high, MOST), 2.0), 1, 59)
    left, right = sorted((axis(1), axis(ratio)))
    picture.box(1, 2, 58, 6, "rail")
    picture.box(left, 2, max(right - left, 1.5), 6, f"bar {kind}")
    return str(picture)


def _kinds(picture, label, arm, place, privileged, kinds):
    """The privileged exits, divided by instruction."""
    x, y, width = place
    rest = privileged - sum(kinds.values())
    parts = list(kinds.items()) + ([("other", rest)] if rest > 1e-9 else [])
    whole = sum(count for _, count in parts)
    for number, (kind, count) in enumerate(parts):
        size = width * count / whole
        picture.box(x, y, max(size - 0.6, 0.3), 15, f"cause k0 tone{number % 2}",
                    f"{label}, {arm}: {v.count(count)} {kind} (privileged)")
        if size > 12 + 6.4 * len(kind):
            picture.text(x + 5, y + 11.5, kind, "inside")
        x += size


def exits(view):
    """Exits per operation: shares by cause as stacked bars, the number of all beside them."""
    clock = "icount" if "icount" in view.clocks else view.clocks[0]
    rows = [(figure, arm, figure.rows[arm, clock]) for figure in view.figures
            for arm in view.others
            if (arm, clock) in figure.rows and figure.rows[arm, clock]["exits"]]
    if not rows:
        return ""
    picture = Picture(WIDTH, 21 * len(rows) + 12, "exits per operation by cause")
    many = len(view.others) > 1
    left, width = LABELS + (60 if many else 0), WIDTH - LABELS - 90 - (60 if many else 0)
    y, last = 4, None
    for figure, arm, row in rows:
        total = sum(row["exits"].values())
        # An arm with fewer exits than another has a shorter bar.
        length = width * total / max(v.exits(other) for one, _, other in rows if one is figure)
        if figure is not last:
            picture.text(LABELS - 8, y + 12, figure.label, "label end")
        last = figure
        if many:
            picture.text(LABELS, y + 12, arm, "tick")
        x = left
        for cause, value in sorted(row["exits"].items(),
                                   key=lambda item: (cause_class(item[0]).rjust(3), item[0])):
            size = length * value / total
            if cause == "privileged" and row["kinds"]:
                _kinds(picture, figure.label, arm, (x, y, size), value, row["kinds"])
                x += size
                continue
            picture.box(x, y, max(size - 0.6, 0.3), 15, "cause " + cause_class(cause),
                        f"{figure.label}, {arm}: {v.count(value)} {cause} "
                        f"({100 * value / total:.1f} %)")
            if size > 12 + 6.4 * len(cause):
                picture.text(x + 5, y + 11.5, cause, "inside")
            x += size
        picture.text(left + length + 8, y + 12, v.count(total), "value")
        y += 21
    return str(picture)


def causes(view):
    """The causes that occur, in the order of their colours."""
    found = {cause for figure in view.figures for row in figure.rows.values()
             for cause in row["exits"]}
    if found - set(CAUSES):
        found.add("others")
    return [cause for cause in CAUSES if cause in found]


def literature(view):
    """Dots: our ratios and the published ones, on one log axis."""
    figures = view.literature()
    if not any(row["ratio_to_native"] for figure in figures for row in figure.rows.values()):
        return ""
    step = 26
    picture = Picture(WIDTH, step * len(figures) + 44, "ratios of the literature's workloads")
    low, high = _reach(view, figures, view.clocks)
    axis = LogAxis(low, high, LABELS + 40, WIDTH - 100)
    bottom = step * len(figures) + 12
    _grid(picture, axis, 4, bottom)
    for number, figure in enumerate(figures):
        y = 20 + step * number
        picture.text(LABELS + 20, y + 4, figure.label, "label end")
        picture.line(LABELS + 30, y, WIDTH - 100, y, "grid")
        for arm in view.others:
            for place, clock in enumerate(view.clocks):
                row = figure.rows.get((arm, clock))
                if row and row["ratio_to_native"]:
                    ratio = row["ratio_to_native"]
                    picture.dot(axis(ratio), y, 5,
                                arm_class(view, arm) + (" bar" if not place else " ring"),
                                f"{figure.label}, {arm}, {clock}: {v.ratio(ratio)}")
                    if ratio > high:
                        picture.text(axis(ratio) + 10, y + 4, f"→ {v.ratio(ratio)}", "value")
        for one in view.beside(figure.workload):
            if one.ratio:
                picture.marker(axis(one.ratio), y, place_of(view, one.number), "elsewhere",
                               f"{one.name}: {v.ratio(one.ratio)} (measured elsewhere)")
    return str(picture)
