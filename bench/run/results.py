# SPDX-License-Identifier: Apache-2.0
"""results.json: put together, written, read again. schema.json describes it."""
import datetime
import json
import os
import platform
import subprocess

from . import gains
from .arms import TICKS_PER_SECOND, against
from .view import View

# 2: gains over more than one arm. What `compare` looks at is in 1 as in 2.
SCHEMA, READABLE = 2, (1, 2)


class Unreadable(Exception):
    """A file that is not a results.json of ours; str() is a line for the user."""


def _first_line(command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, text=True, check=False)
    except OSError:
        return None
    return done.stdout.split("\n")[0].strip() or None


def _cpu_model():
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
            for line in info:
                name, _, value = line.partition(":")
                if name.strip() in ("model name", "Model", "cpu model", "Processor"):
                    return value.strip()
    except OSError:
        pass
    return platform.machine()


def host(root, qemu):
    """The machine and the versions that the figures depend on; None for what is not known."""
    def git(*words):
        return _first_line(["git", "-C", root, *words])

    return {"cpu": _cpu_model(), "cores": os.cpu_count(),
            "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
            "qemu": _first_line([qemu, "--version"]),
            "gcc": _first_line(["gcc", "--version"]),
            "gcc_guest": _first_line(["powerpc64-linux-gnu-gcc", "--version"]),
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--untracked-files=no")),
            "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds")}


def _ordered(rows, plan):
    """By workload, metric, clock and arm, in the order of the plan."""
    place = {(kind, one.name): number
             for kind, table in (("w", plan.workloads), ("c", plan.clocks), ("a", plan.arms))
             for number, one in enumerate(table)}
    metrics = {}
    for row in rows:
        metrics.setdefault((row["workload"], row["metric"]), len(metrics))
    return sorted(rows, key=lambda row: (
        place["w", row["workload"]], metrics[row["workload"], row["metric"]],
        place["c", row["clock"]], place["a", row["arm"]]))


def put_together(facts, plan, measured, conditions):
    """The whole document. `conditions` is added to what the plan says."""
    document = {"schema": SCHEMA, "host": facts,
                "conditions": {
                    "mode": "quick" if plan.quick else "full",
                    "arms": {arm.name: arm.note for arm in plan.arms},
                    "against": against([arm.name for arm in plan.arms]),
                    "clocks": {clock.name: clock.note for clock in plan.clocks},
                    "workloads": [work.name for work in plan.workloads],
                    "runs": {clock.name: plan.runs[clock.name] for clock in plan.clocks},
                    "boots": measured.boots, "interrupted": measured.interrupted,
                    "ticks_per_second": TICKS_PER_SECOND, **conditions},
                "rows": _ordered(measured.rows(), plan)}
    document["gains"] = [one.facts() for one in gains.every(View(document))]
    return document


def write(path, document):
    """As JSON, one row a line; a figure that is not a number would be a defect and raises."""
    head = {name: value for name, value in document.items() if name != "rows"}
    text = json.dumps(head, indent=1, allow_nan=False)[:-2]
    rows = ",\n  ".join(json.dumps(row, allow_nan=False) for row in document["rows"])
    with open(path + ".new", "w", encoding="utf-8") as new:
        new.write(f'{text},\n "rows": [\n  {rows}\n ]\n}}\n')
    os.replace(path + ".new", path)


def _sound(row):
    def figure(value):
        # (Neither NaN nor infinity is below anything, and a whole number may have any size.)
        return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)
                                 and abs(value) < 1e300)

    def text(name, absent=False):
        value = row.get(name)
        return (absent and value is None) or (isinstance(value, str) and value.isprintable())

    return (isinstance(row, dict)
            and all(text(name) for name in ("arm", "clock", "workload"))
            and "metric" in row and text("metric", absent=True)
            and text("unit", absent=row["metric"] is None)
            and text("error", absent=True)
            and all(figure(row.get(name, "")) for name in ("min", "median", "max"))
            and (row["median"] is None) == (row["min"] is None) == (row["max"] is None)
            and (row["metric"] is None or row["median"] is not None))


def load(path):
    """A results.json from a file; raises Unreadable."""
    try:
        with open(path, encoding="utf-8") as handle:
            document = json.load(handle)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise Unreadable(f"{path}: is not JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise Unreadable(f"{path}: is not a results.json of ./trapeze bench")
    if document.get("schema") not in READABLE:
        raise Unreadable(f"{path}: is of schema {document.get('schema')!r}, known are "
                         f"{' and '.join(map(str, READABLE))}")
    if not all(map(_sound, document["rows"])):
        raise Unreadable(f"{path}: a row is damaged")
    return document
