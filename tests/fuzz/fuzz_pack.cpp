// SPDX-License-Identifier: Apache-2.0
// Feeds arbitrary files to every parser of trapeze-pack. InputError is the one right answer to a
// bad file; anything else that escapes, and every sanitizer report, is a defect.
#include <cstddef>
#include <cstdint>
#include <string>

#include "pack/devicetree.hpp"
#include "pack/fit.hpp"
#include "pack/image.hpp"
#include "pack/initrd.hpp"
#include "pack/symbols.hpp"

namespace {

using namespace trapeze::pack;

constexpr std::uint64_t mem = 16ULL << 20U;

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
        default:
            static_cast<void>(encode_symbols(parse_symbols(data, name)));
            break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    constexpr unsigned parsers = 5;
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    try {
        parse(data[0] % parsers, {bytes + 1, size - 1});
    } catch (const InputError&) {
        return 0;
    }
    return 0;
}
