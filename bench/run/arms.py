# SPDX-License-Identifier: Apache-2.0
"""The arms, one line each, which of them are compared, and the clocks they are measured with."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Arm:
    """A way to run the guest.

    vmm   options for the VMM's own command line, or None to boot without the VMM
    note  what it is, for the report
    """

    name: str
    vmm: str
    note: str

    @property
    def native(self):
        """True if there is no VMM, and so no exits."""
        return self.vmm is None


@dataclass(frozen=True)
class Question:
    """What is asked of two arms.

    title      of the report's section
    note       how to read it
    counters   which of gains.COUNTERS stand beside the times
    published  True if there are figures of the literature to set beside it
    """

    title: str
    note: str
    counters: tuple
    published: bool


@dataclass(frozen=True)
class Comparison:
    """An arm, the arm `base` that it is to be better than, and what is asked of the two."""

    arm: str
    base: str
    question: Question


@dataclass(frozen=True)
class Clock:
    """A way to tell time: how QEMU keeps it, what a time base tick is worth, what it tells."""

    name: str
    icount: bool
    unit: str
    note: str


ARMS = {arm.name: arm for arm in (
    Arm("native", None, "bare ppce500, no VMM"),
    Arm("trap", "patch=off", "trap and emulate: no trap site is patched"),
    Arm("straight", "patch=hot mapping=straight",
        "hot trap sites are patched; address spaces in the layout straight"),
    Arm("crossed", "patch=hot mapping=crossed",
        "hot trap sites are patched; address spaces in the layout crossed"),
)}

PATCHING = Question(
    "What patching brings",
    "Exits of one operation: all, those of privileged instructions, those of mfmsr, wrtee, wrteei "
    "and mtmsr (MSR).", ("exits", "privileged", "msr"), published=True)
LAYOUT = Question(
    "Straight or crossed",
    "Exits of one operation: all, and those that the layout of address spaces decides on: tracing "
    "faults, stores to patched text, and misses of the core's own TLB where the guest's has the "
    "page.", ("exits", "tracing", "text_writes", "core_misses"), published=False)

COMPARISONS = (Comparison("straight", "trap", PATCHING), Comparison("crossed", "trap", PATCHING),
               Comparison("crossed", "straight", LAYOUT))


def against(arms):
    """{arm: the arms that it is compared with}, for these names of arms."""
    found = {}
    for one in COMPARISONS:
        if one.arm in arms and one.base in arms:
            found.setdefault(one.arm, []).append(one.base)
    return found

CLOCKS = {clock.name: clock for clock in (
    Clock("icount", True, "instructions",
          "every instruction of guest and VMM takes 1 ns, and nothing else takes time: "
          "path lengths, the same when measured again"),
    Clock("wall", False, "ns",
          "QEMU as users run it: noisy, and what QEMU finds dear is not what a core finds dear"),
)}

# The e500v2's time base on QEMU's ppce500; the VMM hands it on to its guest as it is.
TICKS_PER_SECOND = 400_000_000
NS_PER_TICK = 1e9 / TICKS_PER_SECOND
