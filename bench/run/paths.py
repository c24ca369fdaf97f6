#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Path lengths: measures them and compares them with bench/paths.json (docs/paths.md).

usage: paths.py [--program ELF]             measure, show, compare; status 1 if anything is wrong
       paths.py --update                    write what was measured as "last"; bounds only sink
       paths.py --update --raise NAME ...   and let the bounds of these paths rise

A bound is the last measured value and 3 % more, at least 4 instructions.
"""
import argparse
import json
import math
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from run import para, peers, turns  # noqa: E402  pylint: disable=wrong-import-position

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TABLE = os.path.join(ROOT, "bench", "paths.json")
PROGRAM = os.path.join(ROOT, "build", "hv", "bench", "bare", "paths.elf")
_LINE = re.compile(r"^@@path (\w+) (\d+) (\d+) (\w+)$")
TIMEOUT = 120


class Wrong(Exception):
    """Something that keeps a comparison from being made, for people."""


def parse(output):
    """{name: {"cause", "last", "vmm"}} in instructions, from the guest's console."""
    found = {}
    lines = output.splitlines()
    for line in lines:
        if line.startswith("@@bench-failed"):
            raise Wrong(f"the guest gave up: {line}")
        if not line.startswith("@@path "):
            continue
        match = _LINE.match(line)
        if not match:
            raise Wrong(f"this is no line of a path: {line!r}")
        name, total, vmm, cause = match.groups()
        if name in found:
            raise Wrong(f"the guest measured {name} twice")
        found[name] = {"cause": cause, "last": int(total) / 10, "vmm": int(vmm) / 10}
    if lines[-1:] != ["isa: done"]:
        raise Wrong(f"the guest did not come to its end; last line {lines[-1:]}")
    return found


def between_guests(program):
    """Paths as of parse(): what a change of guest on one core costs."""
    try:
        turn, timer = turns.measure(program)
    except turns.Failed as why:
        raise Wrong(f"turns of two guests: {why}") from None
    return {"turn": {"cause": "decrementer", "last": round(turn, 1), "vmm": round(timer, 1)},
            "turn_switch": {"cause": "none", "last": round(turn - timer, 1), "vmm": 0.0}}


def hypercalls(program):
    """Paths as of parse(): what hypercalls take, and how far a doorbell is from its handler."""
    try:
        lines, way = para.measure(program)
    except para.Failed as why:
        raise Wrong(f"hypercalls: {why}") from None
    way *= para.INSTRUCTIONS_PER_TICK
    return {**parse("\n".join([*lines, "isa: done"])),
            "doorbell": {"cause": "none", "last": round(way, 1), "vmm": 0.0}}


def exchanged(program):
    """Paths as of parse(): what guests exchange by rings, copies and a manager's calls."""
    try:
        ways, lines = peers.measure(program)
    except para.Failed as why:
        raise Wrong(f"guests that exchange something: {why}") from None
    return {**parse("\n".join([*lines, "isa: done"])),
            **{name: {"cause": "none", "last": round(way, 1), "vmm": 0.0}
               for name, way in ways.items()}}


def measure(program=PROGRAM):
    """Boots the guest with --icount and without patches, which would replace the paths, and
    returns parse() of its console, and then two guests beside each other. Straight, where a fetch that is forbidden meets the entry that
    a load has made; crossed, it misses, and all else is alike."""
    command = [os.path.join(ROOT, "trapeze"), "boot", "--kernel", program, "--quiet", "--icount",
               "--patch=off", "--mapping=straight", "--append", "exits",
               "--vmm-append", "exits-device=on", "--timeout", str(TIMEOUT)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", check=False)
    if done.returncode != 0:
        raise Wrong(f"the guest ended with status {done.returncode}: {done.stderr.strip()[-2000:]}")
    folder = os.path.dirname(program)
    return {**parse(done.stdout), **hypercalls(os.path.join(folder, "para.elf")),
            **exchanged(os.path.join(folder, "peers.elf")),
            **between_guests(os.path.join(folder, "turns.elf"))}


def load(path=TABLE):
    """The document of paths.json; raises Wrong."""
    try:
        with open(path, encoding="utf-8") as handle:
            table = json.load(handle)
    except (OSError, ValueError) as error:
        raise Wrong(f"{path}: {error}") from None
    if not isinstance(table, dict) or table.get("schema") != 1:
        raise Wrong(f"{path}: is not of schema 1")
    names = [row["name"] for row in table["paths"]]
    if len(set(names)) != len(names):
        raise Wrong(f"{path}: a path stands there twice")
    return table


def bound_of(last):
    """The bound that goes with a measured value: whole instructions."""
    return math.ceil(last + max(4, last * 0.03))


def compare(table, measured):
    """What is wrong, a line each: a path over its bound, one not measured, one without a bound."""
    wrong = []
    rows = {row["name"]: row for row in table["paths"]}
    for name, row in rows.items():
        now = measured.get(name)
        if now is None:
            wrong.append(f"{name}: has a bound and was not measured")
            continue
        if now["cause"] != row["cause"]:
            wrong.append(f"{name}: is a path of {now['cause']}, not of {row['cause']}")
        if now["last"] > row["bound"]:
            wrong.append(f"{name}: {now['last']:g} instructions, more than its bound of "
                         f"{row['bound']:g} (last {row['last']:g})")
    wrong += [f"{name}: was measured and has no bound" for name in measured if name not in rows]
    return wrong


def updated(table, measured, may_rise=()):
    """The table with what was measured. A bound rises for the names in `may_rise` only; a path
    that is gone leaves, a new one comes in the guest's order."""
    old = {row["name"]: row for row in table["paths"]}
    unknown = [name for name in may_rise if name not in measured]
    if unknown:
        raise Wrong(f"there is no path {', '.join(unknown)}")
    rows = []
    for name, now in measured.items():
        bound = bound_of(now["last"])
        if name in old and name not in may_rise:
            bound = min(bound, old[name]["bound"])
        rows.append({"name": name, "cause": now["cause"], "bound": bound, "last": now["last"],
                     "vmm": now["vmm"]})
    return {**table, "paths": rows}


def render(table):
    """The document as text: one path a line."""
    head = {key: value for key, value in table.items() if key != "paths"}
    text = json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ',\n "paths": [\n'
    rows = ["  " + json.dumps(row, ensure_ascii=False) for row in table["paths"]]
    return text + ",\n".join(rows) + "\n ]\n}\n"


def show(table, measured):
    """The table for people: total and the VMM's share now, the last value, the bound."""
    rows = {row["name"]: row for row in table["paths"]}
    print(f"{'path':<22} {'cause':<12} {'total':>9} {'in VMM':>9} {'last':>9} {'bound':>7}")
    for name, now in measured.items():
        row = rows.get(name)
        last, bound = (f"{row['last']:.1f}", f"{row['bound']:g}") if row else ("-", "-")
        print(f"{name:<22} {now['cause']:<12} {now['last']:>9.1f} {now['vmm']:>9.1f} "
              f"{last:>9} {bound:>7}")


def build():
    """Builds the guest as the front door would."""
    sys.path.insert(0, os.path.join(ROOT, "tools"))
    from front import build as builder, common  # pylint: disable=import-outside-toplevel
    try:
        with builder.lock():
            builder.cmake("hv", ["bench-bare"])
    except common.Failure as failure:
        raise Wrong(str(failure)) from None


def main():
    """The command; see the module's text."""
    parser = argparse.ArgumentParser(description="measures the path lengths of bench/paths.json",
                                     epilog="docs/paths.md says what each path is")
    parser.add_argument("--program", help="the guest; without it, it is built")
    parser.add_argument("--update", action="store_true",
                        help="write what was measured; bounds may only sink")
    parser.add_argument("--raise", dest="may_rise", metavar="NAME", action="append", default=[],
                        help="with --update: let this path's bound rise; repeatable")
    options = parser.parse_args()
    if options.may_rise and not options.update:
        parser.error("--raise goes with --update")
    try:
        table = load()
        if not options.program:
            build()
        measured = measure(options.program or PROGRAM)
        show(table, measured)
        if options.update:
            table = updated(table, measured, options.may_rise)
            with open(TABLE, "w", encoding="utf-8") as handle:
                handle.write(render(table))
        wrong = compare(table, measured)
    except Wrong as why:
        print(f"paths.py: {why}", file=sys.stderr)
        return 2
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
