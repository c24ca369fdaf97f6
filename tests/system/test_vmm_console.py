# SPDX-License-Identifier: Apache-2.0
"""A Linux whose console is a byte channel: all that one can do over a UART, and beside a guest that has one."""
import os
import unittest

import scenarios
from support import ROOT, Case, trapeze

EXAMPLE = os.path.join(ROOT, "docs", "examples", "console-channel.dts")


class Shells(scenarios.Shells):
    """See scenarios."""

    options = ("--config", EXAMPLE)


class Pipes(scenarios.Pipes):
    """See scenarios."""

    options = ("--config", EXAMPLE)

    def test_more_than_the_channel_holds(self):
        lines = [f"line {number:05}" for number in range(1500)]
        script = "stty -echo; cat > /all; md5sum < /all\n" + "\n".join(lines) + "\n\4"
        result = self.boot("--shell", stdin=script.encode())
        self.ends(result, 0)
        self.assertIn(scenarios.hashlib.md5(("\n".join(lines) + "\n").encode()).hexdigest(), result.out)


class Beside(Case):
    """Its output and the other's are each whole."""

    def test_two_guests(self):
        path = self.path("two.dts", b"""/dts-v1/; / { compatible = "trapeze,config";
            a { compatible = "partition"; memory = "64M"; console { compatible = "console-channel-handle"; }; };
            b { compatible = "partition"; memory = "64M"; hypercalls; }; };""")
        result = trapeze("boot", "--config", path, "--timeout", "300", "--run",
                         "readlink -f /dev/console; grep -o 'console=[a-zA-Z]*' /proc/cmdline; "
                         "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; exit 3")
        self.ends(result, 3)
        for name, console in (("a", "ttyEHV"), ("b", "ttyS")):
            said = [line[3:] for line in result.out.splitlines() if line.startswith(f"{name}| ")]
            self.assertEqual(said, ["/dev/console", f"console={console}"] + [f"line {n}" for n in range(3000)])


if __name__ == "__main__":
    unittest.main()
