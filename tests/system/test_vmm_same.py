# SPDX-License-Identifier: Apache-2.0
"""What Linux reports under the VMM is what it reports natively."""
import re
import unittest

import scenarios
from support import trapeze


def both(command, *options):
    """(native, under the VMM): what the command prints in the guest."""
    results = []
    for how in (("--native",), ()):
        result = trapeze("boot", *how, "--timeout", "300", *options, "--run", command)
        if result.status:
            raise AssertionError(f"{how or 'VMM'}: {result}")
        results.append(result.out)
    return results


def without_times(text):
    """Lines of a console or of dmesg without level and time of kernel messages."""
    return [re.sub(r"^(<\d+>)?\[ *[\d.]+\] ", "", line) for line in text.splitlines()]


class Same(scenarios.Case):
    """Byte for byte where nothing may differ, within stated bounds where time comes in."""

    def test_selfcheck(self):
        native, hosted = both("selfcheck")
        self.assertGreater(len(native.splitlines()), 100)
        # How many threads the kernel has had by then varies, and with it the numbers of processes.
        native, hosted = (re.sub(r"selfcheck\[\d+\]", "selfcheck", text) for text in (native, hosted))
        self.assertEqual(without_times(native), without_times(hosted))

    def test_processor_and_machine(self):
        native, hosted = both("cat /proc/cpuinfo /proc/iomem; uname -a; "
                              "cd /sys/bus/pci/devices && cat */vendor */device */class */irq",
                              "--net")
        self.assertIn("e500v2", native)
        self.assertEqual(native.splitlines(), hosted.splitlines())

    def test_memory(self):
        command = "cat /proc/meminfo"
        native, hosted = (
            dict(re.findall(r"^(\w+): +(\d+) kB", text, re.M)) for text in both(command))
        self.assertEqual(native.keys(), hosted.keys())
        self.assertEqual(native["MemTotal"], hosted["MemTotal"])
        self.assertEqual(native["VmallocTotal"], hosted["VmallocTotal"])

    def test_interrupts_come(self):
        command = "cat /proc/interrupts; echo =; sleep 2; cat /proc/interrupts"
        for text in both(command):
            before, after = ({name: int(count) for name, count in re.findall(
                r"^ *(\w+): +(\d+) (?!.*for others|.*Broadcast)", part, re.M)}
                             for part in text.split("=\n"))
            self.assertEqual(before.keys(), after.keys())
            # A tickless kernel takes few timer interrupts in two idle seconds, but it takes some.
            self.assertGreater(after["LOC"], before["LOC"], text)
            self.assertGreater(after["42"], before["42"], "the UART's: " + text)
            self.assertEqual(after["SPU"], 0, "spurious interrupts: " + text)
            self.assertEqual(after["MCE"], 0, "machine checks: " + text)

    def test_clock_keeps_time(self):
        command = "read a x < /proc/uptime; sleep 3; read b x < /proc/uptime; echo $a $b"
        for text in both(command):
            before, after = map(float, text.split())
            self.assertTrue(3 <= after - before < 4.5, text)

    def test_boot_messages(self):
        # Without times: what drivers found must be the same, in the same order. Only the initramfs
        # is unpacked beside the rest, by a thread that begins when the scheduler lets it.
        native, hosted = map(without_times, both("dmesg"))
        varies = re.compile(r"Memory:|initrd|bogomips|BogoMIPS|random:|DRAM|command line|"
                            r"Freeing|Zone|mem 0x|KiB|CAM mapping|clocksource|printk:|delay loop|"
                            r"Unpacking initramfs")
        self.assertIn("Unpacking initramfs...", native)
        self.assertIn("Unpacking initramfs...", hosted)
        self.assertEqual([line for line in native if not varies.search(line)],
                         [line for line in hosted if not varies.search(line)])


if __name__ == "__main__":
    unittest.main()
