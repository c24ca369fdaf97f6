// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace trapeze::pack {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

/// Something about an input that its user has to change; what() is one line for that user.
class InputError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The whole of a regular file. `limit` is in bytes.
/// Throws InputError when it is missing, unreadable, not a file, empty or above the limit.
Bytes read_file(const std::string& path, std::uint64_t limit);

/// Part of `data`, or an empty view when it does not lie wholly inside. Never wraps.
ByteView slice(ByteView data, std::uint64_t offset, std::uint64_t size);

/// Big-endian number at `offset`; 0 when it does not lie inside, so check sizes where 0 is valid.
std::uint16_t be16_at(ByteView data, std::uint64_t offset);
std::uint32_t be32_at(ByteView data, std::uint64_t offset);

/// True when `data` has the bytes of `magic` at `offset`.
bool has_magic(ByteView data, std::uint64_t offset, std::string_view magic);

/// The bytes as characters, for text formats.
std::string_view as_text(ByteView data);

/// A size for people: "12 KiB", "3.4 MiB", "17 bytes".
std::string human_size(std::uint64_t bytes);

}  // namespace trapeze::pack
