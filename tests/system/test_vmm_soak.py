# SPDX-License-Identifier: Apache-2.0
"""A guest that works for a quarter of an hour is not taken for a stuck one, however busy the host is."""
import unittest

from support import Case, trapeze


class Soak(Case):
    """Processes, files, output and sleep, round after round."""

    SECONDS = 900
    ROUND = ("md5sum /bin/busybox >/tmp/sum; head -c 20000 /bin/busybox; "
             "for i in 1 2 3 4 5 6 7 8; do ls -R /sys >/dev/null; done; sleep 1")

    def test_a_quarter_of_an_hour(self):
        command = (f"read up rest </proc/uptime; end=$((${{up%.*}} + {self.SECONDS})); "
                   "while read up rest </proc/uptime; [ ${up%.*} -lt $end ]; do "
                   f"{self.ROUND}; done; echo; echo soaked")
        result = trapeze("boot", "--watchdog", "20", "--timeout", str(3 * self.SECONDS), "--run", command,
                         timeout=3 * self.SECONDS + 60)
        self.ends(result, 0)
        self.assertTrue(result.out.endswith("\nsoaked\n"), result.out[-200:])


if __name__ == "__main__":
    unittest.main()
