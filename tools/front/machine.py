# SPDX-License-Identifier: Apache-2.0
"""Several guests: what each of them is, and the machine image that the VMM is given.

The image is a flattened device tree of TREE_ROOM bytes, and behind it the guests' FITs as
trapeze-pack makes them, each at a multiple of PAGE (docs/guests.md, "The machine image").
"""
import dataclasses
import os
import subprocess
from typing import Optional

from . import guest, links, shared
from .common import BUILD, ROOT, USAGE, VMM_FAILED, Failure

# The VMM's (most_guests in hv/guest/machine.hpp). A test holds them together.
GUESTS_MOST = 4
PAGE, TREE_ROOM = 4096, 65536
# The VMM's: max_cores in hv/sched/run.hpp, max_windows in hv/sched/policy.hpp.
CORES_MOST = 2
WINDOWS_MOST = 32
# What the VMM itself needs for each guest more: its tables, and the copy of its text.
GUEST_RESERVE = 64 * guest.MIB
# The VMM loads its guests through a map of the first so many bytes of the machine.
REACH = 2 << 30
# Where bare-metal programs have their sources, and are built below build/hv.
PROGRAMS = ("tests/isa", "bench/bare", "bench/rt")
ENDINGS = ("stop", "restart", "halt")


@dataclasses.dataclass
class Spec:
    """One guest. Paths are as the user may open them; kernel None: the default guest's."""

    name: str
    mem: int = 256 * guest.MIB
    kernel: Optional[str] = None
    initrd: Optional[str] = None
    dtb: Optional[str] = None
    load: list = dataclasses.field(default_factory=list)
    append: Optional[str] = None
    raw: bool = False
    options: str = ""
    core: int = 0
    priority: Optional[int] = None
    budget: Optional[int] = None
    period: Optional[int] = None
    windows: list = dataclasses.field(default_factory=list)
    on_death: Optional[str] = None
    autostart: bool = True
    pci: bool = False
    show: bool = True
    # It may make hypercalls, whatever handles it has.
    hypercalls: bool = False
    # What it has of the machine's objects (links.py).
    handles: list = dataclasses.field(default_factory=list)
    # Whether the default guest's initramfs runs the show in it.
    ours: bool = True

    @property
    def symbols(self):
        """The ELF file with its symbols, or None."""
        if not self.kernel:
            return os.path.join(guest.GUEST, "vmlinux")
        with open(self.kernel, "rb") as kernel:
            is_elf = kernel.read(4) == b"\x7fELF"
        return os.path.abspath(self.kernel) if is_elf and not self.raw else None


@dataclasses.dataclass
class Machine:
    """All guests in the order of their numbers, and how cores are shared."""

    guests: list
    cores: int = 1
    schedule: Optional[str] = None
    slice_us: Optional[int] = None
    frame_us: Optional[int] = None
    objects: list = dataclasses.field(default_factory=list)

    @property
    def memory(self):
        """Bytes of host memory, QEMU's -m, without what the image takes."""
        return self.memory_with(0)

    def memory_with(self, image_size):
        """Bytes of host memory so that each guest's is aligned for large pages."""
        at = guest.VMM_RESERVE + GUEST_RESERVE * (len(self.guests) - 1) + image_size
        for spec in self.guests:
            at = guest.round_up(at, guest.alignment(spec.mem)) + spec.mem
        at += sum(one.size + shared.alignment(one.size) for one in self.objects if one.size)
        return guest.round_up(at, guest.QEMU_RAM_STEP)


def target_of(path):
    """The CMake target that makes the file, or None: a bare-metal program of ours, which examples name."""
    below = os.path.relpath(os.path.realpath(path), os.path.join(os.path.realpath(BUILD), "hv"))
    known = os.path.join(ROOT, os.path.splitext(below)[0] + ".cpp")
    if not below.endswith(".elf") or not os.path.exists(known):
        return None
    return below if below.startswith(tuple(folder + "/" for folder in PROGRAMS)) else None


def names(count):
    """What guests are called that nobody has named."""
    return [chr(ord("a") + number) for number in range(count)]


def of_options(options):
    """The Machine of --guests N: all alike, in turn on the cores; the first one owns PCI.
    Raises Failure."""
    count, cores = options.guests, options.cores or 1
    if not 1 <= count <= GUESTS_MOST:
        raise Failure(f"--guests takes 1 to {GUESTS_MOST}")
    if not 1 <= cores <= CORES_MOST:
        raise Failure(f"--cores takes 1 to {CORES_MOST}")
    ours = not options.kernel or (options.run is not None and not options.initrd)
    machine = Machine([Spec(name, mem=options.mem, kernel=options.kernel, initrd=options.initrd,
                            dtb=options.dtb, load=options.load, append=options.append,
                            raw=options.raw, core=number % cores, pci=number == 0, ours=ours)
                       for number, name in enumerate(names(count))], cores)
    if machine.memory > REACH:
        raise Failure(f"{count} guests of {options.mem >> 20}M and the VMM do not fit below 2G: "
                      "give less --mem, or fewer --guests")
    return machine


def quoted(text):
    """A string of a device tree source. What is not ASCII goes through as bytes."""
    return '"' + "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}"
        for byte in os.fsencode(text)) + '"'


def _cells(*values):
    return "<" + " ".join(str(value) for value in values) + ">"


def _guest_lines(spec, place, objects):
    words = f"mem={spec.mem >> 10}K" + (f" {spec.options}" if spec.options else "")
    yield f"{spec.name} {{"
    yield f"options = {quoted(words)};"
    yield f"image = {_cells(*place)};"
    yield f"core = {_cells(spec.core)};"
    for word, value in (("priority", spec.priority), ("budget-us", spec.budget),
                        ("period-us", spec.period)):
        if value is not None:
            yield f"{word} = {_cells(value)};"
    if spec.windows:
        yield f"windows-us = {_cells(*spec.windows)};"
    if spec.on_death:
        yield f"on-death = {quoted(spec.on_death)};"
    for word, wanted in (("no-autostart", not spec.autostart), ("pci", spec.pci),
                         ("hypercalls", spec.hypercalls)):
        if wanted:
            yield f"{word};"
    yield from links.lines_of_handles(spec.handles, objects)
    yield "};"


def source(machine, places):
    """The tree as dtc takes it; `places` are the (offset, bytes) of each guest's FIT."""
    lines = ["/dts-v1/;", "/ {", 'compatible = "trapeze,machine";']
    if machine.slice_us is not None:
        lines.append(f"slice-us = {_cells(machine.slice_us)};")
    if machine.schedule:
        lines.append(f"schedule = {quoted(machine.schedule)};")
    if machine.frame_us is not None:
        lines.append(f"major-frame-us = {_cells(machine.frame_us)};")
    lines += links.lines_of_objects(machine.objects)
    lines.append("guests {")
    for spec, place in zip(machine.guests, places):
        lines += _guest_lines(spec, place, machine.objects)
    return "\n".join([*lines, "};", "};", ""])


def compiled(text):
    """The tree as bytes, padded to TREE_ROOM. Raises Failure."""
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-S", str(TREE_ROOM)]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    except FileNotFoundError:
        raise Failure("dtc is not there: run ./trapeze setup", USAGE) from None
    if done.returncode or len(done.stdout) != TREE_ROOM:
        why = done.stderr.decode("utf-8", "replace").strip().split("\n")[0]
        raise Failure(f"dtc refused the machine's tree: {why or 'it is too large'}", VMM_FAILED)
    return done.stdout


def write_image(path, machine, fits):
    """Puts the machine image together. `fits` are the paths of the guests' FITs; one that stands
    there twice is put in once. Raises Failure, OSError."""
    places, at = {}, TREE_ROOM
    for fit in fits:
        if fit not in places:
            places[fit] = (at, os.path.getsize(fit))
            at = guest.round_up(at + places[fit][1], PAGE)
    with open(path, "wb") as image:
        image.write(compiled(source(machine, [places[fit] for fit in fits])))
        for fit, (offset, _) in places.items():
            image.seek(offset)
            with open(fit, "rb") as one:
                image.write(one.read())
        image.truncate(at)
