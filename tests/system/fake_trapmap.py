#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays trapmap for tests of the front door: appends its arguments to $FAKE_TRAPMAP_SAW, and

  --html FILE   writes a page there
  --follow      prints the first line of each dump on stdin, and "end" when it ends
  else          prints a line and the first line of the dump

$FAKE_TRAPMAP_STATUS is a status to fail with instead, in one line; $FAKE_TRAPMAP_STAGE a FIFO that it
writes its process number into, to do nothing else then, or to go on when the FIFO $GO is written
(not if the first FIFO is gone).
"""
import contextlib
import json
import os
import signal
import sys


def main():
    """Plays."""
    arguments = sys.argv[1:]
    with open(os.environ["FAKE_TRAPMAP_SAW"], "a", encoding="utf-8") as saw:
        saw.write(json.dumps(arguments) + "\n")
    if os.path.exists(os.environ.get("FAKE_TRAPMAP_STAGE", "")):
        with open(os.environ["FAKE_TRAPMAP_STAGE"], "w", encoding="ascii") as stage:
            stage.write(str(os.getpid()))
        while "GO" not in os.environ:
            signal.pause()
        with open(os.environ["GO"], encoding="ascii") as go:
            go.read()
    if os.environ.get("FAKE_TRAPMAP_STATUS"):
        print("trapmap: it does not want to", file=sys.stderr)
        sys.exit(int(os.environ["FAKE_TRAPMAP_STATUS"]))
    if "--follow" in arguments:
        for line in sys.stdin:
            if line.startswith("@@trapeze-dump "):
                print(line, end="", flush=True)
        print("end", flush=True)
    elif "--html" in arguments:
        with open(arguments[arguments.index("--html") + 1], "w", encoding="utf-8") as page:
            page.write("<!doctype html>\n")
    else:
        with open(arguments[0], encoding="utf-8") as dump:
            print("hottest of", dump.readline(), end="", flush=True)


try:
    main()
except BrokenPipeError:
    os._exit(141)
except OSError as error:
    with contextlib.suppress(OSError):
        print("trapmap: standard output:", error.strerror, file=sys.stderr, flush=True)
    os._exit(2)
