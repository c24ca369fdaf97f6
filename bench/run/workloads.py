# SPDX-License-Identifier: Apache-2.0
"""The workloads, one line each. Their programs are in bench/guest and bench/bare."""
from dataclasses import dataclass

KERNEL, MEMORY, DEVICES, USER, TIME, LITERATURE = (
    "kernel", "memory", "files and network", "user", "time", "literature")
GROUPS = (KERNEL, MEMORY, DEVICES, USER, TIME, LITERATURE)


@dataclass(frozen=True)
class Workload:
    """One program of the guest.

    group  one of the words above
    what   what one operation is
    bare   True for a bare-metal guest, which gets a boot of its own
    disk   True if it needs a disk; it gets a boot of its own too, because looking for what is on a
           disk is part of a boot, and under icount the clock leaps ahead while the host answers
    mean   True if it counts in the geometric mean of kernel-heavy work
    """

    name: str
    group: str
    what: str
    bare: bool = False
    disk: bool = False
    mean: bool = False


WORKLOADS = {workload.name: workload for workload in (
    Workload("boot", KERNEL, "from the guest's start to its first program"),
    Workload("null_syscall", KERNEL, "a system call that does nothing", mean=True),
    Workload("read_zero", KERNEL, "read of 1 byte from /dev/zero", mean=True),
    Workload("signal", KERNEL, "a signal's delivery and return", mean=True),
    Workload("pipe", KERNEL, "round trip of a byte between two processes", mean=True),
    Workload("fork_exit", KERNEL, "fork, exit, wait", mean=True),
    Workload("fork_exec", KERNEL, "fork, exec, exit, wait", mean=True),
    Workload("page_fault", MEMORY, "first touch of an anonymous page", mean=True),
    Workload("mmap", MEMORY, "map, touch and unmap 64 KiB", mean=True),
    Workload("ctxsw_2", KERNEL, "context switch among 2 processes"),
    Workload("ctxsw_16", KERNEL, "context switch among 16 processes"),
    Workload("tlb_stride", MEMORY, "a load that misses the TLB", mean=True),
    Workload("file_tmpfs", DEVICES, "create, write and delete a file on tmpfs"),
    Workload("file_virtio", DEVICES, "create, write and delete a file on a virtio disk",
             disk=True),
    Workload("tcp_lo", DEVICES, "TCP over the loopback device"),
    Workload("compute", USER, "user code that stays in registers"),
    Workload("mem_sum", USER, "user code that walks an array"),
    Workload("fp_emul", KERNEL, "a floating-point operation, which the kernel emulates"),
    Workload("idle", TIME, "what an idle guest costs"),
    Workload("timer_latency", TIME, "how late a periodic timer wakes a process"),
    Workload("sleep", TIME, "sleep: expected against observed"),
    Workload("proteus_counting_os", LITERATURE, "Proteus: counting task under an OS"),
    Workload("proteus_fft_os", LITERATURE, "Proteus: FFT task under an OS"),
    Workload("proteus_fft", LITERATURE, "Proteus: FFT without an OS", bare=True),
    Workload("wrt_nqueens", LITERATURE, "WrtVMM: N-Queens"),
    Workload("wrt_array_sum", LITERATURE, "WrtVMM: array sum"),
    Workload("wrt_sleep", LITERATURE, "WrtVMM: sleep, expected against observed"),
    Workload("gandalf_hypercall", LITERATURE, "Gandalf: null hypercall", bare=True),
    Workload("gandalf_ignored", LITERATURE, "Gandalf: ignored privileged instruction", bare=True),
)}
