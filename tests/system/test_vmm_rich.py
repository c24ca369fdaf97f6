# SPDX-License-Identifier: Apache-2.0
"""A kernel with all that tests itself or changes its own text (guest-linux/config-rich): it says of
itself under the VMM what it says natively."""
import gzip
import os
import re
import subprocess
import sys
import unittest

from support import ROOT, Case, trapeze

sys.path.append(os.path.join(ROOT, "tools"))

# pylint: disable=wrong-import-position
from front import guest  # noqa: E402
from front.common import GUEST  # noqa: E402

HERE = os.path.dirname(os.path.realpath(__file__))
OUT = os.path.join(ROOT, "build", "rich")
# Debian's, from the newest to that of the default guest.
SOURCES = [f"/usr/src/linux-source-{version}.tar.xz" for version in ("6.12", "6.1")]
RICH = ["--mem", "1G", "--append",
        "console=ttyS0,115200 panic=-1 kunit.enable=1 hugepagesz=4M default_hugepagesz=4M"]
MODES = (["--patch=off", "--mapping=crossed"], ["--patch=hot", "--mapping=crossed"],
         ["--patch=hot", "--mapping=straight"], ["--patch=eager", "--mapping=crossed"])

# Each step says what came of it in lines that begin with "rich: ".
COMMAND = r"""
mount -t debugfs none /sys/kernel/debug
mount -t tracefs none /sys/kernel/tracing
cd /sys/kernel/tracing
for tracer in function function_graph function; do
    echo $tracer > current_tracer; ls -R /proc/self > /dev/null; echo nop > current_tracer
    echo "rich: tracer $tracer, then $(cat current_tracer)"
done
echo 'p:opened do_sys_openat2' > kprobe_events
echo 1 > events/kprobes/opened/enable
cat /proc/version > /dev/null
grep -q opened: trace && echo "rich: the probe was seen"
echo 0 > events/kprobes/opened/enable
cd /
for module in test_module test_bpf test_static_key_base test_static_keys; do
    [ -e /modules/$module.ko ] || continue
    case $module in test_bpf) some="test_range=0,350" ;; *) some= ;; esac
    insmod /modules/$module.ko $some; echo "rich: $module in $?"
done
for module in test_static_keys test_static_key_base test_bpf test_module; do
    [ -e /modules/$module.ko ] || continue
    rmmod $module; echo "rich: $module out $?"
done
echo 2 > /proc/sys/vm/nr_hugepages
grep -E 'HugePages_Total|HighTotal' /proc/meminfo | sed 's/^/rich: /'
i=0
while [ $i -lt 2000 ]; do i=$((i+1)); echo "line $i of a file that lies in high memory, in part"; done > /tmp/a
for n in 1 2 3 4 5; do cat /tmp/a /tmp/a > /tmp/b; cat /tmp/b /tmp/b > /tmp/a; done
echo "rich: $(md5sum < /tmp/a)"
rm -f /tmp/a /tmp/b
dmesg -n 8
for what in WARNING WARNING_MESSAGE EXCEPTION BUG ACCESS_NULL WRITE_RO WRITE_RO_AFTER_INIT WRITE_KERN \
    EXEC_RODATA EXEC_NULL EXEC_USERSPACE ACCESS_USERSPACE STACK_GUARD_PAGE_LEADING REFCOUNT_INC_OVERFLOW; do
    grep -qx $what /sys/kernel/debug/provoke-crash/DIRECT || continue
    (echo $what > /sys/kernel/debug/provoke-crash/DIRECT) 2> /dev/null
    echo "rich: crashed by $what: $?"
done
echo "rich: end"
"""

# The second kernel is the default guest's, which boots in a second. With strict protection Linux 6.12 cannot start
# another one on this core, natively either: the page with its own relocation code is not executable then.
KEXEC = ["--mem", "256M", "--append", "console=ttyS0,115200 panic=-1 oops=panic rodata=off kunit.enable=0"]
# A program of some instructions for the first kernel, without a library.
COMPILER = ["powerpc64-linux-gnu-gcc", "-m32", "-mcpu=powerpc", "-static", "-nostdlib", "-ffreestanding", "-fno-pie",
            "-no-pie", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fno-stack-protector",
            "-fno-tree-loop-distribute-patterns", "-Wl,--build-id=none", "-s"]

# Verdicts that kernels print: KUnit's (KTAP), tracers' and probes' own tests, BPF's sum, what ends
# in an oops.
VERDICT = re.compile(r"^ *(?:not )?ok \d+ |(?:PASSED|FAILED|OK)\b|\b(?:passed|failed)\b|"
                     r"^test_bpf: Summary|^rich: |^Oops: |^kernel BUG at|^BUG: |^lkdtm: Performing")
# An address, a time, or how many calls a tracer has seen.
VARIES = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8}\b|\b\d+ (?:ns|us|ms|usecs?|msecs?)\b|"
                    r"\(\d+(?: \d+)+\)")


def verdicts(text):
    """The lines that say what came of something, sorted: some threads run beside each other."""
    found, begun = [], ""
    for line in text.splitlines():
        line = re.sub(r"^(?:<\d+>)?\[ *[\d.]+\] ?", "", line)
        # What is printed in two parts, another thread may come between.
        if line.endswith(": "):
            begun = line
        elif line in ("OK", "PASSED"):
            line, begun = begun + line, ""
        line = line.rstrip()
        if VERDICT.search(line):
            found.append(VARIES.sub("N", line))
    return sorted(found)


def after_kexec(text):
    """What the second kernel's programs print, without its own messages."""
    _, _, second = text.partition("[trapeze:second] begin")
    lines = [line.rstrip() for line in second.partition("[trapeze:second] exit 0")[0].splitlines()]
    return [line for line in lines if not line.startswith("[")]


class Rich(Case):
    """Built once into build/rich, which takes a quarter of an hour; then a boot in each way."""

    @classmethod
    def setUpClass(cls):
        source = next((path for path in SOURCES if os.path.exists(path)), SOURCES[-1])
        build = subprocess.run(
            [os.path.join(ROOT, "guest-linux", "build.sh"), "--out", OUT, "--config",
             os.path.join(ROOT, "guest-linux", "config-rich")], capture_output=True, text=True,
            check=False, env={"LINUX_TARBALL": source, **os.environ})
        if build.returncode:
            raise AssertionError(build.stderr[-2000:])

    def boot(self, initrd, *options):
        """The whole console of one boot."""
        result = trapeze("boot", "--kernel", os.path.join(OUT, "uImage"), "--initrd", initrd,
                         "--timeout", "1500", *options, timeout=1800)
        self.assertEqual(result.status, 0, result)
        return result.out

    def test_the_same_verdicts(self):
        modules = os.path.join(OUT, "modules")
        extra = [("modules", 0o040755, b"")]
        for name in sorted(os.listdir(modules)):
            with open(os.path.join(modules, name), "rb") as handle:
                extra.append((f"modules/{name}", 0o100644, handle.read()))
        initrd = self.path("initrd")
        guest.write_initramfs(initrd, "rich", "run", COMMAND,
                              os.path.join(OUT, "initramfs.cpio.gz"), guest.cpio(extra))
        native = verdicts(self.boot(initrd, *RICH, "--native"))
        for line in ("rich: the probe was seen", "rich: test_bpf in 0", "rich: end",
                     "rich: tracer function_graph, then nop"):
            self.assertIn(line, native)
        self.assertGreater(len([line for line in native if re.match(r" *ok \d", line)]), 300)
        self.assertTrue([line for line in native if line.startswith("test_bpf: Summary")])
        for mode in MODES:
            with self.subTest(" ".join(mode)):
                self.assertEqual(verdicts(self.boot(initrd, *RICH, *mode)), native)

    def two_kernels(self):
        """An initramfs for the first kernel, with what kexec.c starts in it."""
        program, second, initrd = self.path("kexec"), self.path("second"), self.path("initrd")
        subprocess.run([*COMPILER, "-o", program, os.path.join(HERE, "kexec.c")], check=True)
        guest.write_initramfs(second, "second", "run",
                              "uname -r; cat /proc/cmdline; selfcheck; md5sum /bin/busybox; echo second: end")
        with open(os.path.join(GUEST, "uImage"), "rb") as handle:
            kernel = gzip.decompress(handle.read()[64:])
        extra = [("kexec", 0o040755, b""), ("kexec/kernel", 0o100644, kernel)]
        for name, mode, path in (("kexec", 0o100755, program), ("initrd", 0o100644, second)):
            with open(path, "rb") as handle:
                extra.append((f"kexec/{name}", mode, handle.read()))
        guest.write_initramfs(initrd, "first", "run", "uname -r; /kexec/kexec",
                              os.path.join(OUT, "initramfs.cpio.gz"), guest.cpio(extra))
        return initrd

    def test_a_kernel_that_starts_another(self):
        """kexec: the mappings that Linux makes of address space 1 and of all memory, a kernel that is
        copied over the running one, and that one's boot; all in one run of the VMM."""
        initrd = self.two_kernels()
        native = after_kexec(self.boot(initrd, *KEXEC, "--native"))
        self.assertIn("second: end", native)
        self.assertGreater(len(native), 150)
        for mode in MODES:
            with self.subTest(" ".join(mode)):
                self.assertEqual(after_kexec(self.boot(initrd, *KEXEC, *mode)), native)


if __name__ == "__main__":
    unittest.main()
