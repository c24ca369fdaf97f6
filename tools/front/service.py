# SPDX-License-Identifier: Apache-2.0
"""Consoles and the monitor for other terminals: the end that `boot` serves, PID.con.

A client's first line says what it comes for:

  console [NAME]   "ok NAME", then the guest's bytes as they are, both ways
  monitor          "ok"; then for each command, a line, lines "| TEXT" and "end STATUS", or
                   "lost WHY" if the VMM cannot be asked
  trace            the same, and the lines of traces as "+ LINE" (docs/trace.md)

or it is told "no WHY", and that is all; its own line comes first always, for a socket that is closed with
something unread takes the answer with it. The guests come first: a client that falls behind is dropped.
"""
import os
import re
import selectors
import time

from . import listening
from .common import LIVE

# A client may lag this far behind, in bytes, and is shown this much of what came before it.
BACKLOG = 8 << 20
BEFORE = 4096
CLIENTS_MOST = 16
# So many more are told that they are too many; others are closed without a word.
REFUSED_MOST = 16
FIRST_LINE_MOST = 64
# A command as the VMM takes it, without ':' and line end; and how long it may be silent about it.
COMMAND = re.compile(r"[ -~]{1,126}")
PATIENCE = 30.0


class _Client:
    """One of them: `kind` is None until its first line has come, then 'console', 'monitor' or
    'trace'; one who is `refused` has come for nothing."""

    def __init__(self, end, refused):
        self.end, self.refused, self.kind, self.guest = end, refused, None, None
        self.inbox, self.outbox = bytearray(), bytearray()

    def line(self):
        """The next line that has come as a str, or None."""
        if b"\n" not in self.inbox:
            return None
        line, _, self.inbox = self.inbox.partition(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r")


class Service:
    """What `boot` serves beside the dumps; Session calls it as it does a live.Server.

    ask      sends bytes to the VMM's console and never waits; False if they did not go
    names    the guests', in the order of their numbers
    type_to  called with a guest's number and what was typed for it; False: not now
    """

    def __init__(self, ask, names, type_to, folder=LIVE):
        self._ask, self._names, self._type = ask, names, type_to
        self._before = [bytearray() for _ in names]
        self._clients, self._selector = [], None
        # The clients whose command is asked, None for one that has left, and of what comes next.
        self._asked, self._queue = [], []
        self._heard = self._late = False
        self._stopping = None
        self.due = None
        self._listener = listening.Listener(folder, f"{os.getpid()}.con", private=True)

    def attach(self, selector):
        """From here on `selector` calls us with events."""
        self._selector = selector
        selector.register(self._listener.socket, selectors.EVENT_READ, self._on_connect)

    def offer(self, block):
        """Dumps are another's."""

    def output(self, number, data):
        """What a guest wrote, for those at its console."""
        before = self._before[number]
        before += data
        del before[:-BEFORE]
        for client in list(self._clients):
            if client.kind == "console" and client.guest == number:
                self._say(client, data)

    def traced(self, block, why):
        """A trace.Block has come, or None and what was wrong with one."""
        text = (f"lost a part of the trace came damaged: {why}\n" if block is None else
                "".join(f"+ {line}\n" for line in block.data.decode("ascii").splitlines()))
        for client in [one for one in self._clients if one.kind == "trace"]:
            self._say(client, text)

    def heard(self):
        """The VMM has said something, so it listens too."""
        if not self._heard:
            self._heard = True
            self._next()

    def reply(self, text):
        """What the VMM said behind "@@monitor"."""
        ends = re.fullmatch(r"-end ([01])", text)
        client = self._asked[0] if self._asked else None
        if client:
            self._say(client, f"end {ends[1]}\n" if ends else f"|{text}\n")
        if ends:
            self._asked, self.due, self._late = [], None, False
            self._next()
        elif self._asked:
            self.due = time.monotonic() + PATIENCE

    def _next(self):
        """Asks the VMM for what has waited longest. One command at a time: answers have no number."""
        while self._queue and not self._asked and (self._heard or self._stopping):
            client, command = self._queue.pop(0)
            if client not in self._clients:
                continue
            if self._stopping or not self._ask(f":{command}\n".encode("ascii")):
                self._say(client, f"lost {self._stopping or 'the VMM does not listen'}\n")
                continue
            self._asked = [client]
            self.due = time.monotonic() + PATIENCE

    def tick(self):
        """Does what is due."""
        if self.due and time.monotonic() >= self.due:
            self.due, self._late = None, True
            if self._asked[0]:
                self._say(self._asked[0], f"lost the VMM has not answered for {PATIENCE:g} s\n")
            # What it may still say is nobody's; until then it is asked nothing more.
            self._asked = [None]
            for client, _ in self._queue:
                self._say(client, "lost the VMM has not answered an earlier command\n")
            self._queue = []
        for client in list(self._clients):
            self._poll(client)

    def rest(self):
        """The guests are being stopped: nothing more is asked."""
        self._stopping = "the guests are being stopped"
        self._next()

    def _on_connect(self, _events):
        end = self._listener.accept()
        if not end:
            return
        served = sum(not client.refused for client in self._clients)
        client = _Client(end, refused=served >= CLIENTS_MOST)
        if len(self._clients) >= REFUSED_MOST + CLIENTS_MOST:
            end.close()
            return
        self._clients.append(client)
        self._selector.register(end, selectors.EVENT_READ,
                                lambda events: self._on_client(client, events))

    def _poll(self, client):
        """Waits for it to send, if there is room for that, and to take what is left for it."""
        # A guest that is not ready for input is asked with nothing.
        room = client.kind != "console" or self._type(client.guest, b"")
        events = (selectors.EVENT_READ if room else 0) | (
            selectors.EVENT_WRITE if client.outbox else 0)
        key = self._selector.get_map().get(client.end)
        if not events:
            if key:
                self._selector.unregister(client.end)
        elif not key:
            self._selector.register(client.end, events,
                                    lambda its: self._on_client(client, its))
        elif key.events != events:
            self._selector.modify(client.end, events, key.data)

    def _on_client(self, client, events):
        if client not in self._clients:
            return
        try:
            if events & selectors.EVENT_WRITE and client.outbox:
                del client.outbox[:client.end.send(client.outbox)]
            if events & selectors.EVENT_READ:
                data = client.end.recv(4096)
                if not data:
                    self._drop(client)
                    return
                self._take(client, data)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)

    def _take(self, client, data):
        if client.kind == "console":
            self._type(client.guest, data)
            return
        client.inbox += data
        if client.kind is None:
            line = client.line()
            if line is not None:
                self._begin(client, line.split())
            elif len(client.inbox) > FIRST_LINE_MOST:
                self._drop(client)
                return
        while client.kind in ("monitor", "trace"):
            line = client.line()
            if line is None:
                if len(client.inbox) > 2 * BEFORE:
                    self._drop(client)
                return
            self._command(client, line.strip())

    def _begin(self, client, words):
        if client.refused:
            self._say(client, f"no {CLIENTS_MOST} others are served, and more are not\n")
            return
        if words in (["monitor"], ["trace"]):
            client.kind = words[0]
            self._say(client, "ok\n")
            return
        name = words[1] if len(words) > 1 else self._names[0]
        if words[:1] != ["console"] or len(words) > 2:
            self._say(client, "no there is no such service\n")
        elif name not in self._names:
            self._say(client, f"no there is no guest '{name}', but {', '.join(self._names)}\n")
        else:
            client.kind, client.guest = "console", self._names.index(name)
            self._say(client, f"ok {name}\n")
            self._say(client, bytes(self._before[client.guest]))
            if client.inbox:
                self._type(client.guest, bytes(client.inbox))

    def _command(self, client, command):
        if not COMMAND.fullmatch(command):
            self._say(client, "lost a command has 1 to 126 characters, all of ASCII\n")
        elif self._late:
            self._say(client, "lost the VMM has not answered an earlier command\n")
        elif len(self._queue) >= 2 * CLIENTS_MOST:
            self._say(client, "lost too many commands wait\n")
        else:
            self._queue.append((client, command))
            self._next()

    def _say(self, client, data):
        data = data.encode() if isinstance(data, str) else data
        if len(client.outbox) + len(data) > BACKLOG:
            self._drop(client)
        else:
            client.outbox += data

    def _drop(self, client):
        if client not in self._clients:
            return
        self._clients.remove(client)
        if client.end in self._selector.get_map():
            self._selector.unregister(client.end)
        client.end.close()
        if client in self._asked:
            self._asked = [None]

    def close(self):
        """Removes the socket; clients get what is left for them if they take it soon."""
        self._listener.close()
        listening.farewell([(client.end, client.outbox) for client in self._clients])
        self._clients.clear()
