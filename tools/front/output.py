# SPDX-License-Identifier: Apache-2.0
"""Where output goes, and what happens when it does not get there.

There are three kinds, and each has its one rule:

  standard streams   claim() sees to it that descriptors 0 to 2 are open. stdout that takes nothing
                     raises Lost, once, and swallows what comes after; stderr only swallows
  Wanted             a file that the user named: opened before anything runs, so that what cannot
                     be written is known then
  Log                a file of ours: the run goes on without it, and Losses tells at the end
"""
import contextlib
import errno
import fcntl
import io
import os
import select
import sys
import tempfile

from .common import USAGE, Failure, shown

READER_GONE = 141  # 128 + SIGPIPE, what a shell says of a program whose reader has left
STDIN, STDOUT, STDERR = range(3)


class Lost(Failure):
    """stdout takes nothing any more."""


class Gone(Lost):
    """The reader of stdout has left: nobody misses what would have come."""

    def __init__(self):
        super().__init__("", READER_GONE)


def write_all(descriptor, data):
    """Writes every byte, also when the other end takes them in pieces or in its own time."""
    data = memoryview(data)
    while data:
        try:
            data = data[os.write(descriptor, data):]
        except BlockingIOError:
            # Somebody else who has this end, a shell say, has made it non-blocking.
            waiting = select.poll()
            waiting.register(descriptor, select.POLLOUT)
            waiting.poll()


class _Stream(io.FileIO):
    """A standard stream. The first error sends all that follows to /dev/null."""

    def __init__(self, descriptor, loud):
        super().__init__(descriptor, "w", closefd=False)
        self._loud = loud

    def write(self, data):
        try:
            write_all(self.fileno(), data)
        except OSError as error:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            if self._loud and error.errno == errno.EPIPE:
                raise Gone() from None
            if self._loud:
                raise Lost(f"stdout: {error.strerror}") from None
        return len(data)


def _usable(descriptor, wrong_mode):
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != wrong_mode
    except OSError:
        return False


def _stream(descriptor, loud):
    # What is printed may hold a path that is not UTF-8; it comes out as it is.
    return io.TextIOWrapper(io.BufferedWriter(_Stream(descriptor, loud)), encoding="utf-8",
                            errors="surrogateescape" if loud else "backslashreplace",
                            line_buffering=True)


def claim():
    """Call it first of all. What is closed becomes /dev/null, or else a file opened later would
    get its number and what is printed. Raises Lost if that is so of stdout: what a command prints
    is what it is called for, so this is said before anything is done."""
    silent = not _usable(STDOUT, os.O_RDONLY)
    for descriptor, wrong_mode in ((STDIN, os.O_WRONLY), (STDOUT, os.O_RDONLY),
                                   (STDERR, os.O_RDONLY)):
        if not _usable(descriptor, wrong_mode):
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.readable():
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = _stream(STDOUT, loud=True), _stream(STDERR, loud=False)
    if silent:
        raise Lost("stdout is closed, so there is no place for the output: >/dev/null drops it")


def stalls(patience=0.0):
    """Descriptors of stdout and stderr that take nothing for so many seconds: their readers are there
    and do not read."""
    return [descriptor for descriptor in (STDOUT, STDERR)
            if not select.select([], [descriptor], [], patience)[1]]


def abandon(descriptors):
    """What waits for readers of these, and all that follows, goes nowhere: who ends does not wait."""
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)


def put(data):
    """Bytes to stdout, at once. Raises Lost."""
    sys.stdout.flush()
    sys.stdout.buffer.raw.write(data)


class Wanted:
    """A file that was asked for with `option`. Raises Failure if it cannot be written, before
    anything runs; what an earlier run left in it goes then, so that nobody takes it for new.

    Use as a context manager around the run: an empty file that nothing was filled into goes.
    """

    def __init__(self, path, option):
        self.path, self._option = path, option
        self._there = os.path.lexists(path)
        try:
            # Not waiting for a FIFO's reader; without one that is an error here and not a hang.
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC,
                                 0o666)
        except OSError as error:
            why = "nobody reads it" if error.errno == errno.ENXIO else error.strerror
            raise Failure(f"{path}: cannot be written: {why} ({option})") from None
        self._filled = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._file is not None:
            os.close(self._file)
            self._file = None
            if not self._filled and not self._there:
                with contextlib.suppress(OSError):
                    os.unlink(self.path)

    def empty(self):
        """What an earlier run left goes: this run has begun."""
        with contextlib.suppress(OSError):
            # Not for a pipe or a device.
            os.ftruncate(self._file, 0)

    def fill(self, data):
        """The contents, bytes. Raises Failure; then the file is empty, or gone."""
        self.empty()
        try:
            write_all(self._file, data)
        except OSError as error:
            self.empty()
            raise Failure(f"{self.path}: {error.strerror} ({self._option})") from None
        self._filled = True


def wanted(path, option):
    """A Wanted, or a context manager that gives None if `path` is None."""
    return Wanted(path, option) if path is not None else contextlib.nullcontext()


def check_folder(path, option=None):
    """Makes the folder. Raises Failure if no file can be written there: permissions do not tell
    that of root or of a file system."""
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        words = f" ({option})" if option else ""
        raise Failure(f"{shown(path)}: cannot be written: {error.strerror}{words}") from None


class Losses:
    """What could not be written while a run went on: (path, why) in order."""

    def __init__(self):
        self._lost = []

    def add(self, path, error):
        """Remembers an OSError."""
        self._lost.append((path, error.strerror))

    def complaint(self):
        """One line, or None."""
        if not self._lost:
            return None
        path, why = self._lost[0]
        more = f", and {len(self._lost) - 1} more" if len(self._lost) > 1 else ""
        return f"{shown(path)}{more}: {why}; what is there is not all"


class Log:
    """A file of ours that a run goes on without. `losses` is told what went wrong."""

    def __init__(self, path, losses):
        self._path, self._losses, self._file = path, losses, None
        try:
            # A new file each time, so that a boot that runs beside this one keeps its own.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as error:
            losses.add(path, error)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, data):
        """Bytes, at once; nothing more after the first error."""
        if self._file is None:
            return
        try:
            write_all(self._file, data)
        except OSError as error:
            self._losses.add(self._path, error)
            self.close()

    def close(self):
        """Ends it; what is written after that is dropped."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def replace(path, data):
    """Writes a file so that it is never there in part. Raises OSError, and leaves nothing."""
    beside = path + ".new"
    try:
        with open(beside, "wb") as new:
            new.write(data)
        os.replace(beside, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


@contextlib.contextmanager
def naming(path):
    """An OSError inside says which file it was about, if it does not itself."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = path
        raise
