# SPDX-License-Identifier: Apache-2.0
"""What guests exchange, in instructions: messages over a ring, copies, and a manager's calls, by guests of
bench/bare/peers.cpp under --icount, on one core or with the one that answers on another."""
import os
import re
import statistics

from . import para

PROGRAM = os.path.join(para.ROOT, "build", "hv", "bench", "bare", "peers.elf")
PATH = re.compile(r"^a\| (@@path .*)$", re.M)
_MESSAGE = re.compile(r"^a\| @@message (\d+) (\d+) (\d+) (\d+) (\d+)$", re.M)
_RESTART = re.compile(r"^a\| @@restart (\d+) (\d+) (\d+) (\d+)$", re.M)
CONFIG = """/dts-v1/;
/ {{
    compatible = "trapeze,config";
    there: there {{ compatible = "doorbell"; }};
    back: back {{ compatible = "doorbell"; }};
    memory: memory {{ compatible = "shared-memory"; size = "256K"; }};
    a {{
        compatible = "partition"; cpus = <0 1>; memory = "16M"; kernel = "{program}"; bootargs = "asks {words}";
        options = "exits-device=on {options}"; priority = <1>;
        ring {{ compatible = "shared-memory-handle"; memory = <&memory>; address = <0x90000000>; }};
        rings {{ compatible = "send-doorbell-handle"; doorbell = <&there>; }};
        hears {{ compatible = "receive-doorbell-handle"; doorbell = <&back>; }};
        {manages}
    }};
    b {{
        compatible = "partition"; cpus = <{core} 1>; memory = "16M"; kernel = "{program}"; bootargs = "answers";
        options = "{options}"; priority = <2>;
        ring {{ compatible = "shared-memory-handle"; memory = <&memory>; address = <0x90000000>; }};
        rings {{ compatible = "send-doorbell-handle"; doorbell = <&back>; }};
        hears {{ compatible = "receive-doorbell-handle"; doorbell = <&there>; }};
    }};
    {managed}
}};
"""
MANAGES = 'manages { compatible = "managed-partition"; partition = <&c>; };'
MANAGED = """c: c {{
        compatible = "partition"; cpus = <0 1>; memory = "16M"; kernel = "{program}";
        options = "{options}"; priority = <2>; hypercalls; no-autostart;
    }};"""


def config(program, calls, core=0, options=para.OPTIONS):
    """The configuration, with the guest that is managed if `calls`, and the one that answers on `core`."""
    program = os.path.abspath(program)
    return CONFIG.format(
        program=program, options=options, core=core, words="calls exits" if calls else "waits exits",
        manages=MANAGES if calls else "",
        managed=MANAGED.format(program=program, options=options) if calls else "")


def _median(rows, count, what):
    """The medians of differences of ticks, as instructions; `rows` are texts."""
    if not rows:
        raise para.Failed(f"nothing was told of {what}")
    times = [[int(one) for one in row] for row in rows]
    return [statistics.median((row[to] - row[since]) % (1 << 32) for row in times) * para.INSTRUCTIONS_PER_TICK
            for since, to in count]


def messages(text):
    """(from a doorbell's call to the handler; from before a message's sending to its being there; and to the
    answer's being there), in instructions, from the console."""
    return _median(_MESSAGE.findall(text), ((1, 2), (0, 3), (0, 4)), "messages")


def restarts(text):
    """(from the call to stop a guest until it is stopped; from the call to start it to its first instruction)."""
    return _median(_RESTART.findall(text), ((0, 1), (1, 2)), "starts")


def measure(program=PROGRAM):
    """{path: (instructions)} of messages and starts on one core, and of messages to another one; and lines `@@path ...`
    of the rest. Raises para.Failed."""
    text = para.boot(config(program, True))
    _, way, trip = messages(text)
    stop, start = restarts(text)
    bell, across, trip_across = messages(para.boot(config(program, False, 1)))
    return {"ring_one_way": way, "ring_round_trip": trip, "partition_stop": stop, "partition_start": start,
            "doorbell_across": bell, "ring_one_way_across": across,
            "ring_round_trip_across": trip_across}, PATH.findall(text)
