# SPDX-License-Identifier: Apache-2.0
"""Memory that guests share, as a configuration describes it and the front door places it."""
import os
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
from front import config, links, machine, shared, source  # noqa: E402  (the path had to be set)
from support import Case  # noqa: E402

HEAD = '/dts-v1/;\n/ {\ncompatible = "trapeze,config";\n'
OBJECT = 'm: m { compatible = "shared-memory"; size = "64K"; };\n'


class Shared(Case):
    """Calls the reader, and gives it sources."""

    def parsed(self, text):
        """(Machine, its mistakes as 'LINE: WORDS')."""
        path = self.path("m.dts", (HEAD + text + "};\n").encode())
        found = config.Mistakes()
        made = config.parsed(source.read(path), path, found)
        return made, [f"{where.rpartition(':')[2]}: {what}" for where, what in found]

    def guest(self, *handles, memory="64M"):
        """A guest with these handles, one a line."""
        return (f'g {{ compatible = "partition"; memory = "{memory}";\n'
                + "".join(f'h{number} {{ compatible = "shared-memory-handle"; {words} }};\n'
                          for number, words in enumerate(handles)) + "};\n")

    def addresses(self, *handles, objects=OBJECT):
        """Where they are put."""
        made, mistakes = self.parsed(objects + self.guest(*handles))
        self.assertEqual(mistakes, [])
        return [one.address for one in made.guests[0].handles]

    def mistake(self, line, words, text):
        """There is one, in this line."""
        mistakes = self.parsed(text)[1]
        self.assertEqual(len(mistakes), 1, mistakes)
        self.assertTrue(mistakes[0].startswith(f"{line}: "), mistakes)
        self.assertIn(words, mistakes[0])

    def test_addresses(self):
        one = "memory = <&m>;"
        self.assertEqual(self.addresses(one, one), [0x80000000, 0x80010000])
        self.assertEqual(self.addresses(one, "memory = <&m>; address = <0x80000000>;"), [0x80010000, 0x80000000])
        self.assertEqual(self.addresses("memory = <&m>; address = <0x2 0x1000>;"), [0x200001000])
        large = OBJECT + 'n: n { compatible = "shared-memory"; size = <0x110000>; };\n'
        self.assertEqual(self.addresses(one, "memory = <&n>;", objects=large), [0x80000000, 0x80100000])

    def test_what_the_vmm_is_told(self):
        made, mistakes = self.parsed(OBJECT + self.guest("memory = <&m>; address = <2 0>; read-only;"))
        self.assertEqual(mistakes, [])
        text = machine.source(made, [(65536, 1)]).replace("\n", "")
        self.assertIn('objects {m { kind = "shared-memory";size = <65536>;};};', text)
        self.assertIn('handles {h0 { kind = "shared-memory-handle";object = <0>;read-only;address = <0x2 0x0>;};};',
                      text)

    def test_the_machine_has_memory_for_it(self):
        large = "".join(f'm{n}: m{n} {{ compatible = "shared-memory"; size = "60M"; }};\n' for n in range(4))
        made, _ = self.parsed(large + self.guest("memory = <&m0>;"))
        less, _ = self.parsed(self.guest())
        self.assertGreaterEqual(made.memory, less.memory + (192 << 20))
        most = "".join(f'm{n}: m{n} {{ compatible = "shared-memory"; size = "64M"; }};\n' for n in range(16))
        self.mistake(20, "what they share and the VMM", most + self.guest("memory = <&m0>;", memory="1G"))

    def test_mistakes_of_an_object(self):
        for words, text in (("needs a size", ""), ("whole pages", 'size = "1";'), ("whole pages", "size = <0>;"),
                            ("up to 64M", 'size = "65M";'), ("takes a size", 'size = "much";'),
                            ("takes one number", "size = <1 2>;"), ("did you mean 'size'", 'size = "4K"; sice = <1>;')):
            with self.subTest(text=text):
                self.mistake(4, words, f'm: m {{ compatible = "shared-memory"; {text} }};\n' + self.guest())

    def test_mistakes_of_a_handle(self):
        for words, text in (("takes a reference to a node with compatible = \"shared-memory\"", ""),
                            ("multiple of 4 KiB", "address = <0x80000800>;"),
                            ("ends below 64G", "address = <0xf 0xffff8000>;"), ("below 64G", "address = <0x10 0>;"),
                            ("one number, or two", "address = <1 2 3>;"), ("takes numbers", 'address = "1";'),
                            ("overlaps its memory", "address = <0x3ff0000>;"),
                            ("overlaps PCI memory", "address = <0xb 0xffff8000>;"),
                            ("overlaps the platform bus", "address = <0xf 0>;"),
                            ("overlaps the board's devices", "address = <0xf 0xe0000000>;"),
                            ("overlaps PCI I/O", "address = <0xf 0xe1000000>;"),
                            ("takes no value", "read-only = <1>;"), ("did you mean 'address'", "adress = <0>;")):
            with self.subTest(text=text):
                reference = "memory = <&m>; " if text else ""
                self.mistake(6, words, OBJECT + self.guest(reference + text))

    def test_doorbell(self):
        """The number of the handle by which the guest is told, whatever else it has."""
        bell = 'bell: bell { compatible = "doorbell"; };\n'
        guest = self.guest("memory = <&m>; doorbell = <&bell>;")
        self.mistake(7, "'doorbell' takes a reference", OBJECT + bell + guest)
        told = ('a { compatible = "send-doorbell-handle"; doorbell = <&bell>; };\n'
                'b { compatible = "receive-doorbell-handle"; doorbell = <&bell>; };\n')
        made, mistakes = self.parsed(OBJECT + bell + guest.replace("h0 {", told + "h0 {"))
        self.assertEqual(mistakes, [])
        self.assertIn("doorbell = <1>;", made.guests[0].handles[2].lines)

    def test_handles_that_overlap(self):
        self.mistake(7, "'h1' at 0x90008000 overlaps 'h0' of 'g'", OBJECT + self.guest(
            "memory = <&m>; address = <0x90000000>;", "memory = <&m>; address = <0x90008000>;"))

    def test_the_board_is_that_of_the_vmm(self):
        with open(os.path.join(ROOT, "hv", "board", "ppce500.hpp"), encoding="utf-8") as header:
            text = header.read().replace("'", "")
        for name, (first, end, _) in zip(("pci_memory", "platform_bus", "ccsr", "pci_io"), shared.TAKEN):
            self.assertIn(f"{name}_base = {first:#x};", text)
            self.assertIn(f"{name}_size = {end - first:#x};", text.replace("0x8000000;", f"{0x8000000:#x};"))
        self.assertIn("shared-memory", links.OBJECTS)


if __name__ == "__main__":
    import unittest
    unittest.main()
