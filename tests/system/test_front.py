# SPDX-License-Identifier: Apache-2.0
"""The front door before any guest runs: help, usage errors, bad images."""
import os
import re
import struct
import unittest

from support import ROOT, Case, trapeze

GUEST = os.path.join(ROOT, "build", "guest")


class Help(Case):
    """Help teaches, and costs nothing."""

    def test_each_command_explains_itself(self):
        for command in ("setup", "boot", "heatmap", "top", "test", "lint"):
            for form in ((command, "--help"), ("help", command)):
                with self.subTest(form=form):
                    result = trapeze(*form)
                    self.ends(result, 0)
                    for word in ("examples:", "exit status:", "files written", "./trapeze " + command):
                        self.assertIn(word, result.out)
                    self.assertEqual(result.err, "")

    def test_the_default_mapping_is_said_once_and_the_same(self):
        text = " ".join(trapeze("boot", "--help").out.split())
        default = re.search(r"--mapping \{straight,crossed\} .*?\(default (\w+)\)", text)[1]
        with open(os.path.join(ROOT, "docs", "options.md"), encoding="utf-8") as page:
            row, = re.findall(r"(?m)^\| `--mapping straight\\\|crossed` \| .*$", page.read())
        self.assertEqual(re.findall(r"default (\w+)", row), [default])
        with open(os.path.join(ROOT, "hv", "guest", "options.hpp"), encoding="utf-8") as header:
            crossed = re.search(r"bool crossed = (true|false);", header.read())[1]
        self.assertEqual(default, "crossed" if crossed == "true" else "straight")

    def test_top_help_names_the_commands(self):
        result = trapeze("--help")
        self.ends(result, 0)
        for command in ("setup", "boot", "heatmap", "top", "test", "lint", "help"):
            self.assertIn(f"\n  {command} ", result.out)
        self.assertNotIn("\x1b", result.out)

    def test_version(self):
        result = trapeze("--version")
        self.ends(result, 0)
        self.assertRegex(result.out, r"^trapeze \d+\.\d+\.\d+\n$")

    def test_works_from_elsewhere_and_through_a_link(self):
        link = self.path("link")
        os.symlink(os.path.join(ROOT, "trapeze"), link)
        status = os.spawnlp(os.P_WAIT, "sh", "sh", "-c", f"cd / && {link} --version >/dev/null")
        self.assertEqual(status, 0)

    def test_setup_list_has_names_only(self):
        result = trapeze("setup", "--list")
        self.ends(result, 0)
        self.assertIn("qemu-system-ppc\n", result.out)
        self.assertRegex(result.out, r"^([a-z0-9.+-]+\n)+$")


class Usage(Case):
    """Every wrong use: status 2 and one line, before anything is built or booted."""

    def wrong(self, *arguments, words=()):
        """./trapeze boot with these arguments is refused in one line with these words."""
        result = trapeze("boot", *arguments)
        self.ends(result, 2)
        self.one_line(result, *words)
        self.assertEqual(result.out, "")

    def test_no_command(self):
        self.ends(trapeze(), 2)

    def test_unknown_command(self):
        result = trapeze("frobnicate")
        self.ends(result, 2)
        self.one_line(result, "frobnicate")

    def test_options(self):
        self.wrong("--no-such-option", words=["--no-such-option"])
        self.wrong("--timeout", "soon", words=["--timeout"])
        self.wrong("--timeout", "-1", words=["--timeout"])
        self.wrong("--timeout", "nan", words=["--timeout"])
        self.wrong("--watchdog", "x", words=["--watchdog"])
        self.wrong("--native", "--watchdog", "5", words=["--watchdog"])

    def test_patching(self):
        self.wrong("--patch", "cold", words=["--patch", "'off', 'hot', 'eager'"])
        self.wrong("--mapping", "diagonal", words=["--mapping", "'straight', 'crossed'"])
        for value in ("-1", "1000001", "1e3", "many"):
            self.wrong("--threshold", value, words=["--threshold", "0 to 1000000", value])
        for value in ("0", "2", "6", "52", "-4", "4.0", "all"):
            self.wrong("--mirror-mb", value, words=["--mirror-mb", "multiple of 4 from 4 to 48"])
        for option in ("--patch=off", "--threshold=5", "--mapping=straight", "--mapping=crossed",
                       "--mirror-mb=8"):
            self.wrong("--native", option, words=[option.split("=", maxsplit=1)[0], "--native"])
        for mode in ("hot", "eager"):
            self.wrong("--profile=off", "--patch", mode, words=["--patch=" + mode, "--profile=off"])

    def test_memory(self):
        for size in ("0", "8M", "lots", "-1", "1T", "100000G", "256m5", "1234567"):
            self.wrong("--mem", size, words=["--mem"])
        self.wrong("--native", "--mem", "100M", words=["64M"])

    def test_files(self):
        self.wrong("--kernel", "/no/such/kernel", words=["/no/such/kernel", "no such file"])
        self.wrong("--kernel", self.folder, words=["not a file"])
        self.wrong("--drive", "/no/such/disk", words=["/no/such/disk"])
        self.wrong("--drive", self.folder, words=["not a file"])
        os.mkfifo(self.path("fifo"))
        for special in (self.path("fifo"), "/dev/null", "/dev/zero"):
            for option in ("--kernel", "--drive", "--dtb"):
                self.wrong(option, special, words=[special, "not a file", f"({option})"])
        self.wrong("--initrd", os.path.join(GUEST, "uImage"), words=["--kernel"])
        self.wrong("--json", "/no/such/folder/x.json", words=["--json"])

    def test_our_statuses_move_with_run(self):
        result = trapeze("boot", "--run", "true", "--mem", "8M")
        self.ends(result, 122)
        self.one_line(result, "--mem")
        self.ends(trapeze("boot", "--run", "true", "--no-such-option"), 122)
        result = trapeze("boot", "--run", "true", "--shell")
        self.ends(result, 122)
        self.one_line(result, "not allowed")


class Images(Case):
    """Files that cannot be booted: status 2, one line that names the file and the reason."""

    def refused(self, data, *words, extra=(), option="--kernel"):
        """`data` (bytes) is refused natively as under the VMM, with these words."""
        name = self.path("image", data)
        arguments = ["boot", "--native", option, name, *extra]
        result = trapeze(*arguments)
        self.ends(result, 2)
        self.one_line(result, name, *words)
        self.assertTrue(f"({option})" in result.err or "--mem" in words, result.err)

    def uimage(self):
        """The bytes of the default guest's kernel."""
        with open(os.path.join(GUEST, "uImage"), "rb") as image:
            return image.read()

    def test_empty_and_truncated(self):
        self.refused(b"", "empty")
        good = self.uimage()
        self.refused(good[:40], "header")
        self.refused(good[:-1], "truncated")

    def test_corrupt(self):
        good = bytearray(self.uimage())
        good[len(good) // 2] ^= 1
        self.refused(bytes(good), "CRC")

    def test_foreign(self):
        with open("/bin/sh", "rb") as program:
            self.refused(program.read(), "x86-64" if os.uname().machine == "x86_64" else "ELF")
        self.refused(b"#!/bin/sh\n", "script")
        self.refused(b"hello there\n", "text")
        self.refused(b"MZ" + b"\x90" * 600, "Windows")
        self.refused(b"PK\x03\x04" + b"\x90" * 600, "zip")
        self.refused(b"\x1f\x8b\x08" + b"\x90" * 600, "gzip")

    def test_oversized(self):
        big = b"\x60\0\0\0" * (17 << 20)
        self.refused(big, "--mem", extra=["--mem", "64M"])

    def test_parts_that_do_not_fit_together(self):
        # None of the files is to blame.
        disk = self.path("initrd", b"0707010000" + bytes(62 << 20))
        kernel = os.path.join(GUEST, "uImage")
        result = trapeze("boot", "--native", "--kernel", kernel, "--initrd", disk, "--mem", "64M")
        self.ends(result, 2)
        self.one_line(result, "--mem: kernel ", "initrd 62.0 MiB", "do not fit into 64 MiB")

    def test_initrd(self):
        kernel = ["--kernel", os.path.join(GUEST, "uImage")]
        self.refused(b"hello there\n", "initramfs", option="--initrd", extra=kernel)
        with open(os.path.join(GUEST, "initramfs.cpio.gz"), "rb") as archive:
            good = archive.read()
        self.refused(good[:-100], "truncated", option="--initrd", extra=kernel)

    def test_device_tree(self):
        kernel = ["--kernel", os.path.join(GUEST, "uImage")]
        self.refused(b"hello there\n", "device tree", option="--dtb", extra=kernel)
        self.refused(struct.pack(">II", 0xd00dfeed, 1 << 30), "truncated", option="--dtb",
                     extra=kernel)


if __name__ == "__main__":
    unittest.main()
