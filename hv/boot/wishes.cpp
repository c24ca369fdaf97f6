// SPDX-License-Identifier: Apache-2.0
#include <libfdt.h>

#include <cstring>

#include "hv/boot/boot.hpp"
#include "hv/boot/tree.hpp"
#include "hv/sched/run.hpp"

namespace trapeze::boot {

namespace {

constexpr u32 default_slice_us = 10'000, longest_slice_us = 1'000'000;

// A property of `cells` numbers; null if it is absent, or of another size.
const fdt32_t* numbers(const void* tree, int node, const char* name, unsigned cells) {
    int length = 0;
    const auto* const data = static_cast<const fdt32_t*>(fdt_getprop(tree, node, name, &length));
    return data != nullptr && length == static_cast<int>(4 * cells) ? data : nullptr;
}

u32 number_or(const void* tree, int node, const char* name, u32 absent) {
    const fdt32_t* const data = numbers(tree, node, name, 1);
    return data != nullptr ? fdt32_to_cpu(*data) : absent;
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

guest::OnDeath read_on_death(const void* tree, int node, const char* name) {
    struct Row {
        const char* word;
        guest::OnDeath what;
    };
    constexpr Row rows[] = {{"stop", guest::OnDeath::stop},
                            {"restart", guest::OnDeath::restart},
                            {"halt", guest::OnDeath::halt}};
    if (fdt_getprop(tree, node, "on-death", nullptr) == nullptr) return guest::OnDeath::stop;
    const char* const word = text_of(tree, node, "on-death");
    for (const Row& row : rows) {
        if (word != nullptr && strcmp(word, row.word) == 0) return row.what;
    }
    reject("machine image: on-death is stop, restart or halt: ", name);
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
    wish.core = number_or(tree, node, "core", 0);
    if (wish.core >= core::max_cores || (wish.core != 0 && host.release[wish.core] == 0)) {
        reject("machine image: the machine has no such core (QEMU: -smp) for ", name);
    }
    wish.priority = number_or(tree, node, "priority", 1);
    if (wish.priority > 255) reject("machine image: priority is 0 to 255: ", name);
    wish.budget_us = number_or(tree, node, "budget-us", 0);
    wish.period_us = number_or(tree, node, "period-us", 0);
    wish.on_death = read_on_death(tree, node, name);
    wish.waits = fdt_getprop(tree, node, "no-autostart", nullptr) != nullptr;
    int length = 0;
    wish.windows = fdt_getprop(tree, node, "windows-us", &length);
    wish.window_count = wish.windows != nullptr ? static_cast<unsigned>(length) / 8 : 0;
    if (wish.windows != nullptr && length % 8 != 0) {
        reject("machine image: windows-us are pairs of start and length: ", name);
    }
}

void read_machine(const Host& host, const void* tree, Wishes& wishes) {
    wishes.slice_us = number_or(tree, 0, "slice-us", default_slice_us);
    wishes.frame_us = number_or(tree, 0, "major-frame-us", 0);
    if (const char* const name = text_of(tree, 0, "schedule"); name != nullptr) {
        wishes.schedule = name;
    }
    if (sched::policy_by_name(wishes.schedule) == nullptr) {
        reject("machine image: no such schedule: ", wishes.schedule);
    }
    if (wishes.slice_us == 0 || wishes.slice_us > longest_slice_us) {
        reject("machine image: slice-us is 1 to 1000000");
    }
    read_objects(tree, wishes.links);
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
        const unsigned before = wishes.links.count;
        wishes.links.guest_names[wishes.count - 1] = wish.name;
        read_handles(tree, node, wishes.count - 1, wishes.links);
        wish.hypercalls = wishes.links.count != before ||
                          fdt_getprop(tree, node, "hypercalls", nullptr) != nullptr;
        if (wish.owner && owned) reject("machine image: a second guest has pci: ", wish.name);
        owned = owned || wish.owner;
    }
    check_handles(wishes.links, wishes.count);
    if (wishes.count == 0) reject("machine image: no guest in /guests");
    bool first_core = false;
    for (unsigned i = 0; i < wishes.count; ++i) {
        first_core = first_core || wishes.guests[i].core == 0;
    }
    if (!first_core) {
        reject("machine image: no guest on core 0, which takes the board's interrupts for all");
    }
}

}  // namespace

void read_wishes(const Host& host, Wishes& wishes) {
    wishes.slice_us = default_slice_us;
    wishes.schedule = sched::fixed_priorities.name;
    const void* const image = at(host.image);
    if (find_damage(image, host.image_end - host.image) == 0 &&
        fdt_node_check_compatible(image, 0, "trapeze,machine") == 0) {
        read_machine(host, image, wishes);
        return;
    }
    wishes.count = 1;
    wishes.guests[0] = {};
    wishes.guests[0].options = parse_options(host.command_line);
    wishes.guests[0].image = host.image;
    wishes.guests[0].image_end = host.image_end;
    wishes.guests[0].owner = true;
}

void fill_queue(const Wishes& wishes, unsigned core, sched::Queue& queue) {
    const u64 frequency = guest::machine.timebase_frequency;
    const auto ticks = [frequency](u32 us) { return us * frequency / 1'000'000; };
    queue.policy = sched::policy_by_name(wishes.schedule);
    queue.slice = ticks(wishes.slice_us);
    queue.frame = ticks(wishes.frame_us);
    for (unsigned i = 0; i < wishes.count; ++i) {
        const Wish& wish = wishes.guests[i];
        if (wish.core != core) continue;
        const unsigned entity = queue.add(static_cast<e500::u8>(wish.priority),
                                          ticks(wish.budget_us), ticks(wish.period_us));
        guest::machine.guests[i]->vcpu.entity = entity;
        const auto* const cells = static_cast<const fdt32_t*>(wish.windows);
        for (unsigned w = 0; w < wish.window_count; ++w) {
            if (!queue.add_window(entity, ticks(fdt32_to_cpu(cells[2 * w])),
                                  ticks(fdt32_to_cpu(cells[2 * w + 1])))) {
                reject("machine image: too many windows: ", wish.name);
            }
        }
    }
    if (const char* const wrong = queue.check(); wrong != nullptr) {
        reject("machine image: schedule: ", wrong);
    }
}

}  // namespace trapeze::boot
