// SPDX-License-Identifier: Apache-2.0
#include "trapmap/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "trapmap/disasm.hpp"
#include "trapmap/program.hpp"

namespace trapeze::trapmap {

namespace {

/// The dump has functions' starts only. Nothing this far behind one belongs to it.
constexpr std::uint32_t longest_function = 0x10000;

/// The address that `program` knows a site by: its EA, or where code that runs before the guest
/// has set up its mapping is linked.
std::uint32_t linked_at(const Program& program, const Site& site) {
    if (program.word(site.ea)) return site.ea;
    return program.linked(site.gpa).value_or(site.ea);
}

}  // namespace

Model::Model(Dump dump, std::shared_ptr<const Program> program)
    : dump_(std::move(dump)), program_(std::move(program)) {
    if (program_ && !fits()) {
        dump_.remarks.push_back(
            fmt::format("{}: does not match the dump (its code differs where sites trapped): it is "
                        "not used; give the ELF file that the guest was made from",
                        program_->path()));
        program_.reset();
    }
    Disassembler disassembler;
    sites_.reserve(dump_.sites.size());
    for (const Site& site : dump_.sites) {
        NamedSite& named = sites_.emplace_back();
        named.site = site;
        named.linked = program_ ? linked_at(*program_, site) : site.ea;
        named.disassembly = disassembler.text(site.word, named.linked);
        named.instruction = kind_of(named.disassembly);
        name(named);
    }
    std::ranges::stable_sort(sites_, [](const NamedSite& a, const NamedSite& b) {
        const Site &x = a.site, &y = b.site;
        return std::tuple(y.count, y.ticks, x.ea, x.pid) <
               std::tuple(x.count, x.ticks, y.ea, y.pid);
    });
}

/// A kernel patches some of its own instructions, so not every word has to be the file's.
bool Model::fits() const {
    std::size_t same = 0;
    for (const Site& site : dump_.sites) {
        same += program_->word(linked_at(*program_, site)) == site.word ? 1U : 0U;
    }
    return 2 * same >= dump_.sites.size();
}

void Model::name(NamedSite& site) const {
    if (program_) {
        if (const Function* f = program_->function(site.linked); f != nullptr) {
            site.function = f->name;
            site.offset = site.linked - f->start;
            return;
        }
    }
    const auto after = std::ranges::upper_bound(dump_.symbols, site.site.ea, {}, &Symbol::start);
    if (after == dump_.symbols.begin()) return;
    const Symbol& before = *(after - 1);
    if (site.site.ea - before.start >= longest_function) return;
    site.function = before.name;
    site.offset = site.site.ea - before.start;
}

std::string Model::source(const NamedSite& site) const {
    return program_ ? program_->statement(site.linked) : std::string();
}

const Cause* Model::cause(std::string_view name) const {
    const auto found = std::ranges::find(dump_.causes, name, &Cause::name);
    return found == dump_.causes.end() ? nullptr : &*found;
}

std::uint64_t Model::exits() const {
    std::uint64_t sum = 0;
    for (const Cause& cause : dump_.causes) {
        sum += cause.count;
    }
    return sum;
}

std::uint64_t Model::site_exits() const {
    std::uint64_t sum = dump_.site_table.lost_count;
    for (const Site& site : dump_.sites) {
        sum += site.count;
    }
    return sum;
}

std::uint64_t Model::site_ticks() const {
    std::uint64_t sum = dump_.site_table.lost_ticks;
    for (const Site& site : dump_.sites) {
        sum += site.ticks;
    }
    return sum;
}

std::size_t Model::sites_in(State state) const {
    return static_cast<std::size_t>(std::ranges::count(dump_.sites, state, &Site::state));
}

std::vector<std::pair<std::string, std::size_t>> Model::reasons(State state) const {
    std::map<std::string, std::size_t> number;
    for (const Site& site : dump_.sites) {
        if (site.state == state) ++number[site.reason];
    }
    std::vector<std::pair<std::string, std::size_t>> out(number.begin(), number.end());
    std::ranges::stable_sort(out, std::ranges::greater{},
                             &std::pair<std::string, std::size_t>::second);
    return out;
}

}  // namespace trapeze::trapmap
