// SPDX-License-Identifier: Apache-2.0
// The rows of a virtual core's registers: each word of State has one, and save and load are exact.
#include "hv/vcpu/registers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "hv/vcpu/spr_storage.hpp"

namespace trapeze::vcpu {
namespace {

// Words that are the VMM's: what waits is found anew from the timers and the interrupt controller,
// stubs' scratch words are empty between instructions, notes follow from other registers.
constexpr std::size_t not_kept[] = {offsetof(State, regs.pending), offsetof(State, regs.scratch[0]),
                                    offsetof(State, regs.scratch[1]), offsetof(State, regs.notes)};
// The last register of the page; nothing stands behind it.
constexpr std::size_t page_end = offsetof(State, regs.pmc) + sizeof(RegisterPage::pmc);

TEST(Registers, EachWordHasOneRow) {
    // Behind the last member is what aligns the page.
    std::vector<int> rows((offsetof(State, dec) + sizeof(State::dec)) / 4);
    for (const Register& r : registers) {
        ASSERT_EQ(r.field.width, 4) << r.field.name;
        ASSERT_EQ(r.field.offset % 4, 0) << r.field.name;
        for (unsigned i = 0; i < r.field.count; ++i) ++rows.at(r.field.offset / 4 + i);
    }
    for (std::size_t word = 0; word < rows.size(); ++word) {
        const std::size_t at = 4 * word;
        const bool unused = (at >= page_end && at < sizeof(RegisterPage)) ||
                            std::count(std::begin(not_kept), std::end(not_kept), at) != 0;
        EXPECT_EQ(rows[word], unused ? 0 : 1) << "offset " << at;
    }
}

TEST(Registers, EachNameComesOnce) {
    std::set<std::string> names;
    for (const Register& r : registers) {
        for (unsigned i = 0; i < r.field.count; ++i) {
            std::string name = r.field.name;
            if (r.field.count > 1) name += std::to_string(r.first + i);
            EXPECT_TRUE(names.insert(name).second) << name;
            EXPECT_LE(name.size(), 8U) << name << ": columns are that wide";
        }
    }
}

TEST(Registers, WhatIsSavedIsLoadedAsItWas) {
    const auto from = std::make_unique<State>(), to = std::make_unique<State>();
    std::memset(static_cast<void*>(from.get()), 0, sizeof(State));
    auto* const bytes = reinterpret_cast<u8*>(from.get());
    u32 value = 0x1234'5678;
    for (const Register& r : registers) {
        for (unsigned i = 0; i < r.field.count; ++i) {
            core::set_element(bytes, r.field, i,
                              (value = value * 1664525 + 1013904223) & r.field.legal);
        }
    }
    std::vector<u8> saved(core::saved_bytes(registers));
    core::save_fields(*from, registers, saved.data());
    std::memset(static_cast<void*>(to.get()), 0, sizeof(State));
    ASSERT_EQ(core::load_fields(*to, registers, saved.data()), nullptr);
    const auto* const loaded = reinterpret_cast<const u8*>(to.get());
    for (const Register& r : registers) {
        for (unsigned i = 0; i < r.field.count; ++i) {
            EXPECT_EQ(core::element(loaded, r.field, i), core::element(bytes, r.field, i))
                << r.field.name << " " << i;
        }
    }
}

TEST(Registers, WhatNoRegisterCanHaveIsRefused) {
    const auto state = std::make_unique<State>();
    std::memset(static_cast<void*>(state.get()), 0, sizeof(State));
    state->regs.pid[1] = 0x100;
    std::vector<u8> saved(core::saved_bytes(registers));
    core::save_fields(*state, registers, saved.data());
    EXPECT_STREQ(core::load_fields(*state, registers, saved.data()), "pid1");
}

TEST(Registers, ResetIsAsTheManualSays) {
    const auto state = std::make_unique<State>();
    std::memset(static_cast<void*>(state.get()), 0xff, sizeof(State));
    core::reset_fields(*state, registers);
    EXPECT_EQ(state->regs.dbsr, e500::dbsr::mrr_mask);
    EXPECT_EQ(state->regs.msr, 0U);
    EXPECT_EQ(state->gpr[31], 0U);
    EXPECT_EQ(state->user_registers.upper[31], 0U);
}

TEST(Registers, NumbersNameTheirWords) {
    EXPECT_EQ(storage(number_of(Spr::SRR1)), offsetof(State, regs.srr1));
    EXPECT_EQ(storage(number_of(Spr::SPRG7R)), offsetof(State, regs.sprg[7]));
    EXPECT_EQ(storage(number_of(Spr::USPRG3)), offsetof(State, regs.sprg[3]));
    EXPECT_EQ(storage(number_of(Spr::IVOR35)), offsetof(State, regs.ivor[19]));
    EXPECT_EQ(storage(number_of(Spr::DEC)), 0U);
    EXPECT_TRUE(plain_read(number_of(Spr::SPRG4R)) && plain_write(number_of(Spr::MAS7)));
    EXPECT_FALSE(plain_read(number_of(Spr::BUCSR)) || plain_write(number_of(Spr::SPRG4)));
    EXPECT_FALSE(plain_write(number_of(Spr::SPRG4R)) || plain_write(number_of(Spr::PID0)));
}

}  // namespace
}  // namespace trapeze::vcpu
