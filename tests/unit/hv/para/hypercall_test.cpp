// SPDX-License-Identifier: Apache-2.0
// What is a hypercall, which there are, and what an exit makes of one.
#include "hv/para/hypercall.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core.hpp"
#include "hv/exit/entry.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::para {
namespace {

using test::the_core;
namespace msr = e500::msr;

constexpr u32 site = 0x3000;

TEST(Hypercalls, EachHasOneRow) {
    std::set<u32> tokens;
    std::set<std::string> names;
    for (unsigned i = 0; i < hypercall_count(); ++i) {
        const Hypercall& call = hypercall(i);
        EXPECT_TRUE(tokens.insert(call.token).second);
        EXPECT_TRUE(names.insert(call.name).second) << call.name;
        EXPECT_EQ(find(call.token), &call);
        EXPECT_LT((call.token >> 16) - 1, vendors) << "fast.inc leaves others out";
        EXPECT_LT(call.token & 0xffff, numbers);
    }
    for (u32 vendor = 0; vendor < 64; ++vendor) {
        for (u32 number = 0; number < 256; ++number) {
            if (!tokens.contains(token(vendor, number))) {
                EXPECT_EQ(find(token(vendor, number)), nullptr);
            }
        }
    }
    EXPECT_EQ(find(~0U), nullptr);
    EXPECT_EQ(find(token(1, 0xffff)), nullptr);
}

class CallTest : public testing::Test {
  protected:
    CallTest() : v(test::fresh_guest()) {
        v.hypercalls = true;
        v.regs.ivpr = 0x0010'0000;
        for (unsigned n = 0; n < 16; ++n) v.vector[n] = v.regs.ivpr + 0x100 * n;
        vcpu::layout_changes(v);
    }
    // The guest executes this word; all registers are what they were but for the result.
    void execute(u32 word, u32 token) {
        the_core().guest_words[site] = word;
        vcpu::resolve(v, site, mmu::Access::fetch);  // it has fetched it
        v.nip = site + 4;
        v.gpr[3] = 0x3333;
        v.gpr[11] = token;
        hv_full_exit(&v, static_cast<u32>(e500::Vector::system_call));
    }
    u32 calls() const { return v.exits[static_cast<unsigned>(vcpu::Cause::hypercall)].count; }
    vcpu::Vcpu& v;
};

TEST_F(CallTest, OfTheKernelWithItsOwnWord) {
    execute(instruction, token(epapr, 0));
    EXPECT_EQ(v.nip, site + 4);
    EXPECT_EQ(v.gpr[3], 12U);
    EXPECT_EQ(calls(), 1U);
    EXPECT_EQ(v.regs.srr0, 0U) << "no interrupt";
    const auto& kept = v.traced[v.trace_head / sizeof(vcpu::ExitRecord)];
    EXPECT_EQ(kept.nip, site);
    EXPECT_EQ(kept.word, instruction);
}

TEST_F(CallTest, AnythingElseIsASystemCall) {
    const auto is_system_call = [this](const char* what) {
        EXPECT_EQ(v.nip, v.vector[static_cast<unsigned>(e500::Vector::system_call)]) << what;
        EXPECT_EQ(v.regs.srr0, site + 4) << what;
        EXPECT_EQ(v.gpr[3], 0x3333U) << what;
        EXPECT_EQ(calls(), 0U) << what;
        v.regs.srr0 = 0;
    };
    execute(0x4400'0002, token(epapr, 3));
    is_system_call("sc");
    execute(0x4400'0042, token(epapr, 3));
    is_system_call("LEV 2");
    vcpu::set_msr(v, msr::pr);
    execute(instruction, token(epapr, 3));
    is_system_call("user mode");
    vcpu::set_msr(v, 0);
    v.hypercalls = false;
    execute(instruction, token(epapr, 3));
    is_system_call("a guest without hypercalls");
    v.hypercalls = true;
    the_core().guest_words[0x7000'0000] = instruction;
    v.nip = 0x7000'0004;
    hv_full_exit(&v, static_cast<u32>(e500::Vector::system_call));
    EXPECT_EQ(calls(), 0U) << "a word that nothing maps";
}

// What fast.inc looks at: a user-mode system call never has a reason to leave its path.
TEST_F(CallTest, WhatKeepsAnScFromThePathOfASystemCall) {
    const auto aside = [this] {
        return (v.regs.msr ^ (msr::pr | vcpu::Vcpu::slow_sc_always)) & v.slow_sc;
    };
    EXPECT_EQ(aside(), msr::pr) << "the kernel's own";
    vcpu::set_msr(v, msr::pr | msr::ee);
    EXPECT_EQ(aside(), 0U);
    v.hypercalls = false;
    vcpu::set_msr(v, 0);
    vcpu::layout_changes(v);
    EXPECT_EQ(aside(), 0U) << "of a guest without hypercalls";
    v.regs.dbcr0 = e500::dbcr0::idm | e500::dbcr0::icmp;
    vcpu::set_msr(v, msr::pr | msr::de);
    EXPECT_EQ(aside() & vcpu::Vcpu::slow_sc_always, vcpu::Vcpu::slow_sc_always) << "stepping";
    EXPECT_EQ(msr::implemented & vcpu::Vcpu::slow_sc_always, 0U);
}

TEST_F(CallTest, IsSteppedAsAnInstruction) {
    v.regs.dbcr0 = e500::dbcr0::idm | e500::dbcr0::icmp;
    vcpu::set_msr(v, msr::de);
    execute(instruction, token(epapr, 0));
    EXPECT_EQ(v.gpr[3], 12U);
    EXPECT_EQ(v.nip, v.vector[static_cast<unsigned>(e500::Vector::debug)]);
    EXPECT_EQ(v.regs.csrr0, site + 4);
}

class IdleTest : public CallTest {
  protected:
    void call() {
        v.nip = site + 4;
        v.gpr[11] = token(epapr, 16);
        make_hypercall(v);
    }
    void comes() {
        v.regs.tsr |= e500::tsr::dis;
        vcpu::update_pending(v);
        vcpu::deliver_pending(v);
    }
    void admit() { v.regs.tcr = e500::tcr::die; }
};

TEST_F(IdleTest, WaitsForAnInterrupt) {
    admit();
    vcpu::set_msr(v, msr::ee);
    call();
    EXPECT_TRUE(v.waits());
    EXPECT_EQ(v.gpr[3], 0U);
    comes();
    EXPECT_FALSE(v.waits());
    EXPECT_EQ(v.nip, v.vector[static_cast<unsigned>(e500::Vector::decrementer)]);
    EXPECT_EQ(v.regs.srr0, site + 4);
    EXPECT_EQ(v.regs.srr1, msr::ee) << "not MSR[WE]: the handler returns behind the call";
}

TEST_F(IdleTest, AnInterruptThatIsNotAdmittedEndsIt) {
    admit();
    vcpu::set_msr(v, msr::ce);
    call();
    EXPECT_TRUE(v.waits());
    comes();
    EXPECT_FALSE(v.waits());
    EXPECT_EQ(v.nip, site + 4) << "and is not taken";
    EXPECT_EQ(v.regs.msr, msr::ce);
    call();
    EXPECT_FALSE(v.waits()) << "it waits still";
}

TEST_F(IdleTest, OneThatWaitsAlready) {
    admit();
    vcpu::set_msr(v, msr::ee);
    v.regs.tsr |= e500::tsr::dis;
    vcpu::update_pending(v);
    call();
    EXPECT_FALSE(v.waits());
    EXPECT_EQ(v.nip, v.vector[static_cast<unsigned>(e500::Vector::decrementer)]);
    EXPECT_EQ(v.regs.srr1, msr::ee);
}

TEST_F(IdleTest, TheGuestsOwnWaitIsLeftAlone) {
    admit();
    vcpu::set_msr(v, msr::ee | msr::we);
    comes();
    EXPECT_EQ(v.regs.srr1, msr::ee | msr::we);
}

}  // namespace
}  // namespace trapeze::para
