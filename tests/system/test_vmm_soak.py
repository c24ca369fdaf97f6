# SPDX-License-Identifier: Apache-2.0
"""A guest that works for a quarter of an hour is not taken for a stuck one, however busy the host is;
and one whose patches come and go does what it does natively."""
import unittest

from churn_case import ChurnCase
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


class Churn(ChurnCase):
    """The same work, a number of rounds, with forced changes of patches."""

    ROUNDS = 30
    WORK = (f"i=0; while [ $i -lt {ROUNDS} ]; do i=$((i + 1)); echo round $i; md5sum /bin/busybox; "
            "ls -R /proc/sys | md5sum; head -c 5000 /bin/busybox | od -x | tail -n 40; "
            "cp /bin/busybox /tmp/copy; md5sum </tmp/copy; rm /tmp/copy; (sleep 0.1; echo slept); "
            "done; selfcheck")

    def test_crossed(self):
        self.the_same(self.WORK, 200, 50_000, "--mapping=crossed", timeout=1500)

    def test_straight(self):
        self.the_same(self.WORK, 500, 50_000, "--mapping=straight", "--mirror-mb=4", timeout=1500)

    def test_eager(self):
        self.the_same(self.WORK, 500, 50_000, "--patch=eager", timeout=1500)


if __name__ == "__main__":
    unittest.main()
