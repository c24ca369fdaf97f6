# SPDX-License-Identifier: Apache-2.0
"""Unix sockets of running boots, in one folder: PID.sock has the dumps of the first or only guest,
PID-NAME.sock those of another, PID.con takes those who come for a console or the monitor."""
import contextlib
import errno
import os
import re
import selectors
import socket
import time

_NAME = re.compile(r"(\d+)(?:-([a-z][a-z0-9-]*))?\.(sock|elf|con)")
# How long clients may take for what is left when the guest has ended, in seconds.
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
    """(pid, guest or None, kind, name) of all that lies there for processes."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):
            match = _NAME.fullmatch(name)
            if match:
                yield int(match[1]), match[2], match[3], name


def clear(folder):
    """Makes the folder; what processes that are gone have left in it goes, and what an earlier one
    of our number has. Raises OSError."""
    os.makedirs(folder, exist_ok=True)
    for pid, _, _, name in _entries(folder):
        if not _running(pid) or pid == os.getpid():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))


def running(folder, kind="sock"):
    """Process ids of boots that serve sockets of this kind, in ascending order."""
    return sorted({pid for pid, _, its, _ in _entries(folder) if its == kind and _running(pid)})


def connect(folder, kind, pid=None, guest=None):
    """(connected socket, its owner's process id), or None: the newest boot's that answers, or that
    of the process `pid`. Without `guest` it is the first or only one's."""
    names = [(owner, name) for owner, its, its_kind, name in _entries(folder)
             if its_kind == kind and its == guest]

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
        return end, owner
    return None


class Listener:
    """A socket that others connect to; `socket` is for a selector. Raises OSError.

    private   nobody but this user may connect
    """

    def __init__(self, folder, name, private=False):
        self._path = os.path.join(folder, name)
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        try:
            before = os.umask(0o077) if private else None
            try:
                with _address(folder, name) as address:
                    self.socket.bind(address)
            finally:
                if private:
                    os.umask(before)
            self.socket.listen(8)
        except OSError:
            self.socket.close()
            os.close(self._spare)
            raise

    def accept(self):
        """The next client, or None. One for which there is no descriptor left goes: as long as it
        waits, the listener is ready."""
        try:
            client = self.socket.accept()[0]
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                os.close(self._spare)
                with contextlib.suppress(OSError):
                    self.socket.accept()[0].close()
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            return None
        client.setblocking(False)
        return client

    def close(self):
        """Removes it; who is connected stays so."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        self.socket.close()
        os.close(self._spare)


def farewell(clients):
    """Closes `clients`, pairs of a socket and what is left for it; who takes that within FAREWELL
    gets it."""
    end = time.monotonic() + FAREWELL
    # Not select(), which knows no descriptor beyond 1023.
    with selectors.PollSelector() as waiting:
        for client, pending in clients:
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
    for client, _ in clients:
        client.close()
