# SPDX-License-Identifier: Apache-2.0
"""Two results.json: what got faster or slower by more than the spread. Less is always better."""

FASTER, SLOWER, SAME, ONLY_OLD, ONLY_NEW, FAILED = (
    "faster", "slower", "same", "gone", "new", "failed")
ORDER = (SLOWER, FAILED, FASTER, ONLY_OLD, ONLY_NEW, SAME)


def _by_key(document):
    return {(row["arm"], row["clock"], row["workload"], row["metric"]): row
            for row in document["rows"] if row["metric"] is not None}


def _failures(document):
    return {(row["arm"], row["clock"], row["workload"]): row["error"]
            for row in document["rows"] if row.get("error")}


def _verdict(old, new):
    # Ranges that overlap may be the same thing measured twice.
    if new["min"] > old["max"]:
        return SLOWER
    return FASTER if new["max"] < old["min"] else SAME


def compare(old, new):
    """A list of {"arm", "clock", "workload", "metric", "unit", "old", "new", "change",
    "verdict"}, the worst first. change is new/old - 1 of the medians, None if it has none."""
    before, after = _by_key(old), _by_key(new)
    failed = _failures(new)
    result = []
    for key in {**before, **after}:
        one, two = before.get(key), after.get(key)
        row = dict(zip(("arm", "clock", "workload", "metric"), key))
        row.update(unit=(two or one)["unit"], old=one and one["median"], new=two and two["median"],
                   change=None)
        if one and two:
            row["change"] = two["median"] / one["median"] - 1 if one["median"] else None
            row["verdict"] = _verdict(one, two)
        else:
            row["verdict"] = ONLY_NEW if two else ONLY_OLD
        if one and key[:3] in failed:
            row["verdict"] = FAILED
            row["error"] = failed[key[:3]]
        result.append(row)
    return sorted(result, key=lambda row: (ORDER.index(row["verdict"]), -abs(row["change"] or 0),
                                           row["arm"], row["clock"], row["workload"],
                                           row["metric"]))


def bad(rows, tolerance, wall):
    """Those of `compare` that fail the comparison: slower than `tolerance` (0.05 is 5 %), or
    failed where they did not. Wall clock counts only if `wall`."""
    return [row for row in rows if (wall or row["clock"] != "wall")
            and (row["verdict"] == FAILED
                 or row["verdict"] == SLOWER and (row["change"] is None
                                                  or row["change"] > tolerance))]


def _figure(value, unit):
    if value is None:
        return "-"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.4g} {unit}"


def table(rows, everything=False):
    """Lines for people; rows that are the same are only counted unless `everything`."""
    shown = [row for row in rows if everything or row["verdict"] != SAME]
    cells = [("", "arm", "clock", "workload", "old", "new", "change")]
    for row in shown:
        name = row["workload"] + ("" if row["metric"] == row["workload"]
                                  else f" {row['metric']}")
        change = "" if row["change"] is None else f"{row['change'] * 100:+.1f} %"
        cells.append((row["verdict"], row["arm"], row["clock"], name,
                      _figure(row["old"], row["unit"]), _figure(row["new"], row["unit"]), change))
    lines = []
    if shown:
        widths = [max(len(line[i]) for line in cells) for i in range(7)]
        lines = ["  ".join(cell.ljust(width) if i < 4 else cell.rjust(width)
                           for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
                 for line in cells]
    same = sum(row["verdict"] == SAME for row in rows)
    lines.append(f"{same} of {len(rows)} figures are the same within their spread")
    return lines
