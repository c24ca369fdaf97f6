# SPDX-License-Identifier: Apache-2.0
"""The portable parts on the host, by Google Benchmark: run, checked, and as part of the report."""
import json
import math
import subprocess
from html import escape

from .svg import LogAxis, Picture

# Seconds that each benchmark runs at least, with --quick and in full; each so often.
LEAST = {True: 0.02, False: 0.2}
REPETITIONS = {True: 3, False: 5}
WIDTH, HEIGHT, LEFT, RIGHT = 1180, 330, 60, 220


class Failed(Exception):
    """The program did not give what it should; str() is a line for the user."""


def _figure(value):
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value) and value > 0)


def parse(text):
    """[{name, size, n, min, median, max, counters}] in ns, from Google Benchmark's JSON."""
    try:
        runs = json.loads(text)["benchmarks"]
    except (ValueError, KeyError, TypeError):
        raise Failed("it printed no JSON of Google Benchmark") from None
    found = {}
    for run in runs:
        if run.get("run_type") != "iteration":
            continue
        name, _, size = str(run.get("run_name")).partition("/")
        if run.get("error_occurred") or run.get("time_unit") != "ns" or not _figure(
                run.get("cpu_time")) or (size and not size.isdigit()):
            raise Failed(f"{run.get('run_name')}: no figure")
        key = (name, int(size) if size else None)
        one = found.setdefault(key, {"times": [], "counters": {}})
        one["times"].append(run["cpu_time"])
        one["counters"] = {word: run[word] for word in (
            "used", "lost", "evicted", "stubs", "victims", "words") if _number(run.get(word))}
    if not found:
        raise Failed("it measured nothing")
    rows = []
    for (name, size), one in found.items():
        times = sorted(one["times"])
        middle = (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2
        rows.append({"name": name, "size": size, "n": len(times), "min": times[0],
                     "median": middle, "max": times[-1], "counters": one["counters"]})
    return rows


def _number(value):
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value))


def measure(program, quick):
    """Runs the program and returns its rows; raises Failed."""
    command = [program, "--benchmark_format=json",
               f"--benchmark_min_time={LEAST[quick]}",
               f"--benchmark_repetitions={REPETITIONS[quick]}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", check=False, timeout=600)
    except OSError as error:
        raise Failed(f"cannot start {program}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Failed("it did not end within 600 s") from None
    if done.returncode != 0:
        raise Failed(f"it ended with status {done.returncode}")
    return parse(done.stdout)


def _grown(rows):
    """{name: its rows by size} of what was measured at more than two sizes of some reach."""
    curves = {}
    for row in rows:
        if row["size"] is not None:
            curves.setdefault(row["name"], []).append(row)
    return {name: sorted(curve, key=lambda row: row["size"]) for name, curve in curves.items()
            if len(curve) > 2 and max(row["size"] for row in curve) >= 1000}


def chart(rows):
    """How each grows with the number of sites, both axes logarithmic; '' if nothing does."""
    curves = _grown(rows)
    if not curves:
        return ""
    every = [row for curve in curves.values() for row in curve]
    across = LogAxis(1, max(row["size"] for row in every), LEFT, WIDTH - RIGHT)
    up = LogAxis(min(row["min"] for row in every) / 1.2, max(row["max"] for row in every) * 1.2,
                 HEIGHT - 30, 10)
    picture = Picture(WIDTH, HEIGHT, "time of one operation by number of sites")
    for value in across.ticks():
        picture.line(across(value), 10, across(value), HEIGHT - 30, "grid")
        picture.text(across(value), HEIGHT - 12, f"{value:,.0f}", "tick middle")
    for value in up.ticks():
        picture.line(LEFT, up(value), WIDTH - RIGHT, up(value), "grid")
        picture.text(LEFT - 6, up(value) + 4, f"{value:g} ns", "tick end")
    taken = []
    for number, (name, curve) in enumerate(sorted(
            curves.items(), key=lambda item: up(item[1][-1]["median"]))):
        kind = f"k{number % 13}"
        picture.path([(across(max(row["size"], 1)), up(row["median"])) for row in curve],
                     "curve " + kind)
        for row in curve:
            picture.dot(across(max(row["size"], 1)), up(row["median"]), 3, "point " + kind,
                        f"{name}, {row['size']:,} sites: {row['median']:.3g} ns "
                        f"({row['min']:.3g} .. {row['max']:.3g})")
        # Names stand at the end of their curves, one below the other where these meet.
        y = max(up(curve[-1]["median"]) + 4, taken[-1] + 15 if taken else 0)
        taken.append(y)
        picture.text(across(curve[-1]["size"]) + 10, y, name, "")
    return str(picture)


def _times(row):
    return f"{row['median']:.3g}", f"{row['min']:.3g} .. {row['max']:.3g}"


def _named(row):
    return row["name"] if row["size"] is None else f"{row['name']}, {row['size']:,}"


def _counters(row):
    return ", ".join(f"{name} {value:.6g}" for name, value in row["counters"].items())


def table(rows):
    """The figures as HTML."""
    lines = "".join(f'<tr><td class="left">{escape(_named(row))}</td><td>{_times(row)[0]}</td>'
                    f"<td>{_times(row)[1]}</td><td>{escape(_counters(row))}</td></tr>"
                    for row in rows)
    return ('<div class="scroll"><table><thead><tr><th class="left">benchmark, sites</th>'
            "<th>ns</th><th>least .. greatest</th><th>at the end</th></tr></thead>"
            f"<tbody>{lines}</tbody></table></div>")


def markdown(rows):
    """The figures as lines of Markdown."""
    return ["| benchmark, sites | ns | least .. greatest | at the end |", "|---|--:|--:|--:|",
            *(f"| {_named(row)} | {_times(row)[0]} | {_times(row)[1]} | {_counters(row)} |"
              for row in rows)]
