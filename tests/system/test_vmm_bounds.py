# SPDX-License-Identifier: Apache-2.0
"""What a guest under the VMM cannot reach: DMA windows, the VMM's UART, memory it does not have."""
import unittest

from support import trapeze

# PCI bridge registers (MPC8548E manual 16.3.1) as the guest's physical addresses.
INBOUND_3, OUTBOUND_1 = 0xFE0008DA0, 0xFE0008C20
ENABLED_LOCAL_256M = 0x80F5501B
VMM_UART = 0xFE0004600
PLATFORM_BUS = 0xF00000000


def run(*commands):
    """Runs shell commands in the guest; the result has the VMM's log on stderr or stdout."""
    done = trapeze("boot", "--verbose", "--run", "; ".join(commands))
    done.all = done.out + done.err
    return done


class Bounds(unittest.TestCase):
    def test_inbound_window_outside_guest_memory_stays_closed(self):
        done = run(f"devmem {INBOUND_3:#x} 32 0x80000",
                   f"devmem {INBOUND_3 + 0x10:#x} 32 {ENABLED_LOCAL_256M:#x}",
                   f"echo reads $(devmem {INBOUND_3:#x})")
        self.assertEqual(done.status, 0, done)
        self.assertIn("inbound window 0 at guest-physical 80000000 is not guest RAM: left closed",
                      done.all)
        self.assertIn("reads 0x00080000", done.out)

    def test_inbound_window_is_cut_to_guest_memory(self):
        done = run(f"devmem {INBOUND_3:#x} 32 0x8000",
                   f"devmem {INBOUND_3 + 0x10:#x} 32 {ENABLED_LOCAL_256M:#x}")
        self.assertEqual(done.status, 0, done)
        self.assertIn("inbound window 0 is cut to the guest's RAM: 131072 KiB", done.all)

    def test_outbound_window_over_the_host_s_memory_stays_closed(self):
        done = run(f"devmem {OUTBOUND_1 + 8:#x} 32 0x0",
                   f"devmem {OUTBOUND_1 + 0x10:#x} 32 0x8004401b")
        self.assertEqual(done.status, 0, done)
        self.assertIn("outbound window 0 at 0 is outside the bridge's ranges: left closed",
                      done.all)

    def test_the_vmm_s_uart_looks_absent(self):
        done = run(f"echo reads $(devmem {VMM_UART + 5:#x} 8)",
                   f"devmem {VMM_UART:#x} 8 0x58", "ls -d /proc/device-tree/soc*/serial*")
        self.assertEqual(done.status, 0, done)
        self.assertIn("reads 0x00", done.out)
        self.assertIn("/serial@4500", done.out)
        self.assertNotIn("4600", done.out)

    def test_a_master_on_the_platform_bus_is_withheld(self):
        done = trapeze("boot", "--verbose", "--run",
                       f"devmem {PLATFORM_BUS + 0x24:#x} 32 0x80010000; "
                       "echo nodes $(ls -R /proc/device-tree | grep -c ethernet) "
                       f"register $(devmem {PLATFORM_BUS + 0x24:#x})",
                       "--", "-netdev", "user,id=n0", "-device", "eTSEC,netdev=n0")
        self.assertEqual(done.status, 0, done)
        self.assertIn("ethernet@0 on the platform bus reaches all memory by DMA: withheld from the "
                      "guest; use a virtio device (--net, --drive) or e1000 on PCI",
                      done.out + done.err)
        self.assertIn("nodes 0 register 0x00000000", done.out)

    def test_virtio_devices_that_bypass_the_windows_are_withheld(self):
        done = trapeze("boot", "--verbose", "--net", "--run",
                       "echo found $(cat /sys/bus/pci/devices/*/device)",
                       "--", "-device", "virtio-rng-pci,addr=5",
                       "-device", "virtio-rng-pci,addr=6,disable-legacy=on",
                       "-device", "virtio-rng-pci,addr=7,disable-legacy=on,iommu_platform=on")
        self.assertEqual(done.status, 0, done)
        for number, withheld in ((5, True), (6, True), (7, False)):
            line = (f"virtio device at PCI 0:{number}.0 reaches all memory by DMA: withheld from "
                    "the guest; add disable-legacy=on,iommu_platform=on to its -device")
            self.assertEqual((done.out + done.err).count(line), int(withheld), done)
        self.assertIn("found 0x0030 0x1041 0x1044\n", done.out)

    def test_no_message_signalled_interrupts(self):
        done = run("echo nodes $(ls -R /proc/device-tree | grep -c msi)")
        self.assertIn("nodes 0\n", done.out, done)

    def test_missing_memory_is_a_machine_check(self):
        done = run("devmem 0xe00000000 8")
        self.assertEqual(done.status, 121, done)
        self.assertIn("Machine check in kernel mode", done.all)
        self.assertIn("Bus - Read Data Bus Error", done.all)


if __name__ == "__main__":
    unittest.main()
