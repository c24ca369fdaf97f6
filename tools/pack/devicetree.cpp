// SPDX-License-Identifier: Apache-2.0
#include "pack/devicetree.hpp"

#include <fmt/format.h>
#include <libfdt.h>

namespace trapeze::pack {

Bytes parse_device_tree(ByteView data, const std::string& name) {
    constexpr std::uint64_t header_least = 40;  // Devicetree Specification 0.4, section 5.2
    if (be32_at(data, 0) != FDT_MAGIC) {
        const bool source = has_magic(data, 0, "/dts-v1/");
        throw InputError(fmt::format("{}: is not a device tree blob{}", name,
                                     source ? " but its source: compile it with dtc" : ""));
    }
    const std::uint64_t total = be32_at(data, 4);
    if (data.size() < header_least || total > data.size()) {
        throw InputError(
            fmt::format("{}: is a truncated device tree: {} of {} bytes are there: copy it again",
                        name, data.size(), total));
    }
    // libfdt reads 32-bit words in place, so give it memory that is aligned for them.
    Bytes copy(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(total));
    const int code = fdt_check_full(copy.data(), copy.size());
    if (code != 0) {
        throw InputError(
            fmt::format("{}: is a corrupt device tree ({})", name, fdt_strerror(code)));
    }
    if (fdt_path_offset(copy.data(), "/images") >= 0) {
        throw InputError(fmt::format("{}: is a FIT image, not the device tree of a board", name));
    }
    return copy;
}

}  // namespace trapeze::pack
