// SPDX-License-Identifier: Apache-2.0
#include "hv/exit/record.hpp"

#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/exit/entry.hpp"
#include "hv/para/hypercall.hpp"
#include "hv/profile/profile.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::vcpu {

namespace {

void make_hypercall(Vcpu& v) {
    v.nip -= 4;
    record(v, Cause::hypercall, para::instruction);
    v.nip += 4;
    para::make_hypercall(v);
}

}  // namespace

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

int hv_hypercall(trapeze::vcpu::Vcpu* v) {
    using namespace trapeze;
    using vcpu::Cause;
    const e500::u32 site = v->nip - 4;
    vcpu::make_hypercall(*v);
    if (v->end != vcpu::End::running || v->waits() || v->core->reconsider) return -1;
    v->entry_msr = vcpu::core_msr(*v);
    const e500::u32 ticks = core::timebase_low() - v->exit_time;
    if (v->profile != nullptr) {
        vcpu::charge_page(*v, Cause::hypercall, site, false, ticks);
    } else {
        v->exits[static_cast<unsigned>(Cause::hypercall)].add(ticks);
    }
    return 0;
}
