# SPDX-License-Identifier: Apache-2.0
"""Memory that guests share, under the VMM (docs/shared-memory.md)."""
import os
import re
import unittest

from support import LAST, ROOT, Case, trapeze

COMMONS = f"{ROOT}/build/hv/tests/isa/beside/commons.elf"
EXAMPLE = f"{ROOT}/docs/examples/two-linux-shm.dts"
MEMORY = """    memory: memory { compatible = "shared-memory"; size = "64K"; };
    more: more { compatible = "shared-memory"; size = "64K"; };
"""
TWICE = """ one { compatible = "shared-memory-handle"; memory = <&memory>; };
 two { compatible = "shared-memory-handle"; memory = <&memory>; address = <0x2 0x40000000>; read-only; };
"""
MODES = [f"patch={patch} mapping={mapping}" for mapping in ("straight", "crossed")
         for patch in ("off", "hot threshold=8", "eager")]


class Commons(Case):
    """A bare-metal guest that sees the same memory twice, writable and not."""

    def boot(self, guests, *options):
        """A boot of these."""
        path = self.path("m.dts", f'/dts-v1/;\n/ {{ compatible = "trapeze,config";\n{MEMORY}{guests}}};\n'.encode())
        return trapeze("boot", "--config", path, "--timeout", "120", *options)

    def test_both_sides_in_every_mode(self):
        for first, second in zip(MODES[::2], MODES[1::2]):
            with self.subTest(first=first, second=second):
                guests = "".join(
                    f'{name} {{ compatible = "partition"; memory = "16M"; kernel = "{COMMONS}"; options = "{words}";\n'
                    + TWICE.replace("&memory", memory) + "};\n"
                    for name, words, memory in (("a", first, "&memory"), ("b", second, "&more")))
                result = self.boot(guests)
                self.ends(result, 0)
                for name in ("a", "b"):
                    said = re.findall(rf"^{name}\| (\w+: \d+ checked, \d+ wrong)$", result.out, re.M)
                    self.assertEqual([line.split(":")[0] for line in said], ["seen", "ignored", "reserved", "text"],
                                     result.out)
                    self.assertEqual([line for line in said if not line.endswith(" 0 wrong")], [], result.out)
                with open(os.path.join(LAST, "vmm.log"), encoding="utf-8") as log:
                    told = [line for line in log if "may only read: ignored" in line]
                self.assertEqual(len(told), 2, "once a guest")


class Linux(Case):
    """The example: two Linux, whose ring loses nothing, and memory that one may only read."""

    def run_in(self, alpha, beta, changes=(), *options):
        """A boot of the example, in which each has its command. What each says."""
        with open(EXAMPLE, encoding="utf-8") as example:
            text = example.read()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = self.path("m.dts", text.encode())
        run = f"if [ $(ring list | grep -c 'ring .* side 0') = 1 ]; then {alpha}; else {beta}; fi"
        result = trapeze("boot", "--config", path, "--timeout", "500", "--run", run, *options)
        said = {name: [line.split("| ", 1)[1] for line in result.out.splitlines() if line.startswith(name)]
                for name in ("alpha", "beta")}
        return result, said

    def test_what_linux_finds(self):
        result, said = self.run_in(
            "ring list | sort; ring poke board 8 0x1234; ring poke ring 60000 1; ring send ring < /etc/group",
            "ring list | sort; ring receive ring 1; ring peek board 8; ring poke board 8 7; ring peek ring 60000;"
            "devmem 0x240000008; devmem 0x240000008 32 9; devmem 0x240000008")
        self.ends(result, 0)
        self.assertEqual(said["alpha"], ["board /dev/uio0 16 KiB side 0", "ring /dev/uio1 64 KiB side 0",
                                         "0x1234", "0x1"])
        self.assertEqual(said["beta"], ["board /dev/uio0 16 KiB side 1 read-only", "ring /dev/uio1 64 KiB side 1",
                                        "root:x:0:", "0x1234", "0x1234", "0x1", "0x00001234", "0x00001234"])

    def test_a_doorbell_beside_it(self):
        # Who may ring from Linux is a manager. The word is written before the doorbell is rung, and read after.
        path = self.path("bell.dts", b"""/dts-v1/; / { compatible = "trapeze,config";
            memory: memory { compatible = "shared-memory"; size = "64K"; };
            bell: bell { compatible = "doorbell"; };
            sender { compatible = "partition"; memory = "64M"; devices = "pci";
                memory { compatible = "shared-memory-handle"; memory = <&memory>; };
                wake { compatible = "send-doorbell-handle"; doorbell = <&bell>; };
                waiter { compatible = "managed-partition"; partition = <&waiter>; }; };
            waiter: waiter { compatible = "partition"; memory = "64M"; cpus = <1 1>;
                woken { compatible = "receive-doorbell-handle"; doorbell = <&bell>; };
                memory { compatible = "shared-memory-handle"; memory = <&memory>; doorbell = <&bell>; }; }; };""")
        run = """if [ -e /dev/fsl-hv ]; then
                until [ $(ring peek memory 4) = 0x1 ]; do sleep 1; done; ring poke memory 8 0x55; partman ring wake
                partman ring woken; until [ $(ring peek memory 4) = 0x2 ]; do sleep 1; done
            else exec 3</dev/uio0; ring poke memory 4 1; dd bs=4 count=1 <&3 2>/dev/null | hexdump -e '"rung %d\\n"'
                ring peek memory 8; ring poke memory 4 2; fi"""
        result = trapeze("boot", "--config", path, "--timeout", "300", "--run", run)
        self.ends(result, 0)
        lines = result.out.splitlines()
        self.assertEqual([line[8:] for line in lines if line.startswith("waiter| ")], ["0x1", "rung 1", "0x55", "0x2"])
        self.assertEqual([line[8:] for line in lines if line.startswith("sender| ")],
                         ["0x55", "partman: 'woken' is no doorbell that this guest may send"])

    def torture(self, changes=(), count=2000):
        """Both sides send and receive."""
        words = f"ring torture ring {count}"
        result, said = self.run_in(words, words, changes)
        self.ends(result, 0)
        wanted = f"sent {count} received {count} lost 0 torn 0 twice 0 broken 0 peer restarts 0"
        self.assertEqual((said["alpha"], said["beta"]), ([wanted], [wanted]))

    def test_torture_on_two_cores(self):
        self.torture()

    def test_torture_on_one_core(self):
        self.torture([("<1 1>", "<0 1>")], 1000)

    def test_one_side_starts_anew_in_the_middle(self):
        """Nothing is lost or torn of what its second life sends, nor of what is sent to it."""
        # Its first life takes a few: of all that there are none would be left to end the second one.
        again = "if [ $(ring opens ring | cut -d' ' -f1) = 0 ]; then ring receive ring 50 >/dev/null; reboot -f; fi;"
        result, said = self.run_in("ring torture ring 1000", again + "ring torture ring 1000",
                                   [("cpus = <1 1>;", 'cpus = <1 1>; on-death = "restart";')])
        self.ends(result, 0)
        self.assertRegex(said["alpha"][-1], r"^sent 1000 received \d+ lost 0 torn 0 twice 0 broken 0 peer restarts 1$")
        self.assertRegex(said["beta"][-1],
                         r"^sent 1000 received \d+ lost 0 torn 0 twice [01] broken 0 peer restarts 0$")


if __name__ == "__main__":
    unittest.main()
