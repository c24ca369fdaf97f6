// SPDX-License-Identifier: Apache-2.0
#include "trapmap/annotate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "trapmap/disasm.hpp"
#include "trapmap/program.hpp"
#include "trapmap/view.hpp"

namespace trapeze::trapmap {

namespace {

constexpr std::size_t bar_cells = 6;

/// What trapped at one instruction, whatever the process and address space.
struct Heat {
    std::uint64_t count = 0;
    std::uint64_t ticks = 0;
    std::uint64_t max = 0;
    std::uint32_t word = 0;
};

using HeatMap = std::map<std::uint32_t, Heat>;  // by linked address

HeatMap heat_of(const Model& model) {
    HeatMap heat;
    for (const NamedSite& named : model.sites()) {
        Heat& h = heat[named.linked];
        if (h.count == 0) h.word = named.site.word;
        h.count += named.site.count;
        h.ticks += named.site.ticks;
        h.max = std::max(h.max, named.site.max);
    }
    return heat;
}

std::string place(const Program& program, std::uint32_t ea) {
    const Function* f = program.function(ea);
    if (f == nullptr) return fmt::format("{:08x}", ea);
    return ea == f->start ? fmt::format("{:08x} <{}>", ea, f->name)
                          : fmt::format("{:08x} <{}+0x{:x}>", ea, f->name, ea - f->start);
}

std::string unknown(const Model& model, std::string_view function) {
    std::vector<std::string> names;
    for (const Symbol& symbol : model.dump().symbols) {
        names.push_back(symbol.name);
    }
    if (model.program() != nullptr) {
        for (const Function& f : model.program()->functions()) {
            names.push_back(f.name);
        }
    }
    constexpr std::size_t few = 5;
    const std::vector<std::string> like = similar(function, names, few);
    std::string text = fmt::format("--annotate {}: there is no such function", function);
    if (!like.empty()) text += fmt::format("; did you mean {}?", fmt::join(like, ", "));
    if (model.program() == nullptr) text += "; without --elf only functions that trapped are known";
    return text;
}

/// Draws one function.
class Drawing {
  public:
    Drawing(const Model& model, const Style& style)
        : model_(model), style_(style), heat_(heat_of(model)) {}

    /// All of a function of the ELF file.
    std::string whole(const Function& f) {
        const Program& program = *model_.program();
        disassembler_.set_address_text([&](std::uint32_t ea) { return place(program, ea); });
        const HeatMap inside(heat_.lower_bound(f.start), heat_.lower_bound(f.start + f.size));
        std::string out = head(f.name, fmt::format("{:08x} to {:08x}", f.start, f.start + f.size),
                               inside, fmt::format("{} instructions", f.size / 4));
        std::string source;
        for (std::uint32_t ea = f.start; ea - f.start < f.size; ea += 4) {
            const auto word = program.word(ea);
            if (!word) break;
            std::string now = program.source(ea);
            if (now != source && !now.empty()) {
                const std::string text = program.source_text(ea);
                out += clip(std::string(margin, ' '),
                            text.empty() ? now : fmt::format("{}  {}", now, text), "34");
                source = std::move(now);
            }
            const auto found = inside.find(ea);
            const bool hot = found != inside.end();
            std::string code = disassembler_.text(hot ? found->second.word : *word, ea);
            if (hot && found->second.word != *word) {
                code += fmt::format("   (the file has {:08x})", *word);
            }
            out += line(ea, hot ? &found->second : nullptr, hot ? found->second.word : *word, code);
        }
        return out;
    }

    /// What is known of a function without its code: the sites.
    std::string sites(std::string_view name) {
        HeatMap inside;
        for (const NamedSite& site : model_.sites()) {
            if (site.function == name) inside[site.linked] = heat_[site.linked];
        }
        std::string out = head(name, "only what trapped is shown: give --elf for all of its code",
                               inside, "known instructions");
        for (const auto& [ea, heat] : inside) {
            out += line(ea, &heat, heat.word, disassembler_.text(heat.word, ea));
        }
        return out;
    }

  private:
    static constexpr std::size_t margin = 32;  ///< columns before the address

    std::string head(std::string_view name, std::string_view what, const HeatMap& inside,
                     std::string_view of) {
        std::uint64_t count = 0;
        most_ = 0;
        for (const auto& [ea, heat] : inside) {
            count += heat.count;
            most_ = std::max(most_, heat.count);
        }
        std::string out = style_.paint(bold, name) + fmt::format("  {}\n", what);
        out += fmt::format("{} exits ({} % of all sites') at {} of its {}\n\n", grouped(count),
                           percent(count, model_.site_exits()), inside.size(), of);
        const std::string heads =
            fmt::format("{:<{}} {:>6} {:>10} {:>7}  {:<8}  {:<8}  {}", "heat", bar_cells, "share%",
                        "count", "mean us", "address", "word", "instruction");
        return out + style_.paint(bold, cut_end(heads, style_.width)) + "\n";
    }

    std::string line(std::uint32_t ea, const Heat* heat, std::uint32_t word,
                     std::string_view text) {
        const std::string code = fmt::format("{:08x}  {:08x}  {}", ea, word, text);
        if (heat == nullptr) return clip(std::string(margin + 2, ' '), code, "");
        const double part = ratio(heat->count, most_);
        const double mean = static_cast<double>(heat->ticks) /
                            static_cast<double>(std::max<std::uint64_t>(heat->count, 1));
        const std::string numbers =
            fmt::format("{} {:>6} {:>10} {:>7}  ", bar(part, bar_cells),
                        percent(heat->count, model_.site_exits()), heat->count,
                        brief(microseconds(model_.dump(), mean)));
        const std::string_view colour = heat_colour(part);
        return style_.paint(colour, numbers) + clip("", code, colour, columns_of(numbers));
    }

    /// `text` behind `before`, cut where the terminal ends.
    std::string clip(std::string_view before, std::string_view text, std::string_view sgr,
                     std::size_t used = 0) const {
        used += before.size();
        const std::size_t room = style_.width - std::min(style_.width, used);
        return fmt::format("{}{}\n", before, style_.paint(sgr, cut_end(text, room)));
    }

    const Model& model_;
    const Style& style_;
    HeatMap heat_;
    std::uint64_t most_ = 0;
    Disassembler disassembler_;
};

}  // namespace

std::string annotate(const Model& model, std::string_view function, const Style& style) {
    Drawing drawing(model, style);
    std::string out;
    if (model.program() != nullptr) {
        for (const Function* f : model.program()->find(function)) {
            out += (out.empty() ? "" : "\n") + drawing.whole(*f);
        }
    }
    const bool trapped = std::ranges::any_of(
        model.sites(), [&](const NamedSite& site) { return site.function == function; });
    if (out.empty() && trapped) out = drawing.sites(function);
    if (out.empty()) throw Error(unknown(model, function));
    return out;
}

}  // namespace trapeze::trapmap
