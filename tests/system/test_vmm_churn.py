# SPDX-License-Identifier: Apache-2.0
"""Linux with patches that come and go, for a moment; test_vmm_soak.py has it for minutes."""
import unittest

from churn_case import ChurnCase


class Churn(ChurnCase):
    """Each kind of instruction that patches stand for, and what Linux makes of them."""

    def test_a_moment(self):
        self.the_same("selfcheck; md5sum /bin/busybox", 2000, 1000, "--icount")


if __name__ == "__main__":
    unittest.main()
