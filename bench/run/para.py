# SPDX-License-Identifier: Apache-2.0
"""What hypercalls take, in instructions: two guests of bench/bare/para.cpp under --icount. One makes calls and
rings a doorbell; the other one, more urgent, notes when its handler runs, by the time base that both read."""
import os
import re
import statistics
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
PROGRAM = os.path.join(ROOT, "build", "hv", "bench", "bare", "para.elf")
_PATH = re.compile(r"^a\| (@@path .*)$", re.M)
_TIME = re.compile(r"^([ab])\| @@(rung|heard) (\d+)$", re.M)
INSTRUCTIONS_PER_TICK = 2.5
TIMEOUT = 120
# Without patches, which would replace the paths.
OPTIONS = "patch=off mapping=straight"
CONFIG = """/dts-v1/;
/ {{
    compatible = "trapeze,config";
    pipe: pipe {{ compatible = "byte-channel"; }};
    bell: bell {{ compatible = "doorbell"; }};
    a {{
        compatible = "partition"; cpus = <0 1>; memory = "16M"; kernel = "{program}"; bootargs = "exits";
        options = "exits-device=on {options}"; priority = <1>;
        one {{ compatible = "byte-channel-handle"; channel = <&pipe>; }};
        two {{ compatible = "byte-channel-handle"; channel = <&pipe>; }};
        ring {{ compatible = "send-doorbell-handle"; doorbell = <&bell>; }};
    }};
    b {{
        compatible = "partition"; cpus = <0 1>; memory = "16M"; kernel = "{program}"; bootargs = "hears";
        options = "{options}"; priority = <2>;
        rung {{ compatible = "receive-doorbell-handle"; doorbell = <&bell>; }};
    }};
}};
"""


class Failed(Exception):
    """Nothing was measured; for people."""


def ways(output):
    """Ticks from each ring to the handler, from both guests' consoles."""
    times = {"rung": [], "heard": []}
    for _, what, ticks in _TIME.findall(output):
        times[what].append(int(ticks))
    if not times["rung"] or len(times["rung"]) != len(times["heard"]):
        raise Failed(f"{len(times['rung'])} rings, and {len(times['heard'])} were heard")
    return [heard - rung for rung, heard in zip(times["rung"], times["heard"])]


def boot(config, clock=("--icount",)):
    """The output of a boot of this configuration, as text. Raises Failed if it does not end well."""
    with tempfile.TemporaryDirectory(prefix="trapeze-para-") as folder:
        source = os.path.join(folder, "para.dts")
        with open(source, "w", encoding="utf-8") as file:
            file.write(config)
        done = subprocess.run(
            [os.path.join(ROOT, "trapeze"), "boot", "--config", source, "--quiet", *clock,
             "--timeout", str(TIMEOUT)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", check=False)
    if done.returncode != 0:
        raise Failed(f"the guests ended with status {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def measure(program=PROGRAM, options=OPTIONS):
    """(lines `@@path ...` of calls, median ticks from a doorbell's call to the handler). Raises Failed."""
    text = boot(CONFIG.format(program=os.path.abspath(program), options=options))
    return _PATH.findall(text), statistics.median(ways(text))
