// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pack/image.hpp"

namespace trapeze::pack {

/// True when the file starts with the magic of a legacy U-Boot image (U-Boot's image.h).
bool is_uimage(ByteView data);

/// A legacy U-Boot image of a Power kernel, plain or gzip. Both CRCs are checked.
/// Throws InputError; see parse_kernel for the parameters.
Kernel parse_uimage(ByteView data, const std::string& name, std::uint64_t mem);

/// The payload of a legacy U-Boot image of type RAM disk, with both CRCs checked.
/// Throws InputError when it is of another type.
Bytes parse_uimage_ramdisk(ByteView data, const std::string& name);

}  // namespace trapeze::pack
