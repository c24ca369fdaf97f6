// SPDX-License-Identifier: Apache-2.0
// Finds dumps among the lines of a console, and picks the one to show.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "trapmap/dump.hpp"
#include "trapmap/fields.hpp"

namespace trapeze::trapmap {

namespace {

/// What an input without any dump is, in words that help.
std::string no_dump(std::string_view console) {
    if (console.empty()) return "is empty";
    if (console.find('\0') != std::string_view::npos) {
        return "is binary, neither a trap dump nor a console log that holds one";
    }
    return "holds no trap dump: no line begins with '@@trapeze-dump' (the VMM writes one at the "
           "guest's end, with dump-every=SECONDS and when asked)";
}

}  // namespace

std::vector<Block> find_blocks(std::string_view console) {
    std::vector<Block> blocks;
    std::size_t line_number = 0;
    bool open = false;
    std::size_t begin = 0;
    const auto close = [&](std::size_t end, bool complete) {
        blocks.back().text = console.substr(begin, end - begin);
        blocks.back().complete = complete;
        open = false;
    };
    for (std::size_t at = 0; at < console.size();) {
        const std::size_t start = at;
        const std::string_view line = next_line(console, at);
        ++line_number;
        if (line.starts_with(begin_mark)) {
            if (open) close(start, false);
            begin = start;
            open = true;
            Fields fields(line);
            fields.skip(2);
            Block& block = blocks.emplace_back();
            block.line = line_number;
            block.live = fields.next() == name_of(Kind::live);
        } else if (open && line.starts_with(end_mark)) {
            // Without its line feed the end line may lack the tail of its checksum.
            close(at, at <= console.size() && console[at - 1] == '\n');
        }
    }
    if (open) close(console.size(), false);
    return blocks;
}

Dump parse_dump(std::string_view console, std::uint64_t which, const std::string& name) {
    std::vector<Block> blocks = find_blocks(console);
    if (blocks.empty()) throw Error(fmt::format("{}: {}", name, no_dump(console)));
    std::erase_if(blocks, [](const Block& block) { return block.live; });
    if (blocks.empty()) {
        throw Error(
            fmt::format("{}: holds live dumps only, which tell no more than changes", name));
    }
    if (which > blocks.size()) {
        throw Error(fmt::format("{}: has no dump {}: it holds {}", name, which, blocks.size()));
    }
    if (which != 0) return parse_block(blocks[which - 1], name);

    std::optional<Error> last;
    for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
        try {
            Dump dump = parse_block(*block, name);
            if (last) {
                dump.remarks.push_back(fmt::format("{}; took the dump before it (number {})",
                                                   last->what(), blocks.rend() - block));
            }
            return dump;
        } catch (const Error& error) {
            if (!last) last = error;
        }
    }
    throw Error(*last);
}

}  // namespace trapeze::trapmap
