# SPDX-License-Identifier: Apache-2.0
"""Commands with a standard stream that is closed, full, or left by who was at its other end, and
what must be so then: the status that the documents say, at most one line more, nobody left behind,
no file in part; and, if the stream is not stdout, the same output as ever."""
import contextlib
import itertools
import json
import os
import select
import subprocess
import time

from fakes import BEGIN, DONE, dump, ending
from signal_case import LONG, SignalCase
from support import ROOT, TRAPEZE, children, environment, finish

STREAMS = ("stdin", "stdout", "stderr")
# closed  from the beginning
# full    takes nothing, from the beginning; stdin has zeroes without an end
# left    whoever is at the other end leaves while the command is at its stage
HOWS = ("closed", "full", "left")
FAULTS = tuple({stream: how} for stream in STREAMS for how in HOWS) + (
    {"stdout": "full", "stderr": "full"}, {"stdout": "left", "stderr": "left"},
    dict.fromkeys(STREAMS, "closed"))
USAGE, READER_GONE = 2, 141
# A tool that says it is there, goes on when it may, and prints what it is told; once.
WAITS = """#!/bin/sh
case "$*" in *-n|*--version*) exit 1;; esac
[ -p "$STAGE" ] || exit 0
echo $$ > "$STAGE"
cat "$GO"
"""
SILENT = "#!/bin/sh\necho ninja: no work to do.\n"
PACK = os.path.join(ROOT, "build", "host", "tools", "pack", "trapeze-pack")
TRAPMAP = os.path.join(ROOT, "build", "host", "tools", "trapmap", "trapmap")


class Stage:
    """A command at a point of its work; words of {} are files of the case.

    words   its arguments; the first is the program if it has a slash
    tool    the program that holds it there
    play    what the fake QEMU plays, with the step ["meet"]
    viewer  whether the fake viewer holds it there
    prints  whether anything comes on stdout
    moved   what is added to its own statuses (--run)
    """

    def __init__(self, name, *words, tool=None, play=None, viewer=False, prints=True, moved=0):
        self.name, self.words, self.tool, self.play, self.viewer = name, words, tool, play, viewer
        self.prints, self.moved = prints, moved

    def held(self):
        """Whether it stops anywhere."""
        return bool(self.tool or self.viewer or self.play and ["meet"] in self.play)


HELLO = ["guest", "hello\r\nthere\r\n"]
MORE = [["burst", 100_000], ["guest", "\r\nmore\r\n"]]
OVER = [BEGIN, ["vmm", dump()], HELLO, DONE, ending()]
LONG_OVER = [BEGIN, ["vmm", dump()], HELLO, *MORE, DONE, ending()]
HELD = [BEGIN, HELLO, ["meet"], *MORE, ["vmm", dump()], DONE, ending()]
DUMPS = [BEGIN, ["vmm", dump(cut=150)], HELLO, ["meet"], ["vmm", dump()[150:]], *MORE, DONE,
         ending()]
RAW = [HELLO, ["meet"], *MORE, ["vmm", dump()], ending()]
BENCH = [["bench", {side: {"null_syscall": ["@@bench null_syscall null_syscall ticks 100 800 - -"]}
                    for side in ("native", "vmm")}, ending()[1]]]
STAGES = (
    Stage("boot that builds", "boot", tool="ninja", play=LONG_OVER),
    Stage("boot whose guest runs", "boot", "--json", "{json}", play=HELD),
    Stage("boot --run", "boot", "--run", "x", play=HELD, moved=120),
    Stage("boot --shell", "boot", "--shell", play=HELD),
    Stage("boot --kernel", "boot", "--kernel", "{raw}", play=RAW),
    Stage("boot --quiet", "boot", "--quiet", "--native", "--kernel", "{raw}",
          play=[HELLO, ["meet"], *MORE]),
    Stage("boot while a dump comes", "boot", play=DUMPS),
    Stage("boot that is over", "boot", play=OVER, viewer=True),
    Stage("bench that builds", "bench", "--quick", "--clock", "icount", "--workload", "null_syscall",
          "--arm", "native", "--arm", "trap", "--out", "{out}", tool="ninja", play=BENCH),
    Stage("heatmap that builds", "heatmap", "{dump}", "--top", "3", tool="ninja"),
    Stage("heatmap that shows", "heatmap", "{dump}", viewer=True),
    Stage("test that builds", "test", "--list", tool="ninja"),
    Stage("test that tests", "test", tool="ctest"),
    Stage("lint that formats", "lint", os.path.join(ROOT, "hv", "boot"), tool="clang-format"),
    Stage("setup that looks", "setup", "--check", tool="dpkg-query", prints=False),
    Stage("help", "help", "boot"),
    Stage("lint's help", "lint", "--help"),
    Stage("bench's list", "bench", "--list"),
    Stage("version", "--version"),
    Stage("what is wrong", "boot", "--mem", "1", prints=False),
    Stage("top without a guest", "top", prints=False),
)
TOOLS = (
    Stage("trapmap", TRAPMAP, "{dump}"),
    Stage("trapmap's JSON", TRAPMAP, "{dump}", "--json"),
    Stage("trapmap's page", TRAPMAP, "{dump}", "--html", "{page}", prints=False),
    Stage("trapmap's page and more", TRAPMAP, "{dump}", "--html", "{page}", "--annotate", "_stext"),
    Stage("trapmap's help", TRAPMAP, "--help"),
    Stage("what trapmap refuses", TRAPMAP, "{none}", prints=False),
    Stage("what trapmap does not know", TRAPMAP, "--nonsense", prints=False),
    Stage("pack", PACK, "--kernel", "{raw}", "--mem", "67108864", "--output", "{fit}", prints=False),
    Stage("pack that tells", PACK, "--kernel", "{raw}", "--mem", "67108864", "--output", "{fit}",
          "--describe"),
    Stage("pack's help", PACK, "--help"),
    Stage("what pack refuses", PACK, "--kernel", "{none}", "--mem", "67108864", "--describe",
          prints=False),
    Stage("what pack does not know", PACK, "--nonsense", prints=False),
)


class Ended:
    """What one call has left: status, stdout and stderr, empty where nobody could read them."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def complaints(self):
        """The lines in which a program of ours says what is wrong."""
        return [line for line in self.err.splitlines()
                if line.startswith((b"trapeze: ", b"trapmap: ", b"trapeze-pack: "))]

    def __str__(self):
        return f"status {self.status}\n{self.out[-2000:]}\n{self.err[-3000:]}"


class StreamCase(SignalCase):
    """Calls commands with streams that break, and compares with a call whose streams are good."""

    def setUp(self):
        super().setUp()
        self.numbers, self.controls = itertools.count(), {}
        self.files = {"dump": self.path("some.trap", dump(sites=200).replace("\r", "").encode()),
                      "raw": self.path("raw", b"\x48\0\0\0" * 64), "none": self.path("none")}

    def results(self):
        """{name: path} of what commands may write, none of which is there."""
        folder = self.path(f"results-{next(self.numbers)}")
        os.mkdir(folder)
        return {name: os.path.join(folder, name) for name in ("json", "page", "fit", "out")}

    def waiting(self, held):
        """A folder in which the tool `held` is WAITS, and others that would do real work do none."""
        folder = self.path("waiting-" + held)
        if not os.path.isdir(folder):
            os.mkdir(folder)
            for name in {held, "ninja", "clang-tidy"}:
                path = os.path.join(folder, name)
                with open(path, "w", encoding="utf-8") as script:
                    script.write(WAITS if name == held else SILENT)
                os.chmod(path, 0o755)
        return folder

    def around(self, stage):
        """The environment that holds it at its stage."""
        changes = dict(self.play(*stage.play)) if stage.play else {}
        if stage.tool:
            changes["PATH"] = self.waiting(stage.tool) + ":" + os.environ["PATH"]
        if stage.held():
            for name in ("STAGE", "GO"):
                changes[name] = self.path(f"{name}-{next(self.numbers)}")
                os.mkfifo(changes[name])
        if stage.viewer:
            changes.update(self.viewer(FAKE_TRAPMAP_STAGE=changes["STAGE"]))
        return changes

    def streams(self, fault):
        """(what Popen gets, the ends of pipes that are ours)."""
        theirs, ours = {}, []
        for stream in STREAMS:
            how = fault.get(stream)
            if how == "left":
                reader, writer = os.pipe()
                theirs[stream] = reader if stream == "stdin" else writer
                ours.append(writer if stream == "stdin" else reader)
            elif how == "full":
                theirs[stream] = os.open("/dev/full", os.O_RDWR)
            elif stream == "stdin":
                theirs[stream] = os.open(os.devnull, os.O_RDONLY)
            else:
                theirs[stream] = os.open(self.path(stream), os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        return theirs, ours

    def call(self, stage, fault):
        """(Ended, the files that it may have written) of a call whose streams break so."""
        changes, files = self.around(stage), self.results()
        words = [word.format(**self.files, **files) for word in stage.words]
        theirs, ours = self.streams(fault)

        def close():
            for number, stream in enumerate(STREAMS):
                if fault.get(stream) == "closed":
                    os.close(number)

        if not stage.held():
            leave(ours)
        process = subprocess.Popen(words if "/" in words[0] else [TRAPEZE, *words], preexec_fn=close,
                                   env=environment(**changes), **theirs)
        self.addCleanup(finish, process)
        leave(theirs.values())
        below = []
        if stage.held():
            below = self.there(process, changes["STAGE"])
            leave(ours)
            self.go_on(process, changes["GO"])
        process.wait(LONG)
        self.gone(below)
        texts = []
        for stream in STREAMS[1:]:
            good = stream not in fault
            with open(self.path(stream) if good else os.devnull, "rb") as text:
                texts.append(text.read())
        return Ended(process.returncode, *texts), files

    @staticmethod
    def there(process, fifo):
        """The process numbers of what it runs once it is there; none if it does not get there."""
        end, until = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), time.monotonic() + LONG
        try:
            while process.poll() is None and time.monotonic() < until:
                if select.select([end], [], [], 0.02)[0] and os.read(end, 100):
                    os.unlink(fifo)
                    return children(process.pid)
        finally:
            os.close(end)
        return []

    @staticmethod
    def go_on(process, fifo):
        """Whoever waits there may go on."""
        while process.poll() is None:
            with contextlib.suppress(OSError):
                end = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
                os.write(end, b"go on\n")
                os.close(end)
                return
            time.sleep(0.01)

    def control(self, stage):
        """What comes of it with good streams."""
        if stage.name not in self.controls:
            self.controls[stage.name] = self.call(stage, {})
        return self.controls[stage.name]

    def breaks(self, stage, fault):
        """Calls it with these streams, {stream: how}, and looks at all that must be so."""
        with self.subTest(stage=stage.name, **fault):
            good, made = self.control(stage)
            ended, files = self.call(stage, fault)
            self.assertNotIn(b"Traceback", ended.err)
            self.assertNotIn(b"Exception ignored", ended.err)
            self.assertEqual(ended.status, self.status(stage, fault, good), ended)
            if "stdout" not in fault:
                self.assertEqual(ended.out, good.out)
            if "stderr" not in fault:
                more = len(ended.complaints()) - len(good.complaints())
                how = fault.get("stdout")
                if how == "closed" and ended.status != good.status:
                    self.assertEqual(len(ended.complaints()), 1, ended)
                    self.assertRegex(ended.err, b"(stdout|standard output:) is closed")
                elif how == "full" and stage.prints:
                    self.assertEqual(more, 1, ended)
                    self.assertIn(b"No space left", ended.err)
                else:
                    self.assertIn(more, (0, 1) if how == "left" else (0,), ended)
            self.whole()
            self.in_whole(files, made)

    @staticmethod
    def status(stage, fault, good):
        """What the documents say: docs/options.md, docs/trapmap.md."""
        how = fault.get("stdout")
        if how == "closed" and (stage.prints or "/" not in stage.words[0]):
            return USAGE + stage.moved
        if how == "full" and stage.prints:
            return USAGE + stage.moved
        if how == "left" and stage.prints:
            return READER_GONE
        return good.status

    def in_whole(self, files, made):
        """What was written is all there, or there is none."""
        for name in ("page", "fit"):
            if os.path.exists(files[name]):
                with open(files[name], "rb") as one, open(made[name], "rb") as other:
                    self.assertEqual(one.read(), other.read(), name)
        for path in (files["json"], os.path.join(files["out"], "results.json")):
            if os.path.exists(path):
                with open(path, encoding="utf-8") as text:
                    json.load(text)


def leave(descriptors):
    """Closes them."""
    for descriptor in descriptors:
        os.close(descriptor)
