# SPDX-License-Identifier: Apache-2.0
"""Linux while patches are taken back, and stolen pages given back, all the time (the VMM's option
churn=): it does what it does natively."""
import json
import os

from support import LAST, Case, trapeze


class ChurnCase(Case):
    """Output, and that there was something to notice."""

    def printed(self, command, *options, timeout=300):
        """What the command prints in the guest, without the kernel's messages, which have times."""
        result = trapeze("boot", "--timeout", str(timeout), *options, "--run", command, timeout=timeout + 60)
        self.ends(result, 0)
        return [line for line in result.out.splitlines() if not line.startswith("[")]

    def the_same(self, command, churn, least, *options, timeout=300):
        """It prints what it prints natively, though at least so many patches were taken back, one
        change coming each `churn` us."""
        native = self.printed(command, "--native", timeout=timeout)
        hosted = self.printed(command, "--threshold=1", "--vmm-append", f"churn={churn}", *options,
                              timeout=timeout)
        self.assertEqual(hosted, native)
        with open(os.path.join(LAST, "summary.json"), encoding="utf-8") as summary:
            patch = json.load(summary)["patch"]
        self.assertGreater(patch["back"], least)
        self.assertGreaterEqual(patch["made"], patch["back"])
