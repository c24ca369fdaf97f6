// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "trapmap/model.hpp"
#include "trapmap/view.hpp"

namespace trapeze::trapmap {

/// A field of comma-separated values (RFC 4180), in quotes where it has to be.
std::string csv_field(std::string_view text);

/// The fields as a line, ended by a line feed.
std::string csv_line(const std::vector<std::string>& fields);

/// The selected rows as comma-separated values with a line of heads.
std::string to_csv(const Model& model, const Selection& selection);

/// Folded stacks, one a line with its exits, as flamegraph.pl and speedscope read them:
/// "guest kernel;function;instruction@+0xoffset 12" and "guest user;cause;page 3". All lines
/// together are all exits of the dump.
std::string to_folded(const Model& model);

}  // namespace trapeze::trapmap
