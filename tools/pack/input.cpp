// SPDX-License-Identifier: Apache-2.0
#include "pack/input.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ios>
#include <system_error>

namespace trapeze::pack {

namespace {

std::uint8_t byte_at(ByteView data, std::uint64_t offset) {
    return std::to_integer<std::uint8_t>(data[offset]);
}

}  // namespace

Bytes read_file(const std::string& path, std::uint64_t limit) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) {
        throw InputError(fmt::format("{}: there is no such file", path));
    }
    if (!fs::is_regular_file(status)) {
        throw InputError(fmt::format("{}: is not a file", path));
    }
    const std::uintmax_t size = fs::file_size(path, error);
    if (error) {
        throw InputError(fmt::format("{}: {}", path, error.message()));
    }
    if (size == 0) {
        throw InputError(fmt::format("{}: is empty", path));
    }
    if (size > limit) {
        throw InputError(fmt::format("{}: is too large: {}, at most {} are taken", path,
                                     human_size(size), human_size(limit)));
    }
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw InputError(fmt::format("{}: {}", path, std::strerror(errno)));
    }
    Bytes data(size);
    // iostreams read char; std::byte may be accessed through it.
    file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(size));
    if (file.gcount() != static_cast<std::streamsize>(size)) {
        throw InputError(fmt::format("{}: could not be read to its end", path));
    }
    return data;
}

ByteView slice(ByteView data, std::uint64_t offset, std::uint64_t size) {
    if (offset > data.size() || size > data.size() - offset) {
        return {};
    }
    return data.subspan(offset, size);
}

std::uint16_t be16_at(ByteView data, std::uint64_t offset) {
    const ByteView part = slice(data, offset, 2);
    if (part.empty()) {
        return 0;
    }
    return static_cast<std::uint16_t>(byte_at(part, 0) << 8U | byte_at(part, 1));
}

std::uint32_t be32_at(ByteView data, std::uint64_t offset) {
    const std::uint32_t high = be16_at(data, offset);
    return slice(data, offset, 4).empty() ? 0 : high << 16U | be16_at(data, offset + 2);
}

bool has_magic(ByteView data, std::uint64_t offset, std::string_view magic) {
    const ByteView part = slice(data, offset, magic.size());
    return !part.empty() && std::memcmp(part.data(), magic.data(), magic.size()) == 0;
}

std::string_view as_text(ByteView data) {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

std::string human_size(std::uint64_t bytes) {
    constexpr double kib = 1024;
    const auto value = static_cast<double>(bytes);
    if (bytes < 10UL * 1024) {
        return fmt::format("{} bytes", bytes);
    }
    if (value < kib * kib) {
        return fmt::format("{:.0f} KiB", value / kib);
    }
    const double mib = value / (kib * kib);
    const bool whole = bytes % (1U << 20U) == 0;
    return whole ? fmt::format("{:.0f} MiB", mib) : fmt::format("{:.1f} MiB", mib);
}

}  // namespace trapeze::pack
