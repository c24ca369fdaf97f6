// SPDX-License-Identifier: Apache-2.0
// Why the guest is where it is, in words; and the guest's symbols, which come from outside.
#include <gmock/gmock.h>

#include <algorithm>

#include "hv/exit/run.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "monitored_guest.hpp"

namespace trapeze::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using vcpu::Cause;

// As trapeze-pack writes them: a count, pairs of address and offset of the name, names.
struct Symbols {
    std::vector<u32> words;
    explicit Symbols(const std::vector<std::pair<u32, std::string>>& all) {
        std::string names;
        words.push_back(static_cast<u32>(all.size()));
        for (const auto& [address, name] : all) {
            words.push_back(address);
            words.push_back(static_cast<u32>(names.size()));
            names += name + '\0';
        }
        bytes = static_cast<u32>(4 * words.size() + names.size());
        const std::size_t at = words.size();
        words.resize(at + names.size() / 4 + 1);
        std::ranges::copy(names, reinterpret_cast<char*>(&words[at]));
    }
    u32 bytes = 0;
};

class ReportTest : public MonitorTest {
  protected:
    std::string reported(const char* headline = "headline") {
        monitor::report(v, headline);
        return sent();
    }
    const char* symbol(u32 address) {
        offset = 0;
        const char* const name = v.guest->symbols.find(address, offset);
        return name != nullptr ? name : "-";
    }
    u32 offset = 0;
};

TEST_F(ReportTest, SymbolsAreFoundFromTheirStartOn) {
    const Symbols symbols({{0x1000, "first"}, {0x2000, "second"}, {0xc000'0000, "last"}});
    v.guest->symbols.set(symbols.words.data(), symbols.bytes);
    EXPECT_STREQ(symbol(0xfff), "-");
    EXPECT_STREQ(symbol(0x1000), "first");
    EXPECT_EQ(offset, 0U);
    EXPECT_STREQ(symbol(0x1fff), "first");
    EXPECT_EQ(offset, 0xfffU);
    EXPECT_STREQ(symbol(0x2000), "second");
    EXPECT_STREQ(symbol(0x1'1fff), "second");
    EXPECT_STREQ(symbol(0x1'2000), "-") << "too far away";
    EXPECT_STREQ(symbol(0xc000'ffff), "last");
    EXPECT_STREQ(symbol(~0U), "-");
}

TEST_F(ReportTest, SymbolsThatDoNotAddUpAreNone) {
    const Symbols good({{0x1000, "first"}, {0x2000, "second"}});
    const auto with = [&](u32 at, u32 value, u32 bytes) {
        static Symbols bad({});
        bad = good;
        bad.words.at(at) = value;
        v.guest->symbols.set(bad.words.data(), bytes);
    };
    with(0, 2, good.bytes);
    ASSERT_STREQ(symbol(0x2000), "second");
    with(0, 2, good.bytes - 1);
    EXPECT_STREQ(symbol(0x2000), "-") << "the last name does not end";
    with(0, 2, 4 + 16);
    EXPECT_STREQ(symbol(0x2000), "-") << "no names";
    with(4, 0x7fff'ffff, good.bytes);
    EXPECT_STREQ(symbol(0x2000), "-") << "a name elsewhere";
    with(4, 13, good.bytes);
    EXPECT_STREQ(symbol(0x2000), "-") << "or at the end";
    v.guest->symbols.set(good.words.data(), good.bytes);
    for (const u32 count : {4U, 0x2000'0001U, ~0U}) {
        with(0, count, good.bytes);
        EXPECT_STREQ(symbol(0x2000), "second") << "more than there is room for: as before";
    }
}

TEST_F(ReportTest, SaysWhereTheGuestIs) {
    const Symbols symbols({{site_page, "kernel_entry"}});
    v.guest->symbols.set(symbols.words.data(), symbols.bytes);
    v.nip = site_ea;
    v.lr = site_page + 4;
    v.reason = "why";
    vcpu::set_msr(v, e500::msr::ce | e500::msr::me);
    for (u32 i = 0; i < 32; ++i) v.gpr[i] = 0x100 + i;
    v.regs.pid[0] = 3;
    v.regs.dear = 0x9000'0000;
    v.regs.srr0 = device_ea;
    const std::string text = reported();
    EXPECT_THAT(lines(text, "---- "), ElementsAre("headline"));
    EXPECT_THAT(lines(text, "cause: "), ElementsAre("why"));
    EXPECT_THAT(lines(text, "at "),
                ElementsAre("00100100 <kernel_entry+0x100>, kernel mode, MSR 00021000 (CE ME)"));
    EXPECT_THAT(lines(text, "called from (LR) "), ElementsAre("00100004 <kernel_entry+0x4>"));
    EXPECT_THAT(lines(text, "  r8  "), ElementsAre(HasSubstr(" 00000108 00000109")));
    EXPECT_EQ(lines(text, "  r").size(), 4U);
    EXPECT_THAT(lines(text, "  fetch "),
                ElementsAre(HasSubstr("TLB1 entry 0, 262144 KiB at EA 00000000 -> GPA 0, AS0 TID "
                                      "0 xXwWrR")));
    EXPECT_THAT(lines(text, "  DEAR  "),
                ElementsAre("90000000: no TLB entry of the guest maps it in AS0 with PID 3"));
    EXPECT_THAT(lines(text, "  SRR0  "), ElementsAre(HasSubstr("TLB1 entry 1, 64 KiB")));
    EXPECT_TRUE(lines(text, "  fault ").empty()) << "no access was its end";
}

TEST_F(ReportTest, SaysWhatTheFatalAccessFound) {
    v.fatal_access = true;
    v.fatal_ea = 0x0500'0000;  // mapped, and behind the guest's 64 MiB
    v.fatal_kind = mmu::Access::store;
    vcpu::set_msr(v, e500::msr::pr);
    const std::string text = reported();
    EXPECT_EQ(lines(text, "  fault 05000000: TLB1 entry 0").size(), 1U);
    EXPECT_THAT(lines(text, "  ...and guest-physical "),
                ElementsAre("5000000 holds nothing: the guest has RAM from 0 to 4000000"));
    EXPECT_THAT(lines(text, "at "), ElementsAre(HasSubstr("user mode, MSR 00004000 (PR)")));
}

TEST_F(ReportTest, SaysWhichHandlerFailed) {
    v.storm_nip = vcpu::no_handler;
    EXPECT_EQ(lines(reported(), "the guest was given no interrupt so far").size(), 1U);
    v.nip = 0x2000;
    vcpu::inject(v, e500::Vector::data_tlb);
    std::string text = reported();
    EXPECT_THAT(lines(text, "last interrupt given to the guest: "),
                ElementsAre("IVOR13 (data TLB miss), handler at 00100e00"));
    EXPECT_TRUE(lines(text, "that handler failed").empty());
    for (unsigned i = 0; i < 3; ++i) vcpu::inject(v, e500::Vector::spe_unavailable);
    text = reported();
    EXPECT_THAT(lines(text, "last interrupt given to the guest: "),
                ElementsAre(HasSubstr("IVOR32 (SPE unavailable)")));
    EXPECT_THAT(lines(text, "that handler failed at once, "),
                ElementsAre("3 times; it all began with IVOR13 (data TLB miss) at 00002000"));
}

TEST_F(ReportTest, ExitsAreInTheirOrderAndInstructionsTheGuests) {
    constexpr u32 records = 32;
    for (u32 i = 0; i < records; ++i) {
        v.traced[(i + 5) % records] = {0x2000 + 4 * i, i == 3 ? mfmsr(9) : 0, 0x9000,
                                       static_cast<u32>(i == 4 ? Cause::dsi : Cause::syscall) |
                                           (i == 4 ? vcpu::ExitRecord::user_mode : 0),
                                       nullptr};
    }
    v.trace_head = 4 * sizeof v.traced[0];  // the newest
    v.traced[4] = {0x9999'0000, 0, 0, static_cast<u32>(Cause::debug), nullptr};
    v.traced[5] = {};  // the oldest, as if there had been none
    heat(site_ea, mfmsr(3));
    v.nip = site_ea;
    ASSERT_EQ(fill(site_ea, mmu::Access::fetch), mmu::Fill::done);
    the_core().guest_words[site_ea] = copy(site_ea);
    const std::string text = reported();
    EXPECT_THAT(lines(text, "instruction: "), ElementsAre(HasSubstr("mfmsr")));
    const auto calls = lines(text, "  syscall ");
    ASSERT_EQ(calls.size(), 29U);
    EXPECT_THAT(calls.front(), HasSubstr("kernel 00002004"));
    EXPECT_THAT(calls.at(2), HasSubstr("mfmsr"));
    EXPECT_THAT(calls.back(), HasSubstr("00002078"));
    EXPECT_THAT(lines(text, "  dsi "), ElementsAre(HasSubstr("user   00002010 at 00009000")));
    EXPECT_GT(text.find("  debug "), text.find("00002078"));
}

}  // namespace
}  // namespace trapeze::test
