// SPDX-License-Identifier: Apache-2.0
//
// What a guest can do to reach past the VMM through device registers: by the core, and by the DMA
// of a device (QEMU's edu, if it is there). tests/system/test_vmm_attack.py looks at the VMM's
// memory and at its console afterwards. Each line says what the guest was left with.
#include "access.hpp"
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 pci = 0x8000, inbound_3 = 0x8da0, outbound_1 = 0x8c20;
constexpr u32 local_1m = 0xa0f4'4013, enabled_512m = 0x8004'401c;
constexpr u32 uart1 = 0x4600, bar_on_bus = 0xe800'0000;
constexpr char forged[] = "\n[vmm    9.999999] forged by the guest\n";

void config(u32 function, u32 reg, u32 value) {
    io32(pci) = 0x8000'0000 | function << 8 | reg;
    io32(pci + 4) = __builtin_bswap32(value);
}
u32 config(u32 function, u32 reg) {
    io32(pci) = 0x8000'0000 | function << 8 | reg;
    return __builtin_bswap32(io32(pci + 4));
}

// PCI memory space at 0xc_0800_0000, where the outbound window puts bus address 0xe800_0000.
constexpr u32 bus_window = 0x9000'0000;

void open_bus() {
    tlbwe(1, 3,
          {.ea = bus_window, .pa = 0xc'0800'0000, .tsize = 7, .attributes = mas2::i | mas2::g});
    io32(outbound_1 + 16) = 0;
    io32(outbound_1) = 0xe'0000;
    io32(outbound_1 + 8) = 0xc0'0000;
    io32(outbound_1 + 16) = enabled_512m;
}

// Every way to place BAR 0 and to make it answer: sizes, alignments, unused address bits.
void place_bar() {
    for (const u32 unused : {0u, 0x7f00'0000u}) {
        for (u32 byte = 0; byte < 4; ++byte) {
            io32(pci) = 0x8000'0010 | unused;
            io8(pci + 4 + byte) = byte == 3 ? 0xe8 : 0;
            io32(pci) = 0x8000'0004 | unused;
            io8(pci + 4 + byte) = 7;
        }
        for (u32 where = 0; where < 0x14; ++where) {
            io32(pci) = 0x8000'0000 | unused | where;
            each_form([&](Form form) {
                for (u32 byte = 0; byte < 8; ++byte) store(form, ccsr + pci + byte, 0x0606'0606);
            });
        }
        io32(pci) = 0x8000'0010 | unused;
        io32(pci + 4) = __builtin_bswap32(bar_on_bus);
        io32(pci) = 0x8000'0004 | unused;
        io32(pci + 4) = __builtin_bswap32(7);
    }
    print("BAR 0 {x} command {x}", {config(0, 0x10), config(0, 4) & 0xffff});
}

void through_the_bar() {
    u32 answers = 0;
    for (u32 at = 0; at < 0x10'0000; at += 0x1000) {
        for (const u32 offset : {0u, 0x500u, 0x605u, 0xa0u, 0xdb0u}) {
            answers |= load(Form::word, bus_window + at + (offset & ~3u));
        }
    }
    print("device registers by BAR 0: {x}", {answers});
    for (const char c : forged) store(Form::byte, bus_window + uart1, static_cast<u8>(c));
    store(Form::word, bus_window + inbound_3, 0);
    store(Form::word, bus_window + inbound_3 + 8, 0x40000);
    store(Form::word, bus_window + inbound_3 + 16, 0xa0f4'4017);
    store(Form::word, bus_window + 0xe00b0, 2);
    store(Form::word, bus_window + 0xff000, 0x8000'0000);
    store(Form::word, bus_window + 0xff008, 0x8000'0000);
    print("still here after BAR 0");
}

// A window of the guest's own, then every store that has a byte of its registers in it.
void windows() {
    const auto legal = [] {
        io32(inbound_3 + 16) = 0;
        io32(inbound_3) = 0;
        io32(inbound_3 + 8) = 0x40000;
        io32(inbound_3 + 16) = local_1m;
    };
    u32 stores = 0;
    for (const u32 value : {0u, 0x1u, 0xffff'ffffu, 0x8000'0000u, 0xa0f4'4017u}) {
        for (u32 at = inbound_3 - 8; at < inbound_3 + 0x18; ++at) {
            each_form([&](Form form) {
                legal();
                store(form, ccsr + at, value);
                ++stores;
            });
        }
    }
    legal();
    zero_block(ccsr + inbound_3);
    print("{} stores to a window: target {x}", {stores, io32(inbound_3)});
    legal();
}

void vmm_uart() {
    for (const u32 value : {0x5858'5858u, 0x0a0a'0a0au, 0u, 0x8080'8080u}) {
        for (u32 at = uart1 - 0xf0; at < uart1 + 0x20; ++at) {
            each_form([&](Form form) {
                // Bytes that are in the guest's own UART stay out of this.
                store(form, ccsr + at, value);
            });
        }
    }
    for (u32 at = uart1 - 0x20; at < uart1 + 0x20; at += 32) zero_block(ccsr + at);
    for (const char c : forged) store(Form::half, ccsr + uart1 - 1, static_cast<u8>(c));
    u32 answers = 0;
    for (u32 at = uart1 - 8; at < uart1 + 0x10; ++at) {
        each_form([&](Form form) { answers |= load(form, ccsr + at); });
    }
    print("the VMM's UART reads as {x}", {answers});
}

volatile u32 taken, machine_checks;
void take(Frame& /*f*/) {
    const u32 vector = io32(0x6'00a0);
    if (vector == 0x42) taken = taken + 1;
    io32(0x6'00b0) = 0;
}
void skip(Frame& f) {
    machine_checks = machine_checks + 1;
    f.nip += 4;
}

// An interrupt waits while MSR[EE] is 0: the VMM holds it by the controller's task priority.
void held_interrupt() {
    set_hook(Vector::external, take);
    io32(0x4'10a0) = 0x0008'0042;
    io32(0x6'0080) = 0;
    io32(0x6'0040) = 1;
    for (u32 i = 0; i < 1000; ++i) asm volatile("" : : : "memory");
    for (const u32 value : {0u, 0x0505'0505u, 0xff00'0000u}) {
        for (const u32 page : {0x4'0000u, 0x6'0000u}) {
            for (u32 at = page + 0x74; at < page + 0x98; ++at) {
                each_form([&](Form form) { store(form, ccsr + at, value); });
            }
        }
    }
    zero_block(ccsr + 0x6'0080);
    zero_block(ccsr + 0x4'0080);
    print("held, and the priority is {}", {io32(0x6'0080)});
    io32(0x6'0080) = 0;
    wrteei(true);
    for (u32 i = 0; i < 100'000 && taken == 0; ++i) asm volatile("" : : : "memory");
    wrteei(false);
    print("taken {} times", {taken});
    // A reset of the controller, by its first byte, with another one held.
    io32(0x6'0040) = 1;
    io8(0x4'1020) = 0x80;
    print("after a reset the priority is {}", {io32(0x6'0080)});
}

// Every page of CCSR: loads and stores of zero around its start, its middle and its end.
void everywhere() {
    constexpr u32 pages = 0x10'0000 / 0x1000, page = 0x1000;
    constexpr u32 console = 0x44e0, console_end = 0x4510;
    u32 accesses = 0;
    for (u32 n = 0; n < pages; ++n) {
        for (const u32 middle : {0u, page / 2, page}) {
            for (u32 at = n * page + middle - 10; at < n * page + middle + 10; ++at) {
                if (at < page || at > pages * page - 16) continue;
                if (at > console && at < console_end) continue;
                each_form([&](Form form) {
                    load(form, ccsr + at);
                    store(form, ccsr + at, 0);
                    accesses += 2;
                });
            }
        }
        zero_block(ccsr + n * page + 0x40);
    }
    print("everywhere: {} accesses", {accesses});
}

// The end of each page beside memory, nothing, and an address that is not mapped.
void edges() {
    set_hook(Vector::machine_check, skip);
    set_hook(Vector::data_tlb, skip);
    constexpr u32 window = 0x7000'0000;
    constexpr u64 beside[] = {0x10'0000, 0xd'0000'0000, ~u64{0}};
    mtmsr(mfmsr() | msr::me);
    for (const u32 page : {0x3000u, 0x4000u, 0x8000u, 0x4'0000u, 0x6'0000u, 0xe'0000u, 0xf'f000u}) {
        for (const u64 other : beside) {
            const bool mapped = other != ~u64{0};
            for (const bool before : {false, true}) {
                const u64 device = 0xf'e000'0000 + page;
                tlbwe(
                    1, 4,
                    {.ea = window, .pa = before ? other : device, .attributes = mas2::i | mas2::g},
                    mapped || !before);
                tlbwe(1, 5,
                      {.ea = window + 0x1000,
                       .pa = before ? device : other,
                       .attributes = mas2::i | mas2::g},
                      mapped || before);
                for (u32 at = window + 0xff1; at < window + 0x1000; ++at) {
                    each_form([&](Form form) {
                        load(form, at);
                        store(form, at, 0);
                    });
                }
            }
        }
    }
    print("edges: some interrupts {}", {machine_checks != 0});
}

// QEMU's edu device in slot 1, whose registers are in the core's order: DMA between a buffer of its
// own and the bus.
constexpr u32 edu = 1 << 3, edu_window = bus_window + 0x10'0000, edu_buffer = 0x40000;

void dma(u32 source, u32 target, u32 bytes, bool from_device) {
    const auto reg = [](u32 offset) {
        return reinterpret_cast<volatile u32*>(edu_window + offset);
    };
    const auto put = [&](u32 offset, u32 value) { *reg(offset) = value; };
    put(0x80, source);
    put(0x88, target);
    put(0x90, bytes);
    put(0x98, from_device ? 3 : 1);
    for (u32 i = 0; i < 10'000'000 && (*reg(0x98) & 1); ++i) {
        asm volatile("" : : : "memory");
    }
}

void by_dma() {
    if (config(edu, 0) != 0x11e8'1234) {
        print("no edu device");
        return;
    }
    config(edu, 0x10, bar_on_bus + 0x10'0000);
    config(edu, 4, 6);
    // The guest's own memory, by a window of its own at bus address 0x4000_0000.
    io32(inbound_3 + 16) = 0;
    io32(inbound_3) = 0;
    io32(inbound_3 + 8) = 0x40000;
    io32(inbound_3 + 16) = local_1m;
    auto* const memory = reinterpret_cast<volatile u32*>(0x9'0000);
    for (u32 i = 0; i < 64; ++i) memory[i] = 0x5858'5858;
    dma(0x4009'0000, edu_buffer, 256, false);
    for (u32 i = 0; i < 64; ++i) memory[i] = 0;
    dma(edu_buffer, 0x4009'0000, 256, true);
    print("DMA in the guest's memory: {x}", {memory[5]});
    // A page of it, that is the VMM's where it lies for the VMM; past it; and to where BAR 0 would
    // be.
    dma(edu_buffer, 0x4000'9000, 256, true);
    for (u32 at = 0; at < 0x10'0000; at += 0x4'0000) dma(edu_buffer, at, 256, true);
    dma(edu_buffer, 0x4010'0000, 256, true);
    dma(edu_buffer, bar_on_bus + uart1, 1, true);
    dma(edu_buffer, bar_on_bus + inbound_3, 4, true);
    dma(edu_buffer, bar_on_bus + 0xff000, 12, true);
    dma(edu_buffer, bar_on_bus + 0xe00b0, 4, true);
    print("still here after DMA; target {x}", {io32(inbound_3)});
}

}  // namespace

void isa_main() {
    use_spe();
    open_bus();
    place_bar();
    through_the_bar();
    windows();
    by_dma();
    vmm_uart();
    edges();
    held_interrupt();
    everywhere();
}
