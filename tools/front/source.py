# SPDX-License-Identifier: Apache-2.0
"""A device tree source, read with dtc, with the line of each node and property.

dtc reads the source and writes it again in one plain form, annotated with where all of it comes
from; that form keeps what a blob loses: whether a value is text, numbers or bytes.
"""
import dataclasses
import os
import re
import subprocess

from .common import USAGE, Failure

_WHERE = r"(?: /\* (?P<where>.*) \*/)?"
_OPEN = re.compile(r"\s*(?:[\w]+: )*(?P<name>[^\s{}=;]+) \{" + _WHERE)
_CLOSE = re.compile(r"\s*\};" + _WHERE)
_PROPERTY = re.compile(r"\s*(?:[\w]+: )*(?P<name>[^\s{}=;]+)(?P<rest> = .*|;.*)")
_PART = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"|(?P<bits>/bits/ \d+ )?<(?P<cells>[^>]*)>'
                   r"|\[(?P<bytes>[^\]]*)\]")
_COMPLAINT = re.compile(r"(?:Error: )?(?P<file>.*?):(?P<line>\d+)\.[\d.-]+:? "
                        r"(?:ERROR \(\w+\): )?(?P<what>.*)")
# dtc 1.6 writes a byte from 0x80 on as if it were a negative number of 32 bits.
_ESCAPE = re.compile(r"\\(?:x(?:ffffff)?(?P<hex>[0-9a-f]{2})|(?P<one>.))")
_ONES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


@dataclasses.dataclass
class Property:
    """kind: 'flag' (no value), 'text' (a list of str), 'cells' (a list of int), or 'other'."""

    name: str
    where: str
    kind: str
    values: list


@dataclasses.dataclass
class Node:
    """A node; `name` without its unit address is what stands before the '@'."""

    name: str
    where: str
    properties: dict
    children: list


def _unescaped(text):
    def byte(found):
        if found["hex"]:
            return chr(int(found["hex"], 16))
        return chr(_ONES.get(found["one"], ord(found["one"])))

    return _ESCAPE.sub(byte, text).encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _value(text):
    """(kind, values, what follows) of what stands behind '='."""
    kinds, values, at = set(), [], 0
    while True:
        part = _PART.match(text, at)
        if not part:
            return "other", [], text[at:]
        at = part.end()
        if part["text"] is not None:
            kinds.add("text")
            values.append(_unescaped(part["text"]))
        elif part["cells"] is not None and not part["bits"]:
            kinds.add("cells")
            values += [int(word, 0) for word in part["cells"].split() if not word.endswith(":")]
        else:
            kinds.add("other")
        if not text.startswith(", ", at):
            return (kinds.pop() if len(kinds) == 1 else "other"), values, text[at:]
        at += 2


class _Reader:
    """Reads dtc's plain form. Raises ValueError for what it does not know."""

    def __init__(self, text, folder):
        self._lines = iter(text.split("\n"))
        self._folder = folder

    def _place(self, where):
        """FILE:LINE as the user may open it. Of a node that several places make it is the last."""
        if not where or where.startswith("<"):
            return ""
        name, _, line = where.split(", ")[-1].rpartition(":")
        return f"{os.path.join(self._folder, name)}:{line}"

    def root(self):
        """The Node '/'."""
        for line in self._lines:
            opened = _OPEN.fullmatch(line)
            if opened and opened["name"] == "/":
                return self._node(opened)
            if line.strip() and not line.startswith("/dts-v1/"):
                raise ValueError(line)
        raise ValueError("no node")

    def _node(self, opened):
        node = Node(opened["name"], self._place(opened["where"]), {}, [])
        for line in self._lines:
            if not line.strip():
                continue
            if _CLOSE.fullmatch(line):
                return node
            child = _OPEN.fullmatch(line)
            if child:
                node.children.append(self._node(child))
                continue
            one = _PROPERTY.fullmatch(line)
            if not one:
                raise ValueError(line)
            kind, values, rest = "flag", [], one["rest"]
            if rest.startswith(" = "):
                kind, values, rest = _value(rest[3:])
            ends = re.fullmatch(";" + _WHERE, rest)
            if not ends:
                raise ValueError(line)
            node.properties[one["name"]] = Property(one["name"], self._place(ends["where"]), kind,
                                                    values)
        raise ValueError("no end")


def read(path):
    """The root Node. Raises Failure with a line for each of dtc's complaints."""
    folder, name = os.path.split(path)
    if name.startswith("-"):
        name = "./" + name
    command = ["dtc", "-q", "-I", "dts", "-O", "dts", "-T", name]
    try:
        done = subprocess.run(command, cwd=folder or ".", stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)
    except FileNotFoundError:
        raise Failure("dtc is not there: run ./trapeze setup", USAGE) from None
    said = done.stderr.decode("utf-8", "replace").strip().split("\n")
    if done.returncode:
        found = [match for match in map(_COMPLAINT.fullmatch, said) if match]
        lines = [f"{os.path.join(folder, match['file'])}:{match['line']}: {match['what']}"
                 for match in found]
        raise Failure("\n".join(lines) or f"{path}: {said[0] or 'dtc could not read it'}", USAGE)
    try:
        return _Reader(done.stdout.decode("utf-8", "surrogateescape"), folder).root()
    except ValueError as error:
        raise Failure(f"{path}: dtc made of it what the front door does not know: {error}",
                      USAGE) from None
