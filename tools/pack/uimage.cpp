// SPDX-License-Identifier: Apache-2.0
#include "pack/uimage.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "pack/gunzip.hpp"

namespace trapeze::pack {

namespace {

// struct legacy_img_hdr and the IH_ numbers of U-Boot's include/image.h.
constexpr std::uint32_t magic = 0x27051956;
constexpr std::size_t header_size = 64;
constexpr std::size_t at_header_crc = 4;
constexpr std::size_t at_size = 12;
constexpr std::size_t at_load = 16;
constexpr std::size_t at_entry = 20;
constexpr std::size_t at_data_crc = 24;
constexpr std::size_t at_kinds = 28;  // one byte each: OS, architecture, type, compression
constexpr std::size_t at_name = 32;
constexpr std::size_t name_size = 32;
constexpr std::uint8_t arch_ppc = 7;
constexpr std::uint8_t type_kernel = 2;
constexpr std::uint8_t type_ramdisk = 3;
constexpr std::uint8_t compression_none = 0;
constexpr std::uint8_t compression_gzip = 1;

constexpr std::array<std::string_view, 27> architectures = {"an unnamed architecture",
                                                            "Alpha",
                                                            "ARM",
                                                            "x86",
                                                            "IA-64",
                                                            "MIPS",
                                                            "MIPS64",
                                                            "PowerPC",
                                                            "S/390",
                                                            "SuperH",
                                                            "SPARC",
                                                            "SPARC64",
                                                            "M68K",
                                                            "Nios",
                                                            "MicroBlaze",
                                                            "Nios-II",
                                                            "Blackfin",
                                                            "AVR32",
                                                            "ST200",
                                                            "sandbox",
                                                            "NDS32",
                                                            "OpenRISC",
                                                            "AArch64",
                                                            "ARC",
                                                            "x86-64",
                                                            "Xtensa",
                                                            "RISC-V"};
constexpr std::array<std::string_view, 11> types = {"of no type",
                                                    "a standalone program",
                                                    "a kernel",
                                                    "a RAM disk",
                                                    "a multi-file image",
                                                    "a firmware image",
                                                    "a script",
                                                    "a file system",
                                                    "a flattened device tree",
                                                    "a Kirkwood boot image",
                                                    "an i.MX boot image"};
constexpr std::array<std::string_view, 7> compressions = {"none", "gzip", "bzip2", "lzma",
                                                          "lzo",  "lz4",  "zstd"};

template <std::size_t count>
std::string name_in(const std::array<std::string_view, count>& names, std::uint8_t number) {
    if (number < count) {
        return std::string(names[number]);
    }
    return fmt::format("number {}", number);
}

std::uint32_t crc_of(ByteView data) {
    return static_cast<std::uint32_t>(
        crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

struct Header {
    std::uint32_t load = 0;
    std::uint32_t entry = 0;
    std::uint8_t arch = 0;
    std::uint8_t type = 0;
    std::uint8_t compression = 0;
    std::string title;
    ByteView payload;
};

Header parse_header(ByteView data, const std::string& name) {
    if (data.size() < header_size) {
        throw InputError(
            fmt::format("{}: is an uImage cut off in its header: copy it again", name));
    }
    const ByteView raw = data.first(header_size);
    Bytes cleared(raw.begin(), raw.end());
    std::fill_n(cleared.begin() + at_header_crc, 4, std::byte{0});
    if (crc_of(cleared) != be32_at(raw, at_header_crc)) {
        throw InputError(fmt::format(
            "{}: is an uImage with a corrupt header (its CRC is wrong): copy it again", name));
    }
    const std::uint32_t size = be32_at(raw, at_size);
    if (size == 0) {
        throw InputError(fmt::format("{}: is an uImage without contents", name));
    }
    Header header;
    header.payload = slice(data, header_size, size);
    if (header.payload.empty()) {
        throw InputError(
            fmt::format("{}: is a truncated uImage: {} of {} bytes are there: copy it again", name,
                        data.size() - header_size, size));
    }
    if (crc_of(header.payload) != be32_at(raw, at_data_crc)) {
        throw InputError(fmt::format(
            "{}: is an uImage with corrupt contents (their CRC is wrong): copy it again", name));
    }
    header.load = be32_at(raw, at_load);
    header.entry = be32_at(raw, at_entry);
    header.arch = std::to_integer<std::uint8_t>(raw[at_kinds + 1]);
    header.type = std::to_integer<std::uint8_t>(raw[at_kinds + 2]);
    header.compression = std::to_integer<std::uint8_t>(raw[at_kinds + 3]);
    const std::string_view title = as_text(raw.subspan(at_name, name_size));
    header.title = title.substr(0, title.find('\0'));
    if (header.arch != arch_ppc) {
        throw InputError(fmt::format("{}: is an uImage for {}, not for PowerPC", name,
                                     name_in(architectures, header.arch)));
    }
    return header;
}

}  // namespace

bool is_uimage(ByteView data) { return be32_at(data, 0) == magic; }

Kernel parse_uimage(ByteView data, const std::string& name, std::uint64_t mem) {
    const Header header = parse_header(data, name);
    if (header.type == type_ramdisk) {
        throw InputError(
            fmt::format("{}: is an uImage of a RAM disk: give it with --initrd", name));
    }
    if (header.type != type_kernel) {
        throw InputError(fmt::format("{}: is an uImage of {}; only a kernel can be booted", name,
                                     name_in(types, header.type)));
    }
    Kernel kernel;
    kernel.kind = Kind::uimage;
    kernel.title = header.title;
    kernel.entry = header.entry;
    Segment segment;
    segment.load = header.load;
    if (header.compression == compression_none) {
        segment.data.assign(header.payload.begin(), header.payload.end());
    } else if (header.compression == compression_gzip) {
        segment.data = gunzip(header.payload, name, mem);
    } else {
        throw InputError(
            fmt::format("{}: is an uImage with {} compression; build it with gzip or none", name,
                        name_in(compressions, header.compression)));
    }
    segment.mem_size = segment.data.size();
    kernel.segments.push_back(std::move(segment));
    return kernel;
}

Bytes parse_uimage_ramdisk(ByteView data, const std::string& name) {
    const Header header = parse_header(data, name);
    if (header.type != type_ramdisk) {
        throw InputError(fmt::format("{}: is an uImage of {}, not of a RAM disk", name,
                                     name_in(types, header.type)));
    }
    return {header.payload.begin(), header.payload.end()};
}

}  // namespace trapeze::pack
