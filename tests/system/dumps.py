# SPDX-License-Identifier: Apache-2.0
"""The tests' own reader of the VMM's dumps (docs/dump-format.md), and what must hold for each."""
import collections
import re
import struct
import zlib

Site = collections.namedtuple("Site", "ea gpa word pid mode count ticks max first last rate id "
                                      "state reason saved")
Cause = collections.namedtuple("Cause", "count ticks min max lost")
Patch = collections.namedtuple("Patch", "mode threshold patched saved faults net made dropped back "
                                        "stolen mirrored window")

# What may be said of a site of each state (docs/dump-format.md); of one dropped or given back also
# what forbids the next try.
HOT = {"no-template", "no-mapping", "no-mirror", "no-page", "waiting", "reads",
       "permissions"}
REASONS = {"cold": {"-", "off"}, "hot": HOT, "patched": {"pays", "eager"}, "dropped": {"written"} | HOT,
           "back": {"faults"} | HOT}

# Primary opcode 31 by extended opcode; the names of the VMM's counters.
_KINDS = {83: "mfmsr", 146: "mtmsr", 131: "wrtee", 163: "wrteei", 339: "mfspr", 467: "mtspr",
          334: "mfpmr", 462: "mtpmr", 978: "tlbwe", 946: "tlbre", 914: "tlbsx", 786: "tlbivax",
          566: "tlbsync", 470: "dcbi", 390: "cache_lock", 166: "cache_lock", 134: "cache_lock",
          230: "cache_lock", 486: "cache_lock"}
_RETURNS = {0x4C000064: "rfi", 0x4C000066: "rfci", 0x4C00004C: "rfmci"}


def kind_of(word):
    """The name of the counter of a privileged instruction, or None."""
    return _RETURNS.get(word) or (_KINDS.get(word >> 1 & 0x3FF) if word >> 26 == 31 else None)


class Dump:
    """One dump, parsed and checked; raises AssertionError if it is not whole."""

    def __init__(self, data):
        lines = data.decode("ascii").split("\n")
        assert lines.pop() == "", "does not end in a line feed"
        begin, end = lines[0].split(" "), lines[-1].split(" ")
        assert begin[:2] == ["@@trapeze-dump", "1"] and end[0] == "@@trapeze-dump-end", lines
        self.kind, self.sequence = begin[2], int(begin[3])
        assert int(end[1]) == self.sequence, (begin, end)
        assert int(end[2]) == len(lines) - 2, f"{len(lines) - 2} lines, {end}"
        body = data[:data.rindex(b"@@trapeze-dump-end")]
        assert re.fullmatch("[0-9a-f]{8}", end[3]), end
        assert int(end[3], 16) == zlib.crc32(body), end
        self.values, self.causes, self.instructions = {}, {}, {}
        self.sites, self.pages, self.symbols, self.spans = {}, {}, {}, []
        self.columns, self.span_ticks = None, None
        self.costs, self.stolen, self.traced = {}, {}, {}
        for line in lines[1:-1]:
            word, *fields = line.split(" ")
            getattr(self, "_" + word)(fields)
        if self.columns is not None:
            assert len(self.spans) == self.values["spans"], "number of spans"

    def _value(self, name, fields):
        assert name not in self.values, name
        self.values[name] = fields

    def _clock(self, fields):
        self._value("clock", [int(field) for field in fields])

    def _guest(self, fields):
        self._value("guest", (int(fields[0]), fields[1], fields[2]))

    def _time(self, fields):
        self._value("time", [int(field) for field in fields])

    def _sites(self, fields):
        self._value("sites", [int(field) for field in fields])

    def _pages(self, fields):
        self._value("pages", [int(field) for field in fields])

    def _cause(self, fields):
        assert fields[0] not in self.causes, fields
        self.causes[fields[0]] = Cause(*map(int, fields[1:]))

    def _insn(self, fields):
        assert fields[0] not in self.instructions, fields
        self.instructions[fields[0]] = int(fields[1])

    def _site(self, fields):
        numbers = [int(field, 16) for field in fields[:3]] + [int(fields[3]), fields[4]]
        site = Site(*numbers, *map(int, fields[5:12]), *fields[12:14], int(fields[14]))
        assert site[:5] not in self.sites, f"twice: {site}"
        assert site.mode in "kKuU" and site.first <= site.last, site
        assert site.reason in REASONS[site.state] and site.saved >= 0, site
        self.sites[site[:5]] = site

    def _page(self, fields):
        key = (int(fields[0], 16), fields[1], fields[2])
        assert key not in self.pages and key[0] % 4096 == 0 and key[1] in "uk", fields
        self.pages[key] = int(fields[3])

    def _patch(self, fields):
        assert fields[0] in ("hot", "eager"), fields
        self._value("patch", Patch(fields[0], *map(int, fields[1:])))

    def _cost(self, fields):
        assert fields[0] not in self.costs, fields
        self.costs[fields[0]] = int(fields[1])

    def _stolen(self, fields):
        self.stolen[int(fields[0], 16)] = [int(field) for field in fields[1:]]

    def _traced(self, fields):
        self.traced[int(fields[0], 16), int(fields[1], 16)] = [int(field) for field in fields[2:]]

    def _symbol(self, fields):
        self.symbols[int(fields[0], 16)] = fields[1]

    def _spans(self, fields):
        self.span_ticks, self.columns = int(fields[0]), fields[2:]
        self._value("spans", int(fields[1]))

    def _span(self, fields):
        assert len(fields) == len(self.columns), fields
        self.spans.append([int(field) for field in fields])

    @property
    def profile(self):
        """True if the profile was on."""
        return self.values["guest"][2] == "on"

    def counts(self):
        """{cause: exits}"""
        return {name: cause.count for name, cause in self.causes.items()}


def sums(dump, sites=None, pages=None):
    """What is wrong with the sums of a dump, as a list of texts. `sites` and `pages`: those of the
    dumps before as well, if it is a live one."""
    wrong = []

    def same(what, have, want):
        if have != want:
            wrong.append(f"{what}: {have}, should be {want}")

    sites = dump.sites if sites is None else sites
    pages = dump.pages if pages is None else pages
    total, guest, vmm, idle = dump.values["time"]
    same("time", guest + vmm + idle, total)
    same("VMM time", sum(cause.ticks for cause in dump.causes.values()), vmm)
    same("now", dump.values["clock"][1], total)
    if not dump.profile:
        same("sites", [*dump.values["sites"], len(sites)], [0] * 6)
        same("pages", [*dump.values["pages"], len(pages)], [0] * 4)
        return wrong
    _, used, evicted, lost_count, lost_ticks = dump.values["sites"]
    same("sites", len(sites), used)
    privileged = dump.causes.get("privileged", Cause(0, 0, 0, 0, 0))
    same("exits of sites", sum(site.count for site in sites.values()) + lost_count,
         privileged.count)
    same("ticks of sites", sum(site.ticks for site in sites.values()) + lost_ticks,
         privileged.ticks)
    same("lost of privileged", privileged.lost, lost_count)
    if not evicted:
        same("longest exit", max((site.max for site in sites.values()), default=0),
             privileged.max)
        kinds = collections.Counter()
        for site in sites.values():
            kinds[kind_of(site.word)] += site.count
        kinds.pop(None, None)
        same("instructions", dict(+kinds), dump.instructions)
    if dump.kind != "live":
        wrong += patch_sums(dump)
    same("pages", len(pages), dump.values["pages"][1])
    for name, cause in dump.causes.items():
        if name != "privileged":
            held = sum(count for key, count in pages.items() if key[2] == name)
            same(f"pages of {name}", held + cause.lost, cause.count)
        if dump.columns is not None:
            column = dump.columns.index(name)
            same(f"spans of {name}", sum(span[column] for span in dump.spans), cause.count)
    return wrong


def patch_sums(dump):
    """What is wrong with what a whole dump says of patches."""
    wrong = []
    patched = [site for site in dump.sites.values() if site.state == "patched"]
    patch = dump.values.get("patch")
    if patch is None:  # nothing can be patched
        return [f"patched: {site}" for site in patched]
    if len(patched) != patch.patched:
        wrong.append(f"{len(patched)} sites are patched, should be {patch.patched}")
    if len(dump.stolen) != patch.stolen:
        wrong.append(f"{len(dump.stolen)} stolen pages, should be {patch.stolen}")
    held = sum(patches for patches, _ in dump.traced.values())
    if held != patch.patched:
        wrong.append(f"{held} patches in traced pages, should be {patch.patched}")
    if patch.patched + patch.dropped + patch.back > patch.made:
        wrong.append(f"more patches gone and there than made: {patch}")
    return wrong


def elf_symbols(path):
    """{name: address} of a 32-bit big-endian ELF file."""
    with open(path, "rb") as handle:
        data = handle.read()
    (offset,) = struct.unpack_from(">I", data, 32)
    size, number = struct.unpack_from(">HH", data, 46)
    headers = [struct.unpack_from(">10I", data, offset + i * size) for i in range(number)]
    found = {}
    for header in headers:
        if header[1] != 2:  # SHT_SYMTAB
            continue
        names = headers[header[6]][4]
        for at in range(header[4], header[4] + header[5], 16):
            name, value = struct.unpack_from(">II", data, at)
            text = data[names + name:data.index(b"\0", names + name)].decode()
            if text:
                found[text] = value
    return found
