# SPDX-License-Identifier: Apache-2.0
"""`--config FILE`: the guests of a machine as a device tree source (docs/guests.md).

Every mistake is told with its file and line, all of them at once.
"""
import difflib
import os
import re

from . import guest, links, shared, source
from .common import USAGE, Failure, complain
from .machine import CORES_MOST, ENDINGS, GUESTS_MOST, REACH, WINDOWS_MOST, Machine, Spec, target_of

COMPATIBLE, PARTITION = "trapeze,config", "partition"
NAME = re.compile(r"[a-z][a-z0-9-]{0,14}")
CELL_MOST = (1 << 32) - 1
# longest_slice_us in hv/boot/wishes.cpp.
SLICE_MOST = 1000000
# What dtc itself adds to a node that something refers to.
_OF_DTC = ("phandle", "linux,phandle")


class Mistakes(list):
    """(FILE:LINE, what is wrong), in the order of the file."""

    def add(self, where, what):
        """One more."""
        self.append((where, what))


class Reader:
    """The properties of one node, each taken once; what nobody has taken is a mistake."""

    def __init__(self, node, mistakes, what):
        self.node, self._mistakes, self._what = node, mistakes, what
        self._known = list(_OF_DTC)

    def where(self, name):
        """Where the property stands, or else the node."""
        one = self.node.properties.get(name)
        return one.where if one else self.node.where

    def wrong(self, name, what):
        """A mistake in the property."""
        self._mistakes.add(self.where(name), what)

    def _take(self, name, kind, form):
        self._known.append(name)
        one = self.node.properties.get(name)
        if one is None:
            return None
        if one.kind != kind:
            self.wrong(name, f"'{name}' takes {form}")
            return None
        return one.values

    def flag(self, name):
        """Whether the property without a value is there."""
        return self._take(name, "flag", f"no value: {name};") is not None

    def text(self, name, example):
        """Its one string, or None."""
        form = f'one string, such as {name} = "{example}"'
        values = self._take(name, "text", form)
        if values is None:
            return None
        if len(values) != 1 or not values[0].isprintable():
            self.wrong(name, f"'{name}' takes {form}")
            return None
        return values[0]

    def texts(self, name, example):
        """Its strings."""
        return self._take(name, "text", f'strings, such as {name} = "{example}"') or []

    def word(self, name, choices):
        """One of the words, or None."""
        value = self.text(name, choices[0])
        if value is not None and value not in choices:
            self.wrong(name, f"'{name}' is one of " + ", ".join(choices) + f": not '{value}'")
            return None
        return value

    def numbers(self, name, example):
        """Its cells, or None."""
        return self._take(name, "cells", f"numbers, such as {name} = <{example}>")

    def number(self, name, least, most, example):
        """Its one cell, or None."""
        values = self.numbers(name, example)
        if values is None:
            return None
        if len(values) != 1 or not least <= values[0] <= most:
            self.wrong(name, f"'{name}' takes one number from {least} to {most}, such as "
                             f"<{example}>")
            return None
        return values[0]

    def end(self):
        """Complains about the properties that nobody has taken."""
        for name, one in self.node.properties.items():
            if name not in self._known:
                near = difflib.get_close_matches(name, self._known[len(_OF_DTC):], 1)
                hint = f": did you mean '{near[0]}'?" if near else ""
                self._mistakes.add(one.where, f"'{name}' is no property of {self._what}{hint}")


def _memory(reader, spec):
    """`memory`, in bytes as a number, or as a string with K, M or G."""
    one = reader.node.properties.get("memory")
    if one is not None and one.kind == "text":
        text = reader.text("memory", "256M")
        try:
            mem = guest.parse_size(text or "")
        except ValueError:
            reader.wrong("memory", "'memory' takes a size, such as \"256M\" or <0x10000000>")
            return
    else:
        values = reader.numbers("memory", "0x10000000")
        if values is None:
            return
        if len(values) != 1:
            reader.wrong("memory", "'memory' takes one size: a guest's memory has no holes")
            return
        mem = values[0]
    if mem < guest.MEM_LEAST or mem % 4096:
        reader.wrong("memory", f"{mem} bytes of memory: it takes at least 4 MiB, and whole pages "
                               "of 4 KiB")
    elif mem > guest.VMM_MEM_MOST:
        reader.wrong("memory", "a guest's memory is 1536M at most")
    elif spec.ours and mem < guest.DEFAULT_GUEST_LEAST:
        reader.wrong("memory", "the default guest needs at least 48M")
    else:
        spec.mem = mem


def _file(reader, name, folder, example):
    """The path in property `name` as the front door may open it, or None."""
    text = reader.text(name, example)
    return None if text is None else _checked(reader, name, folder, text)


def _checked(reader, name, folder, text):
    path = os.path.join(folder, text)
    if target_of(path):
        # Built before it is read.
        return path
    if not os.path.exists(path):
        reader.wrong(name, f"{path}: there is no such file ({name})")
    elif not os.path.isfile(path):
        reader.wrong(name, f"{path}: is not a file ({name})")
    elif not os.access(path, os.R_OK):
        reader.wrong(name, f"{path}: permission denied ({name})")
    return path


def _images(reader, spec, folder):
    spec.kernel = _file(reader, "kernel", folder, "uImage")
    spec.ours = spec.kernel is None and "kernel" not in reader.node.properties
    spec.initrd = _file(reader, "initrd", folder, "root.cpio.gz")
    spec.dtb = _file(reader, "dtb", folder, "board.dtb")
    spec.raw = reader.flag("raw")
    spec.append = reader.text("bootargs", "console=ttyS0")
    for text in reader.texts("load", "data.bin@0x2000000"):
        try:
            path, address = guest.parse_load(text)
        except Failure:
            reader.wrong("load", f"{text}: is not FILE@ADDRESS, such as data.bin@0x2000000 (load)")
            continue
        spec.load.append(f"{_checked(reader, 'load', folder, path)}@{address:#x}")
    for name in ("initrd", "load", "raw"):
        if spec.ours and name in reader.node.properties:
            reader.wrong(name, f"'{name}' goes with 'kernel'; the default guest brings its own")


def _scheduling(reader, spec, machine):
    cpus = reader.numbers("cpus", "0 1")
    if cpus is not None:
        if len(cpus) != 2 or cpus[1] != 1:
            reader.wrong("cpus", "'cpus' takes a core and how many: <CORE 1>, for a guest has one")
        elif cpus[0] >= CORES_MOST:
            reader.wrong("cpus", f"core {cpus[0]}: the last one is {CORES_MOST - 1}")
        else:
            spec.core = cpus[0]
    spec.priority = reader.number("priority", 0, 255, "1")
    spec.period = reader.number("period-us", 1, CELL_MOST, "10000")
    spec.budget = reader.number("budget-us", 1, CELL_MOST, "2000")
    given = [name for name in ("budget-us", "period-us") if name in reader.node.properties]
    if len(given) == 1:
        reader.wrong(given[0], "'budget-us' and 'period-us' go together")
    elif spec.budget and spec.period and spec.budget > spec.period:
        reader.wrong("budget-us", f"a budget of {spec.budget} us does not fit into a period of "
                                  f"{spec.period} us")
    if given and machine.schedule == "cyclic":
        reader.wrong(given[0], f"'{given[0]}' goes with schedule = \"priority\": here windows bound "
                               "what a guest has")
    windows = reader.numbers("windows-us", "0 5000")
    if windows is not None and machine.schedule != "cyclic":
        reader.wrong("windows-us", "'windows-us' goes with schedule = \"cyclic\"")
    elif windows is not None and (len(windows) % 2 or not windows or 0 in windows[1::2]):
        reader.wrong("windows-us", "'windows-us' takes pairs of start and length: <0 5000>")
    elif windows is None and machine.schedule == "cyclic":
        reader.wrong("windows-us", "without 'windows-us' this guest never runs, for the schedule "
                                   "is cyclic")
    else:
        spec.windows = windows or []


def _partition(node, machine, folder, mistakes, guests):
    reader = Reader(node, mistakes, "a guest")
    reader.text("compatible", PARTITION)
    name = reader.text("label", "linux") or node.name.split("@")[0]
    spec = Spec(name)
    if not NAME.fullmatch(name):
        reader.wrong("label", f"'{name}' is no name of a guest: a small letter, then up to 14 small "
                              "letters, digits or '-' (label)")
    _images(reader, spec, folder)
    _memory(reader, spec)
    _scheduling(reader, spec, machine)
    spec.options = reader.text("options", "patch=hot") or ""
    if any(word.startswith("mem=") for word in spec.options.split()):
        reader.wrong("options", "mem= is the property 'memory'")
    for device in reader.texts("devices", "pci"):
        if device == "pci":
            spec.pci = True
        else:
            reader.wrong("devices", f"there is no device '{device}': 'devices' knows pci")
    spec.on_death = reader.word("on-death", ENDINGS)
    spec.show = reader.word("console", ("show", "log")) != "log"
    spec.autostart = not reader.flag("no-autostart")
    spec.hypercalls = reader.flag("hypercalls")
    reader.end()
    for child in node.children:
        handle = links.read_handle(child, Reader(child, mistakes, "this node"), machine.objects, guests, node)
        if handle and handle.name in [one.name for one in spec.handles]:
            mistakes.add(child.where, f"'{name}' has a '{handle.name}' already")
        elif handle:
            spec.handles.append(handle)
    if len(spec.handles) > links.HANDLES_MOST:
        mistakes.add(node.where, f"'{name}' has more than {links.HANDLES_MOST} handles")
    for one in [one for one in spec.handles if one.kind == links.CONSOLE][1:]:
        mistakes.add(one.where, f"'{name}' has a channel to its console already")
    spec.handles = links.in_order(spec.handles)
    shared.place(spec, mistakes)
    return spec, reader


def _objects(root, machine, mistakes):
    """The nodes of the root that guests refer to; they may stand behind these."""
    for child in filter(links.is_object, root.children):
        one = links.read_object(child, Reader(child, mistakes, "this node"))
        if one.name in [other.name for other in machine.objects]:
            mistakes.add(child.where, f"there is a '{one.name}' already")
        machine.objects.append(one)
    if len(machine.objects) > links.OBJECTS_MOST:
        mistakes.add(root.where, f"there are more than {links.OBJECTS_MOST} objects")


def _frame(machine, readers, mistakes):
    """The windows of a cyclic schedule: within the frame, and one at a time on each core."""
    taken = {}
    for spec, reader in readers:
        for start, length in zip(spec.windows[::2], spec.windows[1::2]):
            if machine.frame_us and start + length > machine.frame_us:
                reader.wrong("windows-us", f"the window <{start} {length}> ends behind the major "
                                           f"frame of {machine.frame_us} us")
            for other, first, last in taken.get(spec.core, []):
                if start < last and first < start + length:
                    mistakes.add(reader.where("windows-us"),
                                 f"the window <{start} {length}> overlaps one of '{other}' on "
                                 f"core {spec.core}")
                    break
            taken.setdefault(spec.core, []).append((spec.name, start, start + length))
        if len(taken.get(spec.core, [])) > WINDOWS_MOST:
            reader.wrong("windows-us", f"core {spec.core} has more than {WINDOWS_MOST} windows")


def _together(machine, readers, mistakes):
    """What only shows when all guests are known."""
    names, owner = {}, None
    for spec, reader in readers:
        if spec.name in names:
            reader.wrong("label", f"there is a guest '{spec.name}' already, at "
                                  f"{names[spec.name]}")
        names.setdefault(spec.name, reader.where("label"))
        if spec.pci and owner:
            reader.wrong("devices", f"the PCI bus belongs to '{owner}' already")
        owner = owner or (spec.name if spec.pci else None)
    if len(readers) > GUESTS_MOST:
        readers[GUESTS_MOST][1].wrong("", f"there are {len(readers)} guests: {GUESTS_MOST} is the "
                                          "most")
    if readers and not any(spec.autostart for spec, _ in readers):
        readers[0][1].wrong("no-autostart", "no guest starts by itself, so the machine would wait "
                                            "for ever: one must be without 'no-autostart'")
    _frame(machine, readers, mistakes)
    for where, what in links.mistakes(machine.objects,
                                      [one for spec, _ in readers for one in spec.handles]):
        mistakes.add(where, what)
    if readers and machine.memory > REACH:
        total = sum(spec.mem for spec in machine.guests) >> 20
        readers[-1][1].wrong("memory", f"the guests' {total} MiB, what they share and the VMM do "
                                       "not fit below 2 GiB")


def parsed(root, path, mistakes):
    """The Machine that a source.Node describes; what is wrong goes into `mistakes`."""
    folder = os.path.dirname(path)
    reader = Reader(root, mistakes, "the machine")
    if reader.text("compatible", COMPATIBLE) != COMPATIBLE:
        reader.wrong("compatible", f'the root node must say compatible = "{COMPATIBLE}"')
    machine = Machine([])
    machine.schedule = reader.word("schedule", ("priority", "cyclic"))
    machine.slice_us = reader.number("slice-us", 1, SLICE_MOST, "10000")
    machine.frame_us = reader.number("major-frame-us", 1, CELL_MOST, "20000")
    cyclic = machine.schedule == "cyclic"
    if cyclic and "major-frame-us" not in root.properties:
        reader.wrong("schedule", "a cyclic schedule needs 'major-frame-us'")
    if not cyclic and "major-frame-us" in root.properties:
        reader.wrong("major-frame-us", "'major-frame-us' goes with schedule = \"cyclic\"")
    if cyclic and "slice-us" in root.properties:
        reader.wrong("slice-us", "'slice-us' goes with schedule = \"priority\"")
    _objects(root, machine, mistakes)
    readers, guests = [], list(filter(links.is_guest, root.children))
    for child in root.children:
        if links.is_object(child):
            continue
        kind = child.properties.get("compatible")
        if kind is None or kind.values != [PARTITION]:
            mistakes.add(child.where, f"'{child.name}' is no guest: a guest says compatible = "
                                      f'"{PARTITION}"')
            continue
        readers.append(_partition(child, machine, folder, mistakes, guests))
    reader.end()
    machine.guests = [spec for spec, _ in readers]
    machine.cores = max((spec.core for spec in machine.guests), default=0) + 1
    if not readers and not mistakes:
        mistakes.add(root.where, "there is no guest: a node with compatible = "
                                 f'"{PARTITION}" is one')
    _together(machine, readers, mistakes)
    return machine


def _order(mistake):
    """By file, then by line."""
    name, _, line = mistake[0].rpartition(":")
    return name, int(line) if line.isdigit() else 0


def read(path):
    """The Machine in the file. Raises Failure; what is wrong has been told then."""
    if not os.path.exists(path):
        raise Failure(f"{path}: there is no such file (--config)")
    if not os.path.isfile(path):
        raise Failure(f"{path}: is not a file (--config)")
    mistakes = Mistakes()
    try:
        machine = parsed(source.read(path), path, mistakes)
    except Failure as failure:
        told = str(failure).split("\n")
        for line in told:
            complain(line)
        raise Failure("", failure.status) from None
    for where, what in sorted(mistakes, key=_order):
        complain(f"{where or path}: {what}")
    if mistakes:
        raise Failure("", USAGE)
    return machine
