# SPDX-License-Identifier: Apache-2.0
"""The report: one page that needs no other file, the same tables as Markdown, a summary as text."""
import os
from html import escape

from . import charts, gains, host as parts, markdown, tables, timeplots
from . import view as v
from .workloads import LITERATURE

HERE = os.path.dirname(os.path.realpath(__file__))

# What each clock can and cannot tell of real hardware.
TELLS = {
    "icount": (
        "How many instructions guest and VMM execute for an operation: the VMM's path lengths, and "
        "how often the guest exits. The same build gives the same figures again; what spread there "
        "is comes from the guest's randomness, which is another in each run.",
        "What those instructions cost on a core. Caches, TLB misses in hardware, branch prediction "
        "and the exception itself (pipeline drain and refill) are free here, so ratios are too "
        "kind where exits are many, and say nothing where memory is the limit. Idle time passes "
        "without instructions."),
    "wall": (
        "How long a user of QEMU waits. The order of what is dear and what is not, where the same "
        "arm is compared with itself.",
        "A real part's times or ratios. QEMU translates code, so exceptions, TLB writes and mode "
        "changes cost it far more than plain instructions, a PID write flushes its TLB, and "
        "loads never miss a cache. The host's load shows as spread: compare within one run only."),
}


class _Tiles:
    """Boxes with big figures: one for each thing that is looked for, a figure in it for each arm."""

    def __init__(self, view):
        self.view, self.rows, self.notes = view, {}, {}

    def add(self, title, arm, figure, words, note=""):
        """A figure of an arm, words below it, and a note at the end of its tile."""
        inner = (f'<div class="big"><i class="{charts.arm_class(self.view, arm)}"></i>'
                 f"{escape(figure)} <small>{escape(arm)}</small></div><p>{escape(words)}</p>")
        self.rows.setdefault(title, []).append(inner)
        self.notes[title] = note

    def __str__(self):
        tiles = [f'<div class="tile"><h3>{escape(title)}</h3>{"".join(rows)}'
                 f'<p class="end">{escape(self.notes[title])}</p></div>'
                 for title, rows in self.rows.items()]
        return f'<div class="tiles">{"".join(tiles)}</div>' if tiles else ""


def _tiles(view):
    """What one looks for first, for each arm."""
    tiles, first = _Tiles(view), view.clocks[0]
    for arm in view.others:
        mean, number = view.mean(arm, first)
        if mean:
            rest = [f"{clock} {v.ratio(view.mean(arm, clock)[0])}" for clock in view.clocks[1:]]
            tiles.add(f"kernel-heavy work to native, {first}", arm, v.ratio(mean),
                      "; ".join(rest + [f"{number} workloads"]), "Geometric means.")
    for name, title in (("null_syscall", "null system call"), ("boot", "boot to init"),
                        ("compute", "user compute")):
        figure = next((one for one in view.figures if one.workload == name), None)
        for arm in view.others if figure else ():
            row = figure.rows.get((arm, first))
            if not row or not row["ratio_to_native"]:
                continue
            rest = [f"{clock} {v.ratio(figure.rows[arm, clock]['ratio_to_native'])}"
                    for clock in view.clocks[1:] if (arm, clock) in figure.rows]
            rest.append(f"{v.quantity(row['median'], row['unit'])}"
                        + (" instructions" if row["unit"] == "instructions" else "")
                        + f", {v.count(v.exits(row))} exits")
            tiles.add(f"{title} to native, {first}", arm, v.ratio(row["ratio_to_native"]),
                      "; ".join(rest))
    return str(tiles)


def _gain_tiles(view):
    """What each arm gains over those it is compared with."""
    tiles, first = _Tiles(view), view.clocks[0]
    for one in (one for one in gains.every(view) if one.clock == first):
        over = f", over {one.base}, {first}"
        if one.mean:
            rest = [f"{clock} {v.ratio(view.mean(one.arm, clock, one.base)[0])}"
                    for clock in view.clocks[1:]]
            tiles.add("kernel-heavy work: times as fast" + over, one.arm, v.ratio(one.mean),
                      "; ".join(rest + [f"{one.number} workloads"]), "Geometric means.")
        line = next((line for line in one.lines if line.figure.workload == "boot"), None)
        if line and line.gain:
            there = ([f"{name}: {value}" for name, value in gains.elsewhere(view, line, first)]
                     if one.question.published else [])
            rest = [f"{clock} {v.ratio(v.gain(line.figure.rows[one.arm, clock], one.base))}"
                    for clock in view.clocks[1:] if (one.arm, clock) in line.figure.rows]
            tiles.add("boot to init: times as fast" + over, one.arm, v.ratio(line.gain),
                      "; ".join(rest), "; ".join(there))
        for name, words in (("privileged", "privileged exits"),
                            ("msr", f"exits of {', '.join(gains.MSR)}"),
                            ("tracing", "tracing faults")):
            lines = one.lines if name == "tracing" else one.kernel
            before, after = one.total(name, lines)
            if before and name in one.question.counters:
                tiles.add(words + over, one.arm, gains.change(before, after),
                          f"{v.count(before)} to {v.count(after)}; {len(lines)} workloads",
                          "One operation of each.")
    return str(tiles)


GAIN_NOTE = ("How many times less time a workload takes: median over pairs of boots that lay next "
             "to each other, below it the least and the greatest pair. A shaded row takes longer "
             "in each pair, by half a percent or more.")


def _gains(view):
    """A section for each question, with a table for each pair of arms and clock."""
    found, sections = gains.every(view), []
    for question in dict.fromkeys(one.question for one in found):
        note = f"{GAIN_NOTE} {question.note}"
        if question.published:
            note += f" Figures at the right were {markdown.ELSEWHERE}."
        parts = [f'<p class="note">{escape(note)}</p>']
        for one in (one for one in found if one.question == question):
            parts += [f"<h3>{escape(one.arm)} over {escape(one.base)}, {escape(one.clock)}</h3>"
                      f"<p>{escape(gains.sentence(one))}.</p>", tables.gained(view, one)]
            if question.published:
                parts.append(tables.gained_kinds(one))
        sections.append(_section(question.title, *parts))
    return "".join(sections)


def _section(title, *parts):
    inner = "".join(part for part in parts if part)
    return f"<section><h2>{escape(title)}</h2>{inner}</section>"


def _figure(picture, caption):
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def _marker(number):
    picture = charts.Picture(14, 14, "")
    picture.marker(7, 7, number, "elsewhere")
    return str(picture)


def _legend(view, elsewhere=(), native=False):
    arms = view.arms if native else view.others
    items = [f'<li><i class="{charts.arm_class(view, arm)}"></i>{escape(arm)}</li>' for arm in arms]
    items += [f"<li>{_marker(charts.place_of(view, number))}"
              f"{escape(view.references[number]['name'])}, measured elsewhere</li>"
              for number in charts.marked(view, elsewhere)]
    return f'<ul class="legend">{"".join(items)}</ul>'


def _clock_cards(view):
    cards = []
    for clock in view.clocks:
        can, cannot = TELLS.get(clock, (view.conditions["clocks"][clock], ""))
        cards.append(f"<div><h3>{escape(clock)}</h3><p><b>tells</b> {escape(can)}</p>"
                     + (f"<p><b>cannot tell</b> {escape(cannot)}</p>" if cannot else "") + "</div>")
    return f'<div class="clocks">{"".join(cards)}</div>'


def _ratios(view):
    picture = charts.ratios(view)
    if not picture:
        return ""
    return _section(
        "How much slower than native",
        _legend(view, {figure.workload for figure in view.timed()
                       if figure.group != LITERATURE}), _figure(
            picture, "Log scale, the same in both panels. A bar is the median over pairs of boots "
            "that lay next to each other, its whisker the least and the greatest pair. Marks "
            "without filling are figures that were measured elsewhere; they are not part of any "
            "ratio here."),
        _clock_cards(view))


def _exits(view):
    picture = charts.exits(view)
    if not picture:
        return ""
    legend = "".join(f'<li><i class="{charts.cause_class(cause)}"></i>{escape(cause)}</li>'
                     for cause in charts.causes(view))
    return _section(
        "Exits per operation", f'<ul class="legend">{legend}</ul>',
        _figure(picture, "Shares by cause, those of privileged instructions by instruction; the "
                "figure at the right is the number of all exits of one operation, the length "
                "compares the arms. The exits that counting takes are not among them."),
        tables.exits(view))


def _literature(view):
    if not view.literature() and not view.references:
        return ""
    picture = charts.literature(view)
    legend = ""
    if picture:
        kinds = ", ".join(f"{'filled' if not place else 'ring'}: {clock}"
                          for place, clock in enumerate(view.clocks))
        legend = (_legend(view, {figure.workload for figure in view.literature()})
                  + f'<p class="note">Dots are ours ({escape(kinds)}).</p>')
    parts = [legend, _figure(picture, "Ratio to native, log scale.") if picture else "",
             tables.literature(view), tables.references(view)]
    return _section("Beside the literature and others", '<p class="note">Published and reference '
                    f"figures were {escape(markdown.ELSEWHERE)}.</p>", *parts)


def _time(view):
    parts = []
    late = timeplots.latency(view)
    if late:
        parts += ["<h3>Timer latency</h3>", _figure(
            late, "How late a process wakes that asked for a time a millisecond apart, log scale. "
            "Line: least to greatest; box: the middle 80 of 100; dots: single rounds.")]
    for workload in view.sleeps():
        parts += [f"<h3>{escape(workload)}</h3>", _figure(
            timeplots.sleep(view, workload), "Time slept over time asked for, and how much more it "
            "was; WrtVMM plots the former. Log scales; lines from least to greatest.")]
    parts.append(tables.times(view))
    if not any(parts):
        return ""
    return _section("Time passing", _legend(view, native=True), *parts)


def _failed(view):
    if not view.errors:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in markdown.failures(view))
    return f'<section class="bad"><h2>Failed</h2><ul>{items}</ul></section>'


def _parts(view):
    rows = view.document.get("host_benchmarks")
    if not rows:
        return ""
    picture = parts.chart(rows)
    return _section(
        "The portable parts on the host", '<p class="note">Decoding, profile, planning and '
        "emitting patches, room in the translation cache: ns of processor time for one operation "
        "on this machine, not on an e500. The table of sites holds 4,096 and the cache 2,048 "
        "stubs; beyond, the coldest site or an old stub makes way each time.</p>",
        _figure(picture, "Time of one operation by number of sites, log scales.") if picture
        else "", parts.table(rows))


def page(view):
    """report.html."""
    with open(os.path.join(HERE, "page.css"), encoding="utf-8") as file:
        style = file.read()
    host, conditions = view.host, view.conditions
    commit = (host.get("commit") or "unknown")[:12]
    lead = (f"{host.get('date', '')[:16].replace('T', ' ')}, commit {commit}"
            + (" with changes" if host.get("dirty") else "")
            + f", {conditions.get('mode')} measurement: {conditions.get('boots')} boots of "
            f"{' and '.join(view.arms)} in turn, clocks {' and '.join(view.clocks)}")
    if conditions.get("interrupted"):
        lead += "; stopped before its end, so some runs are missing"
    busy = markdown.busy(view)
    note = f'<p class="lead">{escape(busy)}</p>' if busy else ""
    paths = tables.paths(view)
    about = escape(view.paths["conditions"]) if paths and "conditions" in view.paths else ""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
                    for name, value in markdown.machine(view))
    body = [_gain_tiles(view), _tiles(view), _failed(view), _ratios(view), _gains(view),
            _section("All workloads", '<p class="note">Median for one operation, below it least .. '
                     "greatest of all samples. Ratios: median over pairs of boots.</p>",
                     tables.summary(view)),
            _exits(view), _literature(view), _time(view),
            _section("Path lengths", '<p class="note">Instructions of one operation under the VMM, '
                     "as last measured by bare-metal guests, and the bound that a test keeps "
                     f"(bench/paths.json). {about}.</p>", paths) if paths else "",
            _parts(view),
            _section("Machine, versions, conditions", f"<dl>{facts}</dl>"),
            f"<section><details><summary>Raw rows ({len(view.document['rows'])})</summary>"
            f"{tables.raw(view)}</details></section>"]
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>Trapeze: benchmark report</title><style>{style}</style></head>\n"
            f'<body data-ready="true"><header><h1><b>Trapeze</b> benchmark report</h1>'
            f'<p class="lead">{escape(lead)}</p>{note}</header>\n<main>\n'
            + "\n".join(filter(None, body))
            + "\n</main><footer><p>results.json beside this page has every figure; docs/bench.md "
            "tells how to read it.</p></footer></body></html>\n")


def summary(document):
    """Lines for the terminal."""
    view = v.View(document)
    busy = markdown.busy(view)
    return markdown.terminal(view) + ([busy] if busy else [])


def render(document, references, paths):
    """{file name: text} of the report."""
    view = v.View(document, references, paths)
    return {"report.html": page(view), "report.md": markdown.render(view)}
