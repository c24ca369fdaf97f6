// SPDX-License-Identifier: Apache-2.0
#include "hv/dev/mpic.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "core.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/exit/entry.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::dev {
namespace {

using test::the_core;

constexpr u32 ee = 0x8000, ce = 0x20000;
constexpr u32 external = 0x00100500, critical = 0x00100100;
// Processor 0's task priority and acknowledge registers, and the global configuration.
constexpr u32 task_priority = 0x20080, acknowledge = 0x200a0, configuration = 0x1020;

u64 mpic(u32 offset) { return board::ccsr_base + board::mpic_offset + offset; }

void full_exit(vcpu::Vcpu& v, e500::Vector vector) { hv_full_exit(&v, static_cast<u32>(vector)); }

class MpicTest : public testing::Test {
  protected:
    MpicTest() : v(test::fresh_guest()) { the_core().io[mpic(task_priority)] = 3; }
    vcpu::Vcpu& v;
};

TEST_F(MpicTest, AnAdmittedInterruptIsTaken) {
    vcpu::set_msr(v, ee);
    on_external(v);
    EXPECT_EQ(v.nip, external);
    EXPECT_EQ(v.regs.srr0, 0x1000U);
}

TEST_F(MpicTest, AMaskedInterruptIsHeldAndSilenced) {
    on_external(v);
    EXPECT_EQ(v.nip, 0x1000U);
    EXPECT_EQ(v.regs.pending, ee);
    EXPECT_EQ(the_core().io[mpic(task_priority)], 15U);
    EXPECT_EQ(mpic_read(v, task_priority, 4), 3U) << "the guest sees its own priority";
    mpic_write(v, task_priority, 4, 5);
    EXPECT_EQ(mpic_read(v, 0x80, 4), 5U) << "by either address";
    EXPECT_EQ(the_core().io[mpic(task_priority)], 15U);
    on_external(v);
    EXPECT_EQ(mpic_read(v, task_priority, 4), 5U) << "held once";

    vcpu::set_msr(v, ee);
    vcpu::deliver_pending(v);
    EXPECT_EQ(the_core().io[mpic(task_priority)], 5U) << "the controller raises it again";
    EXPECT_EQ(v.regs.pending, 0U);
    EXPECT_FALSE(v.external_held);
}

TEST_F(MpicTest, AcknowledgingReleasesWhatIsHeld) {
    on_external(v);
    the_core().io[mpic(acknowledge)] = 42;
    EXPECT_EQ(mpic_read(v, acknowledge, 4), 42U);
    EXPECT_EQ(the_core().io[mpic(task_priority)], 3U);
    EXPECT_EQ(v.regs.pending, 0U);
}

// However the guest got there: what it wrote is its own priority, and the controller stays silent.
TEST_F(MpicTest, AnUnmaskedControllerIsSilencedAgain) {
    on_external(v);
    the_core().io[mpic(task_priority)] = 6;
    on_external(v);
    EXPECT_EQ(the_core().io[mpic(task_priority)], 15U);
    EXPECT_EQ(mpic_read(v, task_priority, 4), 6U);
    EXPECT_EQ(v.regs.pending, ee);
}

// An input that nothing keeps down: the guest never gets its turn, and neither does a heartbeat.
TEST_F(MpicTest, AnInputThatStaysUpEndsTheGuest) {
    full_exit(v, e500::Vector::external);
    unsigned n = 1;
    try {
        for (; n < 200'000; ++n) full_exit(v, e500::Vector::external);
        FAIL() << "it goes on for ever";
    } catch (const std::runtime_error& ended) {
        EXPECT_STREQ(ended.what(),
                     "no progress: external at 00001000 repeated 65536 times, and the guest "
                     "completes no instruction");
    }
    EXPECT_EQ(n, 65536U);
    EXPECT_EQ(the_core().requests, 255U) << "and the console was looked at meanwhile";
    EXPECT_EQ(v.end, vcpu::End::guest_died);
}

TEST_F(MpicTest, ACriticalInputThatStaysUpEndsTheGuest) {
    unsigned n = 0;
    try {
        for (; n < 200'000; ++n) full_exit(v, e500::Vector::critical);
        FAIL() << "it goes on for ever";
    } catch (const std::runtime_error& ended) {
        EXPECT_STREQ(ended.what(),
                     "no progress: critical at 00001000 repeated 65536 times, and the guest "
                     "completes no instruction");
    }
    EXPECT_EQ(n, 65536U);
}

TEST_F(MpicTest, OtherRegistersPassThrough) {
    mpic_write(v, 0x10010, 4, 0x12345678);
    EXPECT_EQ(the_core().io[mpic(0x10010)], 0x12345678U);
    EXPECT_EQ(mpic_read(v, 0x10010, 4), 0x12345678U);
    mpic_write(v, task_priority, 4, 9);
    EXPECT_EQ(the_core().io[mpic(task_priority)], 9U);
}

TEST_F(MpicTest, ExternalProxyModePutsTheVectorIntoEpr) {
    mpic_write(v, configuration, 4, 0x60000000);
    EXPECT_EQ(the_core().io[mpic(configuration)] & 0x60000000U, 0x20000000U);
    EXPECT_EQ(mpic_read(v, configuration, 4) & 0x60000000U, 0x60000000U);
    the_core().io[mpic(acknowledge)] = 77;
    vcpu::set_msr(v, ee);
    on_external(v);
    EXPECT_EQ(v.nip, external);
    EXPECT_EQ(v.regs.epr, 77U);
    mpic_write(v, configuration, 4, 0x20000000);
    EXPECT_FALSE(v.mpic_proxy);
}

// While an interrupt is held the controller stays silent, whatever the guest stores where.
TEST_F(MpicTest, NothingUnmasksAHeldInterrupt) {
    on_external(v);
    for (const u32 page : {0U, 0x20000U}) {
        for (const unsigned size : {1U, 2U, 4U}) {
            for (u32 offset = page + 0x78; offset < page + 0x90; offset += size) {
                mpic_write(v, offset, size, 0x0300'0000U >> 8 * (4 - size));
                mpic_write(v, offset, size, 3);
                EXPECT_EQ(the_core().io[mpic(page + 0x80)], page == 0 ? 0U : 15U);
                mpic_read(v, offset, size);
            }
        }
    }
    EXPECT_EQ(the_core().io[mpic(task_priority)], 15U);
    mpic_write(v, configuration, 4, 0x8000'0000);
    EXPECT_EQ(the_core().io[mpic(configuration)], 0x8000'0000U);
    EXPECT_EQ(mpic_read(v, task_priority, 4), 15U) << "as after a reset of the controller";
    mpic_write(v, configuration, 1, 0x80);
    EXPECT_EQ(the_core().io[mpic(task_priority)], 15U);
    EXPECT_TRUE(v.external_held);
}

TEST_F(MpicTest, NarrowAccessesAreTheRegistersUpperBytes) {
    mpic_write(v, 0x10010, 4, 0x12345678);
    EXPECT_EQ(mpic_read(v, 0x10010, 1), 0x12U);
    EXPECT_EQ(mpic_read(v, 0x10010, 2), 0x1234U);
    mpic_write(v, 0x10010, 1, 0xab);
    EXPECT_EQ(the_core().io[mpic(0x10010)], 0xab00'0000U);
    mpic_write(v, 0x10012, 2, 0xffff);
    EXPECT_EQ(the_core().io[mpic(0x10010)], 0xab00'0000U);
    // Acknowledging by the first byte acknowledges; by another it does not.
    on_external(v);
    the_core().io[mpic(acknowledge)] = 42;
    EXPECT_EQ(mpic_read(v, acknowledge + 3, 1), 0xffU);
    EXPECT_TRUE(v.external_held);
    EXPECT_EQ(mpic_read(v, acknowledge, 1), 0U);
    EXPECT_FALSE(v.external_held);
}

TEST_F(MpicTest, NobodyResetsTheCore) {
    mpic_write(v, 0x1090, 4, 1);
    EXPECT_EQ(the_core().io[mpic(0x1090)], 0U);
}

TEST_F(MpicTest, CriticalInput) {
    on_critical_input(v);
    EXPECT_EQ(v.nip, 0x1000U);
    EXPECT_EQ(v.regs.pending, ce);
    EXPECT_EQ(vcpu::core_msr(v) & ce, 0U);
    vcpu::set_msr(v, ce);
    vcpu::deliver_pending(v);
    on_critical_input(v);
    EXPECT_EQ(v.nip, critical);
    EXPECT_EQ(v.regs.csrr1, ce);
}

}  // namespace
}  // namespace trapeze::dev
