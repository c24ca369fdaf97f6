# SPDX-License-Identifier: Apache-2.0
"""The arms that are compared, one line each, and the clocks they are measured with."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Arm:
    """A way to run the guest.

    vmm      options for the VMM's own command line, or None to boot without the VMM
    note     what it is, for the report
    against  the arm that it improves on, which the report compares it with, or None
    """

    name: str
    vmm: str
    note: str
    against: str = None

    @property
    def native(self):
        """True if there is no VMM, and so no exits."""
        return self.vmm is None


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
    Arm("straight", "patch=hot",
        "hot trap sites are patched, as users run it; address spaces in the layout straight",
        against="trap"),
)}

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
