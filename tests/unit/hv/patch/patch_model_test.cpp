// SPDX-License-Identifier: Apache-2.0
// A guest that does at random whatever patching has to follow. After each step nothing that the
// core or the ready table holds may lead where the guest, or the patcher, does not have it.
#include <array>
#include <random>

#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "patch_oracle.hpp"

namespace trapeze::test {
namespace {

namespace mas1 = e500::mas1;
namespace mas3 = e500::mas3;
namespace msr = e500::msr;
using mmu::Access;
using patch::Mode;
using vcpu::FaultResult;

struct World {
    const mmu::Layout& layout;
    Mode mode;
    bool dense;  // all that a branch reaches is mapped
    unsigned frames;
    unsigned seed;
    bool churned = false;  // as by the option churn=
};

constexpr u32 alias_large = 0x2000'0000, alias_small = 0x3000'0000, odd_text = 0x1200'0000;
// Text: where what is mirrored can grow; another frame; where stubs would first be put at 0, in the
// hole, and elsewhere; in an entry of 16 KiB.
constexpr std::array<u32, 9> sparse_text{0x1000'0000, 0x1001'0000, 0x1002'0000,
                                         0x1003'0000, 0x1080'0000, 0x0180'0000,
                                         0xf600'0000, 0xc000'0000, odd_text};
// Among them the pages at the edge of a branch's reach from the first, which are stolen first.
constexpr std::array<u32, 6> dense_text{0x0200'0000, 0x0201'0000, 0x0202'0000,
                                        0x03bf'0000, 0x03be'0000, 0x0080'0000};
// Where the first stubs of sparse text go.
constexpr std::array<u32, 5> wanted{0x0e80'0000, 0x0e81'0000, 0x0000'0000, 0xf480'0000,
                                    0xbe80'0000};
constexpr u32 page_mask = ~0xfffU;

class PatchModelTest : public PatchTest, public testing::WithParamInterface<World> {
  protected:
    PatchModelTest() : PatchTest(GetParam().layout), random_(GetParam().seed) {
        using e500::mas1::iprot;
        if (!GetParam().dense) {
            large(0, 0x1000'0000, 0, 7, iprot);
            large(2, 0x0180'0000, 0x0100'0000, 6, iprot);
            large(3, 0xf600'0000, 0x0140'0000, 6, iprot);
            large(4, 0xc000'0000, 0x0180'0000, 6, iprot);
            large(5, odd_text, 0x00c0'0000, 2, 0);
        }
        v.shadow.flush();
        begin(GetParam().mode, GetParam().frames);
        patcher->churn = GetParam().churned ? 1 : 0;
        for (unsigned i = 0; i < 16; ++i) oracle.pages.insert(alias_small + (i << 12U));
        for (unsigned i = 0; i < 64; ++i) oracle.pages.insert(alias_large + (i << 12U));
        for (unsigned i = 0; i < texts(); ++i) {
            for (const u32 offset : {0U, 0x1000U, 0x5000U, 0xf000U}) {
                oracle.pages.insert(text(i) + offset);
            }
        }
        for (const u32 at : wanted) {
            for (const u32 offset : {0U, 0x1000U, 0xf000U}) oracle.pages.insert(at + offset);
        }
        if (GetParam().dense) oracle.pages.insert({0x03c0'0000U, 0x03c0'1000U, 0x0040'0000U});
        oracle.pages.insert({0xffff'8000U, 0xffff'9000U, 0xffff'f000U});
        everywhere.assign(oracle.pages.begin(), oracle.pages.end());
    }

    void step() {
        if (GetParam().churned && pick(16) == 0) patch::sample(v, the_core().timebase);
        switch (pick(16)) {
            case 0:
            case 1:
            case 2:
            case 3:
                execute();
                break;
            case 4:
                map_small();
                break;
            case 5:
                map_large();
                break;
            case 6:
                invalidate();
                break;
            case 7:
                change_mode();
                break;
            case 8:
                time_passes();
                break;
            default:
                if (patcher->cover) ++covered;
                touch(some_page() + (pick(1024) << 2U), static_cast<Access>(pick(3)));
        }
    }

    u32 pick(u32 n) { return static_cast<u32>(random_() % n); }
    template <typename T, std::size_t N>
    T pick(const std::array<T, N>& from) {
        return from.at(pick(N));
    }
    static std::size_t texts() { return GetParam().dense ? dense_text.size() : sparse_text.size(); }
    static u32 text(std::size_t i) {
        return GetParam().dense ? dense_text.at(i) : sparse_text.at(i);
    }
    // Often where what is mirrored grows.
    u32 some_text() { return text(pick(pick(2) == 0 ? 4 : static_cast<u32>(texts()))); }
    // Often one that stubs have taken.
    u32 some_page() {
        const u32 page = patcher->overlay.cache.page(pick(tcache::Cache::max_pages));
        if (page != tcache::Cache::no_page && pick(4) == 0) return page;
        if (pick(4) == 0) return some_text() + (pick(2) << 12U);
        return everywhere.at(pick(static_cast<u32>(everywhere.size())));
    }

    void large(unsigned index, u32 ea, u32 gpa, u32 tsize, u32 flags) {
        v.tlb.write(v.tlb.tlb1(index), 1, mas1::v | flags | tsize << 8U, ea,
                    gpa | mas3::permissions, 0);
    }
    u32 some_permissions() {
        constexpr std::array<u32, 4> usual{mas3::permissions, mas3::permissions & ~mas3::sx,
                                           mas3::sr | mas3::sw, mas3::sr | mas3::sx | mas3::ur};
        return pick(8) == 0 ? pick(64) : pick(usual);
    }

    void write_entry(u32 mas0, u32 flags, u32 ea, u32 gpa) {
        v.regs.mas0 = mas0;
        v.regs.mas1 = flags;
        v.regs.mas2 = ea;
        v.regs.mas3 = gpa | some_permissions();
        v.regs.mas7 = 0;
        v.regs.dear = ea + (pick(16) << 12U);
        v.last_miss = static_cast<Access>(pick(3));
        v.last_miss_user = pick(2) != 0;
        run(v, tlbwe);
    }
    u32 some_frame() {
        const auto hit = v.tlb.find(some_text(), false, v.regs.pid);
        const u32 page =
            hit.entry == nullptr ? 0 : static_cast<u32>(hit.entry->gpa(hit.entry->epn()));
        return pick(4) == 0 ? pick(0x4000) << 12U : page + (pick(4) << 16U) + (pick(2) << 12U);
    }
    // One of TID 0 stands alone; those of TID 1, 2 and of address space 1 beside each other.
    void map_small() {
        const u32 ea = pick(4) == 0 && !GetParam().dense ? pick(wanted) + 0x1000
                       : pick(8) == 0                    ? 0xffff'8000U + (pick(2) << 12U)
                                                         : alias_small + (pick(16) << 12U);
        const u32 way = pick(4);
        if (way == 0) {
            run(v, tlbivax(0, 4), ea);
        } else {
            auto* const entry = v.tlb.set(ea);
            if (way != 3 && v.tlb.valid(*entry, 0) && entry->covers(ea)) run(v, tlbivax(0, 4), ea);
        }
        const u32 flags = way == 3 ? mas1::ts : way << 16U;
        write_entry(way << 16U, mas1::v | flags | 1U << 8U, ea, some_frame() & page_mask);
    }
    void map_large() {
        const u32 valid = pick(4) == 0 ? 0 : mas1::v;
        const u32 wanted_block = pick(wanted);
        switch (GetParam().dense ? 0 : pick(4)) {
            case 0:
                write_entry(0x1006'0000, valid | 6U << 8U, alias_large, pick(4) << 22U);
                break;
            case 1:
                write_entry(0x1007'0000, valid | 3U << 8U, wanted_block, pick(0x400) << 16U);
                break;
            case 2:
                // Among what stubs may have taken.
                write_entry(0x1008'0000, valid | 5U << 8U, 0x0ea0'0000, pick(0x40) << 20U);
                break;
            default:
                write_entry(0x1005'0000, valid | 2U << 8U, odd_text,
                            0x00c0'0000 + (pick(2) << 14U));
        }
    }
    void invalidate() {
        constexpr u32 all = 4;
        if (pick(4) == 0) {
            run(v, tlbivax(0, 4), all);
        } else {
            run(v, tlbivax(0, 4), some_page());
        }
    }
    void change_mode() {
        const bool aside = pick(8) == 0;
        run(v, mtspr(48, 4), pick(3));
        vcpu::set_msr(v, (pick(3) == 0 ? msr::pr : 0) | (aside ? msr::is | msr::ds : 0));
    }
    void time_passes() {
        pass(u64{1} << pick(40));
        v.exit_time = static_cast<u32>(the_core().timebase);
        if (pick(2) == 0) {
            patch::beat(v);
            return;
        }
        patch::sample(v, the_core().timebase);
        while (patcher->in_window && pick(4) != 0) patch::sample(v, the_core().timebase);
    }

    // What the core does about an access, and the VMM when it refuses; whether it was made by the
    // core, and where.
    bool touch(u32 ea, Access kind, u64* where = nullptr) {
        const u32 bit = kind == Access::fetch  ? mas3::ux
                        : kind == Access::load ? mas3::ur
                                               : mas3::uw;
        const u32 before = v.regs.msr;
        // Nothing there would be the guest's end.
        const bool virtual_space = kind == Access::fetch ? v.virtual_is() : v.virtual_ds();
        const auto hit = v.tlb.find(ea, virtual_space, v.regs.pid);
        if (hit.entry != nullptr && v.memory->find(hit.entry->gpa(ea)) == nullptr) return false;
        for (unsigned tries = 0; tries < 8; ++tries) {
            const bool space =
                (vcpu::core_msr(v) & (kind == Access::fetch ? msr::is : msr::ds)) != 0;
            const auto found = the_core().matches(ea, space);
            if (!found.empty() && (found.front().mas3 & bit) != 0) {
                const CoreEntry& entry = found.front();
                const u64 at = entry.rpn() + (ea - entry.epn());
                if (kind == Access::store) core::write_ram(at, 4, pick(instructions));
                if (where != nullptr) *where = at;
                return true;
            }
            if (found.empty() && replay(ea, space)) continue;
            const FaultResult result = vcpu::resolve(v, ea, kind);
            if (result == FaultResult::resume) {
                if (!found.empty()) v.shadow.drop_range(ea & page_mask, 0x1000);
                continue;
            }
            if (result == FaultResult::traced) {
                ++traced;
                const u32 load = pick(16) == 0 ? lwarx : pick(16) == 0 ? icbi : lwz;
                access(kind == Access::store ? stw : load, ea, pick(instructions));
            }
            vcpu::set_msr(v, before);
            return false;
        }
        ADD_FAILURE() << std::hex << ea << " is tried again and again";
        return false;
    }
    // As exit/miss.inc has it.
    bool replay(u32 ea, bool space) {
        const auto* const ready = v.shadow.ready(ea, space);
        if (ready == nullptr) return false;
        const u32 tid = mas1::tid(ready->mas1);
        if (tid != 0 && tid != v.regs.pid[0]) return false;
        the_core().tlb0.at(ea >> 12U & 127U).at(pick(4)) = {ready->mas1, ready->mas2, ready->mas3,
                                                            0};
        return true;
    }

    // The guest kernel executes a site until it is hot, having written it if need be.
    void execute() {
        vcpu::set_msr(v, 0);
        const u32 ea = some_text() + (pick(2) << 12U) + (pick(8) << 4U);
        const auto hit = v.tlb.find(ea, false, v.regs.pid);
        if (hit.entry == nullptr) return;
        const u64 gpa = hit.entry->gpa(ea);
        const u32 word = own(gpa) == 0 || pick(4) == 0 ? pick(instructions) : own(gpa);
        if (own(gpa) != word) v.store_ram(v, gpa, ram_hpa + gpa, 4, word);  // by somebody who may
        for (unsigned i = 0; i <= threshold; ++i) {
            u64 at = 0;
            if (!touch(ea, Access::fetch, &at)) return;
            if (const u32 is = core::read_ram(at, 4); is != word) {
                if (dbt::is_branch(is)) touch(dbt::branch_target(ea, is), Access::fetch);
                return;
            }
            if (dbt::reads_without_trap(word)) return;
            exit(ea, word);
        }
    }

    static constexpr std::array<u32, 10> instructions{
        wrteei(false), wrteei(true), wrtee(3),      mtmsr(4),      mfmsr(3),
        mfspr(5, 26),  mtspr(26, 6), mtspr(277, 9), mfspr(7, 261), dcbi(0, 4)};

    std::mt19937 random_;
    PatchOracle oracle{v, *patcher, GetParam().dense};
    std::vector<u32> everywhere;
    unsigned traced = 0, covered = 0;
};

TEST_P(PatchModelTest, NothingLeadsAstray) {
    unsigned most_stolen = 0, most_patches = 0;
    for (unsigned i = 0; i < 3000; ++i) {
        step();
        oracle.check();
        EXPECT_EQ(v.end, vcpu::End::running);
        if (HasFailure()) {
            ADD_FAILURE() << "after step " << i;
            return;
        }
        most_stolen = std::max(most_stolen, patcher->overlay.cache.pages());
        most_patches = std::max(most_patches, patcher->overlay.mirror.patches());
    }
    EXPECT_GT(most_stolen, 0U);
    EXPECT_GT(most_patches, GetParam().churned ? 5U : 20U);
    EXPECT_GT(patcher->back, 5U);
    EXPECT_GT(patcher->dropped, 5U);
    EXPECT_GT(traced, 30U);
}

INSTANTIATE_TEST_SUITE_P(Worlds, PatchModelTest,
                         testing::Values(World{mmu::straight, Mode::hot, false, 3, 1},
                                         World{mmu::crossed, Mode::hot, false, 3, 2},
                                         World{mmu::straight, Mode::eager, false, 3, 3},
                                         World{mmu::crossed, Mode::eager, false, 3, 4},
                                         World{mmu::straight, Mode::hot, true, 3, 5},
                                         World{mmu::crossed, Mode::hot, true, 3, 6},
                                         World{mmu::crossed, Mode::hot, false, 8, 7},
                                         World{mmu::crossed, Mode::eager, false, 8, 8},
                                         World{mmu::straight, Mode::hot, true, 3, 9, true},
                                         World{mmu::crossed, Mode::hot, false, 8, 10, true},
                                         World{mmu::crossed, Mode::eager, false, 3, 11, true}));

}  // namespace
}  // namespace trapeze::test
