# SPDX-License-Identifier: Apache-2.0
"""The tables of the report's page."""
from html import escape

from . import charts, gains, markdown
from . import view as v
from .workloads import WORKLOADS


def _table(head, rows):
    """`head` and `rows` are made of cells, (class, HTML) each; a row may be (class, cells)."""
    def line(cells, tag):
        return "".join(f'<{tag} class="{kind}">{inner}</{tag}>' if kind else
                       f"<{tag}>{inner}</{tag}>" for kind, inner in cells)

    body = "".join(f'<tr class="{row[0]}">{line(row[1], "td")}</tr>' if isinstance(row, tuple)
                   else f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return (f'<div class="scroll"><table><thead><tr>{line(head, "th")}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def _figure(row):
    if row is None:
        return "–"
    middle = v.quantity(row["median"], row["unit"])
    low, high = v.quantity(row["min"], row["unit"]), v.quantity(row["max"], row["unit"])
    if low == high:
        return middle
    return f"{escape(middle)}<small>{escape(low)} .. {escape(high)}</small>"


def _what(figure):
    known = WORKLOADS.get(figure.workload)
    tip = f' title="{escape(known.what)}"' if known else ""
    return f"<span{tip}>{escape(figure.label)}</span>"


def summary(view):
    """Workloads by arms, both clocks beside each other while there is room."""
    if len(view.arms) <= 2:
        return _summary(view, view.clocks)
    return "".join(f"<h3>{escape(clock)}</h3>{_summary(view, [clock])}" for clock in view.clocks)


def _summary(view, clocks):
    highest = max([row["ratio_to_native"] or 1 for figure in view.timed()
                   for row in figure.rows.values()] + [2.0])
    head = [("left", "workload")]
    for clock in clocks:
        for number, arm in enumerate(view.arms):
            head.append(("edge" if not number else "", f"{escape(clock)}<br>{escape(arm)}"))
        head += [("", f"{escape(clock)}<br>{escape(arm)} / native") for arm in view.others]
    head += [("edge", f"exits<br>{escape(arm)}") for arm in view.others]
    rows, group = [], None
    for figure in sorted(view.timed(), key=v.group_order):
        if figure.group != group:
            group = figure.group
            rows.append(("group", [("left", escape(group))] + [("", "")] * (len(head) - 1)))
        cells = [("left", _what(figure))]
        for clock in clocks:
            found = [figure.rows.get((arm, clock)) for arm in view.arms]
            cells += [("edge" if not number else "", _figure(row))
                      for number, row in enumerate(found)]
            for arm in view.others:
                row = figure.rows.get((arm, clock))
                value = row and row["ratio_to_native"]
                strip = charts.strip(value, highest, charts.arm_class(view, arm)) if (
                    value and len(view.arms) <= 3) else ""
                cells.append(("", f'{strip}<span class="ratio">{v.ratio(value)}</span>'))
        for arm in view.others:
            row = next((figure.rows[arm, clock] for clock in clocks
                        if (arm, clock) in figure.rows), None)
            cells.append(("edge", v.exits_shown(figure, row)))
        rows.append(cells)
    if view.others and any(view.mean(arm, clock)[1] for arm in view.others
                           for clock in clocks):
        cells = [("what", "geometric mean of the kernel-heavy ones")]
        for clock in clocks:
            cells += [("", "")] * len(view.arms)
            for arm in view.others:
                mean, number = view.mean(arm, clock)
                cells.append(("", f"{v.ratio(mean)}<small>{number} of {view.means_wanted()} "
                              "workloads</small>"))
        rows.append(("mean", cells + [("", "")] * len(view.others)))
    return _table(head, rows)


def _gain(line, highest, kind):
    values = line.gains
    if not values:
        return ("", "–")
    spread = "" if min(values) == max(values) else (
        f"<small>{v.ratio(min(values))} .. {v.ratio(max(values))}</small>")
    return ("", f'{charts.strip(line.gain, highest, kind)}<span class="ratio">'
            f"{v.ratio(line.gain)}</span>{spread}")


def _fewer(before, after):
    """A cell: how many before and after, below it the change."""
    if not before and not after:
        return ("edge", "–")
    return ("edge", f"{v.count(before)} → {v.count(after)}"
            f"<small>{gains.change(before, after)}</small>")


def gained(view, one):
    """An arm beside the one it is compared with, row by row."""
    arm, base, kind = escape(one.arm), escape(one.base), charts.arm_class(view, one.arm)
    highest = max([line.gain or 1 for line in one.lines] + [2.0])
    head = [("left", "workload"), ("", base), ("", arm), ("", f"{base} / {arm}"),
            ("", f"{arm} / native")]
    head += [("edge", f"{escape(name)}<br>exits") for name, _ in one.counters]
    published = one.question.published
    if published:
        head.append(("left", "measured elsewhere"))

    def there(pairs):
        if not published:
            return []
        return [("wide narrow", "; ".join(f"{escape(name)}: {escape(value)}"
                                         for name, value in pairs))]

    rows = []
    for line in one.lines:
        cells = [("left", _what(line.figure)), ("", _figure(line.before)),
                 ("", _figure(line.after)), _gain(line, highest, kind),
                 ("", v.ratio(line.after["ratio_to_native"]))]
        cells += [_fewer(which(line.before), which(line.after)) for _, which in one.counters]
        cells += there(gains.elsewhere(view, line, one.clock))
        rows.append(("slower", cells) if line.slower else cells)
    if one.number:
        cells = [("what", f"geometric mean, exits of one operation of each ({one.number} of "
                  f"{view.means_wanted()} workloads)"), ("", ""), ("", ""),
                 ("", v.ratio(one.mean)), ("", v.ratio(view.mean(one.arm, one.clock)[0]))]
        cells += [_fewer(*one.total(name)) for name in one.question.counters]
        rows.append(("mean", cells + there(gains.means_elsewhere(view, one))))
    return _table(head, rows)


def gained_kinds(one):
    """Privileged exits of the kernel-heavy workloads by instruction; '' if none were counted."""
    if not one.kinds():
        return ""
    head = [("left", "instruction"), ("", escape(one.base)), ("", escape(one.arm)), ("", "change")]
    rows = [[("left", escape(name)), ("", v.count(before)), ("", v.count(after)),
             ("", gains.change(before, after))] for name, before, after in one.kinds()]
    return ("<details><summary>Privileged exits by instruction, one operation of each kernel-heavy "
            f"workload ({escape(one.clock)})</summary>{_table(head, rows)}</details>")


def exits(view):
    """Causes and instructions of one operation, in figures."""
    clock = "icount" if "icount" in view.clocks else view.clocks[0]
    rows = []
    for figure in view.figures:
        for arm in view.others:
            row = figure.rows.get((arm, clock))
            if row:
                rows.append([("left", _what(figure)), ("left", escape(arm)),
                             ("", v.count(v.exits(row))),
                             ("wide", escape(v.listed(row["exits"], 5))),
                             ("wide", escape(v.listed(row["kinds"], 6)))])
    head = [("left", "workload"), ("left", "arm"), ("", "exits"), ("left", "by cause"),
            ("left", "emulated instructions")]
    return f"<details><summary>In figures ({escape(clock)})</summary>{_table(head, rows)}</details>"


def literature(view):
    """The literature's workloads: ours, and what was published."""
    rows = []
    for figure in view.literature():
        for arm in view.others:
            ours = [("", v.ratio(figure.rows[arm, clock]["ratio_to_native"])
                     if (arm, clock) in figure.rows else "–") for clock in view.clocks]
            published = "; ".join(
                f"{one.name}: {v.ratio(one.ratio)}" if one.ratio else
                f"{one.name}: {v.elsewhere(one)}"
                for one in view.beside(figure.workload) if one.ratio or one.value is not None)
            rows.append([("left", _what(figure)), ("left", escape(arm)), *ours,
                         ("wide", escape(published) or "–")])
    if not rows:
        return ""
    head = [("left", "workload"), ("left", "arm"),
            *(("", f"ours, {escape(clock)}") for clock in view.clocks),
            ("left", "published, measured elsewhere")]
    return _table(head, rows)


def references(view):
    """Everything that was measured elsewhere of our workloads, and where it comes from."""
    rows = []
    for name in dict.fromkeys([*WORKLOADS, *(row["workload"] for one in view.references
                                             for row in one["rows"])]):
        for one in view.beside(name):
            rows.append([("left", escape(name)), ("left", escape(one.name)),
                         ("", escape(v.elsewhere(one))), ("", v.ratio(one.ratio)),
                         ("", "–" if one.exits is None else escape(str(one.exits)))])
    if not rows:
        return ""
    head = [("left", "workload"), ("left", "where"), ("", "value"), ("", "ratio to native"),
            ("", "exits")]
    sources = "".join(f"<dt>{escape(one['name'])}</dt><dd>{escape(one['source'])}. "
                      f"{escape(one['conditions'])}</dd>" for one in view.references)
    return (f"<details><summary>All {len(rows)} figures measured elsewhere, with their sources"
            f"</summary>{_table(head, rows)}<dl>{sources}</dl></details>")


def times(view):
    """Figures that are times as such."""
    figures = [figure for figure in view.figures if not figure.timed]
    if not figures:
        return ""
    head = [("left", "workload")] + [("edge" if arm == view.arms[0] else "",
                                      f"{escape(clock)}<br>{escape(arm)}")
                                     for clock in view.clocks for arm in view.arms]
    head += [("edge", f"exits<br>{escape(arm)}, {escape(clock)}")
             for arm in view.others for clock in view.clocks]
    rows = [[("left", _what(figure)),
             *(("edge" if arm == view.arms[0] else "", _figure(figure.rows.get((arm, clock))))
               for clock in view.clocks for arm in view.arms),
             *(("edge", v.exits_shown(figure, figure.rows.get((arm, clock))))
               for arm in view.others for clock in view.clocks)] for figure in figures]
    return _table(head, rows)


def paths(view):
    """bench/paths.json: what was measured last, and the bound that a test keeps."""
    if not view.paths or not view.paths["paths"]:
        return ""
    columns, rows = markdown.path_rows(view.paths)
    head = [("left" if number < 2 else "", escape(name)) for number, name in enumerate(columns)]

    def cell(value):
        if value is None:
            return ("", "–")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return ("left", escape(str(value)))
        return ("", f"{value:,g}" if isinstance(value, float) else f"{value:,}")

    return _table(head, [[cell(value) for value in row] for row in rows])


def raw(view):
    """Every row of results.json."""
    head = [("left", name) for name in ("arm", "clock", "workload", "metric", "unit")]
    head += [("", name) for name in ("n", "min", "median", "max", "ratio")]
    head += [("left", name) for name in ("gain over", "ratio of each pair", "gain of each pair",
                                         "exits", "kinds", "samples by run", "error")]
    rows = []
    for row in view.document["rows"]:
        figures = [("", "–" if row[name] is None else f"{row[name]:,.6g}")
                   for name in ("min", "median", "max")]
        ratio = row["ratio_to_native"]
        samples = " | ".join(" ".join(f"{value:.6g}" for value in run) for run in row["samples"])
        rows.append([("left", escape(str(row[name] or "–")))
                     for name in ("arm", "clock", "workload", "metric", "unit")]
                    + [("", str(row["n"])), *figures,
                       ("", "–" if ratio is None else f"{ratio:.4f}"),
                       ("wide", " ".join(f"{base}={one:.4f}"
                                         for base, one in row.get("gain", {}).items())),
                       ("wide", " ".join(f"{one:.4f}" for one in row["ratios"])),
                       ("wide", " | ".join(f"{base} " + " ".join(f"{one:.4f}" for one in found)
                                           for base, found in row.get("gains", {}).items()))]
                    + [("wide", escape(" ".join(f"{name}={value:.6g}"
                                                for name, value in row[which].items())))
                       for which in ("exits", "kinds")]
                    + [("wide", samples), ("error left", escape(row.get("error", "")))])
    return _table(head, rows)
