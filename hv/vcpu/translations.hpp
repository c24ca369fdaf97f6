// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/site_table.hpp"
#include "hv/vcpu/text_window.hpp"
#include "hv/vcpu/vcpu.hpp"

// The guest's translations are about to change: what the core has of them goes, and an EA that the
// profile knows may become another site.
namespace trapeze::vcpu {

// A valid entry of the guest's TLB.
inline void entry_goes(Vcpu& v, const mmu::VirtualEntry& entry) {
    v.shadow.drop(entry);
    // Others are not text of the guest kernel, and have no site.
    if (mmu::Overlay::executable(entry)) {
        text_entry_goes(v, entry);
        if (v.sites != nullptr) v.sites->distrust(entry.epn(), entry.size());
    }
}

// All of TLB0.
inline void small_entries_go(Vcpu& v) {
    v.shadow.flush_small();
    if (v.sites != nullptr) v.sites->distrust_small();
}

// By a PID; by the guest's own MSR[IS].
inline void pid_changes(Vcpu& v) {
    if (v.sites != nullptr) v.sites->distrust_local();
}
inline void space_changes(Vcpu& v) {
    close_text_window(v);
    if (v.sites != nullptr) v.sites->distrust_all();
}

}  // namespace trapeze::vcpu
