# SPDX-License-Identifier: Apache-2.0
"""Byte channels and doorbells in a configuration, and what the VMM is told of them."""
import unittest

from test_config import HEAD, Config

from front import links, machine

PIPE = 'pipe: pipe { compatible = "byte-channel"; };\n'
BELL = 'bell: bell { compatible = "doorbell"; };\n'
END = '%s { compatible = "byte-channel-handle"; channel = <&pipe>; };'
CONSOLE = '%s { compatible = "console-channel-handle"; };'
RING = '%s { compatible = "send-doorbell-handle"; doorbell = <&bell>; };'
HEAR = '%s { compatible = "receive-doorbell-handle"; doorbell = <&bell>; };'


def partition(name, *handles):
    """A guest with these."""
    return f'{name} {{ compatible = "partition"; ' + " ".join(handles) + " };\n"


class Channels(Config):
    """Objects and handles."""

    def test_channels_have_the_first_numbers(self):
        made, mistakes = self.parsed(HEAD + BELL + PIPE + partition("a", RING % "ring", END % "one", HEAR % "hear")
                                     + partition("b", END % "two") + "};\n")
        self.assertEqual(mistakes, [])
        self.assertEqual([[one.name for one in spec.handles] for spec in made.guests],
                         [["one", "ring", "hear"], ["two"]])
        source = machine.source(made, [(0x10000, 1)] * 2)
        self.assertIn('one { kind = "byte-channel-handle";\nobject = <1>;', source)
        self.assertIn('ring { kind = "send-doorbell-handle";\nobject = <0>;', source)

    def test_a_channel_has_two_ends(self):
        for guests, words in ((partition("a"), "0 ends"), (partition("a", END % "one"), "1 end:"),
                              (partition("a", END % "one", END % "two", END % "three"), "3 ends")):
            with self.subTest(words=words):
                self.mistake(4, words, HEAD + PIPE + guests + "};\n")
        for guests in (partition("a", END % "one", END % "two"), partition("a", END % "x") + partition("b", END % "x")):
            self.guests(guests, PIPE)

    def test_the_channel_to_the_console_is_the_first(self):
        pair = partition("a", END % "one", CONSOLE % "own") + partition("b", END % "two")
        one, two = self.guests(pair, PIPE)
        self.assertEqual([[handle.name for handle in spec.handles] for spec in (one, two)], [["own", "one"], ["two"]])
        self.assertEqual([links.console_of(spec.handles) for spec in (one, two)], ["ttyEHV0", "ttyS0,115200"])
        self.mistake(5, "'a' has a channel to its console already",
                     HEAD + "\n" + partition("a", CONSOLE % "one", CONSOLE % "two") + "};\n")

    def test_what_a_handle_refers_to(self):
        wrong = END.replace("channel =", "doorbell =") % "one"
        made, mistakes = self.parsed(HEAD + PIPE + partition("a", wrong, END % "two", END % "three") + "};\n")
        self.assertTrue(any("'channel' takes a reference" in what for what in mistakes), (made, mistakes))
        self.mistake(5, "'doorbell' takes a reference",
                     HEAD + BELL + partition("a", RING.replace("&bell", "7") % "ring") + "};\n")

    def test_a_doorbell_may_ask_to_power_off(self):
        made, mistakes = self.parsed(HEAD + BELL + partition("a", RING % "ring", HEAR % "hear")
                                     + partition("b", HEAR.replace(" }", " shutdown; }") % "off") + "};\n")
        self.assertEqual(mistakes, [])
        source = machine.source(made, [(0x10000, 1)] * 2)
        self.assertIn('off { kind = "receive-doorbell-handle";\nobject = <0>;\nshutdown;', source)
        self.assertEqual(source.count("shutdown"), 1)

    def test_hypercalls(self):
        one, two = self.guests('a { compatible = "partition"; hypercalls; };\n' + partition("b"))
        self.assertEqual((one.hypercalls, two.hypercalls), (True, False))


if __name__ == "__main__":
    unittest.main()
