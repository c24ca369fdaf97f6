# SPDX-License-Identifier: Apache-2.0
"""Dumps of a running guest over a unix socket: the end that `boot` serves, and how `top` finds it.

A client gets whole dumps, first a full one, then a live one a second, and sends nothing. The
guest comes first: a client that does not keep up, or is gone, is dropped.
"""
import contextlib
import os
import selectors
import time

from . import listening
from .common import LIVE

# Seconds between two live dumps, and until one that did not come is asked for again: the VMM
# does not hear what is sent before it has set up its console.
PACE = 1.0
PATIENCE = 3.0
# A client may lag this far behind: some minutes of live dumps.
BACKLOG = 8 << 20
CLIENTS_MOST = 16
# A client that has taken nothing for so many seconds makes room for another.
STALLED = 5.0
REFUSED = f"@@trapeze-refused {CLIENTS_MOST} others follow this guest, and more it does not serve\n"


def _suffix(guest):
    return f"-{guest}" if guest else ""


class Server:
    """What `boot` serves. `ask` sends one byte to the VMM and never waits. `guest` is None for the
    first or only one; `wants` says which Blocks are of the guest.

    Register it with a selector by attach(); offer() takes every Block that comes; tick() does
    what is due and says with `due` when to call it again.
    """

    def __init__(self, ask, symbols, folder=LIVE, guest=None, wants=lambda block: True):
        self._ask, self._wants = ask, wants
        own = f"{os.getpid()}{_suffix(guest)}"
        self._link = os.path.join(folder, own + ".elf")
        self._clients = {}
        self._moved = {}
        self._selector = None
        self._asked_at = None
        self._full_asked_at = 0.0
        self._full_wanted = False
        self.due = None
        if symbols:
            # `top` shows source lines with the same file.
            os.symlink(symbols, self._link)
        try:
            self._listener = listening.Listener(folder, own + ".sock")
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._link)
            raise

    def attach(self, selector):
        """From here on `selector` calls us with events."""
        self._selector = selector
        selector.register(self._listener.socket, selectors.EVENT_READ, self._on_connect)

    def _on_connect(self, _events):
        client = self._listener.accept()
        if not client:
            return
        if len(self._clients) >= CLIENTS_MOST and not self._make_room():
            with contextlib.suppress(OSError):
                client.send(REFUSED.encode())
            client.close()
            return
        self._moved[client] = time.monotonic()
        # bytearray: what has not gone out; None: waits for a full dump to start with.
        self._clients[client] = None
        self._selector.register(client, selectors.EVENT_READ,
                                lambda events: self._on_client(client, events))
        self._full_wanted = True
        # Not faster than live ones, whoever connects however often.
        self.due = max(self._full_asked_at + PACE, time.monotonic())

    def _make_room(self):
        """Drops the client that has been stalled longest; False if none is."""
        behind = [client for client, pending in self._clients.items() if pending]
        oldest = min(behind, key=self._moved.get, default=None)
        if oldest is None or time.monotonic() - self._moved[oldest] < STALLED:
            return False
        self._drop(oldest)
        return True

    def _on_client(self, client, events):
        if client not in self._clients:
            return
        try:
            if events & selectors.EVENT_READ:
                # Its end; or it sends something, which no client does.
                client.recv(1)
                self._drop(client)
            elif events & selectors.EVENT_WRITE:
                self._send(client)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)

    def _send(self, client):
        pending = self._clients[client]
        del pending[:client.send(pending)]
        self._moved[client] = time.monotonic()
        if not pending:
            self._selector.modify(client, selectors.EVENT_READ,
                                  self._selector.get_key(client).data)

    def _drop(self, client):
        del self._clients[client], self._moved[client]
        self._selector.unregister(client)
        client.close()
        if not self._clients:
            self.due = self._asked_at = None
            self._full_wanted = False

    def _request(self):
        self._asked_at = time.monotonic()
        self.due = self._asked_at + PATIENCE
        if self._full_wanted:
            self._full_asked_at = self._asked_at
        self._ask(b"d" if self._full_wanted else b"l")

    def offer(self, block):
        """Gives a dump to the clients; one that has none yet starts with a full one."""
        if not self._wants(block):
            return
        full = block.kind != "live"
        for client, pending in list(self._clients.items()):
            if pending is None:
                if not full:
                    continue
                pending = self._clients[client] = bytearray()
            if len(pending) + len(block.data) > BACKLOG:
                self._drop(client)
                continue
            if not pending:
                self._moved[client] = time.monotonic()
            pending += block.data
            self._selector.modify(client, selectors.EVENT_READ | selectors.EVENT_WRITE,
                                  self._selector.get_key(client).data)
        self._full_wanted = self._full_wanted and not full
        if self._clients and self._asked_at and not self._full_wanted:
            self.due = max(self._asked_at + PACE, time.monotonic())

    def tick(self):
        """Asks for the next dump when it is time."""
        if self.due and time.monotonic() >= self.due:
            self._request()

    def rest(self):
        """The guest is being stopped: asks for nothing more."""
        self.due = None
        self._ask = lambda byte: None

    def close(self):
        """Removes the socket; clients get what is left for them if they take it soon."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._link)
        self._listener.close()
        listening.farewell(list(self._clients.items()))
        self._clients.clear()


class Group:
    """Servers as one: what Session calls, goes to each."""

    def __init__(self, servers):
        self._servers = servers

    def attach(self, selector):
        """See Server."""
        for one in self._servers:
            one.attach(selector)

    @property
    def due(self):
        """When to call tick(), or None."""
        return min((one.due for one in self._servers if one.due), default=None)

    def tick(self):
        """See Server."""
        for one in self._servers:
            one.tick()

    def offer(self, block):
        """See Server."""
        for one in self._servers:
            one.offer(block)

    def rest(self):
        """See Server."""
        for one in self._servers:
            one.rest()

    def close(self):
        """See Server."""
        for one in self._servers:
            one.close()


def find(pid=None, folder=LIVE, guest=None):
    """(socket connected to a running boot, path of its symbols or None), or None.

    The newest one that answers, or that of the process `pid`; the dumps of the first or only guest,
    or of the one named.
    """
    found = listening.connect(folder, "sock", pid, guest)
    if not found:
        return None
    end, owner = found
    symbols = os.path.join(folder, f"{owner}{_suffix(guest)}.elf")
    with contextlib.suppress(OSError):
        return end, os.readlink(symbols)
    return end, None


def running(folder=LIVE):
    """Process ids of boots that serve dumps, in ascending order."""
    return listening.running(folder)
