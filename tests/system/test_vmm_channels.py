# SPDX-License-Identifier: Apache-2.0
"""Two Linux guests over a byte channel: Linux's own driver, unchanged, and a shell that goes over it."""
import unittest

from support import Case, trapeze

CONFIG = """/dts-v1/;
/ {{
    compatible = "trapeze,config";
    pipe: pipe {{ compatible = "byte-channel"; }};
    a {{
        compatible = "partition"; memory = "64M"; cpus = <0 1>;
        to-b {{ compatible = "byte-channel-handle"; channel = <&pipe>; }};
    }};
    b {{
        compatible = "partition"; memory = "64M"; cpus = <{core} 1>;
        to-a {{ compatible = "byte-channel-handle"; channel = <&pipe>; }};
    }};
}};
"""
# Guest a has a shell on its end, and b types into it: a short answer, and one that no queue holds. The shell says nothing
# before b has turned its echo off, or it would read that again. And a stays until b has all: what Linux's driver has not
# sent yet when its guest powers off is gone.
COMMAND = r"""
exec 3<>/dev/ttyEHV0; stty raw -echo <&3
case $(tr -d '\0' </proc/device-tree/hypervisor/guest-name) in
a)  read word <&3; sh <&3 >&3 2>&1; status=$?; read bye <&3; echo $word: served $status, $bye ;;
b)  echo go >&3
    echo 'echo answer $((6*7)); dd if=/dev/zero bs=1000 count=20 2>/dev/null | tr "\0" x; echo; exit 3' >&3
    while read line <&3; do
        case $line in
        *'answer 42'*) echo it has answered ;;
        *xxxxxxxx*) echo length ${#line}; break ;;
        esac
    done
    echo bye >&3
    tr '\0' '\n' </proc/device-tree/hypervisor/compatible | head -1
    dmesg | grep -o 'registered /dev/ttyEHV0 for byte channel 0' ;;
esac
"""


class Channels(Case):
    """A shell over /dev/ttyEHV0."""

    def shell(self, core):
        """b uses a's shell from this core."""
        source = self.path("channel.dts", CONFIG.format(core=core).encode())
        result = trapeze("boot", "--config", source, "--timeout", "300", "--run", COMMAND)
        self.ends(result, 0)
        lines = {name: [line[3:] for line in result.out.splitlines() if line.startswith(f"{name}| ")]
                 for name in "ab"}
        self.assertEqual(lines["a"], ["go: served 3, bye"])
        self.assertEqual(lines["b"], ["it has answered", "length 20000",
                                      "epapr,hypervisor-1.1", "registered /dev/ttyEHV0 for byte channel 0"])

    def test_on_one_core(self):
        self.shell(0)

    def test_on_two_cores(self):
        self.shell(1)


if __name__ == "__main__":
    unittest.main()
