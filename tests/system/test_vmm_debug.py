# SPDX-License-Identifier: Apache-2.0
"""Debuggers inside the guest: ptrace's single step and kgdb's own tests end as on the bare board."""
import re
import unittest

import scenarios
from support import trapeze

MODES = (["--patch=off", "--mapping=straight"], ["--patch=off", "--mapping=crossed"],
         ["--patch=hot", "--mapping=straight"], ["--patch=eager", "--mapping=crossed"])

# kgdb's tests end some seconds after their last breakpoint, which each fork meets: it is planted,
# stepped over and planted again. Then they say that they unregister. The guest's clock is the
# limit, not a number of forks, which a fast machine has made too soon.
KGDB = ("t=0; i=0; while [ ${t%.*} -lt 60 ]; do read t x < /proc/uptime; i=$((i+1)); /bin/true; "
        "[ $((i % 10)) != 0 ] || ! dmesg | grep -q 'KGDB: Unregistered' || break; done; "
        "dmesg | grep -i 'kgdb'")


class Debuggers(scenarios.Case):
    """The same lines natively and under the VMM, in each way it can run a guest."""

    def same(self, *options, line):
        """Runs `options` natively and in all modes; `line` picks what is compared."""
        native = None
        for how in (["--native"], *MODES):
            with self.subTest(" ".join(how)):
                result = trapeze("boot", *how, "--timeout", "110", *options)
                self.assertEqual(result.status, 0, result)
                found = re.findall(line, result.out, re.M)
                if native is None:
                    native = found
                self.assertEqual(found, native, result)
        return native

    def test_stepped_children(self):
        lines = self.same("--run", "selfcheck stepping", line=r"stepping\.\w+: .*")
        for right in ("compute: exit 5 after many steps", "loop: right", "getpgid: right",
                      "close: right", "signals: exit 7 after many steps"):
            self.assertIn("stepping." + right, lines)
        self.assertFalse([line for line in lines if "SIG" in line and "SIGILL" not in line], lines)

    def test_kgdb(self):
        lines = self.same("--append", "kgdbts=V1F20", "--run", KGDB, line=r"(?i)kgdb(?:ts)?:.*")
        self.assertIn("kgdbts:RUN singlestep [900/1000]", lines)
        self.assertIn("kgdbts:RUN kernel_clone for 20 breakpoints", lines)
        self.assertTrue(lines[-1].startswith("KGDB: Unregistered I/O driver kgdbts"), lines)


if __name__ == "__main__":
    unittest.main()
