# SPDX-License-Identifier: Apache-2.0
"""A guest that flushes TLB0 again and again (bench/bare/flushes.cpp): what patching costs there, and
whether the account says so. Times are --icount's, which repeat."""
import json
import os
import tempfile
import unittest

from support import ROOT, trapeze

PROGRAM = os.path.join(ROOT, "build", "hv", "bench", "bare", "flushes.elf")


def run(*options):
    """The summary of one run of the program."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "summary.json")
        done = trapeze("boot", "--kernel", PROGRAM, "--quiet", "--icount", "--watchdog", "0",
                       "--timeout", "240", "--json", path, *options)
        assert done.status == 0, done
        assert "rounds, 0 wrong" in done.out, done
        with open(path, encoding="utf-8") as handle:
            return json.load(handle)


class Flushes(unittest.TestCase):
    """Each layout, patched and not."""

    def compare(self, mapping, words=""):
        """Ticks saved by patching, in truth and as the account says."""
        off = run("--patch=off", f"--mapping={mapping}", "--append", words)
        hot = run(f"--mapping={mapping}", "--append", words)
        before, after = off["ticks"]["total"], hot["ticks"]["total"]
        self.assertGreater(hot["patch"]["saved"], 0)
        self.assertLessEqual(after, before * 1.02, "patching costs more than 2 %")
        return before - after, hot["patch"]["net_ticks"]

    def test_crossed(self):
        true, said = self.compare("crossed")
        self.assertEqual(true > 0, said > 0, (true, said))

    def test_more_pages_than_are_remembered(self):
        # The net is too good here (docs/limits.md): what it costs is what counts.
        self.compare("crossed", "many")

    def test_straight(self):
        true, said = self.compare("straight")
        self.assertEqual(true > 0, said > 0, (true, said))


if __name__ == "__main__":
    unittest.main()
