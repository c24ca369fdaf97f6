// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/site_table.hpp"
#include "hv/vcpu/vcpu.hpp"

// Parts of the full exit that stand outside of run.cpp.
namespace trapeze::vcpu {

// Keeps the exit at v.nip for reports: the instruction's `word`, if it is known, and the address
// of a data access.
inline void record(Vcpu& v, Cause cause, u32 word, u32 dear = 0) {
    // What a fast path began and handed on stands there already.
    const ExitRecord& newest = v.traced[v.trace_head / sizeof(ExitRecord)];
    if (cause == Cause::privileged &&
        (newest.site != nullptr
             ? newest.site == v.site && newest.site->ea == v.nip && newest.site->word == word
             : newest.nip == v.nip && newest.word == word)) {
        return;
    }
    constexpr u32 ring = sizeof v.traced;
    v.trace_head = (v.trace_head + sizeof(ExitRecord)) % ring;
    v.traced[v.trace_head / sizeof(ExitRecord)] = {
        v.nip, word, dear, static_cast<u32>(cause) | (v.user() ? ExitRecord::user_mode : 0),
        nullptr};
}

// sc: a system call, or a hypercall.
Cause system_call_exit(Vcpu& v);

}  // namespace trapeze::vcpu
