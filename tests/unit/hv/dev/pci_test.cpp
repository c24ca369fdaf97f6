// SPDX-License-Identifier: Apache-2.0
// The PCI bridge: windows that stay in the guest's memory however they are written, and a
// configuration space of the bridge's own from which nothing reaches the bus.
#include <gtest/gtest.h>

#include "core.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/dev/devices.hpp"

namespace trapeze::dev {
namespace {

using test::the_core;

constexpr u32 config_address = 0, config_data = 4;
constexpr u32 inbound = 0xda0, outbound = 0xc20;
constexpr u32 target = 0, base = 8, attributes = 16;
constexpr u32 local_1m = 0xa0f4'4013;

u64 real(u32 offset) { return board::ccsr_base + board::pci_offset + offset; }

class PciTest : public testing::Test {
  protected:
    PciTest() : v(test::fresh_guest()) {
        the_core().pci_bridge = true;
        const u32 id = 0x5719'3000;  // as the bytes stand
        for (unsigned i = 0; i < 4; ++i) {
            the_core().pci_config[0x8000'0000U + i] =
                static_cast<unsigned char>(id >> (24 - 8 * i));
        }
        the_core().pci_config[0x8000'0004] = 0x06;
        the_core().pci_config[0x8000'0013] = 0xe8;
        reset_pci_bridge(v);
        the_core().io_writes.clear();
    }
    u32 read(u32 offset, unsigned size = 4) { return pci_bridge.read(v, offset, size); }
    void write(u32 offset, u32 value, unsigned size = 4) {
        pci_bridge.write(v, offset, size, value);
    }
    u32 config(u32 where, unsigned size = 4, u32 byte = 0) {
        write(config_address, 0x8000'0000U | where);
        return read(config_data + byte, size);
    }
    void set_config(u32 where, u32 value, unsigned size = 4, u32 byte = 0) {
        write(config_address, 0x8000'0000U | where);
        write(config_data + byte, value, size);
    }
    vcpu::Vcpu& v;
};

TEST_F(PciTest, ResetLeavesNothingThatAnswersOnTheBus) {
    the_core().pci_config[0x8000'0004] = 0x06;
    for (const u32 offset : {0xdb0U, 0xdd0U, 0xdf0U, 0xc30U, 0xc50U, 0xc70U, 0xc90U}) {
        the_core().io[real(offset)] = 0x8000'001f;
    }
    reset_pci_bridge(v);
    EXPECT_EQ(the_core().pci_config[0x8000'0004], 0);
    EXPECT_EQ(the_core().pci_config[0x8000'0005], 0);
    for (const u32 offset : {0xdb0U, 0xdd0U, 0xdf0U, 0xc30U, 0xc50U, 0xc70U, 0xc90U}) {
        EXPECT_EQ(the_core().io[real(offset)], 0U) << std::hex << offset;
    }
    EXPECT_EQ(the_core().io[real(config_address)], 0U);
}

TEST_F(PciTest, NoStoreReachesTheBridgesOwnConfiguration) {
    const auto before = the_core().pci_config;
    for (u32 where = 0; where < 0x100; ++where) {
        for (const unsigned size : {1U, 2U, 4U}) {
            for (u32 byte = 0; byte < 4; byte += size) {
                set_config(where, 0xffff'ffff, size, byte);
                // Other bits of the address that the board does not look at.
                set_config(0x7f00'0000U | where, 0xffff'ffff, size, byte);
            }
        }
    }
    for (const auto& write : the_core().io_writes) EXPECT_EQ(write.hpa, real(config_address));
    EXPECT_EQ(the_core().pci_config, before);
}

TEST_F(PciTest, TheBarCanBeSizedAndPlaced) {
    EXPECT_EQ(config(0), 0x5719'3000U) << "the bridge's own identification";
    EXPECT_EQ(config(0, 2, 2), 0x3000U);
    set_config(0x10, 0xffff'ffff);
    EXPECT_EQ(config(0x10), 0x0000'f0ffU) << "1 MiB, little-endian";
    set_config(0x10, 0x0000'20c0);
    EXPECT_EQ(config(0x10), 0x0000'20c0U);
    EXPECT_EQ(config(0x10, 1, 3), 0xc0U);
    set_config(0x14, 0xffff'ffff);
    EXPECT_EQ(config(0x14), 0U);
    set_config(0x04, 0xffff, 2);
    EXPECT_EQ(config(0x04, 2), 0x0705U);
    set_config(0xfd, 0x11223344);  // what reaches over the end is not there
    EXPECT_EQ(config(0xfd), 0x1122'3300U);
    EXPECT_EQ(read(config_address), 0x8000'00fdU);
}

TEST_F(PciTest, OtherFunctionsAreTheGuests) {
    the_core().pci_config[0x8000'0800] = 0xf4;
    EXPECT_EQ(config(0x0800, 1), 0xf4U);
    set_config(0x0804, 0x0600, 2);
    EXPECT_EQ(the_core().pci_config[0x8000'0804], 0x06);
    set_config(0x1'0010, 0x1234'5678);
    EXPECT_EQ(the_core().pci_config[0x8001'0010], 0x12) << "bus 1, device 0";
}

// A virtio device in slot 2, as its identification says: 0x1000 is one with a legacy interface,
// 0x1041 one without, which has no capabilities here and so cannot say that it can be bounded.
TEST_F(PciTest, VirtioThatNoWindowBoundsIsNotThere) {
    constexpr u32 slot = 0x1000;
    for (const u32 device : {0x1000U, 0x1041U}) {
        for (unsigned i = 0; i < 4; ++i) {
            the_core().pci_config[0x8000'0000U + slot + i] =
                static_cast<unsigned char>((device << 16U | 0x1af4U) >> 8 * i);
        }
        the_core().console.clear();
        EXPECT_EQ(config(slot), 0xffff'ffffU);
        EXPECT_EQ(config(slot, 2, 2), 0xffffU);
        EXPECT_EQ(read(config_address), 0x8000'0000U | slot) << "as the guest left it";
        set_config(slot | 4U, 0x0700, 2);
        EXPECT_EQ(the_core().pci_config[0x8000'0000U + slot + 4], 0);
        const auto said = the_core().console.find("withheld from the guest");
        EXPECT_EQ(said != std::string::npos, device == 0x1000U) << "once a function";
    }
    the_core().pci_config[0x8000'0000U + slot + 3] = 0x11;  // 0x1141: another vendor's idea
    EXPECT_NE(config(slot), 0xffff'ffffU);
}

TEST_F(PciTest, LookingAtAVirtioDeviceLeavesItAsItWas) {
    constexpr u32 slot = 0x8000'1000U, list = 0x40, window = 0x54;
    auto& space = the_core().pci_config;
    const auto put = [&](u32 at, unsigned size, u32 value) {
        for (unsigned i = 0; i < size; ++i) {
            space[slot + at + i] = static_cast<unsigned char>(value >> 8 * i);
        }
    };
    put(0x00, 4, 0x1041'1af4);
    put(0x34, 1, list);
    put(list, 4, 0x0110'0009 | window << 8U);  // the common structure, in BAR 4
    put(list + 4, 4, 4);
    put(window, 4, 0x0514'0009);  // the window in configuration space
    put(window + 4, 4, 2);        // where the guest looks: BAR 2,
    put(window + 8, 4, 0x1234);   // offset
    put(window + 12, 4, 1);       // length
    put(window + 16, 4, 0x77);    // and what it has found there
    const auto before = space;
    the_core().io[real(config_address)] = 0;
    EXPECT_NE(config(0x1000), 0U);
    for (u32 at = window; at < window + 20; ++at) {
        EXPECT_EQ(space[slot + at], before.at(slot + at)) << std::hex << at;
    }
}

TEST_F(PciTest, AListOfCapabilitiesThatGoesRoundEnds) {
    constexpr u32 slot = 0x8000'1000U;
    auto& space = the_core().pci_config;
    const unsigned char id[] = {0xf4, 0x1a, 0x41, 0x10};
    for (unsigned i = 0; i < 4; ++i) space[slot + i] = id[i];
    space[slot + 0x34] = space[slot + 0x41] = 0x40;
    EXPECT_EQ(config(0x1000), 0xffff'ffffU);
}

TEST_F(PciTest, TheAddressIsTakenWholeOrNot) {
    write(config_address, 0x8000'0800);
    write(config_address, 0, 2);
    write(config_address, 0, 1);
    write(2, 0, 2);
    write(3, 0, 1);
    EXPECT_EQ(read(config_address), 0x8000'0800U);
    write(config_address, 0x0000'0010);  // not enabled
    the_core().io_writes.clear();
    write(config_data, 0xffff'ffff);
    EXPECT_TRUE(the_core().io_writes.empty());
}

TEST_F(PciTest, InboundWindowsAreRelocated) {
    write(inbound + target, 0x100);
    write(inbound + base, 0x40000);
    write(inbound + attributes, local_1m);
    EXPECT_EQ(the_core().io[real(inbound + target)], (test::ram_hpa >> 12U) + 0x100U);
    EXPECT_EQ(the_core().io[real(inbound + attributes)], local_1m);
    EXPECT_EQ(read(inbound + target), 0x100U);
}

TEST_F(PciTest, InboundWindowsLeadToMemoryAlone) {
    const auto open = [&] {
        return (the_core().io[real(inbound + attributes)] & 0x8000'0000U) != 0;
    };
    write(inbound + target, 0x100);
    write(inbound + attributes, local_1m);
    ASSERT_TRUE(open());
    write(inbound + attributes, local_1m & 0x7fff'ffffU);
    EXPECT_FALSE(open()) << "as the guest closed it";
    write(inbound + attributes, local_1m ^ 0x10'0000U);
    EXPECT_FALSE(open()) << "another target than memory";
    write(inbound + target, test::device_ea >> 12U);
    write(inbound + attributes, local_1m);
    EXPECT_FALSE(open()) << "a device's registers";
    write(inbound + target, 0x5000);  // behind the 64 MiB
    write(inbound + attributes, local_1m);
    EXPECT_FALSE(open()) << "nothing at all";
}

// Whatever is written to windows in whatever pieces, the bridge holds the guest's memory or
// nothing.
TEST_F(PciTest, NoWindowLeavesTheGuest) {
    constexpr u64 ram = u64{64} << 20U;
    u32 random = 1;
    for (unsigned n = 0; n < 200'000; ++n) {
        random = random * 1664525U + 1013904223U;
        const unsigned size = 1U << (random >> 30U) % 3;
        u32 offset = 0xc00 + (random >> 8U) % 0x300 / size * size;
        if (random & 0x20U) offset &= ~0x7U;
        random = random * 1664525U + 1013904223U;
        u32 value = random >> (random & 15U);
        if ((offset & 0x1fU) == attributes && (random & 1U)) value = local_1m ^ (random & 0x3fU);
        write(offset, size == 4 ? value : value & ((1U << 8U * size) - 1), size);
        for (u32 window = 0xda0; window < 0xe00; window += 0x20) {
            const u32 word = the_core().io[real(window + attributes)];
            if (!(word & 0x8000'0000U)) continue;
            const u64 bytes = u64{2} << (word & 0x3fU);
            const u64 at = u64{the_core().io[real(window + target)]} << 12U;
            ASSERT_NE(bytes, 0U);
            ASSERT_GE(at, test::ram_hpa);
            ASSERT_LE(bytes, ram);
            ASSERT_LE(at + bytes, test::ram_hpa + ram) << std::hex << offset << " = " << value;
        }
        for (u32 window = 0xc20; window < 0xca0; window += 0x20) {
            const u32 word = the_core().io[real(window + attributes)];
            if (!(word & 0x8000'0000U)) continue;
            const u64 bytes = u64{2} << (word & 0x3fU);
            const u64 at = u64{the_core().io[real(window + base)]} << 12U;
            const bool memory = at >= board::pci_memory_base && bytes <= board::pci_memory_size &&
                                at + bytes <= board::pci_memory_base + board::pci_memory_size;
            const bool ports = at >= board::pci_io_base && bytes <= board::pci_io_size &&
                               at + bytes <= board::pci_io_base + board::pci_io_size;
            ASSERT_TRUE(memory || ports) << std::hex << at << " size " << bytes;
        }
    }
}

TEST_F(PciTest, NarrowAccessesAreAsOnTheBoard) {
    write(inbound + base, 0x1234'5678);
    EXPECT_EQ(read(inbound + base, 1), 0x78U) << "a register's first byte is its lowest";
    EXPECT_EQ(read(inbound + base, 2), 0x5678U);
    EXPECT_EQ(read(inbound + base + 2, 2), 0U);
    write(inbound + base + 1, 0xff, 1);
    EXPECT_EQ(read(inbound + base), 0x1234'5678U);
    write(inbound + base, 0xab, 1);
    EXPECT_EQ(read(inbound + base), 0xabU);
    write(inbound + 4, 0xffff'ffff);
    EXPECT_EQ(read(inbound + 4), 0U) << "no register";
    write(outbound + 4, 0x7);
    EXPECT_EQ(read(outbound + 4), 0x7U);
    EXPECT_EQ(read(outbound + 12), 0U);
}

TEST_F(PciTest, TheLargestSizeIsNotTheSmallest) {
    write(outbound + base, 0xc0'0000);
    write(outbound + attributes, 0x8004'403f);
    EXPECT_EQ(the_core().io[real(outbound + attributes)], 0U);
    write(inbound + attributes, 0xa0f4'403f);
    const u32 word = the_core().io[real(inbound + attributes)];
    EXPECT_EQ(u64{2} << (word & 0x3fU), u64{64} << 20U);
}

TEST_F(PciTest, TheRestOfThePageIsIgnored) {
    for (u32 offset = 8; offset < 0x1000; offset += 4) {
        const bool window =
            (offset >= 0xc20 && offset < 0xca0) || (offset >= 0xda0 && offset < 0xe00);
        if (window || offset == 0xe20) continue;
        write(offset, 0xffff'ffff);
        EXPECT_EQ(read(offset), 0U);
    }
    EXPECT_TRUE(the_core().io_writes.empty());
}

}  // namespace
}  // namespace trapeze::dev
