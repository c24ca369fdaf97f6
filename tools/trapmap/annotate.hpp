// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "trapmap/model.hpp"
#include "trapmap/table.hpp"

namespace trapeze::trapmap {

/// The function's instructions with heat beside each, and the source line where it changes. Without
/// an ELF file only the instructions that trapped. Throws Error for a function that nobody knows.
std::string annotate(const Model& model, std::string_view function, const Style& style);

/// At most `most` of `names` that are like `name`, the most similar first.
std::vector<std::string> similar(std::string_view name, const std::vector<std::string>& names,
                                 std::size_t most);

}  // namespace trapeze::trapmap
