// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "hv/boot/boot.hpp"

namespace trapeze::fuzz {

/// What docs/options.md says of the VMM's options, word by word, with numbers of 128 bits; nothing
/// if a word is none of them. Shares nothing with the VMM.
std::optional<guest::Options> expected_options(std::string_view line);
bool same(const guest::Options& one, const guest::Options& other);

}  // namespace trapeze::fuzz
