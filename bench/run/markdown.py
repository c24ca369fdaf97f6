# SPDX-License-Identifier: Apache-2.0
"""The report's tables, as Markdown and for the terminal."""
from . import gains, host
from . import view as v
from .workloads import WORKLOADS

ELSEWHERE = "measured elsewhere, on another machine or by other means: compare shapes, not times"


def _table(head, rows):
    """A Markdown table; the first column flush left."""
    lines = ["| " + " | ".join(head) + " |",
             "|" + "|".join(["---"] + ["--:"] * (len(head) - 1)) + "|"]
    return lines + ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
                    for row in rows]


def spread(row):
    """min .. max of a row."""
    if row is None:
        return "–"
    return f"{v.quantity(row['min'], row['unit'])} .. {v.quantity(row['max'], row['unit'])}"


def middle(row):
    """Its median."""
    return v.quantity(row["median"], row["unit"]) if row else "–"


def _summary(view, clock):
    head = ["workload"] + [arm for arm in view.arms]
    for arm in view.others:
        head += [f"{arm} / native", f"{arm} exits"]
    rows = []
    for figure in view.timed():
        if not any((arm, clock) in figure.rows for arm in view.arms):
            continue
        cells = [figure.label]
        found = {arm: figure.rows.get((arm, clock)) for arm in view.arms}
        cells += [f"{middle(row)} ({spread(row)})" if row else "–" for row in found.values()]
        for arm in view.others:
            row = found[arm]
            cells += [v.ratio(row and row["ratio_to_native"]) if "native" in found else "–",
                      v.count(v.exits(row)) if row else "–"]
        rows.append(cells)
    return _table(head, rows)


def _means(view):
    rows = []
    for arm in view.others:
        for clock in view.clocks:
            mean, number = view.mean(arm, clock)
            rows.append([arm, clock, v.ratio(mean), f"{number} of {view.means_wanted()}"])
    return _table(["arm", "clock", "geometric mean", "workloads"], rows)


def _fewer(before, after):
    if not before and not after:
        return ["–", ""]
    return [f"{v.count(before)} → {v.count(after)}", gains.change(before, after)]


def _gained(view, one):
    """An arm beside the one it is compared with, row by row."""
    head = ["workload", one.base, one.arm, f"{one.base} / {one.arm}", f"{one.arm} / native"]
    for name, _ in one.counters:
        head += ["exits" if name == "all" else name, "change"]
    published = one.question.published

    def there(pairs):
        return "; ".join(f"{name}: {value}" for name, value in pairs) or "–"

    rows = []
    for line in one.lines:
        cells = [line.figure.label, middle(line.before), middle(line.after), v.ratio(line.gain),
                 v.ratio(line.after["ratio_to_native"])]
        for _, which in one.counters:
            cells += _fewer(which(line.before), which(line.after))
        if published:
            cells.append(there(gains.elsewhere(view, line, one.clock)))
        rows.append(cells)
    cells = [f"geometric mean, {one.number} workloads", "", "", v.ratio(one.mean),
             v.ratio(view.mean(one.arm, one.clock)[0])]
    for name in one.question.counters:
        cells += _fewer(*one.total(name))
    if published:
        cells.append(there(gains.means_elsewhere(view, one)))
        head.append("measured elsewhere")
    return _table(head, rows + [cells])


def _gains(view):
    lines = []
    for one in gains.every(view):
        lines += [f"## {one.arm} over {one.base}, {one.clock}", "", gains.sentence(one) + ".", "",
                  *_gained(view, one), ""]
        if one.kinds() and one.question.published:
            rows = [[name, *_fewer(*counts)] for name, *counts in one.kinds()]
            lines += [*_table(["privileged exits, one operation of each kernel-heavy workload",
                               "exits", "change"], rows), ""]
    return lines


def _exits(view):
    rows = []
    for figure in view.figures:
        for clock in view.clocks:
            for arm in view.others:
                row = figure.rows.get((arm, clock))
                if row and row["exits"]:
                    rows.append([figure.label, arm, clock, v.count(v.exits(row)),
                                 v.listed(row["exits"], 6), v.listed(row["kinds"], 6)])
    return _table(["workload", "arm", "clock", "exits", "by cause", "emulated instructions"], rows)


def _beside(view, names):
    rows = []
    for name in names:
        for one in view.beside(name):
            rows.append([name, one.name, v.elsewhere(one), v.ratio(one.ratio),
                         "–" if one.exits is None else one.exits])
    return _table(["workload", "where", "value", "ratio to native", "exits"], rows) if rows else []


def _times(view):
    rows = [[figure.label, *(f"{middle(figure.rows.get((arm, clock)))}"
                             f" ({spread(figure.rows.get((arm, clock)))})"
                             for clock in view.clocks for arm in view.arms)]
            for figure in view.figures if not figure.timed]
    head = ["workload"] + [f"{arm} {clock}" for clock in view.clocks for arm in view.arms]
    return _table(head, rows) if rows else []


def path_rows(paths):
    """(columns, rows of cells) of bench/paths.json."""
    columns = ("name", "cause", "last", "vmm", "bound")
    heads = ("path", "exit", "measured", "of these in the VMM", "bound")
    return heads, [[row.get(name) for name in columns] for row in paths["paths"]]


def _cell(value):
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def machine(view):
    """(what, value) of the machine, the versions, the conditions."""
    host, conditions = view.host, view.conditions
    commit = (host.get("commit") or "unknown")[:12]
    if host.get("dirty"):
        commit += " with changes that are not committed"
    facts = [("date", host.get("date")), ("commit", commit),
             ("processor", f"{host.get('cpu')}, {host.get('cores')} cores"),
             ("system", host.get("kernel")), ("QEMU", host.get("qemu")),
             ("compilers", f"{host.get('gcc')}; {host.get('gcc_guest')}"),
             ("measurement", f"{conditions.get('mode')}: " + ", ".join(
                 f"{number} × {clock}" for clock, number in conditions.get("runs", {}).items())
              + f"; {conditions.get('boots')} boots in {conditions.get('seconds', 0):.0f} s")]
    if "load_before" in conditions:
        facts.append(("load average", f"{conditions['load_before']:.2f} before, "
                      f"{conditions['load_after']:.2f} at the end"))
    if "memory_bytes" in conditions:
        facts.append(("guest memory", f"{conditions['memory_bytes'] >> 20} MiB"))
    facts.append(("trap site profile", conditions.get("vmm_profile", "unknown")))
    if "initramfs" in conditions:
        facts.append(("guest initramfs", conditions["initramfs"]))
    return facts + [(f"arm {name}", note) for name, note in conditions["arms"].items()]


def busy(view):
    """A line if others used the machine when the measurement began, else None."""
    load, cores = view.conditions.get("load_before"), view.host.get("cores")
    if "wall" not in view.clocks or not load or not cores or load < 0.75 * cores:
        return None
    return (f"The machine was busy with other things (load average {load:.1f} on {cores} cores "
            "before the first boot): figures in wall time are noisier than they need to be.")


def failures(view):
    """Lines about what failed."""
    return [f"{arm} {clock} {name}: {why}" for (arm, clock, name), why in view.errors.items()]


def render(view):
    """The report as Markdown."""
    lines = ["# Trapeze: benchmark report", "", *_table(["", ""], machine(view)), ""]
    if view.conditions.get("interrupted"):
        lines += ["The measurement was stopped before its end: some runs are missing.", ""]
    if busy(view):
        lines += [busy(view), ""]
    if view.errors:
        lines += ["## Failed", "", *("- " + line for line in failures(view)), ""]
    if view.others:
        lines += ["## Kernel-heavy work, geometric mean of the ratios", "", *_means(view), ""]
    lines += _gains(view)
    for clock in view.clocks:
        lines += [f"## {clock}", "", f"{view.conditions['clocks'][clock]}. Median (least .. "
                  "greatest); ratios are medians over pairs of boots.", "",
                  *_summary(view, clock), ""]
    if view.others:
        lines += ["## Exits per operation", "", *_exits(view), ""]
    times = _times(view)
    if times:
        lines += ["## Time passing", "", *times, ""]
    beside = _beside(view, WORKLOADS)
    if beside:
        lines += ["## Elsewhere", "", f"These were {ELSEWHERE}.", "", *beside, ""]
        lines += [f"- {one['name']}: {one['source']}. {one['conditions']}"
                  for one in view.references] + [""]
    if view.document.get("host_benchmarks"):
        lines += ["## The portable parts on the host", "", "ns of processor time for one operation "
                  "on this machine, not on an e500.", "",
                  *host.markdown(view.document["host_benchmarks"]), ""]
    paths = path_rows(view.paths) if view.paths else None
    if paths:
        lines += ["## Path lengths", "",
                  *_table(paths[0], [[_cell(cell) for cell in row] for row in paths[1]]), ""]
    return "\n".join(lines)


def _groups(view, clock):
    """The terminal's columns in groups: (title, [(name, cell of a figure's rows, mean's cell)])."""
    def of_row(arm, which):
        return lambda figure, rows: which(figure, rows[arm]) if rows.get(arm) else "–"

    def ratio(figure, row):
        return v.ratio(row["ratio_to_native"] if figure.timed else None)

    def gain(base):
        return lambda figure, row: v.ratio(v.gain(row, base) if figure.timed else None)

    groups = [(clock, [(arm, of_row(arm, lambda _, row: middle(row)), "") for arm in view.arms])]
    groups.append(("to native", [(arm, of_row(arm, ratio), v.ratio(view.mean(arm, clock)[0]))
                                 for arm in view.others]))
    for base in dict.fromkeys(one.base for one in view.comparisons):
        groups.append((f"gain over {base}", [
            (one.arm, of_row(one.arm, gain(base)), v.ratio(view.mean(one.arm, clock, base)[0]))
            for one in view.comparisons if one.base == base]))
    groups.append(("exits", [(arm, of_row(arm, v.exits_shown), "") for arm in view.others]))
    return [(title, columns) for title, columns in groups if columns]


def _terminal(view, clock):
    """One clock's figures as lines of text, below two lines of heads."""
    groups = _groups(view, clock)
    columns = [column for _, group in groups for column in group]
    rows = [["workload", *(name for name, _, _ in columns)]]
    for figure in view.figures:
        found = {arm: figure.rows.get((arm, clock)) for arm in view.arms}
        rows.append([figure.label, *(cell(figure, found) for _, cell, _ in columns)])
    numbers = {view.mean(arm, clock)[1] for arm in view.others} - {0}
    if numbers:
        rows.append([f"geometric mean of {max(numbers)}", *(mean for _, _, mean in columns)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    head, place = " " * widths[0], 1
    for title, group in groups:
        # A group's title begins where its first column may begin, and makes room for itself.
        widths[place] += max(0, len(title) - sum(widths[place:place + len(group)])
                             - 2 * (len(group) - 1))
        head += "  " + title.ljust(sum(widths[place:place + len(group)]) + 2 * (len(group) - 1))
        place += len(group)
    return [head.rstrip()] + ["  ".join(
        cell.ljust(width) if not i else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]


def terminal(view):
    """The summary as lines of text."""
    lines = []
    for clock in view.clocks:
        lines += _terminal(view, clock) + [""]
    return lines + [gains.sentence(one) for one in gains.every(view)]
