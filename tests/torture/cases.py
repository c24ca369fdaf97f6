# SPDX-License-Identifier: Apache-2.0
"""Kept sequences as text: tests/torture/cases/NAME.case, one in each.

    # what it showed once
    number 43                    decides which text pages it has
    seed 1b873593                of memory, SPRs and pulses
    flags small_text refill      of record.FLAGS, or none
    rounds 5
    place 01057f40               effective address of the first word
    permissions 3f 15 3f 3f      MAS3 bits of the small data pages
    r0 0 1f 40003fe0 ...         eight registers a line
    cr 0 xer 0 ctr 0 lr 0 msr 2001000
    count 12                     words; what is not listed is a no-op
    000 * 7c0004ac  msync        offset, * where a group begins, word, what it says

Numbers are hexadecimal, but for number, rounds and count.
"""
import os

from record import FLAGS, MOST_WORDS, NOP, Sequence, empty

HERE = os.path.dirname(os.path.realpath(__file__))
FOLDER = os.path.join(HERE, "cases")
REGISTERS = ("cr", "xer", "ctr", "lr", "msr")


class Bad(Exception):
    """A case that cannot be read: which line, and why."""


def write(path, sequence, remark):
    """One case; `remark` becomes the comment at its top."""
    permissions, gpr, rest = sequence.state[:4], sequence.state[4:36], sequence.state[36:]
    flags = [name for bit, name in enumerate(FLAGS) if sequence.flags >> bit & 1]
    lines = [f"# {line}" for line in remark.splitlines()]
    lines += [f"number {sequence.number}", f"seed {sequence.seed:08x}",
              " ".join(["flags", *flags]), f"rounds {sequence.rounds}",
              f"place {sequence.place:08x}",
              "permissions " + " ".join(f"{value:02x}" for value in permissions)]
    lines += [f"r{first} " + " ".join(f"{value:08x}" for value in gpr[first:first + 8])
              for first in range(0, 32, 8)]
    lines += [" ".join(f"{name} {value:08x}" for name, value in zip(REGISTERS, rest)),
              f"count {sequence.count}"]
    said = sequence.disassembly()
    for index in range(sequence.count):
        if sequence.words[index] != NOP:
            start = "*" if sequence.starts[index // 32] >> index % 32 & 1 else " "
            lines.append(f"{index * 4:03x} {start} {sequence.words[index]:08x}  "
                         f"{said.get(index, '')}".rstrip())
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


def _word(sequence, fields):
    index, rest = int(fields[0], 16) // 4, fields[1:]
    if index >= MOST_WORDS or int(fields[0], 16) % 4:
        raise ValueError(f"no word stands at {fields[0]}")
    if rest[0] == "*":
        sequence.starts[index // 32] |= 1 << index % 32
        rest = rest[1:]
    sequence.words[index] = int(rest[0], 16)


def _line(sequence, fields):
    name, values = fields[0], fields[1:]
    if name in ("number", "rounds", "count"):
        setattr(sequence, name, int(values[0]))
    elif name in ("seed", "place"):
        setattr(sequence, name, int(values[0], 16))
    elif name == "flags":
        sequence.flags = sum(1 << FLAGS.index(flag) for flag in values)
    elif name == "permissions":
        sequence.state[:4] = [int(value, 16) for value in values]
    elif name in ("r0", "r8", "r16", "r24"):
        first = 4 + int(name[1:])
        sequence.state[first:first + 8] = [int(value, 16) for value in values]
    elif name == "cr":
        sequence.state[36:] = [int(value, 16) for value in fields[1::2]]
    else:
        _word(sequence, fields)


def read(path):
    """The sequence of a case; Bad if there is something wrong with it."""
    sequence = empty()
    with open(path, encoding="utf-8") as handle:
        for number, line in enumerate(handle, 1):
            fields = line.split()
            if not fields or fields[0].startswith("#"):
                continue
            try:
                _line(sequence, fields)
                if len(sequence.state) != 41 or sequence.count > MOST_WORDS:
                    raise ValueError("too many or too few numbers")
            except (ValueError, IndexError) as error:
                raise Bad(f"{path}:{number}: {error}") from error
    return sequence


def kept():
    """(name, sequence) of each kept case, by name."""
    return [(name.removesuffix(".case"), read(os.path.join(FOLDER, name)))
            for name in sorted(os.listdir(FOLDER)) if name.endswith(".case")]
