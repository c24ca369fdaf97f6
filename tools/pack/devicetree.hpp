// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pack/input.hpp"

namespace trapeze::pack {

/// Checks a flattened device tree with libfdt, to its last node. Throws InputError.
Bytes parse_device_tree(ByteView data, const std::string& name);

}  // namespace trapeze::pack
