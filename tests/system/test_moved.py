# SPDX-License-Identifier: Apache-2.0
"""A checkout that is moved or copied after its first build: it builds what it holds."""
import json
import os
import shutil
import subprocess
import unittest

from support import ROOT, TRAPEZE, Case, Result, environment

# As small as a build can be: the viewer is a script that is copied.
LISTS = """cmake_minimum_required(VERSION 3.25)
project(trapeze VERSION 0.0.1 LANGUAGES NONE)
set(viewer ${CMAKE_BINARY_DIR}/tools/trapmap/trapmap)
add_custom_command(OUTPUT ${viewer} COMMAND cp ${CMAKE_SOURCE_DIR}/viewer ${viewer}
    DEPENDS ${CMAKE_SOURCE_DIR}/viewer)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/tools/trapmap)
add_custom_target(trapmap DEPENDS ${viewer})
"""


class Moved(Case):
    """A checkout with the front door of this one, and its copies."""

    def setUp(self):
        super().setUp()
        self.first = self.path("first")
        os.mkdir(self.first)
        shutil.copy(TRAPEZE, self.first)
        shutil.copy(os.path.join(ROOT, "CMakePresets.json"), self.first)
        shutil.copytree(os.path.join(ROOT, "tools", "front"),
                        os.path.join(self.first, "tools", "front"),
                        ignore=shutil.ignore_patterns("__pycache__"))
        with open(os.path.join(self.first, "CMakeLists.txt"), "w", encoding="utf-8") as lists:
            lists.write(LISTS)
        self.edit(self.first, "one")
        last = os.path.join(self.first, "build", "last")
        os.makedirs(last)
        for name in ("guest.trap", "../guest/vmlinux"):
            os.makedirs(os.path.dirname(os.path.join(last, name)), exist_ok=True)
            with open(os.path.join(last, name), "w", encoding="ascii"):
                pass
        with open(os.path.join(last, "summary.json"), "w", encoding="ascii") as summary:
            json.dump({"mode": "vmm", "dump": os.path.join(last, "guest.trap"),
                       "symbols": os.path.join(self.first, "build", "guest", "vmlinux")}, summary)

    @staticmethod
    def edit(checkout, word):
        """The checkout's viewer says this word and what it was called with."""
        path = os.path.join(checkout, "viewer")
        with open(path, "w", encoding="ascii") as viewer:
            viewer.write(f'#!/bin/sh\necho {word} "$@"\n')
        os.chmod(path, 0o755)

    def shows(self, checkout, word, said=None):
        """The viewer of this checkout says the word, of this checkout's files; stderr names `said`
        as where the build was made, or tells nothing about that."""
        done = subprocess.run([os.path.join(checkout, "trapeze"), "heatmap", "--by", "page"],
                              capture_output=True, env=environment(TRAPEZE_OUT=""), timeout=60,
                              check=False)
        result = Result(done)
        self.ends(result, 0)
        build = os.path.join(os.path.realpath(checkout), "build")
        self.assertEqual(result.out, f"{word} {build}/last/guest.trap --elf {build}/guest/vmlinux "
                                     "--by page\n")
        told = [line for line in result.err.split("\n") if "was made in" in line]
        self.assertEqual(len(told), 1 if said else 0, result.err)
        if said:
            self.assertIn(f"was made in {said}: ", told[0])

    def test_copied_and_moved(self):
        self.shows(self.first, "one")
        second, third = self.path("second"), self.path("third")
        shutil.copytree(self.first, second, symlinks=True)
        self.edit(second, "two")
        self.shows(second, "two", self.first)
        self.shows(second, "two")
        self.shows(self.first, "one")
        os.rename(second, third)
        self.edit(third, "three")
        self.shows(third, "three", second)
        # Another name of the same folder changes nothing, whichever was there first.
        os.symlink(third, second)
        self.shows(second, "three")
        self.edit(second, "four")
        self.shows(second, "four")
        shutil.rmtree(os.path.join(third, "build", "host"))
        self.shows(second, "four")
        self.shows(third, "four")


if __name__ == "__main__":
    unittest.main()
