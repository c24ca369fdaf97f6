// SPDX-License-Identifier: Apache-2.0
// Random TLB contents, modes and accesses: what the core lets the guest do is always what the
// guest's own TLB says, kept here a second time in the most naive form.
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>

#include "core.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::mmu {
namespace {

using test::run;
using test::the_core;

struct ModelEntry {
    bool valid = false, iprot = false, ts = false;
    u32 tid = 0, base = 0;
    u64 size = 0, gpa = 0;
    u32 permissions = 0;

    bool covers(u32 ea) const { return valid && ea >= base && ea - base < size; }
};

// One guest, driven by instructions, and the model of its TLB.
class Model {
  public:
    Model(unsigned seed, const Layout& layout) : random_(seed), v_(test::fresh_guest()) {
        v_.shadow.reset(layout, test::hole);
        vcpu::set_msr(v_, 0);
        *v_.memory = {};
        // Memory that is aligned to 4 KiB alone, to 4 MiB, and above 4 GiB; a gap; a device; memory
        // of several guests that this one may not write.
        v_.memory->add({0, 0x123000, 0x4000'1000, RegionKind::ram, 0});
        v_.memory->add({0x400000, 0x400000, 0x1'0000'0000, RegionKind::ram, 0});
        v_.memory->add({0xf'0000'0000, 0x140000, 0x2'0000'4000, RegionKind::direct, 0});
        v_.memory->add({0x800000, 0x10000, 0, RegionKind::trapped, 0});
        v_.memory->add({0xa00000, 0x30000, 0x3'0000'4000, RegionKind::shared, 0, true});
        run(v_, test::mtspr(1012, 4), 6);  // MMUCSR0: TLB0 and TLB1
        for (unsigned i = 0; i < 16; ++i) {
            v_.tlb.invalidate(v_.tlb.tlb1(i));
        }
        v_.shadow.flush();
        set_pids();
    }

    void step() {
        switch (pick(24)) {
            case 0:
            case 1:
            case 2:
            case 3:
                write_entry();
                break;
            case 4:
                invalidate();
                break;
            case 5:
                set_pids();
                break;
            case 6:
            case 7:
                set_mode();
                break;
            case 8:
                drop_some();
                break;
            default:
                access();
        }
    }

    void check_no_overlap() const {
        const auto entries = the_core().entries();
        for (std::size_t i = 0; i < entries.size(); ++i) {
            for (std::size_t j = i + 1; j < entries.size(); ++j) {
                const auto &a = entries[i], &b = entries[j];
                const bool same = ((a.mas1 ^ b.mas1) & 0x00ff1000U) == 0;
                const bool apart = a.epn() + a.size() <= b.epn() || b.epn() + b.size() <= a.epn();
                ASSERT_TRUE(!same || apart) << std::hex << a.epn() << " and " << b.epn();
            }
        }
    }

    unsigned granted = 0, refused = 0, replayed = 0;

  private:
    u32 pick(u32 n) { return static_cast<u32>(random_() % n); }

    // Addresses where things meet: around a 4 MiB boundary and around the VMM's hole.
    u32 random_ea() {
        constexpr std::array<u32, 4> places{0x103f0000, 0x10400000, 0xf3ff0000, 0xf5ff0000};
        return places.at(pick(4)) + pick(0x20000);
    }
    u64 random_gpa() {
        constexpr std::array<u64, 7> places{
            0, 0x110000, 0x400000, 0x7f0000, 0xf'0000'0000, 0xf'0013'0000, 0xa10000};
        return places.at(pick(7)) + (pick(0x20) << 12U);
    }

    void set_pids() {
        // TIDs 1 to 3 are PID0's, 5 is PID1's: entries of two live TIDs must not overlap.
        pids_ = {1 + pick(3), pick(2) * 5, 0};
        run(v_, test::mtspr(48, 4), pids_[0]);
        run(v_, test::mtspr(633, 4), pids_[1]);
        run(v_, test::mtspr(634, 4), pids_[2]);
    }
    void set_mode() {
        user_ = pick(2) != 0;
        is_ = pick(4) == 0;
        ds_ = pick(8) == 0 ? !is_ : is_;
        vcpu::set_msr(v_, (user_ ? 0x4000U : 0) | (is_ ? 0x20U : 0) | (ds_ ? 0x10U : 0));
    }

    // At any time, for reasons of the VMM's own: the guest must not notice.
    void drop_some() {
        const u32 ea = random_ea();
        const u32 bytes = 1 + pick(pick(4) == 0 ? 0x80000 : 0x3000);
        v_.shadow.drop_range(ea, bytes);
        for (const auto& entry : the_core().entries()) {
            ASSERT_TRUE(entry.epn() >= u64{ea} + bytes || entry.epn() + entry.size() <= ea);
        }
        for (u64 at = ea; at < u64{ea} + bytes; at += 0x1000) {
            for (const bool space : {false, true}) {
                ASSERT_EQ(v_.shadow.ready(static_cast<u32>(at), space), nullptr);
            }
        }
    }

    // A miss as exit/miss.inc serves it; false if it does not.
    bool replay(u32 ea, bool space) {
        const ShadowTlb::Ready* const ready = v_.shadow.ready(ea, space);
        if (ready == nullptr) {
            return false;
        }
        const u32 tid = e500::mas1::tid(ready->mas1);
        if (tid != 0 && tid != v_.regs.pid[0]) {
            return false;
        }
        EXPECT_EQ((ready->mas1 & e500::mas1::ts) != 0, space);
        EXPECT_EQ(ready->mas2 >> 12U, ea >> 12U);
        the_core().tlb0.at(ea >> 12U & 127U).at(pick(4)) = {ready->mas1, ready->mas2, ready->mas3,
                                                            0};
        ++replayed;
        return true;
    }

    // Two entries one access could match are the guest's error (manual 12.3.1).
    bool conflicts(const ModelEntry& a, const ModelEntry& b) const {
        const bool apart = a.base + a.size <= b.base || b.base + b.size <= a.base;
        const auto swapped = [](u32 tid) { return tid >= 1 && tid <= 3; };
        const bool never_together = a.tid != b.tid && swapped(a.tid) && swapped(b.tid);
        return a.valid && b.valid && a.ts == b.ts && !apart && !never_together;
    }

    void write_entry() {
        const u32 tlb = pick(2);
        const u32 index = tlb == 0 ? pick(4) : pick(16);
        constexpr std::array<u32, 5> tids{0, 1, 2, 3, 5};
        ModelEntry entry{.valid = pick(8) != 0,
                         .iprot = tlb == 1 && pick(4) == 0,
                         .ts = pick(3) == 0,
                         .tid = tids.at(pick(5)),
                         .permissions = pick(2) ? 0x3fU : pick(64)};
        const u32 tsize = tlb == 0 ? 1 : 1 + pick(6);
        entry.size = u64{0x400} << (2 * tsize);
        entry.base = random_ea() & ~static_cast<u32>(entry.size - 1);
        entry.gpa = random_gpa() & ~(entry.size - 1);
        ModelEntry& place =
            tlb == 0 ? tlb0_.at(entry.base >> 12U & 127U).at(index) : tlb1_.at(index);
        for (const auto* other : all()) {
            if (other != &place && conflicts(*other, entry)) {
                return;
            }
        }
        place = entry;
        auto& r = v_.regs;
        r.mas0 = tlb << 28U | index << 16U;
        r.mas1 = (entry.valid ? 0x80000000U : 0) | (entry.iprot ? 0x40000000U : 0) |
                 entry.tid << 16U | (entry.ts ? 0x1000U : 0) | tsize << 8U;
        r.mas2 = entry.base;
        r.mas3 = static_cast<u32>(entry.gpa) | entry.permissions;
        r.mas7 = static_cast<u32>(entry.gpa >> 32U);
        r.dear = random_ea();
        v_.last_miss = static_cast<Access>(pick(3));
        v_.last_miss_user = pick(2) != 0;
        run(v_, test::tlbwe);
    }

    void invalidate() {
        const u32 ea = random_ea() & ~0xfffU;
        switch (pick(6)) {
            case 0:
                run(v_, test::mtspr(1012, 4), 4);  // MMUCSR0[TLB0_FI]
                tlb0_ = {};
                break;
            case 1:
                run(v_, test::mtspr(1012, 4), 2);  // MMUCSR0[TLB1_FI]
                drop_tlb1([](const ModelEntry&) { return true; });
                break;
            case 2:
                run(v_, test::tlbivax(0, 4), ea | 4);  // INV_ALL of TLB0
                tlb0_ = {};
                break;
            case 3:
                run(v_, test::tlbivax(0, 4), ea | 8);
                drop_tlb1([ea](const ModelEntry& entry) { return entry.covers(ea); });
                break;
            default:
                run(v_, test::tlbivax(0, 4), ea);
                for (auto& entry : tlb0_.at(ea >> 12U & 127U)) {
                    entry.valid = entry.valid && !entry.covers(ea);
                }
        }
    }
    template <typename Which>
    void drop_tlb1(Which which) {
        for (auto& entry : tlb1_) {
            entry.valid = entry.valid && (entry.iprot || !which(entry));
        }
    }

    std::vector<const ModelEntry*> all() const {
        std::vector<const ModelEntry*> list;
        for (const auto& set : tlb0_) {
            for (const auto& entry : set) {
                list.push_back(&entry);
            }
        }
        for (const auto& entry : tlb1_) {
            list.push_back(&entry);
        }
        return list;
    }
    const ModelEntry* translate(u32 ea, bool ts) const {
        for (const auto* entry : all()) {
            const bool ours = entry->tid == 0 || entry->tid == pids_[0] || entry->tid == pids_[1] ||
                              entry->tid == pids_[2];
            if (entry->covers(ea) && entry->ts == ts && ours) {
                return entry;
            }
        }
        return nullptr;
    }
    static std::optional<u64> host_address(u64 gpa, Access kind) {
        if (gpa < 0x123000) {
            return 0x4000'1000 + gpa;
        }
        if (gpa >= 0x400000 && gpa < 0x800000) {
            return 0x1'0000'0000 + (gpa - 0x400000);
        }
        if (gpa >= 0xf'0000'0000 && gpa < 0xf'0014'0000) {
            return 0x2'0000'4000 + (gpa - 0xf'0000'0000);
        }
        if (gpa >= 0xa00000 && gpa < 0xa30000 && kind != Access::store) {
            return 0x3'0000'4000 + (gpa - 0xa00000);
        }
        return {};
    }

    bool core_space(Access kind) const {
        return (vcpu::core_msr(v_) & (kind == Access::fetch ? 0x20U : 0x10U)) != 0;
    }
    // What the core does with an access of the guest: the host address, or nothing.
    std::optional<u64> core_access(u32 ea, Access kind) {
        EXPECT_NE(vcpu::core_msr(v_) & 0x4000U, 0U) << "the guest runs in user mode";
        const auto matches = the_core().matches(ea, core_space(kind));
        EXPECT_LE(matches.size(), 1U) << "two entries match";
        const u32 bit = kind == Access::fetch ? 0x20 : kind == Access::load ? 0x02 : 0x08;
        if (matches.empty() || !(matches.front().mas3 & bit)) {
            return {};
        }
        return matches.front().rpn() + (ea - matches.front().epn());
    }

    void access() {
        const u32 ea = pick(2) ? random_ea() : recent_;  // one that may be ready
        recent_ = ea;
        const auto kind = static_cast<Access>(pick(3));
        const bool ts = kind == Access::fetch ? is_ : ds_;
        const ModelEntry* const entry = translate(ea, ts);
        const u32 user_bit = kind == Access::fetch ? 0x20 : kind == Access::load ? 0x02 : 0x08;
        const u32 bit = user_ ? user_bit : user_bit >> 1U;
        const bool allowed = entry != nullptr && (entry->permissions & bit) != 0;
        const auto hpa =
            allowed ? host_address(entry->gpa + (ea - entry->base), kind) : std::nullopt;

        if (pick(4) == 0) {
            the_core().tlb0.at(ea >> 12U & 127U) = {};  // lost to other pages
        }
        auto real = core_access(ea, kind);
        if (const bool space = core_space(kind); the_core().matches(ea, space).empty()) {
            if (replay(ea, space)) {
                real = core_access(ea, kind);
            }
        } else if (!real) {
            v_.shadow.drop_page(ea);
        }
        if (!real) {
            const auto hit = v_.tlb.find(ea, ts, v_.regs.pid);
            ASSERT_EQ(hit.entry != nullptr, entry != nullptr) << std::hex << ea;
            if (hit.entry != nullptr) {
                const Fill fill = v_.shadow.fill(*v_.memory, *hit.entry, ea, kind, user_);
                if (fill == Fill::hole) {
                    ASSERT_TRUE(allowed && ea >= 0xf4000000U && ea < 0xf6000000U);
                    return;
                }
                ASSERT_EQ(fill == Fill::protection, !allowed);
            }
            real = core_access(ea, kind);
        }
        ASSERT_EQ(real, hpa) << std::hex << ea << " kind " << static_cast<int>(kind) << " user "
                             << user_ << " IS " << is_ << " DS " << ds_;
        ++(real ? granted : refused);
    }

    std::mt19937 random_;
    vcpu::Vcpu& v_;
    std::array<std::array<ModelEntry, 4>, 128> tlb0_{};
    std::array<ModelEntry, 16> tlb1_{};
    std::array<u32, 3> pids_{};
    bool user_ = false, is_ = false, ds_ = false;
    u32 recent_ = 0;
};

class ShadowModelTest : public testing::TestWithParam<unsigned> {};

TEST_P(ShadowModelTest, TheCoreAllowsExactlyWhatTheGuestsTlbSays) {
    Model model(GetParam(), GetParam() % 2 ? straight : crossed);
    for (unsigned i = 0; i < 20000 && !HasFatalFailure() && !HasNonfatalFailure(); ++i) {
        model.step();
        if (i % 64 == 0) {
            model.check_no_overlap();
        }
    }
    EXPECT_GT(model.granted, 300U);
    EXPECT_GT(model.refused, 300U);
    EXPECT_GT(model.replayed, 10U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ShadowModelTest, testing::Range(1U, 9U));

}  // namespace
}  // namespace trapeze::mmu
