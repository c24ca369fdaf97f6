// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pack/input.hpp"

namespace trapeze::pack {

/// What a file is that a raw kernel certainly is not, and what to do with it instead.
struct Foreign {
    std::string_view what;
    std::string_view advice;
};

/// Recognizes well-known formats by their magic numbers, and text. Nothing for a file that may
/// be a raw binary.
std::optional<Foreign> identify_foreign(ByteView data);

/// Throws InputError, with the format's name and advice, when identify_foreign knows it.
void refuse_foreign_kernel(ByteView data, const std::string& name);

}  // namespace trapeze::pack
