# SPDX-License-Identifier: Apache-2.0
"""What the front door makes of a configuration of several guests; the consoles' frames."""
import os
import random
import struct
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
from front import config, consoles, frames, machine, source  # noqa: E402  (the path had to be set)
from front.common import Failure  # noqa: E402
from support import Case, trapeze  # noqa: E402

HEAD = '/dts-v1/;\n/ {\ncompatible = "trapeze,config";\n'
LINUX = 'a { compatible = "partition"; memory = "64M"; };\n'


class Config(Case):
    """Calls the reader, and gives it sources."""

    def parsed(self, text):
        """(Machine, its mistakes as 'LINE: WORDS')."""
        path = self.path("m.dts", text.encode())
        found = config.Mistakes()
        made = config.parsed(source.read(path), path, found)
        return made, [f"{where.rpartition(':')[2]}: {what}" for where, what in found]

    def guests(self, text, root=""):
        """The guests of a configuration without mistakes."""
        made, mistakes = self.parsed(HEAD + root + text + "};\n")
        self.assertEqual(mistakes, [])
        return made.guests

    def mistake(self, line, words, text):
        """The only mistake is in this line, and is told with these words."""
        mistakes = self.parsed(text)[1]
        self.assertEqual(len(mistakes), 1, mistakes)
        self.assertTrue(mistakes[0].startswith(f"{line}: "), mistakes)
        self.assertIn(words, mistakes[0])

    def in_guest(self, words, properties, root=""):
        """The same of a property in line 5 of the file, or 6 with `root`."""
        self.mistake(6 if root else 5, words, HEAD + root + (root and "\n") + 'g { compatible = "partition";\n'
                     + properties + " };\n};\n")


class Good(Config):
    """What is right."""

    def test_all_that_can_be_said(self):
        kernel = self.path("k.elf", b"\x7fELF")
        self.path("i", b"x")
        one, two = self.guests(
            'x: linux@1 { compatible = "partition"; label = "a-1"; devices = "pci"; };\n'
            'rt { compatible = "partition"; kernel = "k.elf"; initrd = "i"; bootargs = "q \\"x\\" é";'
            'load = "i@0x10", "i@32"; memory = <(8 << 20)>; cpus = <1 1>; priority = <7>; raw;'
            'budget-us = <20>; period-us = <30>; options = "patch=off"; on-death = "restart";'
            'console = "log"; no-autostart; };\n', "slice-us = <500>;\n")
        self.assertEqual((one.name, one.mem, one.ours, one.pci, one.kernel), ("a-1", 256 << 20, True, True, None))
        path = self.path("i")
        self.assertEqual(two, machine.Spec(
            "rt", mem=8 << 20, kernel=kernel, initrd=path, load=[f"{path}@0x10", f"{path}@0x20"],
            append='q "x" é', raw=True, options="patch=off", core=1, priority=7, budget=20,
            period=30, on_death="restart", autostart=False, show=False, ours=False))

    def test_names_files_and_includes(self):
        os.mkdir(self.path("sub"))
        self.path("sub/k", b"x")
        self.path("sub/more.dtsi", b'/ { b { compatible = "partition"; kernel = "sub/k"; frobnicates; };\n};\n')
        made, mistakes = self.parsed(HEAD + LINUX + '};\n/include/ "sub/more.dtsi"\n')
        self.assertEqual(made.guests[1].kernel, self.path("sub/k"))
        self.assertEqual(mistakes, ["1: 'frobnicates' is no property of a guest"])

    def test_cyclic(self):
        root = 'schedule = "cyclic"; major-frame-us = <10000>;\n'
        part = '{ compatible = "partition"; memory = "64M"; windows-us = '
        made = self.guests(f"a {part}<0 5000 7000 1000>; }}; b {part}<5000 2000>; }};", root)
        self.assertEqual(made[0].windows, [0, 5000, 7000, 1000])

    def test_examples(self):
        folder = os.path.join(ROOT, "docs", "examples")
        for name in sorted(os.listdir(folder)):
            if name.endswith(".dts"):
                found = config.Mistakes()
                path = os.path.join(folder, name)
                made = config.parsed(source.read(path), path, found)
                self.assertEqual(found, [], name)
                self.assertTrue(made.guests, name)


class Mistakes(Config):
    """Each is told with its line."""

    def test_of_networks(self):
        root = 'lan: lan { compatible = "virtual-switch"; };'
        card = '{ compatible = "virtio-net"; switch = <&lan>; %s };'
        self.in_guest("is no address of a network card", "n " + card % 'mac-address = "01:00:00:00:00:01";', root)
        self.in_guest("is no address of a network card", "n " + card % 'mac-address = "2:0:0:0:0:1";', root)
        self.in_guest("did you mean 'mac-address'", "n " + card % 'mac-adress = "02:00:00:00:00:01";', root)
        self.in_guest("takes a reference to a node", 'n { compatible = "virtio-net"; switch = <5>; };', root)
        self.in_guest("has this mac-address already", " ".join(
            f"n{number} " + card % f'mac-address = "02:00:00:00:00:{text}";' for number, text in enumerate(("aa", "AA"))),
                      root)
        self.in_guest("more than 8 cards", " ".join(f"n{number} " + card % "" for number in range(9)), root)

    def test_of_the_machine(self):
        self.mistake(2, "must say compatible", "/dts-v1/;\n/ {\n" + LINUX + "};\n")
        self.mistake(2, "there is no guest", HEAD + "};\n")
        self.mistake(4, "is no guest", HEAD + "b { };\n" + LINUX + "};\n")
        self.mistake(4, "did you mean 'slice-us'", HEAD + "slice-ms = <1>;\n" + LINUX + "};\n")
        self.mistake(4, "needs 'major-frame-us'", HEAD + 'schedule = "cyclic";\na { compatible = '
                     '"partition"; windows-us = <0 1>; };\n};\n')
        self.mistake(4, "goes with schedule", HEAD + "major-frame-us = <5>;\n" + LINUX + "};\n")
        self.mistake(5, "'a' already, at", HEAD + LINUX + 'b { compatible = "partition"; label = "a"; };\n};\n')
        self.mistake(5, "belongs to 'a' already", HEAD + 'a { compatible = "partition"; devices = "pci"; };\n'
                     'b { compatible = "partition"; devices = "pci"; };\n};\n')
        self.mistake(4, "no guest starts", HEAD + 'a { compatible = "partition"; no-autostart; };\n};\n')
        big = 'compatible = "partition"; memory = "1G"; };\n'
        self.mistake(5, "do not fit below 2 GiB", HEAD + "a { " + big + "b { " + big + "};\n")

    def test_of_a_guest(self):
        self.path("k", b"x")
        kernel = 'kernel = "k"; '
        for words, text in [
                ("did you mean 'kernel'", 'kernle = "k";'), ("no such file (kernel)", 'kernel = "none";'),
                ("is not a file (kernel)", 'kernel = ".";'), ("takes one string", "kernel = <1>;"),
                ("takes one string", 'kernel = "k", "k";'), ("goes with 'kernel'", 'initrd = "k";'),
                ("goes with 'kernel'", 'load = "k@1";'), ("FILE@ADDRESS", kernel + 'load = "k";'),
                ("no name of a guest", 'label = "B";'), ("no name of a guest", 'label = "abcdefghijklmnop";'),
                ("at least 4 MiB", kernel + "memory = <0x3ff000>;"),
                ("whole pages", kernel + "memory = <0x400001>;"), ("takes a size", 'memory = "many";'),
                ("1536M at most", 'memory = "1537M";'), ("no holes", "memory = <1 2>;"),
                ("at least 48M", 'memory = "47M";'), ("<CORE 1>", "cpus = <0>;"), ("<CORE 1>", "cpus = <0 2>;"),
                ("core 2:", "cpus = <2 1>;"), ("from 0 to 255", "priority = <256>;"),
                ("takes numbers", 'priority = "high";'), ("go together", "budget-us = <1>;"),
                ("go together", "period-us = <1>;"), ("does not fit", "budget-us = <2>; period-us = <1>;"),
                ("from 1 to", "budget-us = <0>; period-us = <1>;"), ("goes with schedule", "windows-us = <0 1>;"),
                ("one of stop, restart, halt: not 'x'", 'on-death = "x";'), ("no device 'net'", 'devices = "net";'),
                ("takes no value", "no-autostart = <1>;"), ("is the property 'memory'", 'options = "mem=4M";'),
                ("one of show, log", 'console = "off";'), ("no node of the kind", "sub { };"),
                ("takes numbers", "priority = [01];")]:
            with self.subTest(text=text):
                self.in_guest(words, text)

    def test_of_windows(self):
        root = 'schedule = "cyclic"; major-frame-us = <10000>;'
        for words, text in [("pairs", "windows-us = <1>;"), ("pairs", "windows-us = <1 0>;"),
                            ("ends behind", "windows-us = <9000 1001>;"),
                            ("overlaps", "windows-us = <0 2>, <1 1>;"),
                            ("windows bound", "windows-us = <0 2>; budget-us = <1>; period-us = <1>;"),
                            ("more than 32", "windows-us = " + ", ".join(f"<{n} 1>" for n in range(33)) + ";")]:
            with self.subTest(text=text):
                self.in_guest(words, text, root)
        self.mistake(5, "never runs", HEAD + root + "\n" + LINUX + "};\n")
        # Of a node that two places make, the last one is named.
        self.mistake(7, "never runs", HEAD + root + "\nx: " + LINUX + "};\n&x { memory = \"65M\"; };\n")

    def test_all_at_once_in_order(self):
        path = self.path("m.dts", (HEAD + 'a { compatible = "partition";\nmemory = "1K";\nbad;\n};\n};\n').encode())
        result = trapeze("boot", "--config", path)
        self.ends(result, 2)
        self.assertEqual([line[len(f"trapeze: {path}:"):][:3] for line in result.err.strip().split("\n")],
                         ["5: ", "6: "], result.err)

    def test_what_dtc_refuses(self):
        for text, words in ((b"/dts-v1/;\n/ {\n a = <1>\n b;\n};\n", "m.dts:4: syntax error"),
                            (b"/dts-v1/;\n/ { x = <&nope>; };\n", "m.dts"), (b"", "syntax error"),
                            (b"/dts-v1/;\n/ { a { }; a { }; };\n", "m.dts:2: /a: Duplicate node name"),
                            (b"\0\xff", "m.dts"), (b'/include/ "nowhere"\n', "nowhere")):
            with self.subTest(text=text):
                path = self.path("m.dts", text)
                with self.assertRaises(Failure) as caught:
                    source.read(path)
                self.assertEqual(caught.exception.status, 2)
                self.assertIn(words, str(caught.exception))

    def test_command_line(self):
        there = self.path("m.dts", (HEAD + LINUX + "};\n").encode())
        for options, words in ((["--config", "/nope"], "no such file (--config)"),
                               (["--config", self.folder], "is not a file"),
                               (["--config", there, "--guests", "2"], "leave --guests out"),
                               (["--config", there, "--kernel", "k"], "--kernel is said by"),
                               (["--config", there, "--net"], "owns the PCI bus"),
                               (["--config", there, "--mem", "64M"], "--mem is the whole machine's"),
                               (["--config", there, "--cores", "99"], "--cores 99"),
                               (["--guests", "2", "--native"], "without the VMM"),
                               (["--guests", "0"], "1 to 4"), (["--guests", "5"], "1 to 4"),
                               (["--guests", "2", "--mem", "1G"], "do not fit below 2G"),
                               (["--cores", "2"], "goes with --guests"), (["--guests", "x"], "whole number")):
            with self.subTest(options=options):
                result = trapeze("boot", *options)
                self.ends(result, 2)
                self.one_line(result, words)


class Image(Case):
    """The machine image."""

    def tree(self, path):
        """What dtc reads in it, without blanks."""
        return "".join(subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", path], check=True,
                                      capture_output=True).stdout.decode().split())

    def test_layout(self):
        one, two = self.path("1", b"1" * 5000), self.path("2", b"2" * 7)
        made = machine.Machine([
            machine.Spec("a", pci=True), machine.Spec("b", mem=4 << 20, options='x="\\é', priority=0,
                                                      autostart=False, on_death="halt"),
            machine.Spec("c", core=1, budget=1, period=2, windows=[0, 5])], 3, "cyclic", None, 9)
        path = self.path("image")
        machine.write_image(path, made, [one, two, one])
        with open(path, "rb") as image:
            data = image.read()
        self.assertEqual(struct.unpack_from(">2I", data), (0xd00dfeed, 65536))
        self.assertEqual(data[65536:], b"1" * 5000 + bytes(3192) + b"2" * 7 + bytes(4089))
        tree = self.tree(path)
        for words in ('compatible="trapeze,machine";schedule="cyclic";major-frame-us=<0x09>;guests{',
                      'a{options="mem=262144K";image=<0x100000x1388>;core=<0x00>;pci;};',
                      "image=<0x120000x07>;core=<0x00>;priority=<0x00>;on-death=\"halt\";no-autostart;};",
                      'image=<0x100000x1388>;core=<0x01>;budget-us=<0x01>;period-us=<0x02>;windows-us=<0x000x05>;'):
            self.assertIn(words, tree)
        self.assertIn(b'mem=4096K x="\\\xc3\xa9\0', data[:65536])

    def test_most_guests_are_those_of_the_vmm(self):
        with open(os.path.join(ROOT, "hv", "guest", "machine.hpp"), encoding="utf-8") as header:
            self.assertIn(f"most_guests = {machine.GUESTS_MOST};", header.read())
        self.assertLessEqual(machine.GUESTS_MOST, frames.MOST)
        for name, words in (("core/cpu.hpp", f"max_cores = {machine.CORES_MOST};"),
                            ("sched/policy.hpp", f"max_windows = {machine.WINDOWS_MOST};"),
                            ("boot/wishes.cpp", "longest_slice_us = 1'000'000;")):
            with open(os.path.join(ROOT, "hv", name), encoding="utf-8") as header:
                self.assertIn(words, header.read())

    def test_memory_holds_all(self):
        for sizes in ([256, 256], [4, 4, 512], [1024, 4], [48] * 8):
            made = machine.Machine([machine.Spec("x", mem=size << 20) for size in sizes])
            self.assertGreaterEqual(made.memory, (sum(sizes) + 64 * len(sizes)) << 20)
            self.assertEqual(made.memory % (64 << 20), 0)


class Frames(unittest.TestCase):
    """The consoles' protocol."""

    def test_known(self):
        for data, wanted in ((b"lost\x10Aa", [(0, b"a")]), (b"\x10Bx\x10\x10y", [(1, b"x\x10y")]),
                             (b"\x10Aa\x10Bb\x10Aa", [(0, b"a"), (1, b"b"), (0, b"a")]),
                             (b"\x10Aa\x10?b\x10[c\x10@d", [(0, b"abcd")]), (b"\x10Z\xff", [(25, b"\xff")]),
                             (b"\x10A\x10\x10A", [(0, b"\x10A")]), (b"\x10Aa\x10Ab", [(0, b"ab")])):
            self.assertEqual(frames.Demux().feed(data), wanted)

    def test_any_bytes_cut_anywhere(self):
        rng = random.Random(1)
        for _ in range(200):
            sent, wire, mux = {}, b"", frames.Mux()
            for _ in range(rng.randrange(20)):
                channel = rng.randrange(3)
                data = bytes(rng.choice(b"\x10\x10AB\n\xff") for _ in range(rng.randrange(6)))
                sent[channel] = sent.get(channel, b"") + data
                wire += mux.feed(channel, data)
            demux, came = frames.Demux(), {}
            while wire:
                size = rng.randrange(1, 4)
                for channel, data in demux.feed(wire[:size]):
                    came[channel] = came.get(channel, b"") + data
                wire = wire[size:]
            self.assertEqual(came, {channel: data for channel, data in sent.items() if data})

    def test_lines(self):
        lines = consoles.Lines({"a": b"a| ", "b": b"b| "})
        self.assertEqual(lines.feed("a", b"on"), b"")
        self.assertEqual(lines.feed("b", b"x\n\ny"), b"b| x\nb| \n")
        self.assertEqual(lines.feed("a", b"e\n"), b"a| one\n")
        self.assertEqual(lines.finish("a") + lines.finish("b"), b"b| y\n")
        self.assertEqual(lines.feed("a", b"z" * (consoles.LINE_MOST + 1)), b"a| " + b"z" * consoles.LINE_MOST + b"\n")


if __name__ == "__main__":
    unittest.main()
