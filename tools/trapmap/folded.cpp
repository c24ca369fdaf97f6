// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "trapmap/text_formats.hpp"

namespace trapeze::trapmap {

namespace {

/// Semicolons part the frames of a stack.
std::string frame(std::string_view name) {
    std::string out(name);
    std::ranges::replace(out, ';', ':');
    return out;
}

void add(std::string& out, std::string_view stack, std::uint64_t count) {
    if (count != 0) out += fmt::format("{} {}\n", stack, count);
}

}  // namespace

std::string to_folded(const Model& model) {
    std::string out;
    std::map<std::string, std::uint64_t> accounted;
    for (const NamedSite& named : model.sites()) {
        const Site& site = named.site;
        const std::string where = named.function.empty() ? fmt::format("0x{:08x}", site.ea)
                                                         : fmt::format("+0x{:x}", named.offset);
        const std::string_view function =
            named.function.empty() ? unknown_function : std::string_view(named.function);
        add(out,
            fmt::format("guest {};{};{}@{}", site.user ? "user" : "kernel", frame(function),
                        frame(named.instruction), where),
            site.count);
        accounted["privileged"] += site.count;
    }
    for (const Page& page : model.dump().pages) {
        add(out,
            fmt::format("guest {};{};{:08x}", page.user ? "user" : "kernel", frame(page.cause),
                        page.ea),
            page.count);
        accounted[page.cause] += page.count;
    }
    // What made way in the tables, and what was never in one, is in the totals still.
    for (const Cause& cause : model.dump().causes) {
        const std::uint64_t known = accounted[cause.name];
        if (cause.count > known) {
            add(out, fmt::format("guest;{};[no site or page]", frame(cause.name)),
                cause.count - known);
        }
    }
    return out;
}

}  // namespace trapeze::trapmap
