// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "patched_guest.hpp"

// The patched guest, and windows in which its text runs unpatched, for the tests of the account.
namespace trapeze::test {

class AccountTest : public PatchTest {
  protected:
    // A window of which `ticks` count, in which the site has `exits`.
    void window(dbt::Site& site, u64 ticks, unsigned exits) {
        begin_measuring();
        pass(ticks);
        for (unsigned i = 0; i < exits; ++i) dbt::SiteTable::charge(site, 0);
        begin_or_end_window();
        EXPECT_FALSE(patcher->in_window);
    }
    // The core is warm at once.
    void begin_measuring() {
        begin_or_end_window();
        EXPECT_TRUE(patcher->in_window);
        EXPECT_FALSE(patcher->measuring);
        begin_or_end_window();
        EXPECT_TRUE(patcher->in_window);
        EXPECT_TRUE(patcher->measuring);
    }
    vcpu::ExitStats& stats(vcpu::Cause cause) { return v.exits[static_cast<unsigned>(cause)]; }
    // `times` exits of a cause that are there patched or not, or not, of `ticks` each.
    void exits(vcpu::Cause cause, unsigned times, u32 ticks) {
        for (unsigned i = 0; i < times; ++i) {
            pass(ticks);
            stats(cause).add(ticks);
        }
    }
    u64 saved(const dbt::Site& site) {
        settle();
        return patch::saved(v, site, now());
    }
    // Tracing faults at `ea` until its page is the guest's again, at most `most`.
    unsigned faults_until_back(u32 ea, unsigned most) {
        unsigned faults = 0;
        while (faults < most && mirrored(ea)) {
            load(ea);
            ++faults;
        }
        return faults;
    }
};

}  // namespace trapeze::test
