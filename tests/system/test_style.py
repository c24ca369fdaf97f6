# SPDX-License-Identifier: Apache-2.0
"""Every source keeps the project's style where a program can tell."""
import os
import re
import subprocess
import unittest

import assembly
from support import ROOT

CODE = (".cpp", ".hpp", ".c", ".h")


def tracked():
    """Paths in the repository, relative to its root; without .git, whatever lies there."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True,
                            check=False)
    names = listed.stdout.decode().split("\0")[:-1] if listed.returncode == 0 else [
        os.path.relpath(os.path.join(folder, name), ROOT)
        for folder, _, files in os.walk(ROOT) for name in files]
    return [name for name in names
            if not name.startswith("build/") and os.path.isfile(os.path.join(ROOT, name))]


class Style(unittest.TestCase):
    """File headers, file sizes; ./trapeze lint checks the formatting."""

    def test_headers_and_sizes(self):
        kinds = (*CODE, ".S", ".py", ".cmake", ".sh", ".ld", "CMakeLists.txt")
        for name in tracked():
            if not name.endswith(kinds) and "." in os.path.basename(name):
                continue
            if name == "LICENSE" or name.startswith("tests/fuzz/corpus/"):
                continue
            with open(os.path.join(ROOT, name), encoding="utf-8") as handle:
                lines = handle.read().split("\n")
            with self.subTest(name=name):
                if name.endswith(kinds):
                    self.assertTrue(
                        any(re.search(r"SPDX-License-Identifier: Apache-2\.0$", line.rstrip(" */"))
                            for line in lines[:2]), "no SPDX line at the top")
                self.assertLessEqual(len(lines), 501, "more than 500 lines")

    def assembly(self):
        """The VMM's, {path: lines}."""
        sources = {}
        for name in tracked():
            if name.startswith("hv/") and name.endswith((".S", ".inc")):
                with open(os.path.join(ROOT, name), encoding="utf-8") as handle:
                    sources[name] = handle.read().split("\n")
        self.assertIn("vcpu", "".join(map("".join, sources.values())))
        return sources

    def test_registers_have_names(self):
        self.assertEqual([], assembly.faults(self.assembly()))

    def test_labels_say_what_they_find(self):
        self.assertEqual([], assembly.silent(self.assembly()))

    def test_no_number_stands_far_away(self):
        self.assertEqual([], assembly.far(self.assembly()))

    def whoever_says(self, pattern, *folders):
        """The files below `folders` that the pattern is found in."""
        found = set()
        for name in tracked():
            if name.startswith(folders):
                with open(os.path.join(ROOT, name), encoding="utf-8") as handle:
                    if re.search(pattern, handle.read()):
                        found.add(name)
        return found

    def test_the_base_stands_once(self):
        self.assertEqual(self.whoever_says("(?i)0xf4(00)?'?0000", "hv/", "cmake/", "tests/unit/hv/support/"),
                         {"hv/core/own_map.hpp"})

    def test_assembly_is_declared_in_its_headers(self):
        # offsets.cpp is not linked, string.cpp has what the compiler calls.
        self.assertEqual(self.whoever_says('extern "C"', "hv/"),
                         {"hv/core/calls.hpp", "hv/exit/entry.hpp", "hv/vcpu/spr.hpp",
                          "hv/exit/offsets.cpp", "hv/boot/string.cpp"})


class Assembly(unittest.TestCase):
    """What finds a number in a register's place."""

    MACROS = """
    .macro  keep which, where
    inner   \\which, \\where
    .endm
    .macro  inner reg, at
    stw     \\reg, \\at(vcpu)
    .endm
    .macro  timed name, insn:vararg
    \\insn
    .endm
    """

    def found(self, text):
        """The operands that are at fault."""
        lines = assembly.faults({"x.S": (self.MACROS + text).split("\n")})
        return [re.search(r": (\S+) is no (register|name of an SPR|named constant)$", line)[1]
                for line in lines]

    def test_number_for_register(self):
        for text, wanted in [("li 12, 6", ["12"]), ("mr r3, 13", ["13"]), ("add r3, 4, 5", ["4", "5"]),
                             ("lwz r12, 6(13)", ["6(13)"]), ("lwz r12, GPR(12)(13)", ["GPR(12)(13)"]),
                             ("lwz 12, 6(r13)", ["12"]), ("dcbst 12, r3", ["12"]),
                             ("1:  rlwinm. 11, r10, 0, MAS1_TID  // but 0", ["11"]),
                             ("keep 12, 4", ["12"]), ("timed name, stw 6, 0(r12)", ["6"]),
                             (".irp n, 3, 4\nlwz \\n, GPR(\\n)(vcpu)\n.endr", ["\\n"])]:
            with self.subTest(text=text):
                self.assertEqual(wanted, self.found(text))

    def test_number_for_name(self):
        for text, wanted in [("mtspr 279, r12", ["279"]), ("mfspr r12, 26", ["26"]),
                             ("andi. r13, r13, 0x4000", ["0x4000"]), ("addis r12, r12, -1024", ["-1024"]),
                             ("rlwinm r11, r10, 6, 26, 31", ["6", "26", "31"]), ("lis r4, 0xc000", ["0xc000"]),
                             (".macro to spr\nmtspr \\spr, r3\n.endm\nto 26", ["26"])]:
            with self.subTest(text=text):
                self.assertEqual(wanted, self.found(text))

    def test_registers_and_numbers_in_their_places(self):
        for text in ["li r12, 6", "lwz r12, 6(r13)", "lwz r12, GPR(12)(vcpu)", "dcbst 0, r3",
                     "keep r12, 4", "rlwinm r11, r11, 0, ~MSR_EE", "lis r4, 1f@h", "mtspr SPR_SPRG0 + \\n, r3", "timed name, stw r6, 0(r12)", "cmpwi r11, 31", "b 1b",
                     ".irp n, 3, 4\nlwz r\\n, GPR(\\n)(vcpu)\n.endr", ".long 0", "#define X 3"]:
            with self.subTest(text=text):
                self.assertEqual([], self.found(text))

    def test_label_without_a_contract(self):
        source = ["// In: r3.", "    .globl one", "one:", "b one", "beq- two", "// But out.", "two:",
                  "b L(three)", "L(three):", "four:"]
        self.assertEqual([line.partition(": ")[2][:5] for line in assembly.silent({"x.S": source})],
                         ["two d", "L(thr"])

    def test_number_far_away(self):
        for gap, count in [(19, 0), (20, 1)]:
            for source in (["b 1f", *["nop"] * gap, "1:  nop"], ["1:  nop", *["nop"] * gap, "b 1b"]):
                with self.subTest(source=source):
                    self.assertEqual(len(assembly.far({"x.S": source})), count)
        self.assertEqual(assembly.far({"x.S": ["1:  b 1b"]}), [])

    def test_unknown_statement(self):
        self.assertRegex(assembly.faults({"x.S": ["frob r1, 2"]})[0], "^x.S:1: frob: .* does not know")


if __name__ == "__main__":
    unittest.main()
