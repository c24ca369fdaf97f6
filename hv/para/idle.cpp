// SPDX-License-Identifier: Apache-2.0
#include "hv/para/calls.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::para {

namespace msr = e500::msr;

Status idle(vcpu::Vcpu& v) {
    if (v.regs.pending & ~v.regs.msr & msr::ee) return Status::success;
    vcpu::wait_in_call(v);
    return Status::success;
}

}  // namespace trapeze::para
