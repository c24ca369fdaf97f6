# SPDX-License-Identifier: Apache-2.0
"""`trapeze console` and `trapeze monitor`: the other ends of what a running boot serves."""
import contextlib
import os
import select
import sys

from . import listening, output, trace as traces
from .common import GUEST_FAILED, LIVE, OK, OUT, USAGE, VMM_FAILED, Failure, complain, say
from .terminal import Keys, in_foreground, raw_mode

CONSOLE_HELP = """Attaches this terminal to the console of a guest that runs under ./trapeze boot in another one.

What you type goes to the guest, what the guest writes comes here; its last 4 KiB come first. Leaving
does not disturb the guest. What is piped in is sent as it is; at its end this stays until the guest
has ended.

keyboard: Ctrl-A X leaves, Ctrl-A Ctrl-A sends Ctrl-A.

examples:
  ./trapeze boot --guests 2 --shell     in one terminal
  ./trapeze console b                   in another: guest b
  ./trapeze console                     the first or only guest
  ./trapeze console b --pid 4711        of the ./trapeze boot with this process number

exit status: 0 the guest has ended, or you left by Ctrl-A X; 2 nothing runs, there is no such guest, or
a usage error; 3 it fell too far behind the guest, and was dropped."""

MONITOR_HELP = """The VMM's own shell, while ./trapeze boot runs in another terminal.

With a COMMAND it prints what the VMM says, and ends; without one it reads commands, one a line, with
editing and history if this is a terminal: 'help' lists what the VMM knows, Ctrl-D leaves.

examples:
  ./trapeze monitor                     a shell
  ./trapeze monitor guests              one command
  ./trapeze monitor stats b
  ./trapeze monitor pause b             also resume, stop, start, restart
  ./trapeze monitor memory a 0x1000 64  64 bytes of guest a's memory
  echo 'stats a' | ./trapeze monitor    commands from elsewhere
  ./trapeze monitor --pid 4711 guests   of the ./trapeze boot with this process number

A guest's own console is ./trapeze console NAME. docs/guests.md has all commands.

exit status: 0 done, 1 the VMM could not do it and says why (of several commands: of the first that
failed), 2 nothing runs, or a usage error; 3 the VMM does not answer.

files written: build/monitor-history, what was typed at a terminal."""

TRACE_HELP = """What happened lately under a ./trapeze boot --trace FILE that runs in another terminal, as a file
that Perfetto (https://ui.perfetto.dev) and Chrome's tracing page open: the last 4,096 records of each
core. The guests of a core stand still while its part is sent, some tenths of a second.

examples:
  ./trapeze boot --shell --trace end.json      in one terminal
  ./trapeze trace now.json                     in another
  ./trapeze trace now.json --pid 4711          of the ./trapeze boot with this process number

docs/trace.md says what can be seen.

exit status: 0 written; 1 the VMM keeps no trace; 2 nothing runs, FILE cannot be written, or a usage
error; 3 the VMM does not answer, or the trace came damaged."""

# How long the VMM may say nothing about the trace of a core, in seconds.
TRACE_PATIENCE = 30.0
HISTORY = os.path.join(OUT, "monitor-history")
HISTORY_MOST = 500
NOTHING = "no guest is running: start ./trapeze boot in another terminal"


def _connected(pid, words):
    """(a connected socket, what came behind the answer's first line)."""
    found = listening.connect(LIVE, "con", pid)
    if not found:
        there = listening.running(LIVE, "con")
        if pid is None or not there:
            raise Failure(NOTHING, USAGE)
        raise Failure(f"process {pid} runs no guest; these do: " + ", ".join(map(str, there)),
                      USAGE)
    end = found[0]
    answer = b""
    try:
        end.sendall((words + "\n").encode())
        while b"\n" not in answer:
            data = end.recv(1 << 16)
            if not data:
                raise ConnectionError
            answer += data
    except OSError:
        raise Failure(f"process {found[1]} serves nobody more: it is about to end, or too many "
                      "others have come", USAGE) from None
    answer, _, rest = answer.partition(b"\n")
    kind, _, why = answer.decode("utf-8", "replace").partition(" ")
    if kind != "ok":
        raise Failure(why, USAGE)
    return end, rest


class _Console:
    """Moves bytes between this terminal and a guest."""

    def __init__(self, end):
        self._end, self._keys = end, Keys()
        self._typed = bytearray()

    def run(self, first, typing):
        """Until the guest has ended, or somebody leaves. Returns the exit status."""
        output.put(first)
        interactive = typing and sys.stdin.isatty()
        with raw_mode(interactive):
            while True:
                ends = [self._end] + ([sys.stdin] if typing and len(self._typed) < 1 << 16 else [])
                ready, writable, _ = select.select(ends, [self._end] if self._typed else [], [])
                if sys.stdin in ready:
                    data = os.read(0, 4096)
                    typing = bool(data)
                    if self._take(data, interactive):
                        return OK
                if writable and not self._send():
                    return OK
                if self._end in ready:
                    data = self._receive()
                    if not data:
                        return OK
                    output.put(data)

    def _take(self, data, interactive):
        """What was typed; True if somebody leaves."""
        if not interactive:
            self._typed += data
            return False
        for_guest, commands = self._keys.feed(data)
        self._typed += for_guest
        if "leave" in commands:
            return True
        if commands:
            sys.stderr.write("\r\n[Ctrl-A X leaves, Ctrl-A Ctrl-A sends Ctrl-A]\r\n")
            sys.stderr.flush()
        return False

    def _send(self):
        try:
            del self._typed[:self._end.send(self._typed)]
        except OSError:
            return False
        return True

    def _receive(self):
        try:
            return self._end.recv(1 << 16)
        except OSError:
            return b""


def console(options):
    """The subcommand."""
    end, first = _connected(options.pid, f"console {options.guest or ''}".strip())
    with end:
        typing = in_foreground()
        if typing and sys.stdin.isatty():
            say("Ctrl-A X leaves; the guest goes on", "dim")
        return _Console(end).run(first, typing)


class _Monitor:
    """Asks the VMM, one command at a time."""

    def __init__(self, end, rest):
        self._end, self._rest = end, rest

    def _line(self):
        while b"\n" not in self._rest:
            data = b""
            with contextlib.suppress(OSError):
                data = self._end.recv(1 << 16)
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace")

    def ask(self, command):
        """Prints what the VMM says. Returns the exit status; None: there is nobody to ask any more."""
        try:
            self._end.sendall((command + "\n").encode("utf-8", "replace"))
        except OSError:
            return None
        while True:
            line = self._line()
            if line is None:
                return None
            kind, _, text = line.partition(" ")
            if kind == "|":
                print(text, flush=True)
            elif kind == "end":
                return OK if text == "0" else GUEST_FAILED
            elif kind == "lost":
                complain(text)
                return VMM_FAILED


class _Trace:
    """Gets the cores' traces."""

    def __init__(self, end, rest):
        self._file = end.makefile("rb")
        self._lines = iter(rest.split(b"\n")[:-1])
        self._rest = rest.rpartition(b"\n")[2]
        self.blocks, self.bad, self._cores = [], [], 0
        self._extractor = traces.Extractor(self.blocks.append, self.bad.append)

    def _line(self):
        try:
            line = next(self._lines, None)
            if line is None:
                line, self._rest = self._rest + self._file.readline(), b""
                if not line.endswith(b"\n"):
                    raise Failure("the boot has ended", VMM_FAILED)
        except OSError:
            raise Failure(f"the VMM has sent nothing for {TRACE_PATIENCE:g} s", VMM_FAILED) from None
        return line.rstrip(b"\n")

    def get(self):
        """Until all that the VMM has announced have come. Raises Failure."""
        said, ended = "", False
        while not ended or len(self.blocks) + len(self.bad) < self._cores:
            kind, _, text = self._line().partition(b" ")
            if kind == b"+":
                self._extractor.line(text)
                continue
            text = text.decode("utf-8", "replace")
            if kind == b"|":
                said = text
                self._cores += text.startswith("core ")
            elif kind == b"lost":
                raise Failure(text, VMM_FAILED)
            elif kind == b"end":
                ended = True
                if text != "0":
                    raise Failure(said, GUEST_FAILED)
        if self.bad:
            raise Failure(f"a part of the trace came damaged: {self.bad[0]}", VMM_FAILED)
        return sorted(self.blocks, key=lambda block: block.core)


def trace(options):
    """The subcommand."""
    with output.wanted(options.file, "FILE") as file:
        end, rest = _connected(options.pid, "trace")
        with end:
            end.settimeout(TRACE_PATIENCE)
            end.sendall(b"trace\n")
            file.fill(traces.document(_Trace(end, rest).get()))
    return OK


def _typed():
    """The commands, one by one: typed with editing and history, or from a pipe."""
    if not sys.stdin.isatty():
        for line in sys.stdin:
            yield line
        return
    import readline  # (it takes a while, and is for this alone)
    with contextlib.suppress(OSError):
        readline.read_history_file(HISTORY)
    readline.set_history_length(HISTORY_MOST)
    say("the VMM's shell: 'help' says what it knows, Ctrl-D leaves", "dim")
    try:
        while True:
            # Python's own prompt goes around our stdout.
            yield input("trapeze> ")
    except EOFError:
        print(flush=True)
    finally:
        with contextlib.suppress(OSError):
            readline.write_history_file(HISTORY)


def monitor(options):
    """The subcommand."""
    end, rest = _connected(options.pid, "monitor")
    one = " ".join(options.words).strip()
    status, commands = OK, [one] if one else _typed()
    with end:
        shell = _Monitor(end, rest)
        for command in commands:
            if not command.strip():
                continue
            ended = shell.ask(command.strip())
            if ended is None:
                complain("the boot has ended")
                return status or (VMM_FAILED if one else OK)
            status = status or ended
    return OK if not one and sys.stdin.isatty() else status
