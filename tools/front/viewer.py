# SPDX-License-Identifier: Apache-2.0
"""The viewer of trap sites, trapmap, at the end of a boot, on a dump, and on a running guest."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

from . import build, live, output, setup
from .common import (LAST, OK, OUT, ROOT, TRAPMAP, USAGE, VMM_FAILED, Failure, complain, plain,
                     say, shown)

HEATMAP_HELP = """Shows which instructions of a guest trapped, where, how often and at what cost.

Without a DUMP it shows the last run's. Without options it prints the hottest sites and writes
the page of the heat map, which opens in any browser, offline. Options go to the viewer, trapmap.

examples:
  ./trapeze heatmap                          the last run
  ./trapeze heatmap build/last/dump-0002.trap
                                             one of those that --dump-every or Ctrl-A D saved
  ./trapeze heatmap --guest b                the last run's guest b, of several
  ./trapeze heatmap --by function            also site, instruction, page; --top N: how many
  ./trapeze heatmap --annotate finish_wait   a function's disassembly with the heat of each line
  ./trapeze heatmap --diff old.trap          what appeared, vanished, cooled since old.trap;
                                             --diff old.trap new.trap takes two others
  ./trapeze heatmap --html map.html --before old.trap
                                             a page that compares
  ./trapeze heatmap --json sites.json        also --csv, --folded (for flame graphs)
  ./trapeze heatmap other.trap --elf program.elf

Names of functions and source lines come from the ELF file that the last run booted; for a dump
of another guest they come from the dump itself, or name the file with --elf. All options:
build/host/tools/trapmap/trapmap --help

exit status: 0 shown, 2 there is no dump, or it is damaged, or an option is wrong; 3 the viewer
could not be built or run.

files written, without options: build/last/heatmap.html for the last run's dump; for others a
page of the dump's name beside it in build/last, or in build/heatmap. With a display it is opened."""

TOP_HELP = """Follows the trap sites of a running guest, refreshed every second.

Start it in a second terminal while ./trapeze boot runs in the first. Leaving it, with q or
Ctrl-C, does not disturb the guest. It costs the guest what one dump a second costs, and only
while it is looked at.

examples:
  ./trapeze boot --shell              in one terminal
  ./trapeze top                       in another: the boot that was started last
  ./trapeze top --pid 4711            the ./trapeze boot with this process number
  ./trapeze top --guest b             guest b of several
  ./trapeze top --by function         options go to the viewer, trapmap

exit status: that of the viewer; 2 no guest is running, or a usage error; 3 the viewer could not
be built or run.

files written: build/last/dump-NNNN.trap, by the boot: the full dump that the first screen shows."""

# A page and a table take a second; a viewer that takes this long hangs.
VIEWER_TIMEOUT = 60


def program():
    """The viewer's path: $TRAPEZE_TRAPMAP, or the one that build.py makes."""
    return os.environ.get("TRAPEZE_TRAPMAP", TRAPMAP)


def is_ours():
    """True if the viewer is the one built here."""
    return "TRAPEZE_TRAPMAP" not in os.environ


def _ensure():
    setup.ensure()
    if is_ours():
        build.for_viewer()


def _command(dump, symbols, *options):
    return [program(), *([dump] if dump else []), *(["--elf", symbols] if symbols else []),
            *options]


def _call(command):
    """What went wrong in one line, or None. The viewer's output is on stdout."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              timeout=VIEWER_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {VIEWER_TIMEOUT} s"
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    if done.returncode == 0:
        sys.stderr.buffer.write(done.stderr)
        sys.stderr.flush()
        return None
    if done.returncode in (-signal.SIGPIPE, output.READER_GONE):
        raise output.Gone()
    said = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
    return said or f"{command[0]} ended with status {done.returncode}"


def after_boot(store, symbols):
    """The ten hottest sites and the path of the page; one line if there are none."""
    if not store.last:
        lost = store.problems[-1] if store.problems else "the VMM sent no dump"
        say(f"no heat map: {lost}")
        return
    if not store.last.profile:
        say("no heat map: the profile was off")
        return
    page = os.path.join(store.folder, "heatmap.html")
    wrong = (_call(_command(store.path, symbols, "--top", "10"))
             or _call(_command(store.path, symbols, "--html", page)))
    if wrong:
        complain(f"no heat map: {wrong}")
    else:
        print(f"  heat map: {shown(page)}", flush=True)


def last_run(folder=LAST):
    """summary.json of the last run, or {}."""
    try:
        with open(os.path.join(folder, "summary.json"), encoding="utf-8") as handle:
            found = json.load(handle)
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or not all(
            isinstance(found.get(name), (str, type(None))) for name in ("dump", "symbols", "mode")):
        return {}
    return found


def _moved(found):
    """The same with the paths of today: the checkout may have been moved or copied since, and its
    files with it."""
    if found.get("dump") and os.path.dirname(found["dump"]) != LAST:
        was = os.path.dirname(os.path.dirname(os.path.dirname(found["dump"]))) + os.sep
        found["dump"] = os.path.join(LAST, os.path.basename(found["dump"]))
        if str(found.get("symbols")).startswith(was):
            found["symbols"] = os.path.join(ROOT, found["symbols"][len(was):])
    return found


def _of_guest(last, name):
    """What `last` says of one of several guests: of the first, if `name` is None."""
    guests = last.get("guests")
    if not isinstance(guests, list) or not all(
            isinstance(one, dict) and isinstance(one.get("guest"), str) and all(
                isinstance(one.get(key), (str, type(None))) for key in ("dump", "symbols"))
            for one in guests):
        guests = []
    if name is None:
        return {**last, **guests[0]} if guests else last
    for one in guests:
        if one["guest"] == name:
            return {**last, **one}
    there = ": there is " + ", ".join(one["guest"] for one in guests) if guests else ""
    raise Failure(f"the last run had no guest '{plain(name)}'{there} (--guest)")


def _symbol_lines(path):
    """{address: name} of a dump's symbol lines; {} if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as dump:
            lines = [line.split() for line in dump if line.startswith("symbol ")]
    except OSError:
        return {}
    return {words[1]: words[2] for words in lines if len(words) >= 3}


def _same_guest(one, other):
    """Whether two dumps name functions alike, so that the symbols of one are right for both."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    ours, theirs = _symbol_lines(one), _symbol_lines(other)
    common = ours.keys() & theirs.keys()
    return bool(common) and all(ours[address] == theirs[address] for address in common)


def _page_for(dump):
    """Where the page of `dump` goes: beside it if it is below build, else into its heatmap/."""
    folder, name = os.path.split(os.path.realpath(dump))
    last = re.fullmatch(r"guest(-[a-z][a-z0-9-]*)?\.trap", name)
    if last and folder == os.path.realpath(LAST):
        return os.path.join(LAST, f"heatmap{last[1] or ''}.html")
    if os.path.commonpath([folder, os.path.realpath(OUT)]) != os.path.realpath(OUT):
        folder = os.path.join(OUT, "heatmap")
        output.check_folder(folder)
    return os.path.join(folder, os.path.splitext(name)[0] + ".html")


def _open(page):
    """Shows the page to somebody who sits in front of a display."""
    opener = shutil.which("xdg-open")
    if opener and sys.stdout.isatty() and (
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        # It lives as long as the browser may.
        subprocess.Popen([opener, page], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, start_new_session=True)


def _is_file(words, number):
    return len(words) > number and (words[number] == "-" or not words[number].startswith("-"))


def heatmap(options):
    """The subcommand."""
    words, last = options.viewer_arguments, _moved(_of_guest(last_run(), options.guest))
    dump = None
    if _is_file(words, 0):
        dump, words = words[0], words[1:]
    kept = last.get("dump")
    at = words.index("--diff") if "--diff" in words else len(words)
    if dump is None and _is_file(words, at + 1) and _is_file(words, at + 2):
        # --diff OLD NEW: the newer one is the dump to show.
        dump = words.pop(at + 2)
    if dump is None:
        if not kept or not os.path.exists(kept):
            why = {"native": "the last run was native, which has none",
                   "vmm": "the last run left none"}.get(last.get("mode"), "nothing ran here")
            raise Failure(f"there is no dump to show, {why}: run ./trapeze boot first")
        dump = kept
    elif dump != "-" and not os.path.isfile(dump):
        raise Failure(f"{dump}: there is no such file")
    symbols = None
    if last.get("symbols") and "--elf" not in words and kept and _same_guest(dump, kept):
        symbols = last["symbols"] if os.path.exists(last["symbols"]) else None
    _ensure()
    status = _run(_command(dump, symbols, *words))
    if words or status != OK or dump == "-":
        return status
    page = _page_for(dump)
    status = _run(_command(dump, symbols, "--html", page))
    if status == OK:
        print(f"heat map: {shown(page)}", flush=True)
        _open(page)
    return status


def _run(command):
    try:
        status = subprocess.run(command, check=False).returncode
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}", VMM_FAILED) from None
    # A signal's number is negative here.
    return status if status >= 0 else 128 - status


def top(options):
    """The subcommand; on success this process becomes the viewer."""
    if not live.running():
        raise Failure("no guest is running: start ./trapeze boot in another terminal", USAGE)
    _ensure()
    found = live.find(options.pid, guest=options.guest)
    if not found and options.guest is not None and live.find(options.pid):
        raise Failure(f"no guest '{plain(options.guest)}' is running (--guest)", USAGE)
    if not found:
        there = live.running()
        if options.pid is None or not there:
            raise Failure("no guest is running: start ./trapeze boot in another terminal", USAGE)
        raise Failure(f"process {options.pid} runs no guest; these do: "
                      + ", ".join(map(str, there)), USAGE)
    end, symbols = found
    os.dup2(end.fileno(), 0)
    end.close()
    if symbols and ("--elf" in options.viewer_arguments or not os.path.exists(symbols)):
        symbols = None
    command = _command(None, symbols, "--follow", *options.viewer_arguments)
    try:
        os.execv(command[0], command)
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}", VMM_FAILED) from None
