// SPDX-License-Identifier: Apache-2.0
// One block of a dump, line by line. Memory grows with lines that are there, never by a number
// that a line promises.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "trapmap/dump.hpp"
#include "trapmap/fields.hpp"

namespace trapeze::trapmap {

namespace {

constexpr std::uint64_t known_version = 1;
constexpr int hexadecimal = 16;
constexpr std::size_t longest_name = 255;

/// Takes one kind of line; false when a field is missing or wrong.
using Taker = bool (*)(Fields&, Dump&);

bool take(Fields& fields, std::initializer_list<std::uint64_t*> numbers) {
    return std::ranges::all_of(numbers, [&](std::uint64_t* n) { return fields.number(*n); });
}

bool take_name(Fields& fields, std::string& name) {
    name = fields.next();
    return !name.empty() && name.size() <= longest_name;
}

bool take_clock(Fields& f, Dump& dump) {
    return take(f, {&dump.ticks_per_second, &dump.now}) && dump.ticks_per_second != 0;
}

bool take_guest(Fields& f, Dump& dump) {
    if (!f.number(dump.ram_bytes) || !take_name(f, dump.layout)) return false;
    const std::string_view profile = f.next();
    dump.profile = profile == "on";
    return dump.profile || profile == "off";
}

bool take_time(Fields& f, Dump& dump) {
    return take(f, {&dump.total, &dump.guest, &dump.vmm, &dump.idle});
}

bool take_sites(Fields& f, Dump& dump) {
    SiteTable& t = dump.site_table;
    return take(f, {&t.capacity, &t.used, &t.evicted, &t.lost_count, &t.lost_ticks});
}

bool take_pages(Fields& f, Dump& dump) {
    PageTable& t = dump.page_table;
    return take(f, {&t.capacity, &t.used, &t.evicted});
}

bool take_cause(Fields& f, Dump& dump) {
    Cause& c = dump.causes.emplace_back();
    return take_name(f, c.name) && take(f, {&c.count, &c.ticks, &c.min, &c.max, &c.lost});
}

bool take_insn(Fields& f, Dump& dump) {
    Instruction& insn = dump.instructions.emplace_back();
    return take_name(f, insn.name) && f.number(insn.count);
}

/// STATE REASON SAVED at the end of a site. Fields that are none of these are of a later format.
bool take_state(Fields& f, Site& s) {
    const std::string_view word = f.next();
    const auto states = {State::cold, State::hot, State::patched, State::dropped, State::back};
    const auto* const found =
        std::ranges::find_if(states, [&](State state) { return name_of(state) == word; });
    if (found == states.end()) return true;
    s.state = *found;
    return take_name(f, s.reason) && f.number(s.saved);
}

bool take_site(Fields& f, Dump& dump) {
    Site& s = dump.sites.emplace_back();
    if (!f.number(s.ea, hexadecimal) || !f.number(s.gpa, hexadecimal) ||
        !f.number(s.word, hexadecimal) || !f.number(s.pid)) {
        return false;
    }
    const std::string_view mode = f.next();
    s.user = mode == "u" || mode == "U";
    s.space = mode == "U" || mode == "K";
    return (s.user || s.space || mode == "k") &&
           take(f, {&s.count, &s.ticks, &s.max, &s.first, &s.last, &s.rate, &s.id}) &&
           take_state(f, s);
}

bool take_page(Fields& f, Dump& dump) {
    Page& p = dump.pages.emplace_back();
    if (!f.number(p.ea, hexadecimal)) return false;
    const std::string_view mode = f.next();
    p.user = mode == "u";
    return (p.user || mode == "k") && take_name(f, p.cause) && f.number(p.count);
}

bool take_symbol(Fields& f, Dump& dump) {
    Symbol& symbol = dump.symbols.emplace_back();
    return f.number(symbol.start, hexadecimal) && take_name(f, symbol.name);
}

bool take_patch(Fields& f, Dump& dump) {
    Patching& p = dump.patching;
    if (!take_name(f, p.mode) || (p.mode != "off" && p.mode != "hot" && p.mode != "eager")) {
        return false;
    }
    return take(f, {&p.threshold, &p.patched, &p.saved, &p.faults}) && f.number(p.net) &&
           take(f, {&p.made, &p.dropped, &p.back, &p.stolen, &p.mirrored, &p.window});
}

bool take_cost(Fields& f, Dump& dump) {
    Cost& cost = dump.costs.emplace_back();
    return take_name(f, cost.name) && f.number(cost.milliticks);
}

bool take_stolen(Fields& f, Dump& dump) {
    Stolen& page = dump.stolen.emplace_back();
    return f.number(page.ea, hexadecimal) && take(f, {&page.stubs, &page.free, &page.faults});
}

bool take_traced(Fields& f, Dump& dump) {
    Traced& page = dump.traced.emplace_back();
    return f.number(page.ea, hexadecimal) && f.number(page.gpa, hexadecimal) &&
           take(f, {&page.patches, &page.faults});
}

bool take_spans(Fields& f, Dump& dump) {
    std::uint64_t promised = 0;
    const bool first = dump.spans.causes.empty() && dump.spans.counts.empty();
    if (!first || !f.number(dump.spans.ticks) || !f.number(promised)) return false;
    for (std::string name; take_name(f, name);) {
        dump.spans.causes.push_back(name);
    }
    return dump.spans.ticks != 0;
}

bool take_span(Fields& f, Dump& dump) {
    std::vector<std::uint64_t>& row = dump.spans.counts.emplace_back();
    return std::ranges::all_of(dump.spans.causes,
                               [&](const std::string&) { return f.number(row.emplace_back()); });
}

struct Line {
    std::string_view word;
    Taker take;
    bool required;
};

constexpr std::array lines = {
    Line{"clock", take_clock, true},    Line{"guest", take_guest, true},
    Line{"time", take_time, true},      Line{"sites", take_sites, false},
    Line{"pages", take_pages, false},   Line{"cause", take_cause, false},
    Line{"insn", take_insn, false},     Line{"site", take_site, false},
    Line{"page", take_page, false},     Line{"symbol", take_symbol, false},
    Line{"spans", take_spans, false},   Line{"span", take_span, false},
    Line{"patch", take_patch, false},   Line{"cost", take_cost, false},
    Line{"stolen", take_stolen, false}, Line{"traced", take_traced, false},
};

/// Parses one block; every complaint names the input and the line in it.
class Parser {
  public:
    Parser(const Block& block, const std::string& name) : block_(block), name_(name) {}

    Dump run() {
        std::size_t at = 0;
        begin(next_line(block_.text, at));
        if (!block_.complete) throw bad("is truncated: its end line is missing");
        std::string_view line;
        std::uint64_t between = 0;
        for (; at < block_.text.size(); ++between) {
            sum(line_);
            line = next_line(block_.text, at);
            line_ = line;
            if (line.starts_with(end_mark)) break;
        }
        end(line, between);
        body();
        std::ranges::stable_sort(dump_.symbols, {}, &Symbol::start);
        return std::move(dump_);
    }

  private:
    Error bad(std::string_view what) const {
        Error error(fmt::format("{}: the dump at line {} {}", name_, block_.line, what));
        return error;
    }

    Error bad_line(std::string_view what) const {
        Error error(fmt::format("{}: line {}: {}", name_, block_.line + number_, what));
        return error;
    }

    /// The checksum is over the lines as the VMM wrote them, with a line feed after each.
    void sum(std::string_view line) {
        crc_ = crc32_z(crc_, reinterpret_cast<const Bytef*>(line.data()), line.size());
        crc_ = crc32_z(crc_, reinterpret_cast<const Bytef*>("\n"), 1);
    }

    void begin(std::string_view line) {
        line_ = line;
        Fields fields(line);
        fields.skip(1);
        if (!fields.number(dump_.version)) throw bad("has no version in its first line");
        if (dump_.version != known_version) {
            throw bad(
                fmt::format("is of version {}, this trapmap knows version {}: use the one "
                            "that belongs to the VMM",
                            dump_.version, known_version));
        }
        const std::string_view kind = fields.next();
        const auto kinds = {Kind::end, Kind::request, Kind::periodic, Kind::live};
        const auto* const found =
            std::ranges::find_if(kinds, [&](Kind k) { return name_of(k) == kind; });
        if (found == kinds.end()) throw bad("has an unknown kind in its first line");
        dump_.kind = *found;
        if (!fields.number(dump_.sequence)) throw bad("has no number in its first line");
    }

    void end(std::string_view line, std::uint64_t between) const {
        Fields fields(line);
        fields.skip(1);
        std::uint64_t sequence = 0;
        std::uint64_t count = 0;
        std::uint32_t crc = 0;
        if (!fields.number(sequence) || !fields.number(count) || !fields.number(crc, hexadecimal)) {
            throw bad("is damaged: its end line is not 'number lines checksum'");
        }
        // Lines first: what was lost tells more than that something was.
        if (count != between) {
            throw bad(
                fmt::format("is damaged: {} lines were written, {} are here", count, between));
        }
        if (crc != crc_) {
            throw bad(fmt::format("is damaged: its checksum is {:08x}, its end line says {:08x}",
                                  crc_, crc));
        }
        if (sequence != dump_.sequence) {
            throw bad(fmt::format("is damaged: it begins as number {} and ends as number {}",
                                  dump_.sequence, sequence));
        }
    }

    void body() {
        std::array<bool, lines.size()> seen{};
        std::size_t at = 0;
        static_cast<void>(next_line(block_.text, at));
        for (number_ = 1; at < block_.text.size(); ++number_) {
            const std::string_view line = next_line(block_.text, at);
            if (line.starts_with(end_mark)) break;
            const auto odd = [](char c) { return c < ' ' || c > '~'; };
            if (std::ranges::any_of(line, odd)) throw bad_line("has a character that is no text");
            Fields fields(line);
            const auto* const row = std::ranges::find(lines, fields.next(), &Line::word);
            if (row == lines.end()) continue;
            if (!row->take(fields, dump_)) {
                throw bad_line(fmt::format("'{}' lacks a field or has a wrong one", row->word));
            }
            seen[static_cast<std::size_t>(row - lines.begin())] = true;
        }
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (lines[i].required && !seen[i]) {
                throw bad(fmt::format("has no line '{}'", lines[i].word));
            }
        }
    }

    const Block& block_;
    const std::string& name_;
    Dump dump_;
    std::string_view line_;
    std::size_t number_ = 0;
    std::uint32_t crc_ = 0;
};

}  // namespace

std::string_view name_of(State state) {
    switch (state) {
        case State::unknown:
            return "unknown";
        case State::cold:
            return "cold";
        case State::hot:
            return "hot";
        case State::patched:
            return "patched";
        case State::dropped:
            return "dropped";
        case State::back:
            return "back";
    }
    return {};
}

std::string_view name_of(Kind kind) {
    switch (kind) {
        case Kind::end:
            return "end";
        case Kind::request:
            return "request";
        case Kind::periodic:
            return "periodic";
        case Kind::live:
            return "live";
    }
    return {};
}

Dump parse_block(const Block& block, const std::string& name) { return Parser(block, name).run(); }

}  // namespace trapeze::trapmap
