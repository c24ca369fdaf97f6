// SPDX-License-Identifier: Apache-2.0
//
// Every row of the decoder that is a load, a store or a cache instruction of user mode, but for
// lwarx and stwcx., over random operands and in front of every kind of page, against a model that
// shares nothing with the VMM.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "access_model.hpp"
#include "core.hpp"
#include "dbt/decode.hpp"
#include "hv/vcpu/emulate.hpp"

namespace trapeze::vcpu {
namespace {

using dbt::Op;
using test::is_emulated;
using test::Model;

// Two writable pages, one of each other kind, some none; also where addresses wrap.
test::Memory make_pages() {
    test::Memory pages;
    for (const u32 ea : {0x00000000U, 0x00010000U, 0x00011000U, 0x00013000U, 0xfffff000U}) {
        pages[ea] = {};
    }
    pages[0x00012000].store = false;
    pages[0x00014000].load = false;
    pages[0x00016000].refused = true;
    return pages;
}

class AccessRowsTest : public testing::Test {
  protected:
    AccessRowsTest() : v(test::fresh_guest()), pages(make_pages()) {}

    u32 random() { return static_cast<u32>(generator()); }
    u32 below(u32 limit) { return random() % limit; }

    // A word of the row whose effective address is somewhere of interest.
    u32 prepare(Op op, Model& model) {
        const auto& pattern = dbt::detail::patterns.at(static_cast<std::size_t>(op));
        const u32 word = (random() & ~pattern.mask) | pattern.value;
        for (auto& r : model.gpr) {
            r = u64{random()} << 32U | random();
        }
        model.cr = random();
        model.xer = random();
        if (op == Op::lswx || op == Op::stswx) {
            model.xer &= ~(below(2) == 0 ? 0U : 0x60U);
        }
        const dbt::Insn insn = dbt::decode(word);
        static constexpr u32 places[] = {0x00000000, 0x00010000, 0x00011000, 0x00012000,
                                         0x00013000, 0x00014000, 0x00015000, 0x00016000,
                                         0x00017000, 0xfffff000};
        u32 target = places[below(std::size(places))];
        switch (below(3)) {
            case 0:  // about a page's border
                target += below(160) - 130;
                break;
            case 1:
                target += below(4096);
                break;
            default:
                target += below(1024) * 4;
                break;
        }
        const dbt::OpInfo& about = dbt::info(op);
        const u32 other = about.has(dbt::flag::indexed) ? static_cast<u32>(model.gpr.at(insn.rb()))
                                                        : static_cast<u32>(displacement(insn));
        u32 base = target - other;
        if (about.has(dbt::flag::indexed) && insn.ra() == insn.rb()) {
            base = target / 2;
        }
        if (about.has(dbt::flag::indexed) && insn.ra() == 0) {
            model.gpr.at(insn.rb()) = target;
        }
        model.gpr.at(insn.ra()) = model.gpr.at(insn.ra()) >> 32U << 32U | base;
        return word;
    }

    void load_guest(const Model& model) {
        for (unsigned i = 0; i < 32; ++i) {
            v.gpr[i] = static_cast<u32>(model.gpr.at(i));
            test::the_core().upper_half.at(i) = static_cast<u32>(model.gpr.at(i) >> 32U);
        }
        v.cr = model.cr;
        v.xer = model.xer;
        v.nip = 0x2000;
        v.storm_count = 0;
        v.regs.dear = v.regs.esr = v.regs.srr0 = 0;
        test::port_memory().pages = model.pages;
        test::port_memory().pieces.clear();
    }

    void compare(const Model& want, Model::End end, AccessResult result) {
        for (unsigned i = 0; i < 32; ++i) {
            ASSERT_EQ(v.gpr[i], static_cast<u32>(want.gpr.at(i))) << "r" << i;
            ASSERT_EQ(test::the_core().upper_half.at(i), want.gpr.at(i) >> 32U) << "upper r" << i;
        }
        ASSERT_EQ(v.cr, want.cr);
        ASSERT_EQ(v.xer, want.xer);
        for (const auto& [ea, page] : want.pages) {
            ASSERT_EQ(test::port_memory().pages.at(ea).bytes, page.bytes) << std::hex << ea;
        }
        switch (end) {
            case Model::End::done:
                ASSERT_EQ(result, AccessResult::done);
                ASSERT_EQ(v.nip, 0x2004U);
                break;
            case Model::End::refused:
                ASSERT_EQ(result, AccessResult::refused);
                ASSERT_EQ(v.nip, 0x2000U);
                break;
            case Model::End::storage:
                ASSERT_EQ(result, AccessResult::interrupted);
                ASSERT_EQ(v.nip, 0x00100300U);
                ASSERT_EQ(v.regs.srr0, 0x2000U);
                ASSERT_EQ(v.regs.dear, want.dear);
                ASSERT_EQ(v.regs.esr, want.stores ? 0x00800000U : 0U);
                break;
            case Model::End::unknown:
                FAIL() << "the model does not know the instruction";
        }
    }

    // Each byte was moved once, in ascending order, or none if the instruction was not done.
    static void check_pieces(Model::End end) {
        const auto& pieces = test::port_memory().pieces;
        ASSERT_TRUE(end == Model::End::done || pieces.empty());
        for (std::size_t i = 1; i < pieces.size(); ++i) {
            ASSERT_EQ(pieces[i].ea, pieces[i - 1].ea + pieces[i - 1].size);
            ASSERT_EQ(pieces[i].store, pieces[0].store);
        }
    }

    Vcpu& v;
    test::Memory pages;
    std::mt19937 generator{20261121};
};

TEST_F(AccessRowsTest, AgreeWithTheModel) {
    constexpr unsigned words_of_a_row = 400;
    unsigned rows = 0;
    for (std::size_t i = 1; i < dbt::op_count; ++i) {
        const Op op = static_cast<Op>(i);
        if (!is_emulated(op)) {
            continue;
        }
        ++rows;
        Model model;
        model.pages = pages;
        for (auto& [ea, page] : model.pages) {
            for (auto& byte : page.bytes) {
                byte = static_cast<test::u8>(random());
            }
        }
        unsigned ends[4] = {};
        for (unsigned n = 0; n < words_of_a_row; ++n) {
            const u32 word = prepare(op, model);
            const dbt::Insn insn = dbt::decode(word);
            ASSERT_EQ(insn.op, op);
            load_guest(model);
            const Model before = model;
            const Model::End end = model.run(word);
            const AccessResult result = emulate_access(v, insn, test::memory_port());
            compare(model, end, result);
            check_pieces(end);
            if (HasFatalFailure()) {
                FAIL() << dbt::info(op).mnemonic << std::hex << " " << word << " at "
                       << (load_guest(before), effective_address(v, insn)) << ", number "
                       << std::dec << n;
            }
            ++ends[static_cast<unsigned>(end)];
        }
        // The random operands reach what they are for.
        EXPECT_GT(ends[static_cast<unsigned>(Model::End::done)], 20U) << dbt::info(op).mnemonic;
        const bool hint = op == Op::dcba || op == Op::dcbt || op == Op::dcbtst || op == Op::icbt;
        if (!hint) {
            EXPECT_GT(ends[static_cast<unsigned>(Model::End::storage)], 10U)
                << dbt::info(op).mnemonic;
            EXPECT_GT(ends[static_cast<unsigned>(Model::End::refused)], 5U)
                << dbt::info(op).mnemonic;
        }
    }
    EXPECT_EQ(rows, 82U);
}

TEST_F(AccessRowsTest, OtherInstructionsAreRefused) {
    for (std::size_t i = 0; i < dbt::op_count; ++i) {
        const Op op = static_cast<Op>(i);
        if (is_emulated(op)) {
            continue;
        }
        Model model;
        load_guest(model);
        const u32 word = dbt::detail::patterns.at(i).value;
        EXPECT_EQ(emulate_access(v, {word, op}, test::memory_port()), AccessResult::refused)
            << dbt::info(op).mnemonic;
        EXPECT_EQ(v.nip, 0x2000U);
        EXPECT_TRUE(test::port_memory().pieces.empty());
    }
}

}  // namespace
}  // namespace trapeze::vcpu
