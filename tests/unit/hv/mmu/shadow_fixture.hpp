// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "core.hpp"
#include "hv/mmu/shadow_tlb.hpp"

// A shadow TLB over the tests' core, and guest pages to fill it from.
namespace trapeze::mmu {

using test::CoreEntry;
using test::the_core;

inline constexpr u32 ux = 0x20, sx = 0x10, uw = 0x08, sw = 0x04, ur = 0x02, sr = 0x01, all = 0x3f;
inline constexpr u32 ts = 0x1000;

class ShadowTlbTest : public testing::Test {
  protected:
    void SetUp() override {
        test::reset_core();
        tlb->reset(128);
        shadow->reset(straight, test::hole);
        use(0, u64{1} << 32U, 0);
    }
    void use(u64 gpa, u64 size, u64 hpa, RegionKind kind = RegionKind::ram) {
        memory = {};
        ASSERT_TRUE(memory.add({gpa, size, hpa, kind, 0}));
    }
    // A guest page of 4^tsize KiB at `ea`, backed by guest-physical `gpa`.
    VirtualEntry& page(u32 tsize, u32 ea, u64 gpa, u32 permissions = all, u32 more_mas1 = 0,
                       u32 attributes = 0) {
        VirtualEntry& entry = tlb->tlb1(next_++ % 16);
        tlb->write(entry, 1, 0x80000000U | tsize << 8U | more_mas1, ea | attributes,
                   static_cast<u32>(gpa) | permissions, static_cast<u32>(gpa >> 32U));
        return entry;
    }
    Fill fill(const VirtualEntry& entry, u32 ea, Access access = Access::load, bool user = true) {
        return shadow->fill(memory, entry, ea, access, user);
    }
    // The one core entry that matches, null if none; more than one is a failure.
    static const CoreEntry* only(u32 ea, bool space) {
        static CoreEntry found;
        const auto matches = the_core().matches(ea, space);
        EXPECT_LE(matches.size(), 1U) << "two entries match one access";
        if (matches.empty()) {
            return nullptr;
        }
        found = matches.front();
        return &found;
    }
    std::unique_ptr<VirtualTlb> tlb = std::make_unique<VirtualTlb>();
    std::unique_ptr<ShadowTlb> shadow = std::make_unique<ShadowTlb>();
    MemoryMap memory;

  private:
    unsigned next_ = 0;
};

}  // namespace trapeze::mmu
