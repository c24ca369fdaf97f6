// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "trapmap/model.hpp"
#include "trapmap/view.hpp"

namespace trapeze::trapmap {

/// What became of a row. Warmed and cooled: its rate changed by a tenth at least.
enum class Change : std::uint8_t { appeared, vanished, warmed, cooled, same };
std::string_view name_of(Change change);

/// A row of two dumps. Sites match by EA, word, PID and mode; groups by name.
struct Difference {
    Change change = Change::same;
    std::string name;                 ///< function+offset, or the group's
    const NamedSite* site = nullptr;  ///< of the new dump if it is there, else of the old
    std::uint64_t old_count = 0;
    std::uint64_t new_count = 0;
    std::uint64_t old_ticks = 0;
    std::uint64_t new_ticks = 0;
    std::uint64_t max = 0;  ///< the longer one
    double old_rate = 0;    ///< exits a second of busy time: guest and VMM together, no idling
    double new_rate = 0;
    State old_state = State::unknown;  ///< of a site
    State new_state = State::unknown;
    std::size_t old_patched = 0;  ///< sites
    std::size_t new_patched = 0;
    std::uint64_t old_saved = 0;  ///< exits
    std::uint64_t new_saved = 0;
};

/// What differs between two dumps, most first: by change of rate (Sort::rate), by the larger
/// count, by change of ticks a second, by the longest exit, or by change of exits saved. `by` is
/// not By::page.
std::vector<Difference> compare(const Model& before, const Model& after, By by, Sort sort);

/// The differences for the terminal, and as comma-separated values.
std::string differences(const Model& before, const Model& after, const Selection& selection,
                        const Style& style);
std::string differences_csv(const Model& before, const Model& after, const Selection& selection);

}  // namespace trapeze::trapmap
