# SPDX-License-Identifier: Apache-2.0
"""The planted mistakes of tests/mutants: what they are, and how one gets into a copy of the sources.

A file has one stanza for each mistake, parted by empty lines; lines with # are comments:

    = give_back_keeps_entries          its name, one of a kind
    : hv/patch/stolen.cpp              the file it is in
    ? What would go wrong              for people
    ! hv_patch_test hv_mmu_test        what must notice it: unit test programs, or else after
    ! python test_dump test_fake.Status   `python` modules of tests/system, their classes or tests,
    ! ctest isa.steal|vmm_patch        or after `ctest` a regular expression for ctest's names
    - the lines as they are            in a row, without their indentation; there once in the file
    + the lines that take their place  none: they are gone; further in than the first, if they are
    ~ why nothing can notice it        in place of !: the mistake changes nothing that matters
"""
import os
import re
import shutil
from dataclasses import dataclass, field

from .common import BUILD, ROOT, Failure

FOLDER = os.path.join(ROOT, "tests", "mutants")
# What a build and the tests need of a checkout.
PARTS = ("CMakeLists.txt", "CMakePresets.json", "trapeze", "bench", "cmake", "dbt", "docs",
         "guest-linux", "hv", "tcache", "tests", "tools")
_NAME = re.compile(r"^[a-z0-9_]+$")
_UNIT = re.compile(r"^[a-z_]+_test( [a-z_]+_test)*$")
_PYTHON = re.compile(r"^python( test_[\w.]+)+$")


@dataclass
class Mistake:
    """One stanza; `units`, `python` and `ctest` say what must notice it, unless `equivalent` says
    why not."""

    name: str
    place: str
    file: str = ""
    what: str = ""
    units: list = field(default_factory=list)
    python: list = field(default_factory=list)
    ctest: str = ""
    equivalent: str = ""
    old: list = field(default_factory=list)
    new: list = field(default_factory=list)

    def complete(self):
        """Raises Failure unless all is there."""
        if not self.file or not self.what or not self.old or self.old == self.new:
            raise Failure(f"{self.place}: {self.name} needs a file (:), a word on what would go "
                          "wrong (?), and lines that change (-, +)")
        if bool(self.units or self.python or self.ctest) == bool(self.equivalent):
            raise Failure(f"{self.place}: {self.name} needs either tests (!) or the reason why "
                          "nothing can notice it (~)")

    def planted(self, text):
        """The file's text with the mistake in it; Failure if its lines are not there just once."""
        lines = text.split("\n")
        bare = [line.strip() for line in lines]
        count = len(self.old)
        found = [at for at in range(len(bare)) if bare[at:at + count] == self.old]
        if len(found) != 1:
            raise Failure(f"{self.place}: the lines of {self.name} are {len(found)} times in "
                          f"{self.file}; they must be there once")
        indent = lines[found[0]][:len(lines[found[0]]) - len(lines[found[0]].lstrip())]
        lines[found[0]:found[0] + count] = [indent + line for line in self.new]
        planted = "\n".join(lines)
        if self.file.endswith(".py"):
            try:
                compile(planted, self.file, "exec")
            except SyntaxError as error:
                raise Failure(f"{self.place}: {self.name} makes no Python of {self.file}: "
                              f"{error}") from None
        return planted


def parse(text, path):
    """The mistakes of one file; `path` is for messages."""
    mistakes = []
    for number, line in enumerate(text.split("\n"), 1):
        place = f"{path}:{number}"
        sign, rest = line[:1], line[1:].strip()
        if not line.strip() or sign == "#":
            continue
        if sign == "=":
            if not _NAME.match(rest):
                raise Failure(f"{place}: a name is lower-case letters, digits and _: {rest!r}")
            mistakes.append(Mistake(rest, place))
            continue
        if not mistakes:
            raise Failure(f"{place}: a stanza begins with its name, '= name'")
        mistake = mistakes[-1]
        if sign == "!" and rest.startswith("ctest "):
            mistake.ctest = rest[6:].strip()
        elif sign == "!" and _PYTHON.match(rest):
            mistake.python += rest.split()[1:]
        elif sign == "!" and _UNIT.match(rest):
            mistake.units += rest.split()
        elif sign in ":?~":
            name = {":": "file", "?": "what", "~": "equivalent"}[sign]
            setattr(mistake, name, f"{getattr(mistake, name)} {rest}".strip())
        elif sign == "-":
            mistake.old.append(rest)
        elif sign == "+":
            mistake.new.append(line[1:].removeprefix(" ").rstrip())
        else:
            raise Failure(f"{place}: what is this? {line!r}")
    for mistake in mistakes:
        mistake.complete()
    return mistakes


def load(folder=FOLDER):
    """All mistakes, by file and place; Failure if two have one name or one does not fit."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".txt"):
            continue
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as handle:
            for mistake in parse(handle.read(), os.path.relpath(path, ROOT)):
                if mistake.name in found:
                    raise Failure(f"{mistake.place}: {mistake.name} is the name of "
                                  f"{found[mistake.name].place} too")
                found[mistake.name] = mistake
    return list(found.values())


def check(mistakes):
    """Raises Failure for the first that does not fit the sources as they are."""
    for mistake in mistakes:
        try:
            with open(os.path.join(ROOT, mistake.file), encoding="utf-8") as handle:
                mistake.planted(handle.read())
        except OSError as error:
            raise Failure(f"{mistake.place}: {mistake.file}: {error.strerror}") from None


class Copy:
    """A copy of the checkout's sources with build folders of its own, in which one mistake at a time
    is planted. What does not depend on the sources of the VMM is shared: the guest, and how
    programs ran natively."""

    def __init__(self, number):
        self.root = os.path.join(BUILD, "mutants", str(number))
        self._planted = None

    def bring_up_to_date(self):
        """Makes it what the checkout is, and changes no file that is right: ninja goes by times."""
        wanted = set()
        for part in PARTS:
            self._bring(os.path.join(ROOT, part), os.path.join(self.root, part), wanted)
        for folder, folders, files in os.walk(self.root):
            if folder == self.root and "build" in folders:
                folders.remove("build")
            for name in files:
                path = os.path.join(folder, name)
                if path not in wanted:
                    os.remove(path)
        build = os.path.join(self.root, "build")
        os.makedirs(build, exist_ok=True)
        for name in ("guest", "cache", "native"):
            link = os.path.join(build, name)
            os.makedirs(os.path.join(BUILD, name), exist_ok=True)
            if not os.path.islink(link):
                os.symlink(os.path.join(BUILD, name), link)

    @staticmethod
    def _bring(source, target, wanted):
        pairs = [(source, target)]
        if os.path.isdir(source):
            pairs = [(os.path.join(folder, name),
                      os.path.join(target, os.path.relpath(folder, source), name))
                     for folder, _, files in os.walk(source) for name in files
                     if "__pycache__" not in folder]
        for one, other in pairs:
            other = os.path.normpath(other)
            wanted.add(other)
            with open(one, "rb") as handle:
                content = handle.read()
            if os.path.exists(other):
                with open(other, "rb") as handle:
                    if handle.read() == content:
                        continue
            os.makedirs(os.path.dirname(other), exist_ok=True)
            shutil.copyfile(one, other)
            shutil.copymode(one, other)

    def plant(self, mistake):
        """Puts it in; restore() takes it out."""
        path = os.path.join(self.root, mistake.file)
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
        self._planted = path, text
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(mistake.planted(text))

    def restore(self):
        """Back to the checkout's own."""
        if self._planted:
            path, text = self._planted
            with open(path, "w", encoding="utf-8") as handle:
                handle.write(text)
            self._planted = None
