# SPDX-License-Identifier: Apache-2.0
"""Signals that end the front door, and the programs it runs, which end with it."""
import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
# How long a child may take to end when it is told to, in seconds.
PATIENCE = 5.0
# All whose default is to end a program that could clean up. (Python ignores SIGPIPE and SIGXFSZ: what
# they are about is an error of a write.)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
          signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGXCPU,
          signal.SIGIO)


def at_once(jobs):
    """Runs each of the functions in a thread of its own, and waits for them. A signal does not: it
    leaves them behind, with what they run, which ends with the front door."""
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Stopped(BaseException):
    """A signal has come that ends the front door. Not an Exception: nothing else catches it."""

    def __init__(self, number):
        super().__init__(number)
        self.status = 128 + number


def ending():
    """The signals that end a run. nohup's wish is respected; a shell's that starts us in the
    background and takes SIGINT from us is not, for then it could not be stopped that way."""
    return [number for number in ENDING
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]


class _Held:
    """Whether the main thread is where it must not be left, and the signal that came meanwhile."""

    now, late = False, None


def _leave(number):
    raise KeyboardInterrupt if number == signal.SIGINT else Stopped(number)


def arm():
    """From here on the first such signal raises Stopped, or KeyboardInterrupt for Ctrl-C; what
    cleans up then is not disturbed by another."""
    stopped = []

    def stop(number, _frame):
        if stopped:
            return
        stopped.append(number)
        if _Held.now:
            _Held.late = number
        else:
            _leave(number)

    for number in ending():
        signal.signal(number, stop)


@contextlib.contextmanager
def _hold():
    """A signal that comes while a child is made would leave one that nobody knows: it is raised at
    the end. To block it is not enough, for another thread may get it, and Python has the main one
    act on it; nor is it too much, for between fork and exec the child has our handlers."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    _Held.now = _Held.now or main
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if main:
            _Held.now, late, _Held.late = False, _Held.late, None
            if late:
                _leave(late)


def dies_with_us(number=signal.SIGKILL):
    """What a child runs between fork and exec, so that even kill -9 of the front door takes it
    along."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def prepare():
        libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _end(process):
    """Ends the child and all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + PATIENCE
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
            while time.monotonic() < deadline:
                # Its number stays taken, also after it is gone, as long as one of its group lives.
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.02)
            continue
        return


@contextlib.contextmanager
def running(command, **options):
    """A Popen with stdin from /dev/null whose descendants are ended, and waited for, if this is
    left by an exception: a signal, a disk that is full. In a session of its own, for otherwise
    the terminal's Ctrl-C ends it in its own order."""
    process = None
    dies = dies_with_us(signal.SIGTERM)
    try:
        with _hold() as before:
            def prepare():
                dies()
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True,
                                       preexec_fn=prepare, **options)
        yield process
    except BaseException:
        if process:
            _end(process)
        raise
    finally:
        if process:
            if process.stdout:
                process.stdout.close()
            process.wait()
