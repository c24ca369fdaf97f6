# SPDX-License-Identifier: Apache-2.0
"""virtio-net under the VMM: DMA and interrupts in both directions."""
import unittest

import scenarios


class Nets(scenarios.Nets):
    """See scenarios."""


if __name__ == "__main__":
    unittest.main()
