# SPDX-License-Identifier: Apache-2.0
"""Dumps of a running guest over a unix socket: the end that `boot` serves, and how `top` finds it.

A client gets whole dumps, first a full one, then a live one a second, and sends nothing. The
guest comes first: a client that does not keep up, or is gone, is dropped.
"""
import contextlib
import errno
import os
import re
import selectors
import socket
import time

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
# How long clients may take for the last dump when the guest has ended, in seconds.
FAREWELL = 1.0


@contextlib.contextmanager
def _address(folder, name):
    """An address for `name` in `folder` however long the path is: sun_path has 108 bytes."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def _running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _entries(folder):
    """(pid, name) of all that lies there for processes."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):
            match = re.fullmatch(r"(\d+)\.(sock|elf)", name)
            if match:
                yield int(match[1]), name


class Server:
    """What `boot` serves. `ask` sends one byte to the VMM and never waits.

    Register it with a selector by attach(); offer() takes every Block that comes; tick() does
    what is due and says with `due` when to call it again.
    """

    def __init__(self, ask, symbols, folder=LIVE):
        self._ask, self._folder = ask, folder
        self._name = f"{os.getpid()}.sock"
        self._link = f"{os.getpid()}.elf"
        self._clients = {}
        self._moved = {}
        self._selector = None
        self._asked_at = None
        self._full_asked_at = 0.0
        self._full_wanted = False
        self.due = None
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.setblocking(False)
        try:
            self._open(symbols)
        except OSError:
            self._listener.close()
            os.close(self._spare)
            raise

    def _open(self, symbols):
        os.makedirs(self._folder, exist_ok=True)
        for pid, name in _entries(self._folder):
            if not _running(pid) or pid == os.getpid():
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self._folder, name))
        if symbols:
            # `top` shows source lines with the same file.
            os.symlink(symbols, os.path.join(self._folder, self._link))
        with _address(self._folder, self._name) as address:
            self._listener.bind(address)
        self._listener.listen(8)

    def attach(self, selector):
        """From here on `selector` calls us with events."""
        self._selector = selector
        selector.register(self._listener, selectors.EVENT_READ, self._on_connect)

    def _on_connect(self, _events):
        client = self._accept()
        if not client:
            return
        client.setblocking(False)
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

    def _accept(self):
        """The next client, or None. One for which there is no descriptor left goes: as long as it
        waits, the listener is ready."""
        try:
            return self._listener.accept()[0]
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                os.close(self._spare)
                with contextlib.suppress(OSError):
                    self._listener.accept()[0].close()
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            return None

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
        for name in (self._name, self._link):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self._folder, name))
        self._listener.close()
        os.close(self._spare)
        end = time.monotonic() + FAREWELL
        # Not select(), which knows no descriptor beyond 1023.
        with selectors.PollSelector() as waiting:
            for client, pending in self._clients.items():
                if pending:
                    waiting.register(client, selectors.EVENT_WRITE, pending)
            while waiting.get_map() and time.monotonic() < end:
                for key, _ in waiting.select(end - time.monotonic()):
                    try:
                        del key.data[:key.fileobj.send(key.data)]
                    except OSError:
                        key.data.clear()
                    if not key.data:
                        waiting.unregister(key.fileobj)
        for client in self._clients:
            client.close()
        self._clients.clear()


def find(pid=None, folder=LIVE):
    """(socket connected to a running boot, path of its symbols or None), or None.

    The newest one that answers, or that of the process `pid`.
    """
    names = [(pid_, name) for pid_, name in _entries(folder) if name.endswith(".sock")]

    def age(entry):
        with contextlib.suppress(OSError):
            return -os.stat(os.path.join(folder, entry[1])).st_ctime_ns
        return 0

    for owner, name in sorted(names, key=age):
        if pid is not None and owner != pid:
            continue
        end = socket.socket(socket.AF_UNIX)
        try:
            with _address(folder, name) as address:
                end.connect(address)
        except OSError:
            # It has ended without removing its socket, or is somebody else's.
            end.close()
            continue
        symbols = os.path.join(folder, f"{owner}.elf")
        with contextlib.suppress(OSError):
            return end, os.readlink(symbols)
        return end, None
    return None


def running(folder=LIVE):
    """Process ids of boots that serve dumps, in ascending order."""
    return sorted(pid for pid, name in _entries(folder)
                  if name.endswith(".sock") and _running(pid))
