// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trapmap/view.hpp"

namespace trapeze::trapmap {

/// What the command line asks for. Paths of outputs are "-" for standard output.
struct Options {
    std::string dump;  ///< "-" is standard input
    std::string before;
    std::string elf;
    std::uint64_t which = 0;  ///< of several dumps in a file, from 1; 0 is the last
    Selection selection;
    bool top_given = false;
    std::string annotate;
    std::optional<std::string> json;
    std::optional<std::string> csv;
    std::optional<std::string> folded;
    std::optional<std::string> html;
    std::string html_before;
    bool diff = false;  ///< `dump` against `before`
    bool follow = false;
    Style style;
};

struct ParseResult {
    Options options;
    std::optional<std::string> help;  ///< print this and do nothing else
};

/// Columns of the terminal: $COLUMNS, else what it says itself, within reason.
std::size_t terminal_width();

/// Throws Error when the options are wrong or do not go together.
ParseResult parse_options(int argc, char** argv);

}  // namespace trapeze::trapmap
