#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays QEMU and the VMM for tests of the front door: what it says on the two UARTs, and how it
ends, is the JSON file $FAKE_QEMU_PLAY: a list of steps.

  ["guest", TEXT]   writes to the guest's console; NONCE in TEXT becomes the one of this boot
  ["vmm", TEXT]     writes to the VMM's console
  ["burst", N]      writes N bytes of x to the guest's console
  ["sleep", S]      seconds
  ["wait", C]       waits for the character C on the VMM's console
  ["answer", {C: [TEXT, ...], ...}, S]
                    for S seconds or until q comes: answers each character C on the VMM's console
                    with its next TEXT; the last one serves from then on
  ["typed", TEXT] waits until TEXT, of Latin-1, has come on the guests' UART, all that comes, and no more
  ["monitor", {COMMAND: [LINE, ...], ...}, N]
                    answers N of the monitor's commands with these lines; the last one is the end's
                    number, or "" for none
  ["bench", SAYS, TEXT]
                    plays the guest of ./trapeze bench: for each workload that it is asked for, the
                    lines SAYS["native" or "vmm"][WORKLOAD], or SAYS["hot"][WORKLOAD] if there is
                    that and the VMM is told patch=hot, or SAYS["crossed"][WORKLOAD] if there
                    is that and it is told mapping=crossed; the line HANG is a program that does not
                    end, DIE a guest that does. TEXT goes to the VMM's console at the end
  ["beside", SAYS, TEXTS]
                    plays the guests of ./trapeze bench beside: each says that it is ready for each
                    workload that it is asked for, waits for its word, and says the lines
                    SAYS[ARM][WORKLOAD][GUEST] for that number of guests and cores (alone, two_cores,
                    one_core). Lines that begin with @@bench-failed come instead of being ready; HANG
                    and DIE as above. TEXTS[GUEST] go to the VMM's console at the end
  ["meet"]          writes its process number into the FIFO $STAGE, and waits until $GO is written
  ["hang"]          for ever, deaf to SIGTERM
  ["exit", N]       ends with this status

What it hears on the VMM's console is appended to the file $FAKE_QEMU_HEARD, if that is set.
"""
import contextlib
import json
import os
import re
import signal
import socket
import struct
import sys
import time


def sockets():
    """The connected sockets behind -chardev, by id."""
    found = {}
    for word in sys.argv:
        match = re.fullmatch(r"socket,id=(\w+),fd=(\d+)", word)
        if match:
            found[match[1]] = socket.socket(fileno=int(match[2]))
    return found


def image():
    """The initramfs or guest.fit; a native bare-metal guest has none."""
    if "-initrd" not in sys.argv:
        return b""
    with open(sys.argv[sys.argv.index("-initrd") + 1], "rb") as file:
        return file.read()


def nonce():
    """The word that the front door has put into the initramfs or guest.fit."""
    found = re.search(rb"etc/trapeze/nonce\0+([0-9a-f]+)\n", image())
    return found[1].decode() if found else ""


def bench(ends, says, summary):
    """See above."""
    lines = says["vmm" if "vmm" in ends else "native"]
    for word, key in (("patch=hot", "hot"), ("mapping=crossed", "crossed")):
        if word in " ".join(sys.argv).split():
            lines = says.get(key, lines)
    words = image() + " ".join(sys.argv).encode()
    asked = re.search(rb"sh /bench/all (?:quick|full) ([\w ]+)\n", words)
    bare = re.search(rb"bench=(\w+) ", words)

    def say(text):
        ends["guest"].sendall(text.encode() + b"\r\n")

    if asked:
        say(f"\r\n[trapeze:{nonce()}] begin")
    for name in (asked[1] if asked else bare[1]).decode().split():
        if asked:
            say("@@bench-begin " + name)
        for line in lines.get(name, []):
            if line == "DIE":
                sys.exit(0)
            while line == "HANG" and not ("vmm" in ends and hear(ends["vmm"]) in ("q", "")):
                time.sleep(0.01)
            if line == "HANG":
                ends["vmm"].sendall(summary.replace("poweroff", "stopped").encode())
                sys.exit(0)
            say(line)
    if asked:
        say(f"\r\n[trapeze:{nonce()}] exit 0")
    if "vmm" in ends:
        ends["vmm"].sendall(summary.encode())


def let(end, guests):
    """Waits for a line for each of these guests, framed or not."""
    waits, channel, escaped = set(guests), 0, False
    while waits:
        byte = end.recv(1) or sys.exit(8)
        if escaped:
            channel, escaped = byte[0] - ord("A"), False
        elif byte == b"\x10":
            escaped = True
        elif byte == b"\n":
            waits.remove(channel)
        else:
            sys.exit(9)


def beside(ends, says, texts):
    """See above."""
    held = image()
    asked = re.search(rb"sh /bench/all for=\d+ ([\w ]+)\n", held)
    several = b"\0\0\0\1b\0\0\0" in held
    guests = range(2 if several else 1)
    lines = says[("two_cores" if "-smp" in sys.argv else "one_core") if several else "alone"]

    def say(guest, text):
        frame = b"\x10" + b"AB"[guest:guest + 1] if several else b""
        ends["guest"].sendall(frame + text.encode() + b"\r\n")

    for guest in guests:
        say(guest, f"\r\n[trapeze:{nonce()}] begin")
    for name in asked[1].decode().split():
        ready = []
        for guest in guests:
            say(guest, "@@bench-begin " + name)
            if lines[name][guest][0].startswith("@@bench-failed"):
                say(guest, lines[name][guest][0])
            else:
                say(guest, f"@@bench-ready {name} m")
                ready.append(guest)
        let(ends["guest"], ready)
        for guest in ready:
            for line in lines[name][guest]:
                if line == "DIE":
                    sys.exit(0)
                while line == "HANG" and hear(ends["vmm"]) not in ("q", ""):
                    pass
                if line == "HANG":
                    ends["vmm"].sendall("".join(texts[:len(guests)]).replace(
                        "poweroff", "stopped").encode())
                    sys.exit(0)
                say(guest, line)
    for guest in guests:
        say(guest, f"\r\n[trapeze:{nonce()}] exit 0")
        ends["vmm"].sendall(texts[guest].encode())


def hear(end):
    """The next character on the VMM's console, '' at its end."""
    heard = end.recv(1).decode()
    if "FAKE_QEMU_HEARD" in os.environ:
        with open(os.environ["FAKE_QEMU_HEARD"], "a", encoding="ascii") as log:
            log.write(heard)
    return heard


def answer(end, texts, seconds):
    """See above."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        while True:
            end.settimeout(max(deadline - time.monotonic(), 0.001))
            heard = hear(end)
            if heard in ("q", ""):
                break
            left = texts.get(heard)
            if left:
                end.settimeout(None)
                end.sendall((left.pop(0) if len(left) > 1 else left[0]).encode())
    end.settimeout(None)


def typed(end, text):
    """See above."""
    came = ""
    while text.startswith(came) and came != text:
        came += end.recv(len(text) - len(came)).decode("latin-1") or sys.exit(8)
    if came != text:
        end.sendall(f"\r\ncame: {came!r}\r\n".encode())
        sys.exit(9)


def monitor(end, answers, count):
    """See above."""
    for _ in range(count):
        heard = ""
        while not heard.startswith(":") or not heard.endswith("\n"):
            heard = (heard if heard.startswith(":") else "") + (hear(end) or sys.exit(8))
        *lines, last = answers[heard[1:-1]]
        for line in lines:
            end.sendall(f"@@monitor {line}\r\n".encode())
        if last:
            end.sendall(f"@@monitor-end {last}\r\n".encode())


def dump_tree(path):
    """An empty flattened device tree (Devicetree Specification, chapter 5)."""
    with open(path, "wb") as tree:
        tree.write(struct.pack(">10I", 0xd00dfeed, 72, 56, 72, 40, 17, 16, 0, 0, 16))
        tree.write(bytes(16) + struct.pack(">4I", 1, 0, 2, 9))


def main():
    """Plays the steps, or does as QEMU does with -machine dumpdtb."""
    dumped = re.search(r"dumpdtb=(\S+)", " ".join(sys.argv))
    if dumped:
        dump_tree(dumped[1])
        return
    ends = sockets()
    with open(os.environ["FAKE_QEMU_PLAY"], encoding="utf-8") as play:
        steps = json.load(play)
    for what, *value in steps:
        if what == "guest":
            ends["guest"].sendall(value[0].replace("NONCE", nonce()).encode("latin-1"))
        elif what == "vmm":
            ends["vmm"].sendall(value[0].encode())
        elif what == "burst":
            ends["guest"].sendall(b"x" * value[0])
        elif what == "sleep":
            time.sleep(value[0])
        elif what == "wait":
            while hear(ends["vmm"]) not in (value[0], ""):
                pass
        elif what == "answer":
            answer(ends["vmm"], *value)
        elif what == "typed":
            typed(ends["guest"], value[0])
        elif what == "monitor":
            monitor(ends["vmm"], *value)
        elif what == "bench":
            bench(ends, *value)
        elif what == "beside":
            beside(ends, *value)
        elif what == "meet":
            with open(os.environ["STAGE"], "w", encoding="ascii") as stage:
                stage.write(str(os.getpid()))
            with open(os.environ["GO"], encoding="ascii") as go:
                go.read()
        elif what == "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                time.sleep(60)
        elif what == "exit":
            sys.exit(value[0])


main()
