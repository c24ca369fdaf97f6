# SPDX-License-Identifier: Apache-2.0
"""Figures measured elsewhere (bench/reference): their shape, and that they agree with themselves."""
import glob
import json
import math
import os
import sys
import unittest

from support import ROOT

sys.path.insert(0, os.path.join(ROOT, "bench"))

from run.workloads import WORKLOADS  # noqa: E402  (the path had to be set first)

HEAD = ("name", "title", "source", "conditions", "unit")
ROW = {"workload", "metric", "value", "native", "ratio_to_native", "exits"}
# What the report puts beside our own rows.
FILES = {"gandalf", "kvm-e500v2-paravirt", "kvm-e500v2-unmodified", "patching-literature",
         "proteus-full", "proteus-para", "wrtvmm"}


def distinct_keys(pairs):
    """An object whose keys are all different; JSON itself lets the last one win."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"a key stands twice: {keys}")
    return dict(pairs)


def number(value):
    """A positive finite number, which true and false are not."""
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value) and value > 0)


def problems(document):
    """What is wrong with a document of bench/reference, a line each."""
    wrong = []
    if document.get("schema") != 1:
        wrong.append("schema is not 1")
    wrong += [f"no {key}" for key in HEAD
              if not isinstance(document.get(key), str) or not document[key].strip()]
    if document.get("clock") not in ("icount", "wall"):
        wrong.append("clock is neither icount nor wall")
    if set(document) - {"schema", "clock", "rows", *HEAD}:
        wrong.append(f"keys that nobody reads: {set(document)}")
    rows = document.get("rows")
    if not isinstance(rows, list) or not rows:
        return wrong + ["no rows"]
    for row in rows:
        if not isinstance(row, dict) or set(row) != ROW:
            wrong.append(f"a row has other keys than {sorted(ROW)}: {row}")
            continue
        name = row["workload"]
        if name not in WORKLOADS:
            wrong.append(f"{name} is no workload")
        if not number(row["value"]):
            wrong.append(f"{name}: the value is no positive number")
            continue
        if row["exits"] is not None and (not isinstance(row["exits"], int) or row["exits"] < 0):
            wrong.append(f"{name}: exits is no count")
        if (row["native"] is None) != (row["ratio_to_native"] is None):
            wrong.append(f"{name}: a ratio goes with a native value")
        elif row["native"] is not None:
            if not number(row["native"]) or not number(row["ratio_to_native"]):
                wrong.append(f"{name}: native value or ratio is no positive number")
            elif abs(row["value"] / row["native"] / row["ratio_to_native"] - 1) > 0.001:
                wrong.append(f"{name}: the ratio is not value / native")
    names = [row["workload"] for row in rows if isinstance(row, dict) and "workload" in row]
    if len(set(names)) != len(names):
        wrong.append("a workload stands there twice")
    return wrong


class Reference(unittest.TestCase):
    """The files of bench/reference."""

    def documents(self):
        """{file name without .json: document}."""
        found = {}
        for path in glob.glob(os.path.join(ROOT, "bench", "reference", "*.json")):
            with open(path, encoding="utf-8") as handle:
                found[os.path.basename(path)[:-len(".json")]] = json.load(
                    handle, object_pairs_hook=distinct_keys)
        return found

    def test_shape(self):
        documents = self.documents()
        self.assertLessEqual(FILES, set(documents))
        for name, document in documents.items():
            with self.subTest(file=name):
                self.assertEqual(problems(document), [])
        names = [document["name"] for document in documents.values()]
        self.assertEqual(len(set(names)), len(names), "two files have one name")

    def test_what_is_wrong_is_seen(self):
        good = self.documents()["kvm-e500v2-unmodified"]
        row = good["rows"][1]

        def with_row(**changes):
            return {**good, "rows": [{**row, **changes}]}

        for bad in ({**good, "schema": 2}, {**good, "source": ""}, {**good, "rows": []},
                    {**good, "clock": "sundial"}, {**good, "mood": "good"},
                    {**good, "rows": [row, row]}, {**good, "rows": [{"workload": "pipe"}]},
                    with_row(workload="nothing"), with_row(value="5900"), with_row(value=-1),
                    with_row(exits=1.5), with_row(native=None), with_row(native=100)):
            with self.subTest(bad=str(bad)[:200]):
                self.assertNotEqual(problems(bad), [])


if __name__ == "__main__":
    unittest.main()
