# SPDX-License-Identifier: Apache-2.0
"""Memory that guests share, in a configuration (docs/shared-memory.md)."""
from . import guest

PAGE = 4096
MOST = 64 * guest.MIB
# Where handles without an address go: behind every guest's memory, and below 4 GiB for guests with 32-bit addresses.
WINDOW = (0x80000000, 0xc0000000)
ADDRESSES = 1 << 36
# The map of whichever guest has it (hv/board/ppce500.hpp, hv/para/virtio.hpp): from, to, what.
TAKEN = ((0xc00000000, 0xc20000000, "PCI memory"), (0xf00000000, 0xf08000000, "the platform bus"),
         (0xfe0000000, 0xfe0100000, "the board's devices"), (0xfe1000000, 0xfe1010000, "PCI I/O"),
         (0xfea000000, 0xfea010000, "virtio devices"))


def alignment(size):
    """What the VMM aligns it to in the machine, and this in a guest, for large pages (hv/boot/shared_memory.cpp)."""
    align = PAGE
    while align < 16 * guest.MIB and align * 4 <= size:
        align *= 4
    return align


def fill_object(found, reader):
    """`size`: a string with K or M, or bytes."""
    given = reader.node.properties.get("size")
    if given is None:
        reader.wrong("size", "shared memory needs a size, such as size = \"64K\"")
        return
    if given.kind == "text":
        try:
            found.size = guest.parse_size(reader.text("size", "64K") or "")
        except ValueError:
            reader.wrong("size", "'size' takes a size, such as \"64K\" or <0x10000>")
            return
    else:
        found.size = reader.number("size", 0, (1 << 32) - 1, "0x10000")
        if found.size is None:
            found.size = 0
            return
    if not 0 < found.size <= MOST or found.size % PAGE:
        reader.wrong("size", f"{found.size} bytes: shared memory takes whole pages of 4 KiB, up to 64M")
        found.size = 0
    found.lines.append(f"size = <{found.size}>;")


def fill_handle(found, reader):
    """`address`: one cell or two; `read-only`; `doorbell`, by which the guest is told of changes."""
    found.size = found.to.size if found.to else 0
    if reader.flag("read-only"):
        found.lines.append("read-only;")
    found.doorbell = reader.numbers("doorbell", "&bell")
    found.where_doorbell = reader.where("doorbell")
    cells = reader.numbers("address", "0x80000000")
    if cells is None:
        return
    found.where = reader.where("address")
    if not 1 <= len(cells) <= 2:
        reader.wrong("address", "'address' takes one number, or two: <HIGH LOW>")
        return
    found.address = (cells[0] << 32) + cells[1] if len(cells) == 2 else cells[0]


def _overlapped(taken, first, size):
    return next((one for one in taken if first < one[1] and one[0] < first + size), None)


def _tie(spec, one, mistakes):
    """Its doorbell's number among the guest's handles."""
    for number, other in enumerate(spec.handles):
        if other.kind == "receive-doorbell-handle" and other.to and one.doorbell == [other.to.phandle]:
            one.lines.append(f"doorbell = <{number}>;")
            return
    mistakes.add(one.where_doorbell, f"'doorbell' takes a reference to a doorbell that '{spec.name}' has a "
                                     "receive-doorbell-handle of")


def place(spec, mistakes):
    """Gives each of a guest's handles an address; mistakes are told where it stands in the file."""
    taken = [(0, spec.mem, "its memory"), *TAKEN]
    handles = [one for one in spec.handles if one.size]
    for one in sorted(handles, key=lambda one: one.address is None):
        if one.address is None:
            step = alignment(one.size)
            one.address = WINDOW[0]
            while found := _overlapped(taken, one.address, one.size):
                one.address = guest.round_up(found[1], step)
            if one.address + one.size > WINDOW[1]:
                mistakes.add(one.where, f"there is no room for '{one.name}' from {WINDOW[0]:#x} to {WINDOW[1]:#x}: "
                                        "give it an address of its own")
        elif one.address % PAGE or one.address + one.size > ADDRESSES:
            mistakes.add(one.where, f"'address' takes a multiple of 4 KiB, and ends below 64G: not {one.address:#x}")
        elif found := _overlapped(taken, one.address, one.size):
            mistakes.add(one.where, f"'{one.name}' at {one.address:#x} overlaps {found[2]} of '{spec.name}', "
                                    f"{found[0]:#x} to {found[1] - 1:#x}")
        if one.doorbell is not None:
            _tie(spec, one, mistakes)
        taken.append((one.address, one.address + one.size, f"'{one.name}'"))
        one.lines.append(f"address = <{one.address >> 32:#x} {one.address & 0xffffffff:#x}>;")
