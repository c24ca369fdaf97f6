// SPDX-License-Identifier: Apache-2.0
#include <libfdt.h>

#include "hv/boot/boot.hpp"
#include "hv/boot/tree.hpp"

namespace trapeze::boot {

namespace {

constexpr u32 default_slice_us = 10'000, longest_slice_us = 1'000'000;

// A property of `cells` numbers; null if it is absent, or of another size.
const fdt32_t* numbers(const void* tree, int node, const char* name, unsigned cells) {
    int length = 0;
    const auto* const data = static_cast<const fdt32_t*>(fdt_getprop(tree, node, name, &length));
    return data != nullptr && length == static_cast<int>(4 * cells) ? data : nullptr;
}

bool is_name(const char* name) {
    constexpr unsigned longest = 15;
    if (name == nullptr || *name < 'a' || *name > 'z') return false;
    unsigned n = 0;
    for (; name[n] != 0; ++n) {
        const char c = name[n];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') return false;
    }
    return n <= longest;
}

void read_guest(const Host& host, const void* tree, int node, Wish& wish) {
    const char* const name = fdt_get_name(tree, node, nullptr);
    if (!is_name(name)) {
        reject("machine image: a guest's name is up to 15 of a-z, 0-9 and -, a letter first: ",
               name);
    }
    wish.name = name;
    const char* const options = text_of(tree, node, "options");
    wish.options = parse_options(host.command_line);
    wish.options.memory = 0;
    wish.options = parse_options(options != nullptr ? options : "", wish.options);
    if (wish.options.memory == 0) reject("machine image: mem= is missing in the options of ", name);
    const fdt32_t* const image = numbers(tree, node, "image", 2);
    const u64 size = host.image_end - host.image;
    const u64 offset = image != nullptr ? fdt32_to_cpu(image[0]) : 0;
    const u64 bytes = image != nullptr ? fdt32_to_cpu(image[1]) : 0;
    if (offset % 0x1000 != 0 || offset < fdt_totalsize(tree) || offset + bytes > size) {
        reject("machine image: no image, or one that is cut short, for ", name);
    }
    wish.image = host.image + offset;
    wish.image_end = wish.image + bytes;
    wish.owner = fdt_getprop(tree, node, "pci", nullptr) != nullptr;
}

void read_machine(const Host& host, const void* tree, Wishes& wishes) {
    const fdt32_t* const slice = numbers(tree, 0, "slice-us", 1);
    if (slice != nullptr) wishes.slice_us = fdt32_to_cpu(*slice);
    if (wishes.slice_us == 0 || wishes.slice_us > longest_slice_us) {
        reject("machine image: slice-us is 1 to 1000000");
    }
    const int guests = fdt_subnode_offset(tree, 0, "guests");
    if (guests < 0) reject("machine image: no /guests");
    bool owned = false;
    int node;
    fdt_for_each_subnode(node, tree, guests) {
        if (wishes.count == guest::Machine::most_guests) {
            reject("machine image: more guests than this VMM has room for (4)");
        }
        Wish& wish = wishes.guests[wishes.count++];
        read_guest(host, tree, node, wish);
        if (wish.owner && owned) reject("machine image: a second guest has pci: ", wish.name);
        owned = owned || wish.owner;
    }
    if (wishes.count == 0) reject("machine image: no guest in /guests");
}

}  // namespace

void read_wishes(const Host& host, Wishes& wishes) {
    wishes.slice_us = default_slice_us;
    const void* const image = at(host.image);
    if (find_damage(image, host.image_end - host.image) == 0 &&
        fdt_node_check_compatible(image, 0, "trapeze,machine") == 0) {
        read_machine(host, image, wishes);
        return;
    }
    wishes.count = 1;
    wishes.guests[0] = {nullptr, parse_options(host.command_line), host.image, host.image_end,
                        true};
}

}  // namespace trapeze::boot
