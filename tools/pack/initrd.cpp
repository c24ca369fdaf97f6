// SPDX-License-Identifier: Apache-2.0
#include "pack/initrd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "pack/elf.hpp"
#include "pack/gunzip.hpp"
#include "pack/identify.hpp"
#include "pack/uimage.hpp"

namespace trapeze::pack {

namespace {

using namespace std::string_view_literals;

struct Known {
    std::uint64_t offset;
    std::string_view bytes;
};

// Linux: lib/decompress.c for the compressions, init/do_mounts_rd.c for the file systems.
constexpr Known known[] = {{0, "070701"sv},
                           {0, "070702"sv},
                           {0, "BZh"sv},
                           {0, "\x5d\0\0"sv},
                           {0,
                            "\xfd"
                            "7zXZ"sv},
                           {0, "\x89LZO"sv},
                           {0, "\x02\x21\x4c\x18"sv},
                           {0, "\x28\xb5\x2f\xfd"sv},
                           {0, "-rom1fs-"sv},
                           {0, "hsqs"sv},
                           {0, "\x28\xcd\x3d\x45"sv},
                           {0x438, "\x53\xef"sv},
                           {0x410, "\x13\x7f"sv},
                           {0x410, "\x13\x8f"sv}};

bool is_gzip(ByteView data) { return has_magic(data, 0, "\x1f\x8b"); }

}  // namespace

Bytes parse_initrd(ByteView data, const std::string& name, std::uint64_t mem) {
    if (data.empty()) {
        throw InputError(fmt::format("{}: is empty", name));
    }
    if (is_uimage(data)) {
        return parse_uimage_ramdisk(data, name);
    }
    if (data.size() > mem) {
        throw InputError(fmt::format("{}: is {}, the guest has {}: give more --mem", name,
                                     human_size(data.size()), human_size(mem)));
    }
    if (is_gzip(data)) {
        static_cast<void>(gunzip(data, name, mem));
    } else if (std::none_of(std::begin(known), std::end(known), [&](const Known& row) {
                   return has_magic(data, row.offset, row.bytes);
               })) {
        const auto foreign = identify_foreign(data);
        const std::string_view what = is_elf(data) ? "an ELF file"
                                      : foreign    ? foreign->what
                                                   : "of no format that Linux can unpack";
        throw InputError(
            fmt::format("{}: is {}: give an initramfs (cpio, compressed or not)", name, what));
    }
    return {data.begin(), data.end()};
}

}  // namespace trapeze::pack
