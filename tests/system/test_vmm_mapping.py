# SPDX-License-Identifier: Apache-2.0
"""The option --mapping: what was asked for is what runs, and everything says so."""
import json
import os
import re
import unittest

from support import LAST, Case, trapeze


class Mapping(Case):
    """Short boots of the default guest."""

    def boot(self, *options):
        """(the summary's `patch`, the dump's layout, what the VMM's log says)"""
        result = trapeze("boot", "--icount", "--run", "true", "-v", *options)
        self.ends(result, 0)
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as handle:
            summary = json.load(handle)
        with open(os.path.join(LAST, "guest.trap"), encoding="ascii") as handle:
            layout = re.search(r"(?m)^guest \d+ (\w+) ", handle.read())[1]
        writes = [row["count"] for row in summary["exits"] if row["cause"] == "text_write"]
        # An exit whose store is not carried out, because the guest gets a fault for it, is none.
        self.assertLessEqual(summary["patch"]["text_writes"], sum(writes))
        logged = re.search(r"TLB0 of \d+ entries, (\w+) layout", result.err)[1]
        return summary["patch"]["mapping"], layout, logged

    def test_what_is_asked_for(self):
        for mapping in ("straight", "crossed"):
            for patch in ("off", "hot"):
                with self.subTest(mapping=mapping, patch=patch):
                    self.assertEqual(self.boot(f"--mapping={mapping}", f"--patch={patch}"),
                                     (mapping,) * 3)

    def test_the_default_is_what_the_help_says(self):
        text = " ".join(trapeze("boot", "--help").out.split())
        default = re.search(r"--mapping \{straight,crossed\} .*?\(default (\w+)\)", text)[1]
        self.assertEqual(self.boot(), (default,) * 3)


if __name__ == "__main__":
    unittest.main()
