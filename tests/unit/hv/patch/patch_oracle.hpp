// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>

#include "patched_guest.hpp"

namespace trapeze::test {

// What must hold of the core's entries, the ready table, the stubs and the copies at any time,
// said in the most naive form.
class PatchOracle {
  public:
    // `dense`: the guest has mapped all that a branch reaches, so that stubs must go where it has.
    PatchOracle(vcpu::Vcpu& guest, Patcher& patcher, bool dense)
        : v(guest), p(patcher), dense_(dense) {}

    // Reports what does not hold.
    void check();

    // The pages that are looked at in entries larger than a page.
    std::set<u32> pages;

  private:
    void entries();
    void entry(const CoreEntry& entry, const char* where);
    void page(const CoreEntry& entry, u32 ea, const char* where);
    const char* fault(const mmu::VirtualEntry& guest, const CoreEntry& entry, u32 ea) const;
    const char* fetch_fault(const mmu::VirtualEntry& guest, u32 ea, bool user, bool text) const;
    const char* data_fault(const mmu::VirtualEntry& guest, u32 ea, bool user, bool store) const;
    bool aside() const;
    bool home(const mmu::VirtualEntry& guest, u32 ea) const;
    std::vector<const mmu::VirtualEntry*> guests_at(u32 ea) const;
    void own_entries();
    void stubs();
    void stolen_pages();
    void copies();
    void copied_page(const tcache::MirrorFrame& frame, unsigned i);

    vcpu::Vcpu& v;
    Patcher& p;
    bool dense_;
    std::set<u32> stolen_before;
    std::set<std::pair<u64, u32>> mirrored_before;  // GPA, EA
};

}  // namespace trapeze::test
