// SPDX-License-Identifier: Apache-2.0
//
// Masters on the PCI bus that are told to reach everything: QEMU's edu device in slot 1, a virtio
// device that writes (virtio-rng) in slot 2, with windows, rings and descriptors of any address.
// In slot 3 is one that goes past the windows, and must not be there. And instructions that are
// fetched from a device's registers.
#include "hot.hpp"
#include "siege.hpp"

namespace {

using namespace siege;

constexpr u32 pci = 0x8000, outbound_1 = 0x8c20, inbound[] = {0x8da0, 0x8dc0, 0x8de0};
constexpr u32 enabled_512m = 0x8004'401c, local_16m = 0xa0f4'4017;
constexpr u32 bus_window = 0x9000'0000, bus = 0xe800'0000, memory_on_bus = 0x4000'0000;
constexpr u32 edu = 1 << 3, rng = 2 << 3, bypassing = 3 << 3;
constexpr u32 edu_bar = 0x10'0000, rng_bar = 0x20'0000, edu_buffer = 0x40000;
constexpr u32 ring = 0x48'0000;  // descriptors, then what the driver and the device write

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }
volatile u32& bus32(u32 at) { return *reinterpret_cast<volatile u32*>(bus_window + at); }

void config(u32 function, u32 reg, u32 value) {
    io32(pci) = 0x8000'0000 | function << 8 | reg;
    io32(pci + 4) = __builtin_bswap32(value);
}
u32 config(u32 function, u32 reg) {
    io32(pci) = 0x8000'0000 | function << 8 | (reg & ~3u);
    return __builtin_bswap32(io32(pci + 4));
}

void open_bus() {
    for (const bool space : {false, true}) {
        tlbwe(1, space ? 4 : 3,
              {.ea = bus_window,
               .pa = 0xc'0800'0000,
               .tsize = 7,
               .space = space,
               .attributes = mas2::i | mas2::g});
    }
    io32(outbound_1 + 16) = 0;
    io32(outbound_1) = 0xe'0000;
    io32(outbound_1 + 8) = 0xc0'0000;
    io32(outbound_1 + 16) = enabled_512m;
}

void window(u32 at, u32 target, u32 base, u32 attributes) {
    io32(at + 16) = 0;
    io32(at) = target;
    io32(at + 8) = base;
    io32(at + 16) = attributes;
}

// Waits so many ticks: an edu device begins a transfer after 100 ms.
void doze(u32 ticks) {
    constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22, hid0_spr = 1008, doze_bit = 1u << 23;
    mtspr<hid0_spr>(doze_bit);
    mtspr<tsr_spr>(~0u);
    mtspr<tcr_spr>(tcr::die);
    mtspr<dec_spr>(ticks);
    set_hook(Vector::decrementer, nullptr);
    Frame f{};
    f.gpr[4] = msr::we | msr::ee;
    f.nip = place({insn::mtmsr(4), insn::branch(0)});
    run(f);
    mtspr<tcr_spr>(0);
    mtspr<tsr_spr>(~0u);
}

// Windows as a driver has them, or to anywhere, of any size, in any order, in parts.
void open_windows(Random& random) {
    window(inbound[0], 0, memory_on_bus >> 12, local_16m);
    for (const u32 at : {inbound[1], inbound[2]}) {
        if (random.once_in(4)) {
            window(at, 0, 0, 0);
            continue;
        }
        const u32 target = random.once_in(2) ? random.word() & 0xf'ffff : random.below(0x2'0000);
        window(at, target, random.word() & 0xf'ffff,
               random.once_in(2) ? random.word() | 0x8000'0000
                                 : (local_16m & ~0x3fu) | random.below(64));
        for (u32 n = random.below(3); n > 0; --n) {
            if (random.once_in(2)) {
                io8(at + random.below(24)) = static_cast<u8>(random.word());
            } else {
                io32(at + random.below(6) * 4) = random.word();
            }
        }
    }
}

u32 bus_address(Random& random) {
    switch (random.below(9)) {
        case 0:
            return random.word();
        case 6:
        case 7:
        case 8:
            // Behind the program, if it is the guest's memory; if it were the machine's, the VMM.
            return memory_on_bus + 0x3'0000 + random.below(0x1'4000);
        case 1:
            return bus + (random.below(0x400) << 12) + random.below(0x1000);
        case 2:
            return memory_on_bus + random.below(0x200'0000);
        case 3:
            return random.below(0x400'0000);  // the VMM, if it were so simple
        case 4:
            return 0xe000'0000 + random.below(0x10'0000);
        default:
            return memory_on_bus + 0xff'fff0 + random.below(32);
    }
}

bool is_there(u32 function, u32 id) { return config(function, 0) == id; }

void by_edu(Random& random, u32 rounds) {
    print("edu: {}", {is_there(edu, 0x11e8'1234)});
    config(edu, 0x10, bus + edu_bar);
    for (u32 n = 0; n < rounds; ++n) {
        open_windows(random);
        config(edu, 4, random.once_in(8) ? random.word() & 0x547 : 6);
        const u32 other = bus_address(random);
        const bool out = !random.once_in(4);
        // The core is ended with the machine by what is outside of the buffer: QEMU's own check.
        bus32(edu_bar + 0x80) = out ? edu_buffer + random.below(8) : other;
        bus32(edu_bar + 0x88) = out ? other : edu_buffer + random.below(8);
        bus32(edu_bar + 0x90) = 1 + random.below(4000);
        bus32(edu_bar + 0x98) = out ? 3 : 1;
        doze(44'000'000);
    }
    config(edu, 4, 6);
}

// ---- virtio: values are little-endian, and so are descriptors.

u32 common, notify;
u32 swap16(u32 value) { return (value & 0xff) << 8 | (value >> 8 & 0xff); }
void put8(u32 at, u32 value) {
    *reinterpret_cast<volatile u8*>(bus_window + at) = static_cast<u8>(value);
}
void put16(u32 at, u32 value) {
    *reinterpret_cast<volatile std::uint16_t*>(bus_window + at) =
        static_cast<std::uint16_t>(swap16(value));
}
void put32(u32 at, u32 value) { bus32(at) = __builtin_bswap32(value); }

bool find_virtio() {
    config(rng, 0x20, bus + rng_bar);  // BAR 4
    config(rng, 0x24, 0);
    config(rng, 4, 6);
    u32 at = config(rng, 0x34) & 0xfc;
    common = notify = 0;
    for (u32 i = 0; i < 48 && at >= 0x40; ++i) {
        const u32 head = config(rng, at);
        if ((head & 0xff) == 9) {
            const u32 where = rng_bar + config(rng, at + 8);
            if (head >> 24 == 1) common = where;
            if (head >> 24 == 2) notify = where;
        }
        at = head >> 8 & 0xfc;
    }
    return common != 0 && notify != 0;
}

void address_64(Random& random, u32 at, u32 good, u32 other) {
    const bool bad = random.once_in(6);
    put32(at, bad ? other & ~15u : good);
    put32(at + 4, bad && random.once_in(4) ? random.below(32) : 0);
}

void by_virtio(Random& random, u32 rounds) {
    const bool there = is_there(rng, 0x1044'1af4) && find_virtio();
    print("virtio: {}; one that bypasses the windows: {}",
          {there, !is_there(bypassing, 0xffff'ffff)});
    if (!there) return;
    constexpr u32 entries = 8;
    for (u32 n = 0; n < rounds; ++n) {
        if (n % 16 == 0) open_windows(random);
        for (u32 i = 0; i < entries; ++i) {
            const u32 at = ring + i * 16;
            word(at) = __builtin_bswap32(bus_address(random));
            word(at + 4) = random.once_in(16) ? __builtin_bswap32(random.below(32)) : 0;
            if (random.once_in(16)) word(at) = __builtin_bswap32(random.word());
            // No longer: QEMU 7.2 makes as many random numbers at once, whatever its limit says.
            word(at + 8) = __builtin_bswap32(1 + random.below(random.once_in(8) ? 0x1'0000 : 3000));
            // Flags: written by the device, a next one now and then, of a table seldom: this one.
            const bool table = random.once_in(16);
            if (table) word(at) = __builtin_bswap32(memory_on_bus + ring);
            if (table) word(at + 8) = __builtin_bswap32(entries * 16);
            const u32 flags = 2 | (random.once_in(4) ? 1 : 0) | (table ? 4 : 0);
            word(at + 12) = swap16(flags) << 16 | swap16(random.below(entries + 1));
        }
        word(ring + 0x1000) = swap16(random.below(entries)) << 0 | 0;
        for (u32 i = 0; i < entries; i += 2) {
            word(ring + 0x1004 + i * 2) = swap16(i) << 16 | swap16(i + 1);
        }
        // Ring: flags 0, index, entries.
        word(ring + 0x1000) = swap16(random.once_in(8) ? random.below(0x1'0000) : entries);
        put8(common + 20, 0);
        put8(common + 20, 3);
        for (const u32 select : {0u, 1u}) {
            put32(common + 8, select);
            put32(common + 12, random.once_in(8) ? random.word() : select == 1 ? 3 : 0);
        }
        put8(common + 20, 11);
        put16(common + 22, 0);
        put16(common + 24, random.once_in(8) ? random.word() & 0xffff : entries);
        // Descriptors in whatever memory has lengths of any size, so these lie outside or here.
        address_64(random, common + 32, memory_on_bus + ring, random.below(0x400'0000));
        address_64(random, common + 40, memory_on_bus + ring + 0x1000, bus_address(random));
        address_64(random, common + 48, memory_on_bus + ring + 0x2000, bus_address(random));
        put16(common + 28, 1);
        put8(common + 20, 15);
        put16(notify, 0);
        for (u32 i = 0; i < 2000; ++i) asm volatile("" : : : "memory");
    }
}

// edu returns the inverse of what its second word was told: one instruction, in PCI memory, which
// is the guest's to execute; and its other registers change by themselves.
void execute_a_device(Random& random, u32 rounds) {
    for (u32 n = 0; n < rounds; ++n) {
        if (n % 16 == 0) {
            print("# {}", {n});
            recover();
            open_bus();
        }
        bus32(edu_bar + 4) = ~instruction(random);
        Frame f{};
        fill(random, f);
        f.nip = bus_window + edu_bar + (random.once_in(4) ? random.below(0x100) & ~3u : 4);
        f.msr = state(random);
        attempt(f, 6);
    }
    recover();
    open_bus();
}

}  // namespace

void isa_main() {
    begin();
    const u32 rounds = option("rounds", 300);
    Random random(option("seed", 1));
    open_bus();
    by_edu(random, rounds / 16);
    by_virtio(random, rounds);
    print("# executing from a device");
    execute_a_device(random, rounds);
    by_edu(random, 2);
    window(inbound[0], 0, memory_on_bus >> 12, local_16m);
    print("target {x}", {io32(inbound[0])});
    summary("dma");
}
