# SPDX-License-Identifier: Apache-2.0
"""The summary of a run: checked JSON from the VMM, and the same as tables for people."""
from . import patching
from .common import paint

# The `end` values of schema 1 (docs name them); anything else is a defect of the VMM.
ENDS = {
    "poweroff": "the guest powered itself off",
    "reset": "the guest reset itself",
    "guest-died": "the guest died",
    "vmm-failed": "the VMM failed",
    "stopped": "stopped on request",
    "input": "the VMM refused the guest's image or device tree",
}


def count(value):
    """Whether it is a number that the VMM can have counted: of 64 bits, not below 0."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64


def _words(value):
    """Whether it is text that a terminal shows and does not obey."""
    return isinstance(value, str) and value.isprintable()


def _rows(summary, name, text, numbers):
    """Whether there is no list `name`, or one of rows with a text and numbers of these names."""
    rows = summary.get(name, [])
    return isinstance(rows, list) and all(
        isinstance(row, dict) and _words(row.get(text))
        and all(count(row.get(number)) for number in numbers) for row in rows)


def problem(summary):
    """What is wrong with a VMM's summary, or None. It came over a serial line: trust nothing."""
    if not isinstance(summary.get("end"), str) or summary["end"] not in ENDS:
        return f"unknown end {str(summary.get('end'))[:40]!r}"
    if not _words(summary.get("reason", "")):
        return "a reason that is no text"
    if not count(summary.get("ticks_per_second")) or summary["ticks_per_second"] == 0:
        return "no ticks_per_second"
    ticks = summary.get("ticks")
    if not isinstance(ticks, dict) or not count(ticks.get("stolen", 0)) or not all(
            count(ticks.get(name)) for name in ("total", "guest", "vmm", "idle")):
        return "no ticks"
    if not _rows(summary, "exits", "cause", ("count", "min_ticks", "max_ticks", "total_ticks")):
        return "a row of exits is incomplete"
    if not _rows(summary, "instructions", "name", ("count",)):
        return "a row of instructions is incomplete"
    return patching.problem(summary["patch"]) if "patch" in summary else None


def _seconds(value):
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.1f} ms" if value >= 1e-3 else f"{value * 1e6:.1f} us"


def _table(head, rows, right):
    """Lines of a table; `right` says for each column whether it is flush right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [cell.rjust(width) if flush else cell.ljust(width)
                 for cell, width, flush in zip(row, widths, right)]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def _share(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _exit_lines(summary):
    rate = summary["ticks_per_second"]
    rows = sorted((row for row in summary.get("exits", []) if row["count"]),
                  key=lambda row: (-row["total_ticks"], row["cause"]))
    total = sum(row["count"] for row in rows)

    def micro(ticks):
        return f"{ticks * 1e6 / rate:.2f}"

    cells = [[row["cause"], f"{row['count']:,}", _share(row["count"], total),
              micro(row["min_ticks"]), micro(row["total_ticks"] / row["count"]),
              micro(row["max_ticks"]), _seconds(row["total_ticks"] / rate)] for row in rows]
    ticks = sum(row["total_ticks"] for row in rows)
    cells.append(["all", f"{total:,}", "", "", micro(ticks / total) if total else "-", "",
                  _seconds(ticks / rate)])
    head = ["exit cause", "count", "share", "min us", "mean us", "max us", "total"]
    return _table(head, cells, [False] + [True] * 6)


def of_guests(rows, stream):
    """One line for each guest: rows of summary.json, some without what the VMM said."""
    head = ["guest", "end", "status", "exits", "guest", "VMM", "idle", "stolen", "time", "patched"]
    cells = []
    for row in rows:
        ticks, rate = row.get("ticks"), row.get("ticks_per_second")
        end = row.get("end") or ("no summary" if row["status"] else "not started")
        if ticks is None:
            cells.append([row["guest"], end, str(row["status"]), *["-"] * 7])
            continue
        total = ticks["total"]
        cells.append([row["guest"], end, str(row["status"]),
                      f"{sum(one['count'] for one in row.get('exits', [])):,}",
                      *(_share(ticks.get(part, 0), total)
                        for part in ("guest", "vmm", "idle", "stolen")),
                      _seconds(total / rate), f"{row['patch']['patched']:,}"
                      if row.get("patch") else "-"])
    table = _table(head, cells, [False, False] + [True] * 8)
    return "\n".join(["", paint(table[0], "bold", stream), *table[1:], ""])


def render(summary, stream, hottest=12):
    """The tables as text, coloured if `stream` takes it."""
    lines = []
    if summary.get("mode") == "native":
        lines.append(f"native run, no VMM and so no exits; {_seconds(summary['wall_seconds'])} "
                     "in all")
        return "\n".join(lines)
    table = _exit_lines(summary)
    lines += ["", paint(table[0], "bold", stream), *table[1:-1],
              paint(table[-1], "bold", stream)]
    trapped = sorted(summary.get("instructions", []),
                     key=lambda row: (-row["count"], row["name"]))
    trapped = [row for row in trapped if row["count"]]
    total = sum(row["count"] for row in trapped)
    if trapped:
        head = ["trapped instruction", "count", "share"]
        cells = [[row["name"], f"{row['count']:,}", _share(row["count"], total)]
                 for row in trapped[:hottest]]
        if len(trapped) > hottest:
            rest = sum(row["count"] for row in trapped[hottest:])
            cells.append([f"{len(trapped) - hottest} others", f"{rest:,}", _share(rest, total)])
        table = _table(head, cells, [False, True, True])
        lines += ["", paint(table[0], "bold", stream), *table[1:]]
    ticks, rate = summary["ticks"], summary["ticks_per_second"]
    parts = [f"{name} {_seconds(ticks[key] / rate)} ({_share(ticks[key], ticks['total'])})"
             for name, key in (("guest", "guest"), ("VMM", "vmm"), ("idle", "idle"),
                               ("stolen", "stolen")) if key in ticks]
    lines += ["", paint("  where the time went", "bold", stream) + "  " + ", ".join(parts)
              + f"; {_seconds(ticks['total'] / rate)} in all"]
    patched = patching.line(summary)
    lines += (["  " + patched] if patched else []) + [""]
    return "\n".join(lines)
