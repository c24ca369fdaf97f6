// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pack/input.hpp"

namespace trapeze::pack {

/// Checks an initial RAM disk: something Linux can unpack or mount (cpio, gzip, bzip2, lzma, xz,
/// lzo, lz4, zstd, ext2, squashfs, cramfs, romfs, minix). gzip data is unpacked as a test, its
/// size bounded by `mem` bytes. An uImage of a RAM disk is unwrapped. Returns what the guest is
/// to get. Throws InputError.
Bytes parse_initrd(ByteView data, const std::string& name, std::uint64_t mem);

}  // namespace trapeze::pack
