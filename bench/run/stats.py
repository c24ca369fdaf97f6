# SPDX-License-Identifier: Apache-2.0
"""The arithmetic: rows from samples, ratios from pairs, geometric means."""
import math
from statistics import median

from .arms import CLOCKS, NS_PER_TICK


def geometric_mean(values):
    """Of positive numbers; None if there are none."""
    values = list(values)
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if values else None


def unit_of(unit, clock):
    """The unit that `value_of` gives: a tick is time, and under icount time is instructions."""
    if unit == "ticks":
        return CLOCKS[clock].unit
    return "ns" + unit[5:] if unit.startswith("ticks_") else unit


def value_of(sample):
    """A sample's value for one operation, in `unit_of`."""
    return sample.each * NS_PER_TICK if sample.unit.startswith("ticks") else sample.each


def per_operation(samples, which):
    """Counts of `which` ('exits' or 'kinds') for one operation, over all samples together."""
    total = sum(sample.ops for sample in samples)
    counts = {}
    for sample in samples:
        for name, count in getattr(sample, which).items():
            counts[name] = counts.get(name, 0) + count
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {name: count / total for name, count in ranked if count}


def pair_ratios(runs, native):
    """For each run that both have: this arm's median by native's. Both: {run: [values]}."""
    pairs = []
    for run in sorted(set(runs) & set(native)):
        base = median(native[run])
        if base > 0:
            pairs.append(median(runs[run]) / base)
    return pairs


def rows(samples, failures, native=None, against=None):
    """The rows of results.json.

    samples   {(arm, clock, workload): {run: [Sample]}}
    failures  {(arm, clock, workload): why}
    native    name of the arm that ratios are to, or None
    against   {arm: the arms that its gains are over}
    """
    metrics = {}
    for (arm, clock, workload), runs in samples.items():
        for run, found in runs.items():
            for sample in found:
                metrics.setdefault((arm, clock, workload, sample.metric), {}).setdefault(
                    run, []).append(sample)
    values = {key: {run: [value_of(sample) for sample in found] for run, found in runs.items()}
              for key, runs in metrics.items()}
    result = []
    for key, runs in metrics.items():
        arm, clock, workload, metric = key
        every = [value for run in sorted(runs) for value in values[key][run]]
        together = [sample for run in sorted(runs) for sample in runs[run]]
        pairs = pair_ratios(values[key], values.get((native, *key[1:]), {}))
        gains = {base: pair_ratios(values.get((base, *key[1:]), {}), values[key])
                 for base in (against or {}).get(arm, ())}
        gains = {base: found for base, found in gains.items() if found}
        row = {"arm": arm, "clock": clock, "workload": workload, "metric": metric,
               "unit": unit_of(together[0].unit, clock), "n": len(every), "min": min(every),
               "median": median(every), "max": max(every),
               "ratio_to_native": median(pairs) if pairs else None,
               "ratios": pairs, "gain": {base: median(found) for base, found in gains.items()},
               "gains": gains,
               "exits": per_operation(together, "exits"),
               "kinds": per_operation(together, "kinds"),
               "samples": [values[key][run] for run in sorted(runs)]}
        if key[:3] in failures:
            row["error"] = failures[key[:3]]
        result.append(row)
    measured = {key[:3] for key in metrics}
    for (arm, clock, workload), why in failures.items():
        if (arm, clock, workload) not in measured:
            result.append({"arm": arm, "clock": clock, "workload": workload, "metric": None,
                           "unit": None, "n": 0, "min": None, "median": None, "max": None,
                           "ratio_to_native": None, "ratios": [], "gain": {}, "gains": {},
                           "exits": {}, "kinds": {}, "samples": [], "error": why})
    return result
