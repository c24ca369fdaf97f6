# SPDX-License-Identifier: Apache-2.0
"""virtio-blk under the VMM: DMA to and from the guest's memory."""
import unittest

import scenarios


class Blocks(scenarios.Blocks):
    """See scenarios."""


if __name__ == "__main__":
    unittest.main()
