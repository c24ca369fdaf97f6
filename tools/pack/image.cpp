// SPDX-License-Identifier: Apache-2.0
#include "pack/image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>

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

struct Part {
    std::uint64_t begin, end;
    const std::string* load;  // a file of --load, or null: the kernel's
};

void check_overlap(const Guest& guest, const std::string& name) {
    std::vector<Part> order;
    for (const Segment& segment : guest.kernel.segments) {
        order.push_back({segment.load, segment.load + segment.mem_size, nullptr});
    }
    for (const Load& load : guest.loads) {
        order.push_back({load.address, load.address + load.data.size(), &load.name});
    }
    std::sort(order.begin(), order.end(),
              [](const Part& a, const Part& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < order.size(); ++i) {
        const Part& low = order[i - 1];
        const Part& high = order[i];
        if (high.begin >= low.end) {
            continue;
        }
        if (high.load == nullptr && low.load == nullptr) {
            throw InputError(
                fmt::format("{}: segments overlap at {:#x}: link them apart", name, high.begin));
        }
        throw InputError(fmt::format("{} and {} overlap at {:#x}: give another address (--load)",
                                     low.load != nullptr ? *low.load : name,
                                     high.load != nullptr ? *high.load : name, high.begin));
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

std::pair<std::string, std::uint64_t> parse_load(const std::string& text) {
    const std::size_t at = text.rfind('@');
    const std::string digits = at == std::string::npos ? "" : text.substr(at + 1);
    const bool hex = digits.starts_with("0x");
    const char* const begin = digits.data() + (hex ? 2 : 0);
    const char* const end = digits.data() + digits.size();
    std::uint64_t address = 0;
    const auto [stop, error] = std::from_chars(begin, end, address, hex ? 16 : 10);
    if (at == 0 || begin == end || stop != end || error != std::errc{}) {
        throw InputError(
            fmt::format("{}: is not FILE@ADDRESS, such as uImage@0x2000000 (--load)", text));
    }
    return {text.substr(0, at), address};
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
    const std::uint64_t in_kernel = used;
    for (const Load& load : guest.loads) {
        if (load.address > mem || load.data.size() > mem - load.address) {
            throw InputError(fmt::format("{}: ends at {:#x}, the guest has {}: give more --mem",
                                         load.name, load.address + load.data.size(),
                                         human_size(mem)));
        }
        used += load.data.size();
    }
    check_overlap(guest, name);
    check_entry(guest.kernel, name);
    if (guest.initrd) {
        used += guest.initrd->size();
    }
    if (guest.dtb) {
        used += guest.dtb->size();
    }
    if (used > mem) {
        // None of the files is wrong by itself.
        std::string parts = "kernel " + human_size(in_kernel);
        for (const Load& load : guest.loads) {
            parts += fmt::format(", {} {}", load.name, human_size(load.data.size()));
        }
        if (guest.initrd) {
            parts += ", initrd " + human_size(guest.initrd->size());
        }
        if (guest.dtb) {
            parts += ", device tree " + human_size(guest.dtb->size());
        }
        throw InputError(
            fmt::format("--mem: {} do not fit into {}: give more", parts, human_size(mem)));
    }
}

}  // namespace trapeze::pack
