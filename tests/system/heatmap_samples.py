# SPDX-License-Identifier: Apache-2.0
"""Dumps of trap sites with known content, for the tests of the heatmap's page."""
import zlib

TICKS_PER_SECOND = 400_000_000
SPAN = 40_000_000
SPANS = 10
# The last span is half over when the dump is made.
NOW = SPAN * SPANS - SPAN // 2
# Instruction words, and what the VMM counts them as.
WORDS = {0x7d2000a6: "mfmsr", 0x7c000146: "wrteei", 0x4c000064: "rfi", 0x7d000124: "mtmsr",
         0x7d3043a6: "mtspr"}
HOT = 0xc0012000
# A row of the map is 256 KiB: three of the pages lie in one, the last two far away.
PAGES = (HOT, 0xc0013000, 0xc0015000, 0xc0300000, 0xf1000000)
HOSTILE = ("<img/src=x:/onerror=window.hacked=1>", "</script><script>window.hacked=2</script>",
           "\"'onfocus=window.hacked=3//&lt;b&gt;")


def mnemonic_of(word):
    """As a disassembler writes it."""
    return {"mtspr": "mtsprg 0"}.get(WORDS[word], WORDS[word])


def function_of(ea):
    """Start and name of the function at `ea`: one each 256 bytes, three with hostile names."""
    start = ea & ~0xff
    index = (start - HOT) >> 8
    return start, HOSTILE[index] if 0 <= index < 3 else f"function_{start:x}"


def site(ea, count, order, word=None):
    """A site as a dictionary; its other figures follow from its address and its count."""
    return {"ea": ea, "gpa": ea & 0xfffffff, "pid": 0, "count": count,
            "ticks": count * (40 + order % 7 * 20),
            "word": list(WORDS)[order % len(WORDS)] if word is None else word,
            "max": 40 + order % 17 * 100, "first": 1000 + order, "last": NOW - 1000 - order,
            "rate": count // 3, "id": order}


def default_sites():
    """700 sites: 140 in each of PAGES, every seventh word; counts are multiples of four."""
    return [site(page + 28 * index, 4 * (1 + 10_000_000 // (1 + index + 150 * number) ** 2),
                 index + 140 * number)
            for number, page in enumerate(PAGES) for index in range(140)]


# Page entries: EA, mode, cause, count.
OTHER = [(HOT, "k", "dtlb_shadow", 300), (HOT, "k", "external", 21),
         (0x10001000, "u", "syscall", 5000), (0x10002000, "u", "dtlb_shadow", 77),
         (0xd1000000, "k", "mmio", 90)]


def spread(total):
    """`total` over the spans, unevenly."""
    parts = [total * (index + 1) // 60 for index in range(SPANS)]
    parts[3] += total - sum(parts)
    return parts


def causes_of(sites, other, lost):
    """Cause to count."""
    counts = {"privileged": sum(entry["count"] for entry in sites) + lost}
    for _, _, cause, count in other:
        counts[cause] = counts.get(cause, 0) + count
    return counts


def state_of(entry):
    """The end of a site's line, where the dump is of a VMM that patches."""
    if "state" not in entry:
        return ""
    return f" {entry['state']} {entry['reason']} {entry['saved']}"


def dump(sites, other=tuple(OTHER), lost=0, sequence=1, profile="on", patching=(),
         layout="straight"):
    """A complete dump, as bytes; with profile off, its counters are those of the same guest."""
    counts = causes_of(sites, other, lost)
    ticks = {name: 40 * count for name, count in counts.items()}
    ticks["privileged"] = sum(entry["ticks"] for entry in sites) + 40 * lost
    instructions = {}
    for entry in sites:
        name = WORDS[entry["word"]]
        instructions[name] = instructions.get(name, 0) + entry["count"]
    if profile == "off":
        sites, other = [], ()
    lines = [f"@@trapeze-dump 1 end {sequence}", f"clock {TICKS_PER_SECOND} {NOW}",
             f"guest 268435456 {layout} {profile}",
             f"time {NOW} {NOW // 2} {NOW // 4} {NOW - NOW // 2 - NOW // 4}",
             f"sites 4096 {len(sites)} {2 if lost else 0} {lost} {lost * 40}",
             f"pages 4096 {len(other)} 0"]
    lines += patching
    lines += [f"cause {name} {count} {ticks[name]} 30 {4000 + place} 0"
              for place, (name, count) in enumerate(counts.items())]
    lines += [f"insn {name} {count}" for name, count in instructions.items()]
    lines += [f"site {s['ea']:x} {s['gpa']:x} {s['word']:08x} {s['pid']} k {s['count']} "
              f"{s['ticks']} {s['max']} {s['first']} {s['last']} {s['rate']} {s['id']}"
              f"{state_of(s)}" for s in sites]
    lines += [f"page {ea:x} {mode} {cause} {count}" for ea, mode, cause, count in other]
    lines += [f"symbol {start:x} {name}"
              for start, name in sorted({function_of(s["ea"]) for s in sites})]
    columns = [spread(count) for count in counts.values()]
    lines.append(f"spans {SPAN} {SPANS} {' '.join(counts)}")
    lines += [f"span {' '.join(str(column[index]) for column in columns)}"
              for index in range(SPANS)]
    text = "".join(line + "\n" for line in lines)
    crc = zlib.crc32(text.encode())
    return f"{text}@@trapeze-dump-end {sequence} {len(lines) - 1} {crc:08x}\n".encode()


# Text of two pages and one stolen page had tracing faults.
FAULTS = {HOT: 60, 0xc0300000: 30, 0xc0040000: 10}
PATCHING = (f"patch hot 16 200 3000000 {sum(FAULTS.values())} -120000000 210 6 4 2 900 5000000",
            "cost exit 34000", "cost load 400", "cost fault 600000",
            f"stolen c0040000 50 1024 {FAULTS[0xc0040000]}", "stolen c0041000 1 4032 0",
            f"traced {HOT:x} {HOT & 0xfffffff:X} 60 {FAULTS[HOT]}",
            f"traced c0300000 300000 0 {FAULTS[0xc0300000]}",
            "traced c0013000 13000 70 0")


def patched_sites():
    """default_sites() with states: the hottest 60 of the first page and the 140 of the second are
    patched, save one in ten that is something else; the rest is cold."""
    sites = default_sites()
    odd = (("hot", "no-template"), ("hot", "no-page"), ("dropped", "written"), ("back", "faults"))
    for place, entry in enumerate(sites):
        state, reason = ("patched", "pays") if place < 60 or 140 <= place < 280 else ("cold", "-")
        if place % 10 == 0 and state == "patched":
            state, reason = odd[place // 10 % 4]
        entry.update(state=state, reason=reason,
                     saved=1000 * (700 - place) if state in ("patched", "back") else 0)
    return sites


def comparison():
    """Sites of an earlier and a later dump, and how many have changed how."""
    now = default_sites()
    before = [dict(entry) for entry in now]
    for entry in before[20:31]:
        entry["count"] *= 4
    for entry in before[40:53]:
        entry["count"] //= 4
    del before[:5]
    del now[690:697]
    return before, now, {"appeared": 5, "vanished": 7, "cooled": 11, "warmed": 13,
                         "same": 700 - 5 - 7 - 11 - 13}
