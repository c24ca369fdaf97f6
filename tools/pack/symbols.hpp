// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pack/image.hpp"

namespace trapeze::pack {

/// More than any kernel has; a bound for corrupt tables.
inline constexpr std::size_t max_symbols = 1UL << 20U;

/// Sorts by address and drops doubles and the mapping marks of compilers. Of names stay 255
/// characters, and what is not printable ASCII, or a blank, becomes '?': the VMM puts them into
/// lines.
void tidy_symbols(std::vector<Symbol>& symbols);

/// Code symbols out of a System.map or an ELF file, sorted by address. Throws InputError.
std::vector<Symbol> parse_symbols(ByteView data, const std::string& name);

/// The `data` of guest.fit's symbols image: big-endian count, then (address, offset of the name)
/// for each, then the names, each ended by NUL. Offsets count from the first name.
Bytes encode_symbols(const std::vector<Symbol>& symbols);

}  // namespace trapeze::pack
