# SPDX-License-Identifier: Apache-2.0
"""The rooms of hv/ include only what stands before them, and dbt/ and tcache/ nothing of hv/."""
import re
import unittest

from support import ROOT
from test_style import CODE, tracked

# Lowest first (docs/source-tour.md).
ORDER = ["core", "trace", "board", "mmu", "console", "vcpu", "profile", "dev", "patch", "guest", "para",
         "exit", "sched", "monitor", "boot"]

INCLUDE = r'^#include "((?:hv|dbt|tcache)/[\w./]+)"'

# Includes that run up. None may be added; whoever removes one removes its line.
ALLOWED = {
    ("hv/core/cpu.cpp", "hv/board/ppce500.hpp"),
}


def room(path):
    """Of a path below the root: the folder of hv/, or the library."""
    parts = path.split("/")
    return parts[1] if parts[0] == "hv" else parts[0]


def includes():
    """(file, file of ours that it includes) for each source of hv/, dbt/ and tcache/."""
    for name in tracked():
        if name.split("/")[0] in ("hv", "dbt", "tcache") and name.endswith((*CODE, ".S", ".inc")):
            with open(f"{ROOT}/{name}", encoding="utf-8") as handle:
                text = handle.read()
            for target in re.findall(INCLUDE, text, re.M):
                yield name, target


class Rooms(unittest.TestCase):
    """Includes go one way."""

    def test_rooms_of_the_vmm(self):
        """Each room includes what stands before it; exceptions are listed, and all of them exist."""
        up = {(name, target) for name, target in includes()
              if name.startswith("hv/") and target.startswith("hv/")
              and ORDER.index(room(target)) > ORDER.index(room(name))}
        self.assertEqual(up - ALLOWED, set(), "includes that run up")
        self.assertEqual(ALLOWED - up, set(), "no longer there: take them off the list")

    def test_libraries(self):
        """dbt and tcache include themselves alone."""
        for name, target in includes():
            if not name.startswith("hv/"):
                with self.subTest(name=name):
                    self.assertEqual(room(target), room(name))


if __name__ == "__main__":
    unittest.main()
