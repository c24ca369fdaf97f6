# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: they use ./trapeze as a user does, and look from outside."""
import contextlib
import os
import signal
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TRAPEZE = os.path.join(ROOT, "trapeze")
# ctest gives each test a folder of its own, so that they can run beside each other.
OUT = os.environ.get("TRAPEZE_OUT") or os.path.join(ROOT, "build")
LAST = os.path.join(OUT, "last")
LIVE = os.path.join(OUT, "live")

# Generous: a loaded machine with two cores must not fail a test that is right.
BOOT_TIMEOUT = 360


class Result:
    """Exit status, stdout and stderr (both text) of one call."""

    def __init__(self, done):
        self.status = done.returncode
        self.bytes = done.stdout
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    def __str__(self):
        return (f"status {self.status}\n--- stdout\n{self.out[-6000:]}\n"
                f"--- stderr\n{self.err[-6000:]}")


def environment(**changes):
    """The environment of a call: no terminal, no leftovers of this machine's user."""
    result = {**os.environ, "TERM": "dumb", **changes}
    # Without its byte code the front door takes three times as long to start.
    for name in ("NO_COLOR", "PYTHONDONTWRITEBYTECODE", "TRAPEZE_QEMU", "TRAPEZE_VMM",
                 "TRAPEZE_TRAPMAP"):
        if name not in changes:
            result.pop(name, None)
    return result


def trapeze(*arguments, timeout=BOOT_TIMEOUT, stdin=b"", **changes):
    """Runs ./trapeze with `arguments` to its end."""
    return Result(subprocess.run([TRAPEZE, *arguments], input=stdin, capture_output=True,
                                 timeout=timeout, env=environment(**changes), check=False))


def start(*arguments, **changes):
    """Starts ./trapeze and returns the Popen, with pipes, in a process group of its own."""
    return subprocess.Popen([TRAPEZE, *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=environment(**changes), start_new_session=True)


def children(pid):
    """Process ids of all descendants of `pid`."""
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as handle:
                for child in map(int, handle.read().split()):
                    found += [child, *children(child)]
    return found


def qemu_of(pid):
    """Process id of the QEMU that the front door `pid` has started, or None."""
    for child in children(pid):
        with contextlib.suppress(OSError):
            with open(f"/proc/{child}/cmdline", "rb") as handle:
                words = handle.read().split(b"\0")
            if b"ppce500" in words and not words[0].endswith(b"bash"):
                return child
    return None


def alive(pid):
    """True while the process exists and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as handle:
            return handle.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def cpu_seconds(pid):
    """User and system time that the process has used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as handle:
        fields = handle.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_until(stream, text, limit=1 << 20):
    """Reads a pipe up to `text` (bytes) and no further; EOFError with what came instead."""
    seen = bytearray()
    while not seen.endswith(text):
        # One at a time: what has come behind the text is the next reader's.
        byte = os.read(stream.fileno(), 1)
        if not byte or len(seen) > limit:
            raise EOFError(f"{text!r} did not come; this did: {bytes(seen[-2000:])!r}")
        seen += byte
    return bytes(seen)


def finish(process, number=signal.SIGKILL):
    """Ends a process of start() in whatever state it is, and closes its pipes."""
    if process.poll() is None:
        process.send_signal(number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=10)
    if process.poll() is None:
        process.kill()
        process.communicate()


class Case(unittest.TestCase):
    """A test case with a scratch folder and checks that show the whole result when they fail."""

    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="trapeze-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name, data=None):
        """A path in the scratch folder, with a file there if `data` (bytes) is given."""
        path = os.path.join(self.folder, name)
        if data is not None:
            with open(path, "wb") as handle:
                handle.write(data)
        return path

    def ends(self, result, status):
        """The call ended with this status."""
        self.assertEqual(result.status, status, str(result))

    def one_line(self, result, *words):
        """stderr is one line, without escapes, that has all `words`."""
        self.assertEqual(len(result.err.strip().split("\n")), 1, str(result))
        self.assertNotIn("\x1b", result.err)
        for word in words:
            self.assertIn(word, result.err)
