# SPDX-License-Identifier: Apache-2.0
"""The records of sequence.hpp: reading, writing, and making them smaller."""
import os
import struct
import subprocess
import tempfile

MAGIC = 0x746f7274
MOST_WORDS = 96
SLOTS = 3072  # text slots: numbers that are this far apart share theirs
NOP = 24 << 26
FLAGS = ("pulse", "step", "small_text", "refill")
_HEADER = struct.Struct(">3I")
_FIELDS = ("number", "seed", "flags", "rounds", "place", "count")
_RECORD = struct.Struct(f">6I4I32I4I1I{MOST_WORDS // 32}I{MOST_WORDS}I")


class Sequence:
    """One record; `words` and `groups` (lists of the indexes of words that go together) are what
    shrinking looks at."""

    def __init__(self, data):
        values = list(_RECORD.unpack(data))
        for index, name in enumerate(_FIELDS):
            setattr(self, name, values[index])
        self.state = values[6:47]
        self.starts = values[47:47 + MOST_WORDS // 32]
        self.words = values[47 + MOST_WORDS // 32:]

    def groups(self):
        """Index lists, each from one start to before the next."""
        found = []
        for index in range(self.count):
            if self.starts[index // 32] >> index % 32 & 1 or not found:
                found.append([])
            found[-1].append(index)
        return found

    def without(self, dropped, number=None):
        """A copy in which the words of the groups `dropped` are no-ops."""
        copy = Sequence(self.pack())
        for group in dropped:
            for index in group:
                copy.words[index] = NOP
        if number is not None:
            copy.number = number
        return copy

    def pack(self):
        """The record's bytes."""
        return _RECORD.pack(*(getattr(self, name) for name in _FIELDS), *self.state, *self.starts,
                            *self.words)

    def disassembly(self):
        """Index of a word -> what the assembler would write for it; no-ops are left out."""
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            file.write(struct.pack(f">{self.count}I", *self.words[:self.count]))
            file.flush()
            text = subprocess.run(
                ["powerpc64-linux-gnu-objdump", "-D", "-b", "binary", "-m", "powerpc:common",
                 "-M", "e500,booke,32", "-EB", f"--adjust-vma={self.place}", file.name],
                capture_output=True, text=True, check=True).stdout
        found = {}
        for line in text.splitlines():
            parts = line.split("\t")
            if len(parts) >= 3 and not parts[1].strip() == "60 00 00 00":
                offset = int(parts[0].strip(" :"), 16) - self.place
                found[offset // 4] = " ".join(parts[2:])
        return found

    def listing(self):
        """What it is, and its instructions."""
        flags = [name for bit, name in enumerate(FLAGS) if self.flags >> bit & 1]
        msr = self.state[40]
        lines = [f"sequence {self.number}: msr {msr:08x}, {', '.join(flags) or 'no flags'}, "
                 f"{self.rounds} rounds"]
        pointers = " ".join(f"r{n} {self.state[4 + n]:08x}" for n in range(3, 12))
        lines.append(f"  {pointers}")
        lines += [f"  +{index * 4:08x}  {text}" for index, text in self.disassembly().items()]
        return "\n".join(lines)


def empty():
    """A sequence of no-ops and zeroes."""
    sequence = Sequence(bytes(_RECORD.size))
    sequence.words = [NOP] * MOST_WORDS
    return sequence


def parse(blob):
    """The sequences of a generator's output."""
    magic, count, _ = _HEADER.unpack_from(blob)
    if magic != MAGIC:
        raise ValueError("these are no sequences")
    at = _HEADER.size
    return [Sequence(blob[at + i * _RECORD.size:at + (i + 1) * _RECORD.size])
            for i in range(count)]


def write(path, sequences, shown=0):
    """A file for the runner's section; of the last `shown` ones whole states are printed."""
    with open(path, "wb") as out:
        out.write(_HEADER.pack(MAGIC, len(sequences), len(sequences) - shown))
        for sequence in sequences:
            out.write(sequence.pack())


def program(runner, sequences, path, shown=0):
    """The runner with these sequences, as an ELF file at `path`."""
    blob = path + ".sequences"
    write(blob, sequences, shown)
    subprocess.run(["powerpc64-linux-gnu-objcopy", "--update-section", f".sequences={blob}", runner,
                    path], check=True)
    os.unlink(blob)
    return path
