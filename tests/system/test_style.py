# SPDX-License-Identifier: Apache-2.0
"""Every source keeps the project's style where a program can tell."""
import os
import re
import subprocess
import unittest

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


if __name__ == "__main__":
    unittest.main()
