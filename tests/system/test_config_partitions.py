# SPDX-License-Identifier: Apache-2.0
"""Handles of other guests in a configuration, and the machine image that they make."""
import unittest

import test_config
from front import machine  # test_config sets the path
from test_config import HEAD


class Managed(test_config.Config):
    """References to guests (docs/partitions.md)."""

    def of_handle(self, words, handle, rest=""):
        """The one mistake in the handle, in line 5."""
        self.mistake(5, words, HEAD + 'a: a { compatible = "partition";\n' + handle + "\n};\n"
                     + 'b: b { compatible = "partition"; };\n' + rest + "};\n")

    def test_guests_before_and_behind(self):
        """It may stand before or behind its manager, and two may manage each other."""
        guests = self.guests(
            'one: one { compatible = "partition"; memory = "64M";\n'
            '  up { compatible = "managed-partition"; partition = <&two>; }; };\n'
            'two: two { compatible = "partition"; memory = "64M";\n'
            '  down { compatible = "managed-partition"; partition = <&one>; label = "first"; }; };\n')
        self.assertEqual([[(h.kind, h.name, h.guest, h.to) for h in spec.handles] for spec in guests],
                         [[("managed-partition", "up", 1, None)], [("managed-partition", "first", 0, None)]])
        text = machine.source(machine.Machine(guests), [(65536, 4096)] * 2)
        self.assertIn('up { kind = "managed-partition";\nguest = <1>;\n};', text)
        self.assertIn('first { kind = "managed-partition";\nguest = <0>;\n};', text)

    def test_mistakes(self):
        """Each is one line, where it stands."""
        kind = 'compatible = "managed-partition"; '
        self.of_handle("a guest does not manage itself", "h { " + kind + "partition = <&a>; };")
        takes = "'partition' takes a reference to a guest"
        self.of_handle(takes, "h { " + kind + "};")
        self.of_handle(takes, "h { " + kind + "partition = <7>; };")
        self.of_handle(takes, "h { " + kind + "partition = <&b &b>; };")
        self.of_handle(takes, "h: h { " + kind + "partition = <&h>; };")
        self.of_handle(takes, "h { " + kind + "partition = <&bell>; };", 'bell: bell { compatible = "doorbell"; };\n')
        self.of_handle("no property of this node", "h { " + kind + "partition = <&b>; entry = <1>; };")


del test_config

if __name__ == "__main__":
    unittest.main()
