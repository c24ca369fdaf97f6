# SPDX-License-Identifier: Apache-2.0
"""One run of QEMU from start to end: moves bytes, keeps time, and stops it when asked."""
import contextlib
import os
import selectors
import signal
import socket
import sys
import time

from . import output
from .children import ending
from .common import shown
from .terminal import CTRL_D, HELP, SEVERAL, Keys, raw_mode

# These are of QEMU's time: while it waits for a processor of a busy host it is not silent.
# How long a guest that said it is done may take to end the machine, and how long one that said
# that it stays in a loop after its panic must be silent, for that to be believed.
END_GRACE = 10.0
# How long the VMM may be silent after 'q' before QEMU is ended, and how long it may take in all
# to print its report, a dump of some hundred KB, and its summary.
STOP_GRACE = 2.0
STOP_MOST = 20.0
# How long the guest must be silent before it is told again that its input has ended: an end
# that comes while a program changes the terminal's mode is lost.
END_OF_INPUT_PACE = 1.0
# How much of the input is held until the guest takes it, in bytes: some inputs have no end.
TYPED_MOST = 1 << 16
# How long after a line end a marker may follow; /init prints one right behind the other.
MARKER_GRACE = 0.3


class _Interrupted(BaseException):
    """A signal has come while something was written."""


class Session:
    """Runs the loop. After run(): `stopped` says why we ended it, None if it ended itself.

    qemu      a Qemu
    console   a GuestConsole, or the Consoles of several guests
    vmm_log   a VmmLog, or None natively
    log       an output.Log that gets the guest's console as it came, or None
    timeout   seconds or None
    stdin     'none'; 'keys' to send stdin to the guest's shell, which is told its end by Ctrl-D; or
              'line' to send it as down a serial line, which has no end, once the guest has
              written: a guest that sets its UART up loses what has come before
    wait      hold what is typed until /init's begin marker
    live      a live.Group, or None
    sink      called with the guest's output, or None to show it on stdout
    resets    True for a guest whose panic ends the machine: one that goes on has not panicked
    patient   True if a guest may stand still as long as it likes, in a debugger

    `lost` is the output.Lost that ended the run, or None.
    """

    def __init__(self, qemu, console, vmm_log, log, timeout, stdin, wait, live=None, sink=None,
                 resets=False, patient=False):
        self.qemu, self.console, self.vmm_log, self.log = qemu, console, vmm_log, log
        self.deadline = time.monotonic() + timeout if timeout else None
        self.wait = wait
        self.live = live
        self.sink = sink
        self.lost = None
        self._resets, self._patient = resets, patient
        self.interactive = stdin != "none" and sys.stdin.isatty()
        self._line = stdin == "line"
        self.stopped = None
        self.column_zero = True
        self._stdin = stdin != "none"
        self._keys = Keys()
        self._typed = bytearray()
        # What is on its way to the UART, of whatever guest.
        self._wire = bytearray()
        # By QEMU's time, as is _graceful_end.
        self._kill_at = None
        self._kill_at_last = None
        self._dumps_wanted = 0
        self._graceful_end = None
        self._quiet_since = 0.0
        self._input_ended = False
        self._spoken = False
        self._signals = []
        self._writing = False
        self._selector = selectors.DefaultSelector()

    def run(self):
        """Until QEMU has ended and all its output is read."""
        wake_in, wake_out = socket.socketpair()
        wake_in.setblocking(False)
        wake_out.setblocking(False)
        old_wakeup = signal.set_wakeup_fd(wake_out.fileno())
        old = {number: signal.signal(number, self._on_signal) for number in ending()}
        self._selector.register(wake_in, selectors.EVENT_READ, self._on_wake)
        self._selector.register(self.qemu.guest, selectors.EVENT_READ, self._on_guest)
        if self.qemu.vmm:
            self._selector.register(self.qemu.vmm, selectors.EVENT_READ, self._on_vmm)
        if self.live:
            self.live.attach(self._selector)
        try:
            with raw_mode(self.interactive, keep_output=self._line):
                if self._stdin:
                    self._watch_stdin()
                self._loop()
        finally:
            self.qemu.stop()
            for number, handler in old.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(old_wakeup)
            self._selector.close()
            wake_in.close()
            wake_out.close()

    def _watch_stdin(self):
        """Reads on while there is room for it; what is typed at a terminal always is."""
        room = self.interactive or len(self._typed) + len(self._wire) < TYPED_MOST
        watched = sys.stdin in self._selector.get_map()
        if self._input_ended or room == watched:
            return
        if watched:
            self._selector.unregister(sys.stdin)
            return
        try:
            self._selector.register(sys.stdin, selectors.EVENT_READ, self._on_stdin)
        except PermissionError:
            # epoll takes no regular file, nor /dev/zero: those are always ready.
            self._take_input(os.read(sys.stdin.fileno(), TYPED_MOST))

    def _take_input(self, data):
        if data:
            self._typed += data
        else:
            self._input_ended = True

    def _loop(self):
        ended = False
        while True:
            for key, events in self._selector.select(0 if ended else self._patience()):
                key.data(events)
            self._handle_signals()
            self._keep_time()
            if self.live:
                self.live.tick()
            if self._stdin:
                self._watch_stdin()
            self._send_typed()
            if ended and not self._open():
                return
            # Once QEMU is gone its ends are closed: whatever is left can be read to the end.
            ended = ended or self.qemu.status() is not None

    def _open(self):
        return any(end and end.fileno() in self._selector.get_map()
                   for end in (self.qemu.guest, self.qemu.vmm))

    def _patience(self):
        if not self._open():
            # QEMU has closed its ends and is about to be gone.
            return 0.01
        if self.console.waiting:
            return MARKER_GRACE
        times = [at for at in (self.deadline, self.live.due if self.live else None) if at]
        left = [at - time.monotonic() for at in times]
        left += [at - self._qemus_time() for at in (self._kill_at, self._graceful_end) if at]
        soonest = min(left, default=1.0)
        # QEMU's end shows as end of file on its sockets; the cap is for when it closes none.
        return min(max(soonest, 0.0), 0.5)

    def _qemus_time(self):
        """Goes on while QEMU runs or has nothing to do; not while the host keeps it waiting."""
        return time.monotonic() - self.qemu.delayed()

    @property
    def _ready(self):
        """Whether the guest takes input now."""
        return self._spoken if self._line else self.console.begun or not self.wait

    def _keep_time(self):
        now = time.monotonic()
        if self.console.waiting and now - self._quiet_since >= MARKER_GRACE:
            self.show(self.console.idle())
        if (self._input_ended and not self._line and self._ready and not self._typed
                and not self._wire
                and now - self._quiet_since >= END_OF_INPUT_PACE):
            self._typed.append(CTRL_D)
            self._quiet_since = now
        if self.console.over:
            self.stop("over")
        if self.deadline and now >= self.deadline:
            self.stop("timeout")
        if self._graceful_end and self._qemus_time() >= self._graceful_end:
            self.stop("no-end")
        if self._kill_at and self._qemus_time() >= self._kill_at:
            self._kill_at = None
            self.qemu.stop()
        if self._patient:
            return
        if self.console.status is not None and not self._graceful_end:
            self._graceful_end = self._qemus_time() + END_GRACE
        if (self.console.panic.loops and not self._resets
                and now - self._quiet_since >= END_GRACE):
            self.stop("panic")

    def stop(self, why):
        """Asks the VMM to stop the guest and to print its summary; ends QEMU if it does not."""
        if self.stopped:
            return
        self.stopped = why
        self.deadline = self._graceful_end = None
        if self.live:
            self.live.rest()
        if self.qemu.ask_vmm(b"q"):
            self._kill_at = self._qemus_time() + STOP_GRACE
            self._kill_at_last = self._qemus_time() + STOP_MOST
        else:
            self.qemu.stop()

    def _on_signal(self, number, _frame):
        self._signals.append(number)
        if self._writing and output.stalls():
            raise _Interrupted

    @contextlib.contextmanager
    def writing(self):
        """Around what writes to stdout or stderr: a reader that does not read keeps it waiting, but
        not beyond a signal. If it does not read on soon, nothing more is written there."""
        self._writing = True
        try:
            yield
        except _Interrupted:
            output.abandon(output.stalls(STOP_GRACE))
        finally:
            self._writing = False

    @staticmethod
    def _on_wake_drain(end):
        try:
            while end.recv(64):
                pass
        except BlockingIOError:
            pass

    def _on_wake(self, _events):
        for key in list(self._selector.get_map().values()):
            if key.data == self._on_wake:
                self._on_wake_drain(key.fileobj)

    def _handle_signals(self):
        while self._signals:
            number = self._signals.pop(0)
            if self.stopped:
                # A second Ctrl-C: the user does not want to wait for a summary.
                self.qemu.stop()
            self.stop(signal.Signals(number).name)

    def _receive(self, end):
        """Bytes from one of QEMU's sockets, b'' at its end, None when there are none yet."""
        try:
            data = end.recv(1 << 16)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(end)
        return data

    def _on_guest(self, events):
        if events & selectors.EVENT_WRITE:
            self._flush_typed()
        if events & selectors.EVENT_READ:
            data = self._receive(self.qemu.guest)
            if data is None:
                return
            self._quiet_since = time.monotonic()
            self._spoken = True
            if self.log:
                self.log.write(data)
            self.show(self.console.feed(data) if data else self.console.finish())

    def show(self, data):
        """Guest output on stdout; if nothing arrives there that ends the run."""
        if not data:
            return
        if self.sink:
            self.sink(data)
            return
        self.column_zero = data.endswith(b"\n")
        try:
            with self.writing():
                output.put(data)
        except output.Lost as lost:
            self.lost = lost
            self.stop("SIGPIPE" if isinstance(lost, output.Gone) else "output")

    def _on_vmm(self, _events):
        data = self._receive(self.qemu.vmm)
        if data:
            if self._kill_at:
                now = self._qemus_time()
                self._kill_at = min(now + STOP_GRACE, self._kill_at_last)
            self.vmm_log.feed(data)
            if self.vmm_log.busy:
                # It comes, and is bounded by itself.
                now = self._qemus_time()
                self._graceful_end = self._graceful_end and now + END_GRACE
                self._kill_at_last = now + STOP_MOST
        elif data == b"":
            self.vmm_log.finish()

    def _on_stdin(self, _events):
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            self._selector.unregister(sys.stdin)
        if not data or not self.interactive:
            self._take_input(data)
            return
        for_guest, commands = self._keys.feed(data)
        self._typed += for_guest
        for command in commands:
            if command == "leave":
                self.stop("leave")
            elif command == "report" and self.qemu.vmm:
                self.qemu.ask_vmm(b"?")
            elif command == "dump" and self.qemu.vmm:
                self._dumps_wanted += self.qemu.ask_vmm(b"d")
            elif command == "next" and self._turn():
                pass
            else:
                self._remark(HELP if self.console.turn is None else f"{HELP}; {SEVERAL}")

    def _turn(self):
        """Goes to the next guest's console; False if there is no other."""
        self._commit()
        shown = self.console.turn() if self.console.turn else None
        self.show(shown)
        return shown is not None

    @staticmethod
    def _remark(text):
        """A line of ours among those of the guest on a terminal in raw mode."""
        sys.stderr.write(f"\r\n[{text}]\r\n")
        sys.stderr.flush()

    def dumped(self, block, path):
        """A dump has come, and is at `path` if it was asked for."""
        if self.live:
            self.live.offer(block)
        if self._dumps_wanted and block.kind == "request" and path:
            self._dumps_wanted = 0
            self._remark(f"the trap sites so far are in {shown(path)}; "
                         f"./trapeze heatmap {shown(path)} shows them")

    def _commit(self):
        """What was typed is for the guest that is listened to now."""
        self._wire += self.console.encode(bytes(self._typed))
        self._typed.clear()

    def type_to(self, number, data):
        """What was typed elsewhere for a guest; False if it takes nothing now."""
        if self.qemu.guest.fileno() not in self._selector.get_map():
            return False
        self._wire += self.console.encode(data, number)
        return len(self._wire) < TYPED_MOST

    def _send_typed(self):
        key = self._selector.get_map().get(self.qemu.guest.fileno())
        if not key:
            return
        if self._typed and self._ready:
            self._commit()
        ready = self._wire
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if ready else 0)
        if key.events != events:
            self._selector.modify(self.qemu.guest, events, self._on_guest)

    def _flush_typed(self):
        try:
            del self._wire[:self.qemu.guest.send(self._wire)]
        except BlockingIOError:
            pass
        except OSError:
            self._wire.clear()
