// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "trapmap/model.hpp"
#include "trapmap/table.hpp"

namespace trapeze::trapmap {

/// What of a model to show.
struct Selection {
    By by = By::site;
    Sort sort = Sort::count;
    std::size_t top = 20;  ///< rows; 0 is all
};

/// What the guest was, how long it ran and what it cost, in a few lines.
std::string header(const Model& model, const Style& style);

/// The hottest rows with bars of heat.
std::string hottest(const Model& model, const Selection& selection, const Style& style);

/// What patching has come to, on one line: "312 sites patched, ...". Empty where nothing is known.
std::string patching_line(const Model& model);

/// ", N text writes" for the end of such a line; empty if there were none.
std::string text_writes(const Model& model);

/// A state with its reason where that tells more: "hot: no-page". Empty where nothing patches.
std::string state_text(const Model& model, const Site& site);

/// Ticks in microseconds.
double microseconds(const Dump& dump, double ticks);

}  // namespace trapeze::trapmap
