# SPDX-License-Identifier: Apache-2.0
"""The scenarios of devices without the VMM: they prove the guest, QEMU and the scenarios themselves."""
import unittest

import scenarios

NATIVE = ("--native",)


class Blocks(scenarios.Blocks):
    """See scenarios."""

    options = NATIVE


class Nets(scenarios.Nets):
    """See scenarios."""

    options = NATIVE


class Shells(scenarios.Shells):
    """See scenarios."""

    options = NATIVE


if __name__ == "__main__":
    unittest.main()
