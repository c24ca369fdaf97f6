// SPDX-License-Identifier: Apache-2.0
#include "pack/identify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace trapeze::pack {

namespace {

using namespace std::string_view_literals;

struct Magic {
    std::uint64_t offset;
    std::string_view bytes;
    Foreign foreign;
};

constexpr std::string_view unpack = "unpack it first";
constexpr std::string_view other_machine = "Trapeze runs 32-bit big-endian PowerPC guests";
constexpr std::string_view disk = "give it with --drive";
constexpr std::string_view ramdisk = "give it with --initrd";

// Order matters: a bzImage with an EFI stub also starts with MZ, and says more by its name.
constexpr Magic magics[] = {
    {0x202, "HdrS"sv, {"an x86 Linux kernel (bzImage)", other_machine}},
    {56, "ARMd"sv, {"an AArch64 Linux kernel (Image)", other_machine}},
    {56, "RSC\x05"sv, {"a RISC-V Linux kernel (Image)", other_machine}},
    {0x24, "\x18\x28\x6f\x01"sv, {"an ARM Linux kernel (zImage)", other_machine}},
    {0, "MZ"sv, {"a Windows or EFI program", other_machine}},
    {0, "PK\x03\x04"sv, {"a zip archive", unpack}},
    {0, "\x1f\x8b"sv, {"gzip-compressed", unpack}},
    {0, "BZh"sv, {"bzip2-compressed", unpack}},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     {"xz-compressed", unpack}},
    {0, "\x28\xb5\x2f\xfd"sv, {"zstd-compressed", unpack}},
    {0, "\x04\x22\x4d\x18"sv, {"lz4-compressed", unpack}},
    {0, "\x02\x21\x4c\x18"sv, {"lz4-compressed", unpack}},
    {0, "\x89LZO\0"sv, {"lzo-compressed", unpack}},
    {0, "\x5d\0\0"sv, {"lzma-compressed", unpack}},
    {0, "7z\xbc\xaf"sv, {"a 7z archive", unpack}},
    {257, "ustar"sv, {"a tar archive", unpack}},
    {0, "!<arch>\n"sv, {"a library or Debian package (ar archive)", "link or unpack it first"}},
    {0, "\xed\xab\xee\xdb"sv, {"an RPM package", unpack}},
    {0, "070701"sv, {"a cpio archive (initramfs)", ramdisk}},
    {0, "070702"sv, {"a cpio archive (initramfs)", ramdisk}},
    {0, "070707"sv, {"a cpio archive", ramdisk}},
    {0, "hsqs"sv, {"a squashfs file system", disk}},
    {0x438, "\x53\xef"sv, {"an ext2/3/4 file system", disk}},
    {0x8001, "CD001"sv, {"an ISO 9660 image", disk}},
    {0, "QFI\xfb"sv, {"a qcow2 disk image", "convert it to raw and give it with --drive"}},
    {0, "KDMV"sv, {"a VMDK disk image", "convert it to raw and give it with --drive"}},
    {0x1fe, "\x55\xaa"sv, {"an x86 boot sector or disk image", "disks go with --drive"}},
    {0,
     "\xd0\x0d\xfe\xed"sv,
     {"a device tree or FIT image", "give a device tree with --dtb; take a kernel out of a FIT"}},
    {0, "\xca\xfe\xba\xbe"sv, {"a Java class or Mach-O program", other_machine}},
    {0, "\xfe\xed\xfa\xce"sv, {"a Mach-O program", other_machine}},
    {0, "\xcf\xfa\xed\xfe"sv, {"a Mach-O program", other_machine}},
    {0, "%PDF-"sv, {"a PDF document", "give a kernel"}},
    {0, "\x89PNG"sv, {"a PNG picture", "give a kernel"}},
    {0, "\xff\xd8\xff"sv, {"a JPEG picture", "give a kernel"}},
    {0, "#!"sv, {"a script", "give a kernel, or run it in the guest with --run"}},
};

/// Printable characters and white space only, from the file's start: no machine code looks so.
bool is_text(ByteView data) {
    constexpr std::size_t sample = 4096;
    const std::string_view text = as_text(data.first(std::min(data.size(), sample)));
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte == '\n' || byte == '\t' || byte == '\r' || byte == '\f' ||
               (byte >= 0x20 && byte != 0x7f);
    });
}

}  // namespace

std::optional<Foreign> identify_foreign(ByteView data) {
    for (const Magic& row : magics) {
        if (has_magic(data, row.offset, row.bytes)) {
            return row.foreign;
        }
    }
    if (is_text(data)) {
        return Foreign{"a text file", "give a kernel"};
    }
    return std::nullopt;
}

void refuse_foreign_kernel(ByteView data, const std::string& name) {
    if (const auto foreign = identify_foreign(data)) {
        throw InputError(fmt::format("{}: is {}, not a kernel for this guest: {} (or --raw)", name,
                                     foreign->what, foreign->advice));
    }
    const bool blank =
        std::all_of(data.begin(), data.end(), [](std::byte byte) { return byte == std::byte{0}; });
    if (blank) {
        throw InputError(fmt::format("{}: holds nothing but zeros", name));
    }
}

}  // namespace trapeze::pack
