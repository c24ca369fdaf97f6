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

/// Ticks in microseconds.
double microseconds(const Dump& dump, double ticks);

}  // namespace trapeze::trapmap
