// SPDX-License-Identifier: Apache-2.0
#include "pack/image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "pack/elf.hpp"
#include "pack/identify.hpp"
#include "pack/uimage.hpp"

namespace trapeze::pack {

namespace {

void check_entry(const Kernel& kernel, const std::string& name) {
    if (kernel.entry % 4 != 0) {
        throw InputError(fmt::format(
            "{}: entry {:#x} is not a multiple of 4, so no Power instruction can be there", name,
            kernel.entry));
    }
    const bool inside =
        std::any_of(kernel.segments.begin(), kernel.segments.end(), [&](const Segment& segment) {
            return kernel.entry >= segment.load && kernel.entry - segment.load < segment.mem_size;
        });
    if (!inside) {
        throw InputError(fmt::format(
            "{}: entry {:#x} lies outside of what is loaded: the image is corrupt or misbuilt",
            name, kernel.entry));
    }
}

void check_overlap(const Kernel& kernel, const std::string& name) {
    std::vector<const Segment*> order;
    order.reserve(kernel.segments.size());
    for (const Segment& segment : kernel.segments) {
        order.push_back(&segment);
    }
    std::sort(order.begin(), order.end(),
              [](const Segment* a, const Segment* b) { return a->load < b->load; });
    for (std::size_t i = 1; i < order.size(); ++i) {
        if (order[i]->load - order[i - 1]->load < order[i - 1]->mem_size) {
            throw InputError(fmt::format("{}: segments overlap at {:#x}: link them apart", name,
                                         order[i]->load));
        }
    }
}

}  // namespace

std::string_view name_of(Kind kind) {
    switch (kind) {
        case Kind::uimage:
            return "uimage";
        case Kind::elf:
            return "elf";
        case Kind::raw:
            break;
    }
    return "raw";
}

Kernel parse_kernel(ByteView data, const std::string& name, std::uint64_t mem, bool force_raw) {
    if (data.empty()) {
        throw InputError(fmt::format("{}: is empty", name));
    }
    if (!force_raw) {
        if (is_uimage(data)) {
            return parse_uimage(data, name, mem);
        }
        if (is_elf(data)) {
            return parse_elf(data, name, mem);
        }
        refuse_foreign_kernel(data, name);
    }
    Kernel kernel;
    kernel.kind = Kind::raw;
    kernel.segments.push_back({0, data.size(), Bytes(data.begin(), data.end())});
    return kernel;
}

void check_layout(const Guest& guest, const std::string& name, std::uint64_t mem) {
    std::uint64_t used = 0;
    for (const Segment& segment : guest.kernel.segments) {
        if (segment.load > mem || segment.mem_size > mem - segment.load) {
            throw InputError(
                fmt::format("{}: needs memory up to {:#x}, the guest has {}: give more --mem", name,
                            segment.load + segment.mem_size, human_size(mem)));
        }
        used += segment.mem_size;
    }
    check_overlap(guest.kernel, name);
    check_entry(guest.kernel, name);
    if (guest.initrd) {
        used += guest.initrd->size();
    }
    if (guest.dtb) {
        used += guest.dtb->size();
    }
    if (used > mem) {
        throw InputError(fmt::format(
            "{}: kernel, initrd and device tree take {}, the guest has {}: give more --mem", name,
            human_size(used), human_size(mem)));
    }
}

}  // namespace trapeze::pack
