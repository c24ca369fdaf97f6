# SPDX-License-Identifier: Apache-2.0
"""Several guests' consoles on one serial line (docs/guests.md, "The console protocol").

A byte DLE says that the next one is no character: 'A' + n switches to guest n's channel, another
DLE stands for the character DLE, anything else is reserved and skipped. Both directions are alike.
A guest that is alone in its machine has the line as it is.
"""

DLE = 0x10
FIRST, MOST = ord("A"), 26
_DLE = bytes([DLE])


class Demux:
    """Takes what comes on the line, cut anywhere; `channel` is the one that it is in, or None."""

    def __init__(self):
        self.channel = None
        self._escaped = False

    def feed(self, data):
        """A list of (channel, bytes) in order, no two neighbours of one channel. What comes before
        the first switch belongs to nobody."""
        pieces = []
        if self._escaped and data:
            data, self._escaped = _DLE + data, False
        at = 0
        while True:
            stop = data.find(_DLE, at)
            self._put(pieces, data[at:] if stop < 0 else data[at:stop])
            if stop < 0:
                break
            if stop + 1 == len(data):
                self._escaped = True
                break
            code, at = data[stop + 1], stop + 2
            if code == DLE:
                self._put(pieces, _DLE)
            elif FIRST <= code < FIRST + MOST:
                self.channel = code - FIRST
        return [(channel, b"".join(parts)) for channel, parts in pieces]

    def _put(self, pieces, data):
        if not data or self.channel is None:
            return
        if pieces and pieces[-1][0] == self.channel:
            pieces[-1][1].append(data)
        else:
            pieces.append((self.channel, [data]))


class Mux:
    """Makes what goes on the line."""

    def __init__(self):
        self._channel = None

    def feed(self, channel, data):
        """`data` for the channel, as bytes for the line."""
        if not data:
            return b""
        switch = b"" if channel == self._channel else bytes([DLE, FIRST + channel])
        self._channel = channel
        return switch + data.replace(_DLE, _DLE + _DLE)


class Alone:
    """In place of both for a machine of one guest."""

    @staticmethod
    def demux(data):
        """As Demux.feed."""
        return [(0, data)] if data else []

    @staticmethod
    def mux(_channel, data):
        """As Mux.feed."""
        return data
