// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "trapmap/options.hpp"
#include "trapmap/stream.hpp"

namespace trapeze::trapmap {

class Program;

/// What --follow shows of a guest, and how.
struct Watch {
    Selection selection;
    bool paused = false;
    bool help = false;
    std::string trouble;  ///< the last thing that was wrong with the stream
};

/// The screen for a guest: where its time goes, exits a second by cause, the hottest sites. `rows`
/// is the height of the terminal, 0 when it does not matter.
std::string draw_live(const Live& live, const std::shared_ptr<const Program>& program,
                      const Watch& watch, const Style& style, std::size_t rows);

/// Shows the stream of dumps on standard input until it ends or somebody leaves. On a terminal it
/// is one screen that is redrawn, else a table for each dump. Throws Error when nothing came.
void follow(const Options& options, const std::shared_ptr<const Program>& program);

}  // namespace trapeze::trapmap
