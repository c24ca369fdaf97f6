// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"

namespace trapeze::mmu {

using e500::u32;
using e500::u64;
using e500::u8;

enum class Access : u8 { fetch, load, store };

// The bit of MAS3 that lets a mode do it; a supervisor's stands one below the user's.
constexpr u32 permission_for(Access access, bool user) {
    using namespace e500::mas3;
    const u32 bit = access == Access::fetch ? ux : access == Access::load ? ur : uw;
    return user ? bit : bit >> 1;
}

// How the guest's two modes are laid over the core's two address spaces (docs/mmu.md). Guest
// kernel and guest user both run with PR=1; what tells them apart is the pair (IS, DS). The
// permissions of a shadow entry follow: a space lets a user-mode access execute what the mode
// that fetches from it may execute, and load and store what the mode whose data lie in it may.
struct Layout {
    const char* name;
    bool kernel_is, kernel_ds, user_is, user_ds;

    constexpr u32 msr_bits(bool user) const {
        const bool is = user ? user_is : kernel_is;
        const bool ds = user ? user_ds : kernel_ds;
        return e500::msr::pr | (is ? e500::msr::is : 0) | (ds ? e500::msr::ds : 0);
    }
    constexpr bool fetch_space(bool user) const { return user ? user_is : kernel_is; }
    constexpr bool data_space(bool user) const { return user ? user_ds : kernel_ds; }

    // Whether data accesses of a mode go to the space that the guest kernel fetches from, where
    // patched text and stubs stand.
    constexpr bool beside_text(bool user) const { return data_space(user) == kernel_is; }

    // The UX, UR, UW bits of a shadow entry in `space` for guest permissions `mas3`.
    constexpr u32 permissions(bool space, u32 mas3) const {
        using namespace e500::mas3;
        u32 out = 0;
        if (kernel_is == space) out |= sole_permissions(mas3, false, true, false);
        if (user_is == space) out |= sole_permissions(mas3, true, true, false);
        if (kernel_ds == space) out |= sole_permissions(mas3, false, false, true);
        if (user_ds == space) out |= sole_permissions(mas3, true, false, true);
        return out;
    }

    // Those of an entry that serves one mode alone: its fetches, its data accesses, or both.
    static constexpr u32 sole_permissions(u32 mas3, bool user, bool fetch, bool data) {
        using namespace e500::mas3;
        // A supervisor's bit stands one below the user's.
        const u32 bits = user ? mas3 : mas3 << 1;
        return bits & ((fetch ? ux : 0) | (data ? ur | uw : 0));
    }
};

inline constexpr Layout straight{
    .name = "straight", .kernel_is = true, .kernel_ds = true, .user_is = false, .user_ds = false};
inline constexpr Layout crossed{
    .name = "crossed", .kernel_is = false, .kernel_ds = true, .user_is = true, .user_ds = false};

// For a guest that the VMM's own range in AS0 is in the way of (ShadowTlb::make_way): one mode at a
// time, all of it in AS1; and while it has MSR[IS] != MSR[DS], the side of it that needs it.
inline constexpr Layout aside{
    .name = "aside", .kernel_is = true, .kernel_ds = true, .user_is = true, .user_ds = true};
inline constexpr Layout turned{
    .name = "turned", .kernel_is = true, .kernel_ds = false, .user_is = false, .user_ds = true};

static_assert(straight.permissions(true, e500::mas3::sx | e500::mas3::sr) ==
              (e500::mas3::ux | e500::mas3::ur));
static_assert(straight.permissions(false, e500::mas3::sx | e500::mas3::sr) == 0);
static_assert(crossed.permissions(false, e500::mas3::sx | e500::mas3::sr) == e500::mas3::ux);
static_assert(crossed.permissions(true, e500::mas3::sx | e500::mas3::sr) == e500::mas3::ur);

}  // namespace trapeze::mmu
