// SPDX-License-Identifier: Apache-2.0
#include "hv/exit/record.hpp"

#include "hv/para/hypercall.hpp"
#include "hv/profile/profile.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::vcpu {

void record(Vcpu& v, Cause cause, u32 word, u32 dear) {
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

void make_hypercall(Vcpu& v) {
    v.nip -= 4;
    record(v, Cause::hypercall, para::instruction);
    v.nip += 4;
    para::make_hypercall(v);
}

Cause system_call_exit(Vcpu& v) {
    if (para::at_hypercall(v)) {
        make_hypercall(v);
        return Cause::hypercall;
    }
    record(v, Cause::syscall, 0);
    inject(v, e500::Vector::system_call);
    return Cause::syscall;
}

}  // namespace trapeze::vcpu
