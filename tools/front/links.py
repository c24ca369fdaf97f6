# SPDX-License-Identifier: Apache-2.0
"""What joins guests in a configuration (docs/links.md).

*Objects* are nodes of the root: memory, a byte channel, a doorbell, a network's switch. *Handles* are nodes of
a guest: what it has of an object, by a reference such as `channel = <&pipe>`, or of another guest. A new kind is a row of OBJECTS or
HANDLES here and one of the VMM's (handle_kinds in hv/boot/links.cpp).
"""
import dataclasses
import difflib
import re
from typing import Callable, Optional

from . import shared

# The VMM's: most_objects, most_handles in hv/boot/links.hpp.
OBJECTS_MOST, HANDLES_MOST = 16, 16
# Up to 31 characters, as device trees name nodes.
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


# HandleKind.of of a handle that is of another guest: what that node says it is (VMM's: a_guest).
GUEST = "partition"


@dataclasses.dataclass
class Object:
    """One of the root's. `lines` are properties for the VMM as device tree source."""

    kind: str
    name: str
    where: str
    lines: list
    phandle: Optional[int] = None
    # Bytes of the machine's memory that it takes.
    size: int = 0


@dataclasses.dataclass
class Handle:
    """One of a guest's; `to` is None for a kind that refers to no object. `guest` is the number of the guest that
    it is of, None for all other kinds."""

    kind: str
    name: str
    where: str
    lines: list
    to: Optional[Object] = None
    # What it takes of the guest's addresses: bytes, and from where on, if the file says so.
    size: int = 0
    address: Optional[int] = None
    doorbell: Optional[list] = None
    where_doorbell: str = ""
    guest: Optional[int] = None


@dataclasses.dataclass
class ObjectKind:
    """`read(reader)` takes a node's properties and gives the lines for the VMM; `fill(found, reader)`, if more is to
    be known of the Object or Handle than its lines, takes what belongs to that."""

    read: Callable
    fill: Optional[Callable] = None


@dataclasses.dataclass
class HandleKind:
    """`reference` is the property that names the object, of the kind `of`; None: it has none. `read` as above.
    With `of` = GUEST it names another guest."""

    reference: Optional[str]
    of: Optional[str]
    read: Callable
    fill: Optional[Callable] = None


def _nothing(_reader):
    return []


def _receiver(reader):
    """`shutdown`: who rings asks the guest to end."""
    return ["shutdown;"] if reader.flag("shutdown") else []


# An address of a network card that is one card's alone: the lowest bit of the first byte says "group".
MAC = re.compile(r"[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}")


def _virtio_net(reader):
    """`mac-address`; without it the VMM derives one."""
    text = reader.text("mac-address", "02:00:00:00:00:01")
    if text is None:
        return []
    if not MAC.fullmatch(text) or text == "00:00:00:00:00:00":
        reader.wrong("mac-address", f"'{text}' is no address of a network card: six bytes in hexadecimal, the "
                                    'first one even, such as mac-address = "02:00:00:00:00:01"')
        return []
    return [f"local-mac-address = [{text.replace(':', ' ')}];"]


CHANNEL, CHANNEL_END, CONSOLE = "byte-channel", "byte-channel-handle", "console-channel-handle"
SWITCH, CARD = "virtual-switch", "virtio-net"
# The VMM's: most_ports in hv/para/switch.hpp.
CARDS_MOST = 8

# By their `compatible`.
OBJECTS = {
    CHANNEL: ObjectKind(_nothing),
    "doorbell": ObjectKind(_nothing),
    SWITCH: ObjectKind(_nothing),
    "shared-memory": ObjectKind(_nothing, shared.fill_object),
}
HANDLES = {
    CHANNEL_END: HandleKind("channel", CHANNEL, _nothing),
    CONSOLE: HandleKind(None, None, _nothing),
    "send-doorbell-handle": HandleKind("doorbell", "doorbell", _nothing),
    "receive-doorbell-handle": HandleKind("doorbell", "doorbell", _receiver),
    CARD: HandleKind("switch", SWITCH, _virtio_net),
    "shared-memory-handle": HandleKind("memory", "shared-memory", _nothing, shared.fill_handle),
    "managed-partition": HandleKind("partition", GUEST, _nothing),
}


def is_object(node):
    """Whether a node of the root is one."""
    return _kind(node) in OBJECTS


def _kind(node):
    kind = node.properties.get("compatible")
    return kind.values[0] if kind and kind.kind == "text" and len(kind.values) == 1 else None


def _name(node, reader):
    name = reader.text("label", "ring") or node.name.split("@")[0]
    if not NAME.fullmatch(name):
        reader.wrong("label", f"'{name}' is no name: a small letter, then up to 30 small letters, digits or "
                              "'-' (label)")
    return name


def _phandle(node):
    one = node.properties.get("phandle")
    return one.values[0] if one and one.kind == "cells" and len(one.values) == 1 else None


def read_object(node, reader):
    """The Object of a node for which is_object()."""
    kind = reader.text("compatible", next(iter(OBJECTS)))
    row = OBJECTS[kind]
    found = Object(kind, _name(node, reader), node.where, row.read(reader), _phandle(node))
    if row.fill:
        row.fill(found, reader)
    reader.end()
    return found


def is_guest(node):
    """Whether a node of the root is one."""
    return _kind(node) == GUEST


def _guest_of(row, node, reader, guests, own):
    """The number of the guest that a node refers to, one of the `guests`, nodes of the root; None: that is wrong."""
    cells = reader.numbers(row.reference, "&rt") or []
    for number, guest in enumerate(guests):
        if cells and [_phandle(guest)] == cells:
            if guest is own:
                reader.wrong(row.reference, f"'{node.name}': a guest does not manage itself")
                return None
            return number
    reader.wrong(row.reference, f"'{row.reference}' takes a reference to a guest, such as {row.reference} = <&LABEL>")
    return None


def read_handle(node, reader, objects, guests=(), own=None):
    """The Handle of a node of the guest `own`, or None if it is none. `guests` are the nodes of all."""
    kind = reader.text("compatible", next(iter(HANDLES), ""))
    if kind not in HANDLES:
        near = difflib.get_close_matches(kind or "", HANDLES, 1)
        reader.wrong("compatible", f"'{node.name}': a guest has no node of the kind '{kind}'"
                                   + (f": did you mean '{near[0]}'?" if near else ""))
        return None
    row = HANDLES[kind]
    to = other = None
    if row.of == GUEST:
        other = _guest_of(row, node, reader, guests, own)
    elif row.reference:
        cells = reader.numbers(row.reference, f"&{row.of}") or []
        to = next((one for one in objects if [one.phandle] == cells and one.kind == row.of), None)
        if to is None:
            reader.wrong(row.reference, f"'{row.reference}' takes a reference to a node with compatible = "
                                        f'"{row.of}", such as {row.reference} = <&LABEL>')
    found = Handle(kind, _name(node, reader), node.where, row.read(reader), to, guest=other)
    if row.fill:
        row.fill(found, reader)
    reader.end()
    return found


def in_order(handles):
    """A guest's handles by their numbers: Linux's driver of byte channels takes the one with number 0 for its first,
    and has no room for the last one if there is none."""
    order = (CONSOLE, CHANNEL_END)
    return sorted(handles, key=lambda one: order.index(one.kind) if one.kind in order else len(order))


def console_of(handles):
    """What Linux calls the console of a guest with these handles."""
    return "ttyEHV0" if any(one.kind == CONSOLE for one in handles) else "ttyS0,115200"


def mistakes(objects, handles):
    """(FILE:LINE, what is wrong) of what only shows when all `handles` of all guests are known."""
    for one in objects:
        ends = sum(handle.to is one for handle in handles)
        if one.kind == CHANNEL and ends != 2:
            yield one.where, (f"the byte channel '{one.name}' has {ends} end{'' if ends == 1 else 's'}: two handles "
                              "have to refer to it")
    yield from _on_switches(handles)


def _on_switches(handles):
    cards, taken = {}, {}
    for one in handles:
        if one.kind != CARD or one.to is None:
            continue
        cards[one.to.name] = cards.get(one.to.name, 0) + 1
        if cards[one.to.name] == CARDS_MOST + 1:
            yield one.where, f"the switch '{one.to.name}' has more than {CARDS_MOST} cards"
        for line in one.lines:
            before = taken.setdefault((one.to.name, line.lower()), one)
            if before is not one:
                yield one.where, f"a card on the switch '{one.to.name}' has this mac-address already, at {before.where}"


def lines_of_objects(objects):
    """The machine image's /objects."""
    if not objects:
        return
    yield "objects {"
    for one in objects:
        yield f'{one.name} {{ kind = "{one.kind}";'
        yield from one.lines
        yield "};"
    yield "};"


def lines_of_handles(handles, objects):
    """A guest's /handles there. `object` is the number of what it refers to, `guest` that of a guest."""
    if not handles:
        return
    yield "handles {"
    for one in handles:
        yield f'{one.name} {{ kind = "{one.kind}";'
        if one.to is not None:
            yield f"object = <{objects.index(one.to)}>;"
        if one.guest is not None:
            yield f"guest = <{one.guest}>;"
        yield from one.lines
        yield "};"
    yield "};"
