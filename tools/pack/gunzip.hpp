// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pack/input.hpp"

namespace trapeze::pack {

/// The first member of gzip data, unpacked and its CRC checked. `limit` bounds the result, in
/// bytes, so that a small file cannot fill the host's memory. `name` is for messages.
/// Throws InputError when it is truncated, corrupt or unpacks to more than `limit`.
Bytes gunzip(ByteView data, const std::string& name, std::uint64_t limit);

}  // namespace trapeze::pack
