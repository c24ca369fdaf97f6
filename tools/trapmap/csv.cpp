// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "trapmap/text_formats.hpp"

namespace trapeze::trapmap {

namespace {

using Fields = std::vector<std::string>;

Fields heads(By by) {
    switch (by) {
        case By::site:
            return {"ea",     "gpa",         "word",        "pid",    "mode",  "space",  "count",
                    "ticks",  "max",         "first",       "last",   "rate",  "id",     "function",
                    "offset", "instruction", "disassembly", "source", "state", "reason", "saved"};
        case By::function:
            return {"function", "sites", "count", "ticks", "max", "rate", "patched", "saved"};
        case By::instruction:
            return {"instruction", "sites", "count", "ticks", "max", "rate", "patched", "saved"};
        case By::page:
            return {"page", "mode", "cause", "count"};
    }
    return {};
}

std::string hex(std::uint64_t value) { return fmt::format("0x{:08x}", value); }

Fields site_fields(const Model& model, const NamedSite& named) {
    const Site& s = named.site;
    return {hex(s.ea),
            hex(s.gpa),
            hex(s.word),
            std::to_string(s.pid),
            s.user ? "user" : "kernel",
            s.space ? "1" : "0",
            std::to_string(s.count),
            std::to_string(s.ticks),
            std::to_string(s.max),
            std::to_string(s.first),
            std::to_string(s.last),
            std::to_string(s.rate),
            std::to_string(s.id),
            named.function,
            named.function.empty() ? "" : std::to_string(named.offset),
            named.instruction,
            named.disassembly,
            model.source(named),
            s.state == State::unknown ? "" : std::string(name_of(s.state)),
            s.reason,
            std::to_string(s.saved)};
}

void add(std::string& out, const Model& model, const Row& row, By by) {
    if (by == By::site) {
        out += csv_line(site_fields(model, *row.site));
    } else if (by == By::page) {
        for (const auto& [cause, count] : row.causes) {
            out +=
                csv_line({hex(row.ea), row.user ? "user" : "kernel", cause, std::to_string(count)});
        }
    } else {
        out +=
            csv_line({row.name, std::to_string(row.sites), std::to_string(row.count),
                      std::to_string(row.ticks), std::to_string(row.max), std::to_string(row.rate),
                      std::to_string(row.patched), std::to_string(row.saved)});
    }
}

}  // namespace

std::string csv_field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + '"';
}

std::string csv_line(const Fields& fields) {
    std::string line;
    for (const std::string& field : fields) {
        if (&field != &fields.front()) line += ',';
        line += csv_field(field);
    }
    return line + '\n';
}

std::string to_csv(const Model& model, const Selection& selection) {
    std::string out = csv_line(heads(selection.by));
    const std::vector<Row> rows = group(model, selection.by, selection.sort);
    const std::size_t shown =
        selection.top == 0 ? rows.size() : std::min(selection.top, rows.size());
    for (std::size_t i = 0; i < shown; ++i) {
        add(out, model, rows[i], selection.by);
    }
    return out;
}

}  // namespace trapeze::trapmap
