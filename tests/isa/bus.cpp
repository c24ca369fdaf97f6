// SPDX-License-Identifier: Apache-2.0
//
// Loads and stores to device registers that are no register accesses: every size, every alignment,
// across registers, the ends of devices, pages and CCSR, half in memory. Each line is a sum over
// one range and one form: of what was loaded, and of what the registers hold afterwards.
#include "access.hpp"
#include "tlb.hpp"

namespace {

using namespace isa;

struct Sum {
    u32 value = 1;
    void add(u32 more) { value = (value << 7 | value >> 25) * 0x9e3779b1u + more; }
};

struct Range {
    const char* what;
    u32 from, to;  // in CCSR
};

// Registers that only answer.
constexpr Range to_read[] = {
    {"global utilities", 0xe'0090, 0xe'00c8},
    {"GPIO", 0xf'eff0, 0xf'f020},
    {"GPIO's end", 0xf'ffe0, 0xf'fff8},
    {"MPIC start", 0x3'ffe8, 0x4'00c8},
    {"MPIC global", 0x4'0ff0, 0x4'10f8},
    {"MPIC timers", 0x4'10f0, 0x4'1240},
    {"MPIC messages", 0x4'15f0, 0x4'1760},
    {"MPIC summary", 0x4'37f0, 0x4'3820},
    {"MPIC sources", 0x4'fff0, 0x5'0080},
    {"MPIC processor", 0x5'fff0, 0x6'00c8},
    {"MPIC other processor", 0x6'0ff0, 0x6'10c8},
    {"MPIC's end", 0x7'fff0, 0x8'0010},
    {"PCI configuration", 0x7ff0, 0x8010},
    {"PCI windows", 0x8bf0, 0x8e40},
    {"PCI's end", 0x8ff0, 0x9010},
    {"nothing", 0x1'0000, 0x1'0020},
};

void read_all() {
    io32(0x8000) = 0x8000'0000;
    for (const auto& range : to_read) {
        each_form([&](Form form) {
            Sum sum;
            for (u32 at = range.from; at < range.to; ++at) sum.add(load(form, ccsr + at));
            print("{} {}: {x}", {range.what, form_names[static_cast<u32>(form)], sum.value});
        });
    }
}

// Registers that keep what they are told, with nothing to come of it.
constexpr Range to_write[] = {
    {"GPIO interrupts", 0xf'f00c, 0xf'f020},
    {"global utilities", 0xe'0000, 0xe'0040},
    {"MPIC sources", 0x5'0000, 0x5'0040},
    {"MPIC task priority", 0x6'0078, 0x6'0098},
    {"MPIC task priority, once more", 0x4'0078, 0x4'0098},
    {"MPIC spurious vector", 0x4'10e0, 0x4'10ec},
    {"PCI outbound", 0x8c18, 0x8c40},
    {"PCI inbound", 0x8d98, 0x8dc0},
    {"nothing", 0x1'0ff0, 0x1'1010},
};

void write_all() {
    for (const auto& range : to_write) {
        each_form([&](Form form) {
            Sum sum;
            // Without the bits that open a window or mask a source.
            for (u32 at = range.from; at + form_bytes[static_cast<u32>(form)] <= range.to; ++at) {
                store(form, ccsr + at, 0x1122'3344 + at * 0x0102'0304 % 0x4040'4040);
                for (u32 word = range.from & ~3u; word < range.to; word += 4) {
                    // The board gives a window its own numbers when it opens.
                    sum.add(io32(word));
                }
                for (u32 word = range.from & ~3u; word < range.to; word += 4) io32(word) = 0;
            }
            print("{} {}: {x}", {range.what, form_names[static_cast<u32>(form)], sum.value});
        });
    }
    zero_block(ccsr + 0x8c2c);
    print("a zeroed block: {x} {x}", {io32(0x8c20), io32(0x8c28)});
}

// The bridge's own configuration space, as drivers probe it.
void configuration() {
    Sum sum;
    for (u32 where = 0; where < 0x100; ++where) {
        io32(0x8000) = 0x8000'0000 | where;
        for (u32 byte = 0; byte < 4; ++byte) {
            each_form([&](Form form) { sum.add(load(form, ccsr + 0x8004 + byte)); });
        }
    }
    print("configuration read: {x}", {sum.value});
    for (u32 where = 0x8; where < 0x100; ++where) {
        io32(0x8000) = 0x8000'0000 | where;
        each_form([&](Form form) {
            if (form == Form::pair || form == Form::multiple) return;
            for (u32 byte = 0; byte < 4; ++byte) {
                const u32 size = form_bytes[static_cast<u32>(form)];
                if (byte + size > 4) continue;
                store(form, ccsr + 0x8004 + byte, 0xa5c3'7e81 + where);
                sum.add(load(Form::word, ccsr + 0x8004));
            }
        });
    }
    print("configuration written: {x}", {sum.value});
    io32(0x8000) = 0x8000'0010;
    io32(0x8004) = 0xffff'ffff;
    print("size of the BAR: {x}", {io32(0x8004)});
    io32(0x8004) = 0x0000'20c0;
    print("place of the BAR: {x}", {io32(0x8004)});
}

// Two pages side by side that have nothing to do with each other.
constexpr u32 window = 0x7000'0000, memory = 0x10'0000;
struct Neighbours {
    const char* what;
    u64 first, second;
};
constexpr u64 io(u32 offset) { return 0xf'e000'0000 + offset; }
constexpr Neighbours neighbours[] = {
    {"GPIO, memory", io(0xf'f000), memory},
    {"memory, GPIO", memory, io(0xf'f000)},
    {"GPIO, MPIC", io(0xf'f000), io(0x5'0000)},
    {"MPIC, memory", io(0x5'0000), memory},
    {"memory, MPIC", memory, io(0x5'0000)},
    {"PCI, memory", io(0x8000), memory},
    {"memory, utilities", memory, io(0xe'0000)},
    {"I2C, MPIC", io(0x3000), io(0x5'0000)},
    {"MPIC, PCI memory", io(0x5'0000), 0xc'0000'0000},
};

void pairs() {
    for (const auto& pair : neighbours) {
        tlbwe(1, 3, {.ea = window, .pa = pair.first, .attributes = mas2::i | mas2::g});
        tlbwe(1, 4, {.ea = window + 0x1000, .pa = pair.second, .attributes = mas2::i | mas2::g});
        each_form([&](Form form) {
            Sum sum;
            auto* const bytes = reinterpret_cast<volatile u32*>(memory);
            const u32 size = form_bytes[static_cast<u32>(form)];
            for (u32 at = 0x1000 - size - 8; at < 0x1008; ++at) {
                for (u32 i = 0; i < 4; ++i) {
                    bytes[i] = 0x0101'0101 * (i + 1);
                    bytes[1020 + i] = 0x1010'1010 * (i + 1);
                    io32(0x5'0000 + 4 * i) = 0;
                }
                sum.add(load(form, window + at));
                store(form, window + at, 0x1122'3344 + at);
                for (u32 i = 0; i < 4; ++i) {
                    sum.add(bytes[i] ^ bytes[1020 + i]);
                    sum.add(io32(0x5'0000 + 4 * i));
                }
            }
            print("{} {}: {x}", {pair.what, form_names[static_cast<u32>(form)], sum.value});
        });
    }
}

}  // namespace

void isa_main() {
    use_spe();
    read_all();
    write_all();
    configuration();
    pairs();
}
