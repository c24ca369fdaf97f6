// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/reservation.hpp"

#include <gtest/gtest.h>

#include "core.hpp"
#include "hv/exit/entry.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::vcpu {
namespace {

using e500::Vector;
using test::the_core;

constexpr u32 lwarx = test::x_form(20, 6, 0, 4), stwcx = test::x_form(150, 6, 0, 4) | 1U;
constexpr u32 mfdec = test::mfspr(7, 22), nop = 0x60000000;
constexpr u32 code = 0x3000, word_at = 0x9000, idle_step = 0x48000000;

// A guest in the loop lwarx, mfspr DEC, stwcx.
class ReservationTest : public testing::Test {
  protected:
    ReservationTest() : v(test::fresh_guest()) {
        put(code, lwarx);
        put(code + 4, mfdec);
        put(code + 8, stwcx);
        put(code + 12, nop);
        v.nip = code + 4;
        EXPECT_TRUE(make_accessible(v, code, mmu::Access::fetch));
        v.gpr[4] = word_at;
        core::write_ram(hpa(), 4, 5);
        for (ExitRecord& e : v.traced) e.nip = code + 4;
    }
    static void put(u32 ea, u32 word) { the_core().guest_words[ea] = word; }
    static u64 hpa() { return test::ram_hpa + word_at; }
    static u32 memory() { return core::read_ram(hpa(), 4); }
    // The core has executed the instruction at v.nip.
    void step() {
        v.nip += 4;
        hv_full_exit(&v, static_cast<u32>(Vector::debug));
    }
    void trap() {
        the_core().esr = 1U << 26U;
        hv_full_exit(&v, static_cast<u32>(Vector::program));
    }
    u32 cr0() const { return v.cr >> 28U; }
    Vcpu& v;
};

TEST_F(ReservationTest, IsMadeForALoopThatExits) {
    help_reservation(v);
    ASSERT_NE(v.reservation.steps, 0U);
    EXPECT_FALSE(the_core().fast_paths);
    EXPECT_NE(core_msr(v) & 0x200U, 0U);
    trap();
    EXPECT_EQ(v.nip, code + 8) << "nothing is reserved yet: the core's stwcx. fails";
    step();
    v.nip = code;  // the guest's loop
    step_reservation(v);
    EXPECT_EQ(v.nip, code + 4);
    EXPECT_EQ(v.gpr[6], 5U);
    v.gpr[6] = 6;
    trap();
    EXPECT_EQ(v.nip, code + 12) << "and the stwcx. behind it";
    EXPECT_EQ(memory(), 6U);
    EXPECT_EQ(cr0(), 2U);
    EXPECT_FALSE(v.reservation.held);
}

TEST_F(ReservationTest, IsLostByAnInterruptAndByAStore) {
    help_reservation(v);
    v.nip = code;
    step_reservation(v);
    ASSERT_TRUE(v.reservation.held);
    core::write_ram(hpa(), 4, 77);  // a device's
    v.gpr[6] = 6;
    trap();
    EXPECT_EQ(memory(), 77U);
    EXPECT_EQ(cr0(), 0U);
    v.nip = code;
    step_reservation(v);
    ASSERT_TRUE(v.reservation.held);
    inject(v, Vector::external);
    EXPECT_FALSE(v.reservation.held);
    EXPECT_EQ(v.reservation.steps, 0U);
    EXPECT_TRUE(the_core().fast_paths);
    EXPECT_EQ(the_core().debug_control, 0U);
    EXPECT_EQ(core_msr(v) & 0x200U, 0U);
}

// What the two instructions mean of the words and of XER[SO].
TEST_F(ReservationTest, IsOfOneWordAndTellsSo) {
    constexpr u32 elsewhere = word_at + 0x40, so = 0x8000'0000;
    for (const u32 at : {word_at, elsewhere}) {
        for (const u32 xer : {0U, so, 0x4000'0000U}) {
            v.nip = code;
            v.gpr[4] = word_at;
            core::write_ram(hpa(), 4, 5);
            core::write_ram(test::ram_hpa + elsewhere, 4, 5);
            help_reservation(v);
            step_reservation(v);
            ASSERT_TRUE(v.reservation.held);
            v.gpr[4] = at;
            v.gpr[6] = 6;
            v.xer = xer;
            trap();
            EXPECT_EQ(memory(), at == word_at ? 6U : 5U);
            EXPECT_EQ(core::read_ram(test::ram_hpa + elsewhere, 4), 5U) << "reserved elsewhere";
            EXPECT_EQ(cr0(), (at == word_at ? 2U : 0U) | (xer == so ? 1U : 0U));
            stop_reservation(v);
        }
    }
}

// Of memory that guests share, too; where this one may only read, the core has its say.
TEST_F(ReservationTest, IsMadeInSharedMemory) {
    for (const bool read_only : {false, true}) {
        constexpr u64 shared_hpa = 0xa000'0000;
        const u32 gpa = read_only ? 0xa001'0000 : 0xa000'0000;
        v.memory->add({gpa, 0x1000, shared_hpa, mmu::RegionKind::shared, 0, read_only});
        test::map_page(v, 5, 0x7000'0000, gpa);
        core::write_ram(shared_hpa, 4, 5);
        v.gpr[4] = 0x7000'0000;
        v.nip = code;
        help_reservation(v);
        step_reservation(v);
        ASSERT_TRUE(v.reservation.held);
        v.gpr[6] = 6;
        trap();
        EXPECT_EQ(core::read_ram(shared_hpa, 4), read_only ? 5U : 6U);
        EXPECT_EQ(v.nip, read_only ? code + 8 : code + 12);
        stop_reservation(v);
    }
}

TEST_F(ReservationTest, OtherLoopsAreLeftAlone) {
    v.traced[7].nip = 0x8000;
    help_reservation(v);
    EXPECT_EQ(v.reservation.steps, 0U) << "it has exits elsewhere";
    v.traced[7].nip = code + 4;
    put(code, idle_step);
    help_reservation(v);
    EXPECT_EQ(v.reservation.steps, 0U) << "it reserves nothing";
    put(code, lwarx);
    v.regs.dbcr0 = 0x48000000;
    set_msr(v, 0x200);
    help_reservation(v);
    EXPECT_EQ(v.reservation.steps, 0U) << "the guest steps itself";
}

TEST_F(ReservationTest, HelpEnds) {
    help_reservation(v);
    for (unsigned i = 0; i < 5000 && v.reservation.steps != 0; ++i) {
        v.nip = code + 8;
        step();
    }
    EXPECT_EQ(v.reservation.steps, 0U);
    EXPECT_TRUE(the_core().fast_paths);
}

TEST_F(ReservationTest, HelpEndsAtTheNextHeartbeat) {
    help_reservation(v);
    ASSERT_NE(v.reservation.steps, 0U);
    help_reservation(v);
    EXPECT_EQ(v.reservation.steps, 0U);
    EXPECT_TRUE(the_core().fast_paths);
}

}  // namespace
}  // namespace trapeze::vcpu
