# SPDX-License-Identifier: Apache-2.0
"""The consoles of several guests as one: taken apart, logged, and shown line by line with the
guest's name in front, or one at a time on a terminal that somebody types at."""
from .common import STYLES, colour_on
from .frames import Alone, Demux, Mux

# Guests' names in turn.
COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")
# How much of a guest's output is shown to who comes to its console.
BEFORE = 4096
# A longer line is shown in parts.
LINE_MOST = 1 << 16


class Member:
    """One guest of the run.

    number, spec  its number, its machine.Spec
    console       its GuestConsole
    log           an output.Log for what it wrote, as it came
    dumps         its dump.Store
    ends          how often it has ended; `ended`: and has not gone on since
    """

    def __init__(self, number, spec, console, log, dumps):
        self.number, self.spec = number, spec
        self.console, self.log, self.dumps = console, log, dumps
        self.ends, self.ended = 0, False

    @property
    def name(self):
        """The guest's."""
        return self.spec.name

    @property
    def waits(self):
        """Whether it has never been started."""
        return not (self.spec.autostart or self.ends or self.console.begun)

    @property
    def done(self):
        """Whether the front door has nothing more to wait for: the orders are done, or cannot be."""
        return self.console.status is not None or self.ended or self.waits


class Lines:
    """Puts the lines of several guests behind each other, each with its guest in front."""

    def __init__(self, prefixes):
        self._prefixes = prefixes
        self._open = {}

    def feed(self, name, data):
        """Bytes to show: the lines that are whole now."""
        text = self._open.pop(name, b"") + data
        *lines, rest = text.split(b"\n")
        while len(rest) > LINE_MOST:
            lines.append(rest[:LINE_MOST])
            rest = rest[LINE_MOST:]
        if rest:
            self._open[name] = rest
        return b"".join(self._prefixes[name] + line + b"\n" for line in lines)

    def finish(self, name):
        """The guest's open line."""
        return self.feed(name, b"\n") if self._open.get(name) else b""


class _Panics:
    """As panic.Panic, of all guests: a run is over when no guest goes on but in such a loop."""

    def __init__(self, members):
        self._members = members

    @property
    def loops(self):
        """Whether there is nothing else to wait for."""
        left = [one for one in self._members if not (one.ended or one.waits)]
        return bool(left) and all(one.console.panic.loops for one in left)


class Consoles:
    """What Session takes for a GuestConsole.

    members      in the order of their numbers
    merged       an output.Log for the lines of all
    interactive  one guest at a time, as it is: the first one until turn()
    stream       where it is shown, for the colour
    """

    def __init__(self, members, merged, interactive, stream):
        self.members, self._merged, self._interactive = members, merged, interactive
        framed = len(members) > 1
        self._demux = Demux().feed if framed else Alone.demux
        self._mux = Mux().feed if framed else Alone.mux
        several = sum(one.spec.show for one in members) > 1
        width = max((len(one.name) for one in members if one.spec.show), default=0)
        plain = {one.name: f"{one.name.ljust(width)}| ".encode() for one in members}
        self._plain = Lines(plain)
        self._shown = Lines({one.name: _painted(one, plain, stream) if several else b""
                             for one in members})
        self._focus = members[0]
        self._away = {one.name: b"" for one in members}
        self.panic = _Panics(members)

    def feed(self, data):
        """Takes bytes from the UART, returns bytes to show."""
        return b"".join(self._feed(self.members[channel], part)
                        for channel, part in self._demux(data)
                        if channel < len(self.members))

    def _feed(self, member, data):
        member.ended = False
        member.log.write(data)
        return self._show(member, member.console.feed(data))

    def _show(self, member, data):
        if not data:
            return b""
        if not self._interactive:
            self._merged.write(self._plain.feed(member.name, data))
            return self._shown.feed(member.name, data) if member.spec.show else b""
        self._merged.write(self._plain.feed(member.name, data.replace(b"\r\n", b"\n")))
        self._away[member.name] = (self._away[member.name] + data)[-BEFORE:]
        return data if member is self._focus else b""

    def finish(self):
        """What was held back."""
        shown = b""
        for one in self.members:
            shown += self._show(one, one.console.finish())
            self._merged.write(self._plain.finish(one.name))
            if not self._interactive and one.spec.show:
                shown += self._shown.finish(one.name)
        return shown

    @property
    def waiting(self):
        """True while a line end is held back that nothing has followed yet."""
        return any(one.console.waiting for one in self.members)

    def idle(self):
        """The held line ends."""
        return b"".join(self._show(one, one.console.idle()) for one in self.members)

    def encode(self, data, number=None):
        """What is typed for a guest, or else the one that is listened to, as bytes for the UART."""
        return self._mux(self._focus.number if number is None else number, data)

    def turn(self):
        """Goes to the next guest's console that lives; what to show then, or None."""
        after = self._focus.number + 1
        for one in self.members[after:] + self.members[:after]:
            if one is not self._focus and one.spec.show and not one.ended:
                self._focus = one
                return f"\r\n[guest {one.name}]\r\n".encode() + self._away[one.name]
        return None

    def end(self, name, again):
        """A guest has ended, and starts again or not. What to show then: who listened to it goes
        on to the next one."""
        for one in self.members:
            if one.name == name:
                one.ends, one.ended = one.ends + 1, not again
                if again:
                    one.console.start_again()
                if self._interactive and one is self._focus and not again:
                    return self.turn() or b""
        return b""

    @property
    def begun(self):
        """Whether the guest that is listened to takes input."""
        return self._focus.console.begun or not self._focus.spec.ours

    @property
    def _ours(self):
        return [one for one in self.members if one.spec.ours]

    @property
    def status(self):
        """None until all of our guests are done with their orders."""
        return 0 if self._ours and all(one.done for one in self._ours) else None

    @property
    def over(self):
        """Whether all of our guests have ended and others, which may never do, have not."""
        def gone(one):
            return one.ended or one.waits
        return (bool(self._ours) and all(map(gone, self._ours))
                and not all(map(gone, self.members)))


def _painted(member, plain, stream):
    prefix = plain[member.name]
    if not colour_on(stream):
        return prefix
    style = STYLES[COLOURS[member.number % len(COLOURS)]]
    return f"\x1b[{style}m".encode() + prefix.rstrip() + b"\x1b[0m "
