// SPDX-License-Identifier: Apache-2.0
#include "hv/mmu/layout.hpp"

#include <gtest/gtest.h>

#include "hv/mmu/shadow_tlb.hpp"

namespace trapeze::mmu {

// A name in the tests' own, not bytes of a pointer.
static void PrintTo(const Layout& layout, std::ostream* out) { *out << layout.name; }

namespace {

namespace msr = e500::msr;
namespace mas3 = e500::mas3;

// The core lets a user-mode access do what the entry's UX, UR, UW say, in the space that MSR[IS]
// or MSR[DS] names (manual 12.3.4). So put the mode's MSR beside the two entries, as a core would.
bool core_allows(const Layout& layout, u32 guest, bool user, Access access) {
    const u32 bits = layout.msr_bits(user);
    const bool space = (bits & (access == Access::fetch ? msr::is : msr::ds)) != 0;
    const u32 entry = layout.permissions(space, guest);
    const u32 needed = access == Access::fetch  ? mas3::ux
                       : access == Access::load ? mas3::ur
                                                : mas3::uw;
    return (entry & needed) != 0;
}

u32 guest_bit(bool user, Access access) {
    // MAS3 from the left: UX SX UW SW UR SR.
    const u32 user_bit = access == Access::fetch ? 0x20 : access == Access::load ? 0x02 : 0x08;
    return user ? user_bit : user_bit >> 1U;
}

class LayoutTest : public testing::TestWithParam<Layout> {};

TEST_P(LayoutTest, EachModeMayDoWhatItsOwnBitsSay) {
    for (u32 guest = 0; guest < 64; ++guest) {
        for (const bool user : {false, true}) {
            for (const Access access : {Access::fetch, Access::load, Access::store}) {
                EXPECT_EQ(core_allows(GetParam(), guest, user, access),
                          (guest & guest_bit(user, access)) != 0)
                    << "permissions " << guest << " user " << user << " access "
                    << static_cast<int>(access);
            }
        }
    }
}

TEST_P(LayoutTest, EntriesGrantOnlyUserBits) {
    for (u32 guest = 0; guest < 64; ++guest) {
        for (const bool space : {false, true}) {
            EXPECT_EQ(GetParam().permissions(space, guest) & ~(mas3::ux | mas3::ur | mas3::uw), 0U);
        }
    }
}

TEST_P(LayoutTest, AnEntryOfOneModeGivesItWhatTheGuestGivesIt) {
    using namespace mas3;
    for (u32 guest = 0; guest < 64; ++guest) {
        const u32 kernel = (guest & sx ? ux : 0) | (guest & sr ? ur : 0) | (guest & sw ? uw : 0);
        const u32 user = guest & (ux | ur | uw);
        EXPECT_EQ(Layout::sole_permissions(guest, false, true, true), kernel);
        EXPECT_EQ(Layout::sole_permissions(guest, true, true, true), user);
        EXPECT_EQ(Layout::sole_permissions(guest, false, true, false), kernel & ux);
        EXPECT_EQ(Layout::sole_permissions(guest, true, false, true), user & (ur | uw));
    }
}

TEST_P(LayoutTest, GuestAlwaysRunsInUserMode) {
    for (const bool user : {false, true}) {
        const u32 bits = GetParam().msr_bits(user);
        EXPECT_EQ(bits & ~(msr::is | msr::ds), msr::pr);
        EXPECT_EQ(GetParam().fetch_space(user), (bits & msr::is) != 0);
        EXPECT_EQ(GetParam().data_space(user), (bits & msr::ds) != 0);
    }
}

INSTANTIATE_TEST_SUITE_P(Both, LayoutTest, testing::Values(straight, crossed),
                         [](const auto& layout) {
                             return layout.index == 0 ? "straight" : "crossed";
                         });

}  // namespace
}  // namespace trapeze::mmu
