// SPDX-License-Identifier: Apache-2.0
// Feeds arbitrary files to every parser of trapeze-pack. InputError is the one right answer to a
// bad file; anything else that escapes, and every sanitizer report, is a defect.
#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "pack/devicetree.hpp"
#include "pack/fit.hpp"
#include "pack/image.hpp"
#include "pack/initrd.hpp"
#include "pack/symbols.hpp"
#include "source.hpp"
#include "tree.hpp"

namespace {

using namespace trapeze::pack;

constexpr std::uint64_t mem = 16ULL << 20U;

void put(Bytes& image, std::size_t at, std::uint64_t value) {
    for (std::size_t i = 0; i < 4; ++i) {
        image.at(at + i) = static_cast<std::byte>(value >> 8U * (3 - i));
    }
}

/// `data` as a uImage's header and contents, with what a fuzzer does not guess (include/image.h of
/// U-Boot): magic, size, checksums.
Bytes checked_uimage(ByteView data) {
    constexpr std::size_t header = 64;
    constexpr std::uint32_t magic = 0x27051956;
    Bytes image(data.begin(), data.end());
    image.resize(std::max(image.size(), header + 1));
    const auto crc = [&](std::size_t from, std::size_t size) {
        return crc32(0, reinterpret_cast<const Bytef*>(image.data() + from),
                     static_cast<uInt>(size));
    };
    put(image, 0, magic);
    put(image, 4, 0);
    put(image, 12, image.size() - header);
    put(image, 24, crc(header, image.size() - header));
    put(image, 4, crc(0, header));
    return image;
}

void parse(unsigned what, ByteView data) {
    const std::string name = "input";
    Guest guest;
    switch (what) {
        case 0:
        case 1:
            guest.kernel = parse_kernel(data, name, mem, what == 1);
            check_layout(guest, name, mem);
            static_cast<void>(make_fit(guest));
            break;
        case 2:
            static_cast<void>(parse_initrd(data, name, mem));
            break;
        case 3:
            static_cast<void>(parse_device_tree(data, name));
            break;
        case 4: {  // a uImage whose checksums are right, of either kind
            const Bytes image = checked_uimage(data);
            guest.kernel = parse_kernel(image, name, mem, false);
            check_layout(guest, name, mem);
            static_cast<void>(make_fit(guest));
            static_cast<void>(parse_initrd(image, name, mem));
            break;
        }
        case 5: {  // a device tree that is nearly one
            trapeze::fuzz::Source source(reinterpret_cast<const std::uint8_t*>(data.data()),
                                         data.size());
            const std::string tree = trapeze::fuzz::own_tree(source);
            static_cast<void>(parse_device_tree(
                {reinterpret_cast<const std::byte*>(tree.data()), tree.size()}, name));
            break;
        }
        default:
            for (const Symbol& symbol : parse_symbols(data, name)) {
                for (const char c : symbol.name) {
                    trapeze::fuzz::require(c > ' ' && c <= '~');
                }
            }
            static_cast<void>(encode_symbols(parse_symbols(data, name)));
            break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    constexpr unsigned parsers = 7;
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    try {
        parse(data[0] % parsers, {bytes + 1, size - 1});
    } catch (const InputError&) {
        return 0;
    }
    return 0;
}
