# SPDX-License-Identifier: Apache-2.0
"""Figures measured elsewhere (bench/reference) and path lengths (bench/paths.json)."""
import glob
import json
import math
import os

from .results import Unreadable


def _read(path):
    try:
        with open(path, encoding="utf-8") as handle:
            return json.load(handle)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise Unreadable(f"{path}: is not JSON: {error}") from None


def _figure(value):
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)
                             and math.isfinite(value))


def load(folder):
    """The documents of a folder, in the order of their file names; raises Unreadable.

    {"schema": 1, "name", "source", "conditions", "unit", "rows": [{"workload", "value",
    "ratio_to_native", "exits"}, ...]}, of a row all but the first may be absent or null
    """
    found = []
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        document = _read(path)
        if not isinstance(document, dict) or document.get("schema") != 1:
            raise Unreadable(f"{path}: is not of schema 1")
        if not all(isinstance(document.get(name), str) and document[name]
                   for name in ("name", "source", "conditions")):
            raise Unreadable(f"{path}: lacks its name, source or conditions")
        rows = document.get("rows")
        if not isinstance(rows, list) or not all(
                isinstance(row, dict) and isinstance(row.get("workload"), str)
                and _figure(row.get("value")) and _figure(row.get("ratio_to_native"))
                for row in rows):
            raise Unreadable(f"{path}: a row is damaged")
        found.append(document)
    return found


def load_paths(path):
    """What bench/paths.json says, or None if there is no such file; raises Unreadable."""
    if not os.path.exists(path):
        return None
    table = _read(path)
    if (not isinstance(table, dict) or table.get("schema") != 1
            or not isinstance(table.get("paths"), list)
            or not all(isinstance(row, dict) for row in table["paths"])):
        raise Unreadable(f"{path}: is not a table of paths of schema 1")
    return table
