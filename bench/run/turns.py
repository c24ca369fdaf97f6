# SPDX-License-Identifier: Apache-2.0
"""What a turn between two guests of one core costs, in instructions: two of bench/bare/turns.cpp
under --icount. They note when they did not have the core, by the time base that both read."""
import json
import os
import re
import statistics
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
PROGRAM = os.path.join(ROOT, "build", "hv", "bench", "bare", "turns.elf")
_LINE = re.compile(r"^([ab])\| @@turn (\d+) (\d+)$")
INSTRUCTIONS_PER_TICK = 2.5
SLICE_US = 50
# Fewer turns than this are no measurement.
LEAST = 16
TIMEOUT = 120


class Failed(Exception):
    """No turns were measured; for people."""


def gaps(output):
    """{guest: [(from, to), ...]} from both guests' consoles, ticks."""
    found = {"a": [], "b": []}
    for line in output.splitlines():
        match = _LINE.match(line)
        if match:
            found[match[1]].append((int(match[2]), int(match[3])))
    return found


def turns(found):
    """Ticks of the VMM for each change of guest, from gaps(): of a gap of a's, less b's stretch in
    it, half. Gaps without a whole stretch, and those with a heartbeat in them, tell nothing."""
    stretches = [(one[1], other[0]) for one, other in zip(found["b"], found["b"][1:])]
    result = []
    for start, end in found["a"]:
        inside = [one for one in stretches if start < one[0] and one[1] < end]
        if len(inside) == 1:
            result.append((end - start - (inside[0][1] - inside[0][0])) / 2)
    return result


def config(program, options):
    """The device tree source of the two."""
    one = ('%s {{ compatible = "partition"; cpus = <0 1>; memory = "16M"; kernel = "{}"; '
           'options = "{}"; }};\n').format(os.path.abspath(program), options)
    return (f'/dts-v1/;\n/ {{ compatible = "trapeze,config"; slice-us = <{SLICE_US}>;\n'
            + one % "a" + one % "b" + "};\n")


def measure(program=PROGRAM, options="patch=off mapping=straight"):
    """(instructions of a change of guest in all, of these: of the timer's exit as its counter says).
    Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="trapeze-turns-") as folder:
        source, summary = (os.path.join(folder, name) for name in ("turns.dts", "turns.json"))
        with open(source, "w", encoding="utf-8") as file:
            file.write(config(program, options))
        done = subprocess.run(
            [os.path.join(ROOT, "trapeze"), "boot", "--config", source, "--quiet", "--icount",
             "--json", summary, "--timeout", str(TIMEOUT)], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False)
        if done.returncode != 0:
            raise Failed(f"the guests ended with status {done.returncode}: {done.stderr.strip()[-2000:]}")
        with open(summary, encoding="utf-8") as file:
            guests = json.load(file)["guests"]
    found = turns(gaps(done.stdout))
    if len(found) < LEAST:
        raise Failed(f"only {len(found)} turns were seen from both sides")
    exits = [row for guest in guests for row in guest["exits"] if row["cause"] == "decrementer"]
    timer = sum(row["total_ticks"] for row in exits) / sum(row["count"] for row in exits)
    return (statistics.median(found) * INSTRUCTIONS_PER_TICK, timer * INSTRUCTIONS_PER_TICK)
