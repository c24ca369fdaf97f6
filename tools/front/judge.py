# SPDX-License-Identifier: Apache-2.0
"""The exit status of a boot, from how everything ended."""
import dataclasses
import signal
from typing import Any, Optional

from . import summary
from .common import GUEST_FAILED, INTERRUPTED, OK, RUN_OFFSET, TIMEOUT, USAGE, VMM_FAILED

BAD_ENDS = {"vmm-failed": VMM_FAILED, "input": USAGE, "guest-died": GUEST_FAILED}


@dataclasses.dataclass
class Guest:
    """What is known of one guest at the end. `summary` is the VMM's, `broken` what was wrong with
    one; `native`: there is none to come."""

    ours: bool
    mode: str
    console: Any
    summary: Optional[dict]
    broken: Optional[str]
    native: bool = False


def offset(mode):
    """What our statuses are moved by."""
    return RUN_OFFSET if mode == "run" else 0


def of_run(boot, session, qemu_status, qemu_log):
    """(exit status, a line for the user or None) if that does not depend on a guest, or None."""
    moved = offset(boot.mode)
    if session.stopped == "leave":
        return OK, None
    if session.stopped and session.stopped.startswith("SIG"):
        number = signal.Signals[session.stopped]
        why = ": the reader of stdout has left" if number == signal.SIGPIPE else ""
        return (INTERRUPTED if number == signal.SIGINT else 128 + number), "stopped" + why
    if session.stopped == "output":
        return moved + USAGE, f"stopped: {session.lost}"
    if session.stopped == "timeout":
        return moved + TIMEOUT, f"the guest did not end within {boot.timeout:g} s"
    if not session.stopped and qemu_status:
        with open(qemu_log, encoding="utf-8", errors="replace") as text:
            first = text.read().strip().split("\n")[0]
        return moved + VMM_FAILED, f"QEMU ended with status {qemu_status}: {first}"
    if boot.options.gdb:
        with open(qemu_log, encoding="utf-8", errors="replace") as text:
            if "Terminated via GDBstub" in text.read():
                return moved + GUEST_FAILED, "the debugger ended the guest"
    return None


def of_guest(guest, stopped):
    """(exit status, a line for the user or None) of one guest; `stopped` as in Session."""
    moved, end = offset(guest.mode), None
    if not guest.native:
        if not guest.summary:
            why = f" ({guest.broken})" if guest.broken else ""
            return moved + VMM_FAILED, f"the VMM printed no summary{why}"
        wrong = summary.problem(guest.summary)
        if wrong:
            return moved + VMM_FAILED, f"the VMM's summary is broken: {wrong}"
        end = guest.summary["end"]
        reason = guest.summary.get("reason") or summary.ENDS[end]
        if end in BAD_ENDS:
            return moved + BAD_ENDS[end], f"{summary.ENDS[end]}: {reason}"
    if stopped == "panic" or guest.console.panic.said and end != "poweroff":
        return moved + GUEST_FAILED, "the guest's kernel panicked"
    if not guest.ours:
        return OK, None
    if guest.console.status is None:
        return moved + GUEST_FAILED, "the guest ended before it was done"
    if stopped == "no-end":
        return moved + GUEST_FAILED, "the guest was done but did not power off"
    if guest.mode == "run":
        return guest.console.status, None
    if guest.mode == "workload" and guest.console.status:
        return GUEST_FAILED, f"the guest's workload ended with status {guest.console.status}"
    return OK, None
