# SPDX-License-Identifier: Apache-2.0
"""TCP between two Linux guests over a virtual switch, and over `lo` in one: what ./trapeze bench between
measures, from what bench/guest/net.c prints."""
import statistics
from dataclasses import dataclass, field

from . import output
from .arms import NS_PER_TICK


@dataclass(frozen=True)
class Arm:
    """`guests` on `cores`; one alone talks to itself."""

    name: str
    guests: int
    cores: int
    workload: str
    note: str


ARMS = {arm.name: arm for arm in (
    Arm("lo", 1, 1, "tcp_lo", "one guest, over its loopback device"),
    Arm("one_core", 2, 1, "tcp_net", "two guests in turn on one core, over a virtual switch"),
    Arm("two_cores", 2, 2, "tcp_net", "two guests, a core for each, over a virtual switch"),
)}
METRICS = {"round_trip": 1, "throughput_16k": 16384}
SLICE_US = 10000
SERVES = "bench.serves"
# As the initramfs understands it (docs/network.md); bench/guest/net.c knows the second one.
ADDRESSES = ("10.9.0.1", "10.9.0.2")


def config(arm, memory):
    """The guests of an arm as a configuration, each of so many MiB. The first one asks."""
    names = ("asks", "serves")[:arm.guests]
    nodes = []
    for number, name in enumerate(names):
        words = f"norandmaps net.lan={ADDRESSES[number]}/24" + (f" {SERVES}" if number else "")
        nodes.append(f"""    {name} {{
        compatible = "partition"; cpus = <{number % arm.cores} 1>; memory = "{memory}M"; bootargs = "{words}";
        {"" if number else 'devices = "pci";'}
        lan {{ compatible = "virtio-net"; switch = <&lan>; }};
    }};
""")
    return ('/dts-v1/;\n/ {\n    compatible = "trapeze,config";\n    lan: lan { compatible = "virtual-switch"; };\n'
            + "".join(nodes) + "};\n")


def command(arm, quick):
    """What each guest runs."""
    asks = f"sh /bench/all {'quick' if quick else 'full'} {arm.workload}"
    if arm.guests == 1:
        return asks
    return (f"if grep -q {SERVES} /proc/cmdline; then /bench/bench --serve; "
            f"else {asks}; s=$?; /bench/bench --end; (exit $s); fi")


@dataclass
class Measured:
    """`samples`: (arm, metric): {run: ticks of one operation, a list}; `failures`: arm: why; `boots`."""

    samples: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)
    boots: int = 0
    interrupted: bool = False


def keep(measured, arm, run, text, problem):
    """Takes a boot's console of the guest that asks; `problem` is why the boot ended badly, or None."""
    heard = output.read(text, [arm.workload], False)
    found = {}
    for one in heard.samples.get(arm.workload, []):
        if one.metric in METRICS:
            found.setdefault(one.metric, []).append(one.each)
    why = heard.failures.get(arm.workload) or problem
    if not why and set(found) != set(METRICS):
        why = "it printed no result"
    if why:
        measured.failures.setdefault(arm.name, f"run {run + 1}: {why}")
    for metric, each in found.items():
        measured.samples.setdefault((arm.name, metric), {})[run] = each


def _figure(runs, alone):
    """The median, least and greatest of all samples in ns, and how many times `alone` takes: of runs of one number."""
    if not runs:
        return None
    flat = [each * NS_PER_TICK for of in runs.values() for each in of]
    ratios = [statistics.median(of) / statistics.median(alone[run]) for run, of in runs.items() if run in alone]
    return {"median": statistics.median(flat), "min": min(flat), "max": max(flat),
            "ratio_to_lo": statistics.median(ratios) if ratios else None}


def rows(measured, unit):
    """The rows of between.json."""
    return [{"metric": metric, "unit": unit, "bytes": size,
             **{arm: _figure(measured.samples.get((arm, metric), {}),
                             measured.samples.get(("lo", metric), {})) for arm in ARMS}}
            for metric, size in METRICS.items()]


def lines(document):
    """The report, as Markdown that is read as it is."""
    unit = document["conditions"]["unit"]
    text = [f"| TCP, {unit} | lo | one core | two cores |", "|---|---|---|---|"]
    for row in document["rows"]:
        cells = [row["metric"]]
        for arm in ARMS:
            figure = row[arm]
            if figure is None:
                cells.append("-")
                continue
            cell = f"{figure['median']:,.0f}"
            if row["bytes"] > 1 and unit == "ns":
                cell += f" ({row['bytes'] * 1000 / figure['median']:.1f} MB/s)"
            if arm != "lo" and figure["ratio_to_lo"] is not None:
                cell += f", {figure['ratio_to_lo']:.2f} of lo"
            cells.append(cell)
        text.append("| " + " | ".join(cells) + " |")
    return text + [f"{arm}: {why}" for arm, why in document["errors"].items()]
