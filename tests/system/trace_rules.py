# SPDX-License-Identifier: Apache-2.0
"""What a file in Chrome's trace event format has to be like, as its readers expect it ("Trace Event Format",
JSON object format), and as docs/trace.md promises. Tests of the front door check what it wrote."""
import json
import math

# Bytes of a file for each record at most, and for what else it has.
RECORD_BYTES, REST_BYTES = 1000, 8000
# What each phase has to have besides.
NEEDS = {"X": {"ts", "dur"}, "i": {"ts", "s"}, "B": {"ts"}, "E": {"ts"}, "M": {"args"}}
NAMING = {"process_name": "name", "thread_name": "name", "process_sort_index": "sort_index"}


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _kinds(event):
    """What is wrong with the event's fields."""
    phase = event.get("ph")
    if phase not in NEEDS:
        return f"phase {phase!r}"
    if missing := (NEEDS[phase] | {"pid", "tid", "name", "cat"}) - event.keys():
        return f"has no {missing}"
    wrong = [key for key in ("pid", "tid") if not _is_whole(event[key])]
    wrong += [key for key in ("ts", "dur")
              if key in event and not (_is_number(event[key]) and event[key] >= 0)]
    wrong += [key for key in ("name", "cat", "cname") if key in event and not (
        isinstance(event[key], str) and event[key])]
    if not isinstance(event.get("args", {}), dict):
        wrong.append("args")
    if phase == "i" and event["s"] not in ("g", "p", "t"):
        wrong.append("s")
    return f"wrong {wrong}" if wrong else None


def _whole(micros):
    """A time in units of which the file has whole ones, 0.1 ns."""
    return round(micros * 10000)


class _Tracks:
    """Names and slices of each track."""

    def __init__(self):
        self.processes, self.threads = {}, {}
        self._last, self._open, self._begun = {}, {}, {}

    def name(self, event):
        """Takes a name. Returns what is wrong with it."""
        kind = event["name"]
        if kind not in NAMING:
            return f"names what: {kind}"
        value = event["args"].get(NAMING[kind])
        if kind == "process_sort_index":
            return None if _is_whole(value) else f"sorts by {value!r}"
        names = self.threads if kind == "thread_name" else self.processes
        key = (event["pid"], event["tid"]) if kind == "thread_name" else event["pid"]
        if not isinstance(value, str) or not value or key in names:
            return f"{key} is named {value!r}, and was {names.get(key)!r}"
        names[key] = value
        return None

    def add(self, event):
        """Takes an event of a track. Returns what is wrong with it."""
        track, start = (event["pid"], event["tid"]), _whole(event["ts"])
        if track not in self.threads or track[0] not in self.processes:
            return f"of track {track}, which has no name"
        if start < self._last.get(track, 0):
            return f"at {event['ts']}, before the one before it"
        self._last[track] = start
        if event["ph"] in "BE":
            self._begun[track] = self._begun.get(track, 0) + (1 if event["ph"] == "B" else -1)
            return "ends what has not begun" if self._begun[track] < 0 else None
        if event["ph"] != "X":
            return None
        stack, end = self._open.setdefault(track, []), start + _whole(event["dur"])
        while stack and stack[-1] <= start:
            stack.pop()
        if stack and stack[-1] < end:
            return f"from {event['ts']} is longer than the slice that it lies in"
        stack.append(end)
        return None

    def open(self):
        """Tracks with slices that do not end."""
        return [track for track, count in self._begun.items() if count]


def problems(data, records=None):
    """All that is wrong with a file, `data` in bytes, made of so many records."""
    document = json.loads(data)
    found, tracks = [], _Tracks()
    if document.get("displayTimeUnit") not in ("ms", "ns"):
        found.append("displayTimeUnit")
    events = document.get("traceEvents")
    if not isinstance(events, list):
        return [*found, "traceEvents is no list"]
    for number, event in enumerate(events):
        wrong = _kinds(event)
        if wrong is None:
            wrong = tracks.name(event) if event["ph"] == "M" else tracks.add(event)
        if wrong:
            found.append(f"event {number} {wrong}: {event}")
    found += [f"a slice of {track} does not end" for track in tracks.open()]
    if records is not None and len(data) > RECORD_BYTES * records + REST_BYTES:
        found.append(f"{len(data)} bytes for {records} records")
    return found
