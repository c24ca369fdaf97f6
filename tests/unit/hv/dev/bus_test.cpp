// SPDX-License-Identifier: Apache-2.0
// Every size at every alignment over every kind of edge, against a rule written down a second
// time; and that no model ever sees an access that is not one of a register.
#include "hv/dev/bus.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::dev {
namespace {

using test::d_form;
using test::the_core;
using test::x_form;

struct Seen {
    char device;
    u32 offset;
    unsigned size;
    u32 value;
    bool store;
    bool operator==(const Seen&) const = default;
};
std::vector<Seen>& seen() {
    static std::vector<Seen> instance;
    return instance;
}

// A byte of device `name`: different at each offset.
u32 pattern(char name, u32 offset) { return (offset * 7 + static_cast<u32>(name)) & 0xffU; }

template <char name>
u32 model_read(vcpu::Vcpu& /*v*/, u32 offset, unsigned size) {
    seen().push_back({name, offset, size, 0, false});
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) value = value << 8U | pattern(name, offset + i);
    return value;
}
template <char name>
void model_write(vcpu::Vcpu& v, u32 offset, unsigned size, u32 value) {
    seen().push_back({name, offset, size, value, true});
    if (name == 'P') vcpu::end(v, vcpu::End::poweroff, "off");
}

// Two pages at this address: the first, and what follows it.
constexpr u32 ea = 0x2000'0000;
constexpr u32 page = 0x1000;
constexpr u32 first_gpa = 0xc000'0000, second_gpa = 0xc010'0000, direct_gpa = 0xc020'0000;
constexpr u32 power_gpa = 0xc030'0000, ram_gpa = 0x20'0000, nothing_gpa = 0xd000'0000;

class BusTest : public testing::Test {
  protected:
    BusTest() : v(test::fresh_guest()) {
        seen().clear();
        region(first_gpa, {"first", model_read<'A'>, model_write<'A'>});
        region(second_gpa, {"second", model_read<'B'>, model_write<'B'>, Wide::low_word});
        region(power_gpa, {"power", model_read<'P'>, model_write<'P'>, Wide::ignored});
        v.memory->add({direct_gpa, page, direct_gpa, mmu::RegionKind::direct, 0});
    }
    void region(u32 gpa, const Device& device) {
        const auto index = static_cast<e500::u8>(v.devices->add(device));
        v.memory->add({gpa, page, 0, mmu::RegionKind::trapped, index});
    }
    void place(u32 here, u32 beyond) {
        test::map_page(v, 2, ea, here);
        test::map_page(v, 3, ea + page, beyond);
    }
    // Runs `word` with r5 = `at`.
    void access(u32 word, u32 at) {
        v.gpr[5] = at;
        v.nip = 0x1000;
        seen().clear();
        emulate_device_access(v, word, at);
    }
    vcpu::Vcpu& v;
};

constexpr u32 evldd = 4U << 26U | 3U << 21U | 5U << 16U | 0x301U, evstdd = evldd | 0x20U;
u32 load_of(unsigned size) {
    return size == 8 ? evldd : d_form(size == 1 ? 34 : size == 2 ? 40 : 32, 3, 5, 0);
}
u32 store_of(unsigned size) {
    return size == 8 ? evstdd : d_form(size == 1 ? 38 : size == 2 ? 44 : 36, 3, 5, 0);
}
u64 result(const vcpu::Vcpu& v, unsigned size) {
    return size == 8 ? u64{the_core().upper_half[3]} << 32U | v.gpr[3] : v.gpr[3];
}

// What one aligned access of the bus does to a model.
void expect_one(std::vector<Seen>& want, char name, u32 offset, unsigned size, bool store,
                u64 value) {
    if (size < 8) {
        want.push_back({name, offset, size, store ? static_cast<u32>(value) : 0, store});
    } else if (name == 'A') {
        want.push_back({name, offset, 4, store ? static_cast<u32>(value >> 32U) : 0, store});
        want.push_back({name, offset + 4, 4, store ? static_cast<u32>(value) : 0, store});
    } else if (name == 'B') {
        want.push_back({name, offset, 4, store ? static_cast<u32>(value) : 0, store});
    }
}

TEST_F(BusTest, LoadsAreTheAlignedAccessesThatHoldThem) {
    place(first_gpa, second_gpa);
    for (const unsigned size : {1U, 2U, 4U, 8U}) {
        for (u32 at = ea + 0xff0; at < ea + page + 0x10; ++at) {
            access(load_of(size), at);
            ASSERT_EQ(v.nip, 0x1004U) << std::hex << at;
            std::vector<Seen> want;
            const u32 base = at & ~(size - 1);
            for (u32 a = base; a < at + size; a += size) {
                expect_one(want, a < ea + page ? 'A' : 'B', a % page, size, false, 0);
            }
            EXPECT_EQ(seen(), want) << std::hex << at << " size " << size;
            if (size == 8) continue;
            u32 value = 0;
            for (u32 b = at; b < at + size; ++b) {
                value = value << 8U | pattern(b < ea + page ? 'A' : 'B', b % page);
            }
            EXPECT_EQ(v.gpr[3], value) << std::hex << at << " size " << size;
        }
    }
}

TEST_F(BusTest, MisalignedStoresAreBytes) {
    place(first_gpa, second_gpa);
    const u64 value = 0x1122'3344'5566'7788;
    for (const unsigned size : {1U, 2U, 4U, 8U}) {
        for (u32 at = ea + 0xff0; at < ea + page + 0x10; ++at) {
            v.gpr[3] = static_cast<u32>(value);
            the_core().upper_half[3] = static_cast<u32>(value >> 32U);
            access(store_of(size), at);
            ASSERT_EQ(v.nip, 0x1004U);
            const u64 stored = size == 8 ? value : value & ((u64{1} << 8U * size) - 1);
            std::vector<Seen> want;
            if (at % size == 0) {
                expect_one(want, at < ea + page ? 'A' : 'B', at % page, size, true, stored);
            } else {
                for (unsigned i = 0; i < size; ++i) {
                    const u32 b = at + i;
                    expect_one(want, b < ea + page ? 'A' : 'B', b % page, 1, true,
                               stored >> 8U * (size - 1 - i) & 0xffU);
                }
            }
            EXPECT_EQ(seen(), want) << std::hex << at << " size " << size;
        }
    }
}

TEST_F(BusTest, NoModelSeesWhatIsNoRegisterAccess) {
    place(first_gpa, second_gpa);
    v.xer = 37;
    for (const u32 word : {load_of(2), load_of(4), load_of(8), store_of(2), store_of(4),
                           store_of(8), d_form(46, 20, 5, 0), d_form(47, 20, 5, 0),  // lmw, stmw
                           x_form(597, 7, 5, 30), x_form(725, 7, 5, 30),             // lswi, stswi
                           x_form(533, 7, 0, 5), x_form(661, 7, 0, 5),               // lswx, stswx
                           x_form(790, 3, 0, 5), x_form(534, 3, 0, 5),               // lhbrx, lwbrx
                           x_form(918, 3, 0, 5), x_form(662, 3, 0, 5),  // sthbrx, stwbrx
                           x_form(1014, 0, 0, 5)}) {                    // dcbz
        for (u32 at = ea + page - 0x50; at < ea + page + 0x10; ++at) {
            access(word, at);
            ASSERT_EQ(v.nip, 0x1004U) << std::hex << word;
            ASSERT_FALSE(seen().empty()) << std::hex << word;
            for (const Seen& one : seen()) {
                EXPECT_TRUE(one.size == 1 || one.size == 2 || one.size == 4);
                EXPECT_EQ(one.offset % one.size, 0U) << std::hex << word << " at " << at;
                EXPECT_LE(one.offset + one.size, page);
            }
        }
    }
}

TEST_F(BusTest, EightBytesAreWhatTheDeviceSays) {
    place(second_gpa, power_gpa);
    access(evldd, ea + 0x10);
    EXPECT_EQ(result(v, 8), (pattern('B', 0x10) << 24U | pattern('B', 0x11) << 16U |
                             pattern('B', 0x12) << 8U | pattern('B', 0x13)));
    access(evldd, ea + page + 0x10);
    EXPECT_EQ(result(v, 8), 0U);
    EXPECT_TRUE(seen().empty());
    access(evstdd, ea + page + 0x10);
    EXPECT_TRUE(seen().empty());
    EXPECT_EQ(v.end, vcpu::End::running);
}

TEST_F(BusTest, HalfInMemory) {
    place(first_gpa, ram_gpa);
    for (unsigned i = 0; i < 8; ++i) core::write_ram(test::ram_hpa + ram_gpa + i, 1, 0xa0 + i);
    access(load_of(4), ea + 0xffd);
    EXPECT_EQ(v.gpr[3], pattern('A', 0xffd) << 24U | pattern('A', 0xffe) << 16U |
                            pattern('A', 0xfff) << 8U | 0xa0U);
    EXPECT_EQ(seen(), (std::vector<Seen>{{'A', 0xffc, 4, 0, false}}));
    v.gpr[3] = 0x11223344;
    access(store_of(4), ea + 0xffe);
    EXPECT_EQ(seen(),
              (std::vector<Seen>{{'A', 0xffe, 1, 0x11, true}, {'A', 0xfff, 1, 0x22, true}}));
    EXPECT_EQ(core::read_ram(test::ram_hpa + ram_gpa, 4), 0x3344'a2a3U);

    place(ram_gpa, first_gpa);
    access(load_of(4), ea + 0xffe);
    EXPECT_EQ(v.gpr[3], pattern('A', 0) << 8U | pattern('A', 1));
    EXPECT_EQ(seen(), (std::vector<Seen>{{'A', 0, 4, 0, false}}));
    v.gpr[3] = 0x11223344;
    access(store_of(4), ea + 0xfff);
    EXPECT_EQ(core::read_ram(test::ram_hpa + ram_gpa + 0xfff, 1), 0x11U);
    EXPECT_EQ(seen().size(), 3U);
}

TEST_F(BusTest, TextInTheOtherHalfIsFollowed) {
    place(first_gpa, ram_gpa);
    static std::vector<u64> followed;
    followed.clear();
    v.store_ram = [](vcpu::Vcpu& /*v*/, u64 gpa, u64 hpa, unsigned size, u32 value) {
        followed.push_back(gpa);
        core::write_ram(hpa, size, value);
    };
    access(store_of(4), ea + 0xffe);
    EXPECT_EQ(followed, (std::vector<u64>{ram_gpa, ram_gpa + 1}));
}

TEST_F(BusTest, HalfInADeviceOfTheGuests) {
    place(direct_gpa, first_gpa);
    v.gpr[3] = 0x11223344;
    access(store_of(4), ea + 0xffe);
    ASSERT_EQ(the_core().io_writes.size(), 2U);
    EXPECT_EQ(the_core().io_writes[1].hpa, direct_gpa + 0xfffU);
    EXPECT_EQ(the_core().io_writes[1].value, 0x22U);
    EXPECT_EQ(seen(), (std::vector<Seen>{{'A', 0, 1, 0x33, true}, {'A', 1, 1, 0x44, true}}));
}

TEST_F(BusTest, HalfInNothingReachesNoDevice) {
    vcpu::set_msr(v, 0x1000);  // ME
    for (const u32 word : {load_of(2), load_of(4), load_of(8), store_of(2), store_of(4),
                           store_of(8), d_form(46, 30, 5, 0), d_form(47, 30, 5, 0)}) {
        place(first_gpa, nothing_gpa);
        vcpu::set_msr(v, 0x1000);
        access(word, ea + 0xfff);
        EXPECT_EQ(v.nip, 0x00100200U) << "machine check";
        EXPECT_TRUE(seen().empty()) << std::hex << word;
        place(nothing_gpa, first_gpa);
        vcpu::set_msr(v, 0x1000);
        access(word, ea + 0xfff);
        EXPECT_EQ(v.nip, 0x00100200U);
        EXPECT_TRUE(seen().empty()) << std::hex << word;
    }
    EXPECT_EQ(v.end, vcpu::End::running);
}

TEST_F(BusTest, HalfUnmappedIsAMissOfThatHalf) {
    place(first_gpa, second_gpa);
    v.tlb.write(v.tlb.tlb1(3), 1, 0, 0, 0, 0);
    access(store_of(4), ea + 0xffe);
    EXPECT_EQ(v.nip, 0x00100e00U) << "data TLB miss";
    EXPECT_EQ(v.regs.dear, ea + page);
    EXPECT_TRUE(seen().empty());
}

TEST_F(BusTest, HalfForbiddenIsAViolationOfThatHalf) {
    place(first_gpa, second_gpa);
    mmu::VirtualEntry& beyond = v.tlb.tlb1(3);
    constexpr u32 write_bits = e500::mas3::uw | e500::mas3::sw;
    v.tlb.write(beyond, 1, beyond.mas1, beyond.mas2, beyond.mas3 & ~write_bits, beyond.mas7);
    access(store_of(4), ea + 0xffe);
    EXPECT_EQ(v.nip, v.vector[static_cast<unsigned>(e500::Vector::data_storage)]);
    EXPECT_EQ(v.regs.dear, ea + page);
    EXPECT_TRUE(seen().empty()) << "nothing of the first half is done";
}

TEST_F(BusTest, WhatIsStoredToSharedMemoryThatMayOnlyBeReadIsLost) {
    constexpr u32 read_only_gpa = 0xc040'0000, shared_gpa = 0xc041'0000;
    constexpr u64 read_only_hpa = 0x9000'0000, shared_hpa = 0x9001'0000;
    v.memory->add({read_only_gpa, page, read_only_hpa, mmu::RegionKind::shared, 0, true});
    v.memory->add({shared_gpa, page, shared_hpa, mmu::RegionKind::shared, 0, false});
    place(read_only_gpa, shared_gpa);
    const auto last = read_only_hpa + page - 4;
    for (const u32 at : {ea + page - 4, ea + page - 2}) {
        core::write_ram(last, 4, 0x11223344);
        core::write_ram(shared_hpa, 4, 0x55667788);
        v.gpr[3] = 0xaabbccdd;
        access(store_of(4), at);
        EXPECT_EQ(v.nip, 0x1004U);
        EXPECT_EQ(core::read_ram(last, 4), 0x11223344U);
        EXPECT_EQ(core::read_ram(shared_hpa, 4), at == ea + page - 4 ? 0x55667788U : 0xccdd7788U);
        access(load_of(4), ea + page - 2);
        EXPECT_EQ(v.gpr[3], at == ea + page - 4 ? 0x33445566U : 0x3344ccddU);
    }
}

TEST_F(BusTest, NothingFollowsTheEndOfTheGuest) {
    place(power_gpa, first_gpa);
    access(store_of(4), ea + 0xffe);
    EXPECT_EQ(v.end, vcpu::End::poweroff);
    EXPECT_EQ(seen().size(), 1U);
}

}  // namespace
}  // namespace trapeze::dev
