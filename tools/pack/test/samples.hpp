// SPDX-License-Identifier: Apache-2.0
// Small files made by hand, right in every byte, for tests to break one thing at a time.
#pragma once

#include <elf.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "pack/image.hpp"

namespace trapeze::pack::samples {

inline constexpr std::uint64_t mem = 64ULL << 20U;

inline Bytes bytes_of(std::string_view text) {
    Bytes out(text.size());
    std::transform(text.begin(), text.end(), out.begin(),
                   [](char c) { return static_cast<std::byte>(c); });
    return out;
}

inline void put16(Bytes& out, std::size_t at, std::uint32_t value) {
    out.at(at) = static_cast<std::byte>(value >> 8U & 0xffU);
    out.at(at + 1) = static_cast<std::byte>(value & 0xffU);
}

inline void put32(Bytes& out, std::size_t at, std::uint32_t value) {
    put16(out, at, value >> 16U);
    put16(out, at + 2, value & 0xffffU);
}

inline std::uint32_t crc(const Bytes& data, std::size_t from) {
    return static_cast<std::uint32_t>(
        crc32_z(0, reinterpret_cast<const Bytef*>(data.data() + from), data.size() - from));
}

inline Bytes gzip(const Bytes& data) {
    z_stream stream{};
    deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    Bytes out(deflateBound(&stream, data.size()) + 64);
    Bytes in = data;
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

struct UimageFields {
    std::uint32_t load = 0;
    std::uint32_t entry = 0;
    std::uint8_t arch = 7;
    std::uint8_t type = 2;
    std::uint8_t compression = 0;
};

inline void fix_header_crc(Bytes& image) {
    put32(image, 4, 0);
    const Bytes header(image.begin(), image.begin() + 64);
    put32(image, 4, crc(header, 0));
}

inline Bytes uimage(const Bytes& payload, const UimageFields& fields = {}) {
    Bytes image(64 + payload.size());
    std::copy(payload.begin(), payload.end(), image.begin() + 64);
    put32(image, 0, 0x27051956);
    put32(image, 12, static_cast<std::uint32_t>(payload.size()));
    put32(image, 16, fields.load);
    put32(image, 20, fields.entry);
    put32(image, 24, crc(image, 64));
    image.at(28) = std::byte{5};
    image.at(29) = std::byte{fields.arch};
    image.at(30) = std::byte{fields.type};
    image.at(31) = std::byte{fields.compression};
    const Bytes name = bytes_of("sample");
    std::copy(name.begin(), name.end(), image.begin() + 32);
    fix_header_crc(image);
    return image;
}

// Offsets in elf(): one PT_LOAD at 0x100000 (virtual 0xc0000000) of 16 bytes in the file, 32 in
// memory, entered at its virtual start.
inline constexpr std::size_t elf_program_header = 52;
inline constexpr std::size_t elf_data = elf_program_header + 32;

inline Bytes elf() {
    Bytes file(elf_data + 16, std::byte{0x60});
    const Bytes ident =
        bytes_of({"\x7f"
                  "ELF\1\2\1\0\0\0\0\0\0\0\0\0",
                  16});
    std::copy(ident.begin(), ident.end(), file.begin());
    put16(file, 16, ET_EXEC);
    put16(file, 18, EM_PPC);
    put32(file, 20, 1);
    put32(file, 24, 0xc0000000);
    put32(file, 28, elf_program_header);
    put32(file, 32, 0);
    put32(file, 36, 0);
    put16(file, 40, 52);
    put16(file, 42, 32);
    put16(file, 44, 1);
    put16(file, 46, 40);
    put16(file, 48, 0);
    put16(file, 50, 0);
    const std::initializer_list<std::uint32_t> row = {PT_LOAD, elf_data, 0xc0000000, 0x100000,
                                                      16,      32,       5,          4};
    std::size_t at = elf_program_header;
    for (const std::uint32_t value : row) {
        put32(file, at, value);
        at += 4;
    }
    return file;
}

/// What a parser says about a bad file; the test fails if it takes it.
template <typename Parser>
std::string refusal(Parser&& parser) {
    try {
        parser();
    } catch (const InputError& error) {
        std::string text = error.what();
        EXPECT_EQ(text.find('\n'), std::string::npos) << "more than one line";
        return text;
    }
    ADD_FAILURE() << "was accepted";
    return {};
}

/// The same for a kernel.
inline std::string kernel_refusal(const Bytes& data, std::uint64_t size = mem) {
    return refusal([&] {
        Guest guest;
        guest.kernel = parse_kernel(data, "k", size, false);
        check_layout(guest, "k", size);
    });
}

}  // namespace trapeze::pack::samples
