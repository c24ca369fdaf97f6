// SPDX-License-Identifier: Apache-2.0
// Exits become records of the trace, and these lines.
#include <gmock/gmock.h>

#include <array>

#include "hv/board/ppce500.hpp"
#include "hv/core/clock.hpp"
#include "hv/dev/devices.hpp"
#include "hv/exit/entry.hpp"
#include "hv/exit/traced.hpp"
#include "hv/trace/ring.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "monitored_guest.hpp"

namespace trapeze::test {
namespace {

using e500::Vector;
using trace::Record;
using trace::What;
using vcpu::Cause;

constexpr u32 mfmsr_r7 = 0x7ce0'00a6;

class TraceTest : public MonitorTest {
  protected:
    TraceTest() {
        ring.use(memory.data(), 4);
        v.core->trace_ring = &ring;
        core::clock.start(the_core().timebase - 500);
        v.exit_time = static_cast<u32>(the_core().timebase) - 30;
    }
    ~TraceTest() override { v.core->trace_ring = nullptr; }
    // The guest kernel's own mfmsr at `ea`.
    void privileged(u32 ea) {
        the_core().guest_words[ea] = mfmsr_r7;
        v.nip = ea;
        if (hv_light_exit(&v, static_cast<u32>(Vector::instruction_tlb)) != 0) FAIL();
        ring.use(memory.data(), 4);
        the_core().esr = e500::esr::ppr;
        hv_full_exit(&v, static_cast<u32>(Vector::program));
    }
    // What the last exit left.
    const Record& newest() const { return ring.at(ring.held() - 1); }
    Cause cause() const { return static_cast<Cause>(newest().cause); }
    std::vector<std::string> printed() {
        sent();
        monitor::print_trace(*v.core);
        return lines(sent(), "");
    }
    std::array<Record, 4> memory{};
    trace::Ring ring;
};

TEST_F(TraceTest, AnExitIsARecord) {
    privileged(site_ea);
    ASSERT_EQ(ring.held(), 1U);
    EXPECT_EQ(newest().what, What::exit);
    EXPECT_EQ(cause(), Cause::privileged);
    EXPECT_EQ(newest().nip, site_ea);
    EXPECT_EQ(newest().word, mfmsr_r7);
    EXPECT_EQ(newest().flags, 0U);
    EXPECT_EQ(newest().ticks, static_cast<u32>(the_core().timebase) - v.exit_time);
    EXPECT_EQ(newest().time + newest().ticks, core::now());
}

TEST_F(TraceTest, WhereAnInterruptLeadsIsSaid) {
    v.nip = site_ea;
    hv_full_exit(&v, static_cast<u32>(Vector::system_call));
    EXPECT_EQ(cause(), Cause::syscall);
    EXPECT_EQ(newest().nip, site_ea);
    EXPECT_EQ(newest().flags, Record::interrupted);
    EXPECT_EQ(newest().number, static_cast<u32>(Vector::system_call));
    EXPECT_EQ(v.nip, v.storm_nip);
    privileged(v.nip);
    EXPECT_EQ(newest().flags, 0U) << "at the handler, without another one";
    v.nip = v.storm_nip;
    ASSERT_EQ(hv_traced_miss(&v, static_cast<u32>(Vector::instruction_tlb)), 0);
    EXPECT_EQ(cause(), Cause::itlb_shadow);
    EXPECT_EQ(newest().flags, 0U) << "it is there, and was before";
}

TEST_F(TraceTest, AMissIsARecord) {
    v.nip = site_ea;
    v.regs.msr |= e500::msr::pr;
    the_core().dear = 0x5000'1234;
    ASSERT_EQ(hv_traced_miss(&v, static_cast<u32>(Vector::data_tlb)), 0);
    EXPECT_EQ(cause(), Cause::dtlb_guest) << "the guest has no entry";
    EXPECT_EQ(newest().nip, site_ea);
    EXPECT_EQ(newest().data, 0x5000'1234U);
    EXPECT_EQ(newest().flags, Record::user | Record::interrupted);
    EXPECT_EQ(newest().number, static_cast<u32>(Vector::data_tlb));
    v.regs.msr &= ~e500::msr::pr;
    v.nip = site_ea;
    the_core().dear = 0x40;
    ASSERT_EQ(hv_traced_miss(&v, static_cast<u32>(Vector::data_tlb)), 0);
    EXPECT_EQ(cause(), Cause::dtlb_shadow);
    EXPECT_EQ(newest().nip, site_ea);
    EXPECT_EQ(newest().flags, 0U);
}

TEST_F(TraceTest, WhoHasTheCoreIsARecord) {
    v.becomes(vcpu::Presence::ready, 600);
    v.becomes(vcpu::Presence::runs, 610);
    v.becomes(vcpu::Presence::waits, 620);
    ASSERT_EQ(ring.held(), 3U);
    EXPECT_EQ(ring.at(0).what, What::ready);
    EXPECT_EQ(ring.at(1).what, What::runs);
    EXPECT_EQ(ring.at(2).what, What::waits);
    EXPECT_EQ(ring.at(2).time, 620U);
}

TEST_F(TraceTest, LinesSayEachWordOnce) {
    trace::add(*v.core, What::started, 0, 7);
    ring.add({10, 20, What::exit, 0, 0, 0, site_ea, mfmsr_r7, 0, 0});
    ring.add({40, 20, What::exit, 0, 0, 0, site_ea + 4, mfmsr_r7, 0, 0});
    constexpr auto syscall = static_cast<e500::u8>(Cause::syscall);
    ring.add(
        {70, 30, What::exit, 0, syscall, Record::user | Record::interrupted, site_ea, 0, 0, 8});
    const auto all = printed();
    ASSERT_EQ(all.size(), 9U);
    EXPECT_EQ(all[0], "@@trapeze-trace 1 0 4 0");
    EXPECT_THAT(all[1], testing::StartsWith("clock 400000000 "));
    EXPECT_EQ(all[2], "guest 0 -");
    EXPECT_EQ(all[3], "started 7 0 0");
    EXPECT_EQ(all[4], "word 7ce000a6 mfmsr r7");
    EXPECT_THAT(all[5], testing::MatchesRegex(
                            "exit [0-9]+ [0-9]+ 0 privileged k 00100100 7ce000a6 00000000"));
    EXPECT_THAT(all[6], testing::MatchesRegex(
                            "exit [0-9]+ [0-9]+ 0 privileged k 00100104 7ce000a6 00000000"));
    EXPECT_EQ(all[7], "exit 70 30 0 syscall u 00100100 00000000 00000000 8");
    EXPECT_THAT(all[8], testing::MatchesRegex("@@trapeze-trace-end 7 [0-9a-f]+"));
}

TEST_F(TraceTest, WhatWasLostIsCounted) {
    for (unsigned n = 0; n < 6; ++n) trace::add(*v.core, What::message, 0, n, n);
    EXPECT_EQ(printed().at(0), "@@trapeze-trace 1 0 4 2");
    EXPECT_EQ(printed().at(3), "message 2 0 2");
}

// On request: the latest, and what is left out counts as lost.
TEST_F(TraceTest, AskedForItIsTheLatest) {
    for (unsigned n = 0; n < 6; ++n) trace::add(*v.core, What::asked, 0, n, n);
    sent();
    monitor::print_trace(*v.core, 3);
    const auto all = lines(sent(), "");
    ASSERT_EQ(all.size(), 7U);
    EXPECT_EQ(all[0], "@@trapeze-trace 1 0 3 3");
    EXPECT_EQ(all[3], "asked 3 0 3");
    EXPECT_EQ(all[5], "asked 5 0 5");
    EXPECT_TRUE(monitor::ask_traces(v));
    EXPECT_EQ(lines(sent(), "@@trapeze-trace 1 0 4 2").size(), 1U);
}

TEST_F(TraceTest, EachKindHasItsName) {
    constexpr const char* names[] = {"runs",    "ready",     "waits",       "started", "restarted",
                                     "paused",  "resumed",   "powered_off", "reset",   "died",
                                     "stopped", "interrupt", "sends",       "message", "asked"};
    u32 what = 1;
    for (const char* const name : names) {
        trace::add(*v.core, static_cast<What>(what++), 0, 7, 5);
        EXPECT_EQ(printed().end()[-2], std::string(name) + " 7 0 5");
    }
    EXPECT_EQ(what, static_cast<u32>(What::count));
}

// A guest that gets the core may be given an interrupt then.
TEST_F(TraceTest, WhatIsDeliveredIsARecord) {
    v.nip = site_ea;
    vcpu::trace_delivery(v, site_ea);
    EXPECT_EQ(ring.held(), 0U);
    vcpu::inject(v, Vector::decrementer);
    vcpu::trace_delivery(v, site_ea);
    ASSERT_EQ(ring.held(), 1U);
    EXPECT_EQ(newest().what, What::interrupt);
    EXPECT_EQ(newest().number, static_cast<u32>(Vector::decrementer));
}

TEST_F(TraceTest, AMessageIsARecord) {
    core::Core other{};
    other.number = 1;
    dev::send_message(*v.core, other);
    ASSERT_EQ(ring.held(), 1U);
    EXPECT_EQ(newest().what, What::sends);
    EXPECT_EQ(newest().number, 1U);
    constexpr u64 acknowledge = board::ccsr_base + board::mpic_offset + 0xa0;
    the_core().io[acknowledge] = 256;
    dev::on_external(v);
    ASSERT_EQ(ring.held(), 2U);
    EXPECT_EQ(newest().what, What::message);
}

TEST_F(TraceTest, WithoutOneNothingIsSaid) {
    v.core->trace_ring = nullptr;
    EXPECT_FALSE(monitor::ask_traces(v));
    privileged(site_ea);
    EXPECT_EQ(ring.held(), 0U);
    EXPECT_TRUE(printed().empty());
}

}  // namespace
}  // namespace trapeze::test
