// SPDX-License-Identifier: Apache-2.0
// Stubs are executed here by an interpreter of the few instructions they are made of, interrupted
// before each of them, and compared with what the patched instruction does.
#include "dbt/stub.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <string>

#include "dbt/plan.hpp"
#include "witness.hpp"

namespace trapeze::dbt {
namespace {

using std::uint16_t;
using std::uint32_t;

constexpr uint32_t ee = 0x8000, ce = 0x20000, me = 0x1000, ri = 0x2, pr = 0x4000;
constexpr uint32_t site = 0xc0123450, cache = 0xc1000040;
constexpr uint32_t page_ea = 0xfffff000;

std::array<uint16_t, 1024> loads{}, stores{};
const RegisterMap map{-4096, 0, 4, {0xf00, 0xf04}, loads.data(), stores.data(), 0x40, 0x80};

struct Machine {
    std::array<uint32_t, 32> gpr{};
    std::map<uint32_t, uint32_t> memory;
    uint32_t nip = cache;
    bool trapped = false;

    uint32_t& msr() { return memory[page_ea + map.msr]; }
    uint32_t& pending() { return memory[page_ea + map.pending]; }
    uint32_t& notes() { return memory[page_ea + map.notes]; }
    uint32_t& sprg(unsigned n) { return memory[page_ea + map.sprgs + 4 * n]; }

    // False: not an instruction that stubs are made of.
    bool step(uint32_t word) {
        const uint32_t opcode = word >> 26U;
        const unsigned d = word >> 21U & 31U;
        const unsigned a = word >> 16U & 31U;
        const unsigned b = word >> 11U & 31U;
        const auto offset = static_cast<uint32_t>(static_cast<std::int16_t>(word & 0xffffU));
        const uint32_t ea = (a == 0 ? 0 : gpr[a]) + offset;
        nip += 4;
        switch (opcode) {
            case 32:
                gpr[d] = memory[ea];
                return true;
            case 36:
                memory[ea] = gpr[d];
                return true;
            case 24:
                gpr[a] = gpr[d] | (word & 0xffffU);
                return true;
            case 20:
            case 21: {
                const unsigned from = word >> 6U & 31U;
                const unsigned to = word >> 1U & 31U;
                if ((word & 1U) != 0 || b != 0) {
                    return false;  // changes CR0, or shifts
                }
                uint32_t mask = 0;
                for (unsigned bit = from;; bit = (bit + 1) % 32) {
                    mask |= 0x8000'0000U >> bit;
                    if (bit == to) {
                        break;
                    }
                }
                gpr[a] = (opcode == 20 ? gpr[a] & ~mask : 0) | (gpr[d] & mask);
                return true;
            }
            case 31:
                if ((word & 0x7ffU) == 28U << 1U) {
                    gpr[a] = gpr[d] & gpr[b];
                    return true;
                }
                if ((word & 0x7ffU) == 316U << 1U) {
                    gpr[a] = gpr[d] ^ gpr[b];
                    return true;
                }
                return false;
            case 3:
                if (d != 24 || (word & 0xffffU) != 0) {
                    return false;
                }
                if (gpr[a] != 0) {
                    trapped = true;
                    nip -= 4;
                }
                return true;
            case 18: {
                const uint32_t target = word & 0x03ff'fffcU;
                nip += (target ^ 0x0200'0000U) - 0x0200'0000U - 4;
                return (word & 3U) == 0;
            }
            default:
                return false;
        }
    }
};

struct Case {
    Stub stub;
    unsigned source;
    uint32_t msr, value, pending;
};

constexpr unsigned sprg_of(Stub stub) {
    return static_cast<unsigned>(stub) - static_cast<unsigned>(Stub::write_sprg3) + 3;
}
constexpr uint32_t old_sprg = 0x5050'0000, old_note = 0x100;

// What the instruction makes of MSR, or nothing if it is not the stub's to decide.
bool changes_only_what_may(const Case& c) {
    return c.stub != Stub::write_msr || ((c.msr ^ c.value) & ~(ee | ce | me | ri)) == 0;
}
uint32_t expected_msr(const Case& c) {
    switch (c.stub) {
        case Stub::clear_ee:
            return c.msr & ~ee;
        case Stub::set_ee:
            return c.msr | ee;
        case Stub::write_ee:
            return (c.msr & ~ee) | (c.value & ee);
        default:
            return needs_reads_patched(c.stub) ? c.msr : c.value;
    }
}
bool must_look_at_pending(const Case& c) {
    switch (c.stub) {
        case Stub::clear_ee:
            return false;
        case Stub::set_ee:
            return c.pending != 0;
        default:
            return !needs_reads_patched(c.stub) && (expected_msr(c) & c.pending) != 0;
    }
}

Machine fresh(const Case& c) {
    Machine m;
    for (unsigned i = 0; i < 32; ++i) {
        m.gpr[i] = 0x1000'0000U * (i % 16) + i;
    }
    m.gpr[c.source] = c.value;
    m.msr() = c.msr;
    m.pending() = c.pending;
    m.notes() = old_note;
    for (unsigned n = 0; n < 8; ++n) {
        m.sprg(n) = old_sprg + n;
    }
    return m;
}

// Runs until the stub is left, has trapped, or `stop` instructions were executed.
void run(Machine& m, const Case& c, const uint32_t* code, std::size_t length, std::size_t stop) {
    for (std::size_t n = 0; n < stop && !m.trapped; ++n) {
        const uint32_t at = (m.nip - cache) / 4;
        if (at >= length) {
            return;
        }
        ASSERT_TRUE(m.step(code[at])) << "stub " << static_cast<int>(c.stub) << " word " << at;
    }
}

// What the VMM does with a guest that it finds in a stub.
bool put_back(Machine& m, const Case& c) {
    const Recovery r = recover(c.stub, (m.nip - cache) / 4);
    for (unsigned which = 0; which < 2; ++which) {
        if (r.restore[which]) {
            m.gpr[borrowed(which, c.source)] = m.memory[page_ea + map.scratch[which]];
        }
    }
    m.nip = r.done ? site + 4 : site;
    return r.done;
}

void check_all(const Case& c) {
    std::array<uint32_t, max_stub_words> code{};
    const std::size_t length = emit_stub(c.stub, c.source, cache, site, map, code.data());
    ASSERT_EQ(length, stub_words(c.stub));
    for (std::size_t stop = 0; stop <= length; ++stop) {
        Machine m = fresh(c);
        const auto before = m.gpr;
        run(m, c, code.data(), length, stop);
        const bool inside = m.nip - cache < 4 * length;
        const bool trapped = m.trapped;
        const bool done = inside ? put_back(m, c) : m.nip == site + 4;
        EXPECT_EQ(m.gpr, before) << "stop " << stop;
        EXPECT_EQ(m.msr(), done ? expected_msr(c) : c.msr) << "stop " << stop;
        EXPECT_EQ(m.nip, done ? site + 4 : site) << "stop " << stop;
        for (unsigned n = 0; n < 8; ++n) {
            const bool written = done && needs_reads_patched(c.stub) && n == sprg_of(c.stub);
            EXPECT_EQ(m.sprg(n), written ? c.value : old_sprg + n) << "stop " << stop;
            EXPECT_TRUE(!written || (m.notes() & RegisterMap::sprgs_note) != 0) << "stop " << stop;
        }
        EXPECT_EQ(m.notes() & ~uint32_t{RegisterMap::sprgs_note}, old_note) << "stop " << stop;
        if (trapped && done) {
            EXPECT_TRUE(must_look_at_pending(c));
        }
        if (trapped && !done) {
            EXPECT_FALSE(changes_only_what_may(c));
        }
        if (stop == length) {
            EXPECT_EQ(trapped, must_look_at_pending(c) || !changes_only_what_may(c));
            EXPECT_EQ(done, changes_only_what_may(c));
        }
        if (::testing::Test::HasFailure()) {
            FAIL() << "stub " << static_cast<int>(c.stub) << " source r" << c.source << " msr "
                   << std::hex << c.msr << " value " << c.value << " pending " << c.pending;
        }
    }
}

TEST(Stub, LooksLikeTheInstructionWhereverItIsInterrupted) {
    constexpr std::array<uint32_t, 7> msrs{0, ee, ee | me, ce | me, ee | ce | me | ri, me, pr | ee};
    for (unsigned stub = 0; stub < static_cast<unsigned>(Stub::count); ++stub) {
        for (unsigned source = 0; source < 32; ++source) {
            for (const uint32_t msr : msrs) {
                for (const uint32_t value : {0U, ee, ee | ce | me, ce, me | ri, ee | pr, ~0U}) {
                    for (const uint32_t pending : {0U, ee, ce, ee | ce}) {
                        check_all({static_cast<Stub>(stub), source, msr, value, pending});
                        if (::testing::Test::HasFatalFailure()) {
                            return;
                        }
                    }
                }
            }
        }
    }
}

TEST(Stub, LooksLikeTheInstructionForRandomWords) {
    std::mt19937 random(1);
    for (unsigned i = 0; i < 20000; ++i) {
        const auto stub = static_cast<Stub>(random() % static_cast<unsigned>(Stub::count));
        check_all({stub, static_cast<unsigned>(random() % 32), static_cast<uint32_t>(random()),
                   static_cast<uint32_t>(random()),
                   static_cast<uint32_t>(random() & (random() % 2 == 0 ? ee | ce : 0U))});
        if (::testing::Test::HasFatalFailure()) {
            return;
        }
    }
}

TEST(Stub, LeavesEveryOtherBitOfMsrToTheVmm) {
    for (const uint32_t msr : {0U, ee | ce | me, ~0U}) {
        for (unsigned bit = 0; bit < 32; ++bit) {
            check_all({Stub::write_msr, 5, msr, msr ^ (1U << bit), ee});
        }
    }
}

TEST(Stub, BorrowsTwoRegistersThatAreNotTheSource) {
    for (unsigned source = 0; source < 32; ++source) {
        EXPECT_NE(borrowed(0, source), source);
        EXPECT_NE(borrowed(1, source), source);
        EXPECT_NE(borrowed(0, source), borrowed(1, source));
    }
}

TEST(Stub, BranchReaches32MiBEitherWay) {
    EXPECT_EQ(branch(0x1000, 0x1000), 0x48000000U);
    EXPECT_EQ(branch(0xc0000000, 0xc1fffffc), 0x49fffffcU);
    EXPECT_EQ(branch(0xc0000000, 0xc2000000), 0U);
    EXPECT_EQ(branch(0xc2000000, 0xc0000000), 0x4a000000U);
    EXPECT_EQ(branch(0xc2000004, 0xc0000000), 0U);
    EXPECT_EQ(branch(0xfffffffc, 0x00000004), 0x48000008U) << "addresses wrap";
    EXPECT_EQ(branch(0x1000, 0x1002), 0U) << "not an instruction's address";
}

TEST(Stub, ABranchIsKnownAndGoesWhereItWasMadeFor) {
    std::mt19937 random(5);
    for (unsigned i = 0; i < 50000; ++i) {
        const auto from = static_cast<uint32_t>(random()) & ~3U;
        const uint32_t to = from + (static_cast<uint32_t>(random()) & 0x03ff'fffcU) - 0x0200'0000U;
        const uint32_t word = branch(from, to);
        ASSERT_TRUE(is_branch(word)) << std::hex << from << " to " << to;
        ASSERT_EQ(branch_target(from, word), to);
    }
    EXPECT_EQ(branch_target(0xc2000000, branch(0xc2000000, 0xc0000000)), 0xc0000000U);
    EXPECT_EQ(branch_target(0xfffffffc, branch(0xfffffffc, 4)), 4U);
    for (const uint32_t word : {0x48000001U /* bl */, 0x48000002U /* ba */, 0x48000003U /* bla */,
                                0x4c000064U /* rfi */, 0x40820008U /* bne */, 0x60000000U, 0U}) {
        EXPECT_FALSE(is_branch(word)) << std::hex << word;
    }
}

TEST(Stub, RefusesWhatABranchDoesNotReach) {
    std::array<uint32_t, max_stub_words> code{};
    EXPECT_EQ(emit_stub(Stub::write_msr, 3, site + 0x0200'0000, site, map, code.data()), 0U);
    // The way there reaches, the way back from the stub's last word does not.
    EXPECT_EQ(emit_stub(Stub::write_msr, 3, site + 0x01ff'fff0, site, map, code.data()), 0U);
    EXPECT_NE(emit_stub(Stub::write_msr, 3, site + 0x01ff'ff00, site, map, code.data()), 0U);
    // And the other way round.
    constexpr uint32_t high = site + 0x0400'0000;
    EXPECT_NE(emit_stub(Stub::write_msr, 3, high - 0x0200'0000, high, map, code.data()), 0U);
    EXPECT_EQ(emit_stub(Stub::write_msr, 3, high - 0x0200'0010, high, map, code.data()), 0U);
}

class PlanTest : public ::testing::Test {
  protected:
    void SetUp() override {
        loads[field(26)] = 8;
        stores[field(26)] = 8;
        loads[field(63)] = 100;
    }
    void TearDown() override {
        loads.fill(0);
        stores.fill(0);
    }
    static uint32_t field(uint32_t spr) { return (spr & 31U) << 5U | spr >> 5U; }
    static uint32_t mfspr(unsigned rt, uint32_t spr) {
        return 31U << 26U | rt << 21U | field(spr) << 11U | 339U << 1U;
    }
    static uint32_t mtspr(uint32_t spr, unsigned rs) {
        return 31U << 26U | rs << 21U | field(spr) << 11U | 467U << 1U;
    }
};

TEST_F(PlanTest, MovesOfKeptRegistersBecomeLoadsAndStores) {
    const Plan load = plan(mfspr(7, 26), map);
    EXPECT_EQ(load.kind, PatchKind::load);
    EXPECT_EQ(load.word, 0x80e0f008U) << "lwz r7,-4088(0)";
    const Plan store = plan(mtspr(26, 31), map);
    EXPECT_EQ(store.kind, PatchKind::store);
    EXPECT_EQ(store.word, 0x93e0f008U) << "stw r31,-4088(0)";
    const Plan msr = plan(0x7d2000a6, map);
    EXPECT_EQ(msr.kind, PatchKind::load);
    EXPECT_EQ(msr.word, 0x8120f000U) << "mfmsr r9: lwz r9,-4096(0)";
}

TEST_F(PlanTest, OneWayOnlyWhereTheOtherHasAnEffect) {
    EXPECT_EQ(plan(mfspr(3, 63), map).kind, PatchKind::load);
    EXPECT_EQ(plan(mtspr(63, 3), map).kind, PatchKind::none);
    EXPECT_EQ(plan(mfspr(3, 22), map).kind, PatchKind::none);
}

TEST_F(PlanTest, ChangesOfMsrBecomeStubs) {
    EXPECT_EQ(plan(0x7c000146, map).stub, Stub::clear_ee);
    EXPECT_EQ(plan(0x7c008146, map).stub, Stub::set_ee);
    const Plan wrtee = plan(0x7d400106, map);
    EXPECT_EQ(wrtee.kind, PatchKind::stub);
    EXPECT_EQ(wrtee.stub, Stub::write_ee);
    EXPECT_EQ(wrtee.source, 10);
    const Plan mtmsr = plan(0x7d600124, map);
    EXPECT_EQ(mtmsr.stub, Stub::write_msr);
    EXPECT_EQ(mtmsr.source, 11);
}

TEST_F(PlanTest, TlbsyncIsNothingAndTheRestStays) {
    EXPECT_EQ(plan(0x7c00046c, map).kind, PatchKind::nop);
    EXPECT_EQ(plan(0x7c00046c, map).word, 0x60000000U);
    for (const uint32_t word : {0x4c000064U /* rfi */, 0x7c0007a4U /* tlbwe */,
                                0x44000002U /* sc */, 0x38210010U /* addi */, 0U}) {
        EXPECT_EQ(plan(word, map).kind, PatchKind::none) << std::hex << word;
    }
}

TEST_F(PlanTest, DcbiBecomesDcbfOfTheSameRegisters) {
    test::Witness witness("e500");
    for (uint32_t ra = 0; ra < 32; ++ra) {
        for (uint32_t rb = 0; rb < 32; ++rb) {
            const uint32_t dcbi = 31U << 26U | ra << 16U | rb << 11U | 470U << 1U;
            std::string wanted = witness.text(dcbi);
            ASSERT_EQ(wanted.substr(0, 5), "dcbi ");
            wanted.replace(0, 4, "dcbf");
            const Plan made = plan(dcbi, map);
            ASSERT_EQ(made.kind, PatchKind::flush);
            ASSERT_EQ(witness.text(made.word), wanted);
        }
    }
}

TEST_F(PlanTest, AWordBeyondThePageIsNoPatch) {
    // The tables of the fast paths reach further, and mark what a store alone does not do.
    loads[field(26)] = 4096;
    stores[field(26)] = 0x8008;
    EXPECT_EQ(plan(mfspr(7, 26), map).kind, PatchKind::none);
    EXPECT_EQ(plan(mtspr(26, 7), map).kind, PatchKind::none);
    loads[field(26)] = stores[field(26)] = 4092;
    EXPECT_EQ(plan(mfspr(7, 26), map).word, 0x80e0fffcU);
    EXPECT_EQ(plan(mtspr(26, 7), map).word, 0x90e0fffcU);
}

TEST_F(PlanTest, EveryRegisterGoesToItsOwnPlace) {
    for (unsigned r = 0; r < 32; ++r) {
        EXPECT_EQ(plan(mfspr(r, 26), map).word, 0x8000f008U | r << 21U);
        EXPECT_EQ(plan(mtspr(26, r), map).word, 0x9000f008U | r << 21U);
        EXPECT_EQ(plan(0x7c0000a6U | r << 21U, map).word, 0x8000f000U | r << 21U) << "mfmsr";
    }
}

TEST_F(PlanTest, AStubIsForTheInstructionThatItIsNamedBy) {
    const auto expect = [](uint32_t word, Stub stub, unsigned source) {
        const Plan made = plan(word, map);
        EXPECT_EQ(made.kind, PatchKind::stub) << std::hex << word;
        EXPECT_EQ(made.stub, stub) << std::hex << word;
        EXPECT_EQ(made.source, source) << std::hex << word;
    };
    expect(0x7c000146, Stub::clear_ee, 0);
    expect(0x7c008146, Stub::set_ee, 0);
    for (unsigned source = 0; source < 32; ++source) {
        expect(0x7c000106 | source << 21U, Stub::write_ee, source);
        expect(0x7c000124 | source << 21U, Stub::write_msr, source);
        expect(mtspr(275, source), Stub::write_sprg3, source);
        expect(mtspr(279, source), Stub::write_sprg7, source);
    }
}

TEST_F(PlanTest, SprgsThatTheCoreHasTooTakeAStub) {
    stores[field(274)] = 0x88;
    EXPECT_EQ(plan(mtspr(274, 4), map).kind, PatchKind::store) << "SPRG2";
    for (uint32_t spr = 275; spr < 280; ++spr) {
        const Plan made = plan(mtspr(spr, 4), map);
        EXPECT_EQ(made.kind, PatchKind::stub);
        EXPECT_TRUE(needs_reads_patched(made.stub));
        EXPECT_EQ(sprg_of(made.stub), spr - 272);
    }
    EXPECT_EQ(plan(mtspr(280, 4), map).kind, PatchKind::none);
    EXPECT_FALSE(needs_reads_patched(Stub::write_msr));
    EXPECT_FALSE(needs_reads_patched(Stub::count));
}

TEST_F(PlanTest, KnowsTheReadsThatDoNotTrap) {
    for (unsigned rt = 0; rt < 32; ++rt) {
        for (uint32_t spr = 0; spr < 1024; ++spr) {
            EXPECT_EQ(reads_without_trap(mfspr(rt, spr)), spr >= 256 && spr <= 263) << spr;
            EXPECT_FALSE(reads_without_trap(mtspr(spr, rt))) << spr;
        }
    }
}

TEST_F(PlanTest, FollowsTheRegisterPageWhenItMoves) {
    RegisterMap low = map;
    low.page = 0x3000;
    EXPECT_EQ(plan(mfspr(7, 26), low).word, 0x80e03008U);
}

}  // namespace
}  // namespace trapeze::dbt
