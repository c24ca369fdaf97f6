// SPDX-License-Identifier: Apache-2.0
#include "hv/para/hypercall.hpp"

#include "hv/core/cpu.hpp"
#include "hv/para/calls.hpp"
#include "hv/para/partition_calls.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::para {

namespace {

constexpr Hypercall calls[] = {
    {token(epapr, 1), "EV_BYTE_CHANNEL_SEND", send_bytes},
    {token(epapr, 2), "EV_BYTE_CHANNEL_RECEIVE", receive_bytes},
    {token(epapr, 3), "EV_BYTE_CHANNEL_POLL", poll_bytes},
    {token(epapr, 14), "EV_DOORBELL_SEND", send_doorbell},
    {token(epapr, 16), "EV_IDLE", idle},
    {token(freescale, 2), "FH_PARTITION_GET_DTPROP", partition_get_dtprop},
    {token(freescale, 3), "FH_PARTITION_SET_DTPROP", partition_set_dtprop},
    {token(freescale, 4), "FH_PARTITION_RESTART", partition_restart},
    {token(freescale, 5), "FH_PARTITION_GET_STATUS", partition_status},
    {token(freescale, 6), "FH_PARTITION_START", partition_start},
    {token(freescale, 7), "FH_PARTITION_STOP", partition_stop},
    {token(freescale, 8), "FH_PARTITION_MEMCPY", partition_memcpy},
    {copy_goes_on, "FH_PARTITION_MEMCPY goes on", partition_memcpy_on},
    {get_goes_on, "FH_PARTITION_GET_DTPROP goes on", partition_get_dtprop_on},
    {set_goes_on, "FH_PARTITION_SET_DTPROP goes on", partition_set_dtprop_on},
};
constexpr unsigned count = sizeof calls / sizeof calls[0];

// By vendor and number.
struct Index {
    const Hypercall* of[vendors][numbers];
};
consteval Index make_index() {
    Index index{};
    for (const Hypercall& call : calls) {
        index.of[(call.token >> 16) - 1][call.token & 0xffff] = &call;
    }
    return index;
}
constexpr Index by_token = make_index();

consteval bool distinct() {
    unsigned found = 0;
    for (const auto& vendor : by_token.of) {
        for (const Hypercall* call : vendor) found += call != nullptr ? 1 : 0;
    }
    return found == count;
}
static_assert(distinct(), "two calls have one token");

}  // namespace

const Hypercall* find(u32 token) {
    const u32 vendor = (token >> 16) - 1, number = token & 0xffff;
    return vendor < vendors && number < numbers ? by_token.of[vendor][number] : nullptr;
}

unsigned hypercall_count() { return count; }
const Hypercall& hypercall(unsigned index) { return calls[index]; }

bool at_hypercall(const vcpu::Vcpu& v) {
    if (!v.hypercalls || v.user()) return false;
    u32 word = 0;
    const bool space = v.shadow.layout().fetch_space(false);
    return core::load_guest_word(v.nip - 4, space, word) && word == instruction;
}

void make_hypercall(vcpu::Vcpu& v) {
    constexpr unsigned token_register = 11, result_register = 3;
    const Hypercall* const call = find(v.gpr[token_register]);
    const Status status = call != nullptr ? call->make(v) : Status::unimplemented;
    if (status == Status::unfinished) {
        v.nip -= 4;
        vcpu::deliver_pending(v);
        return;
    }
    v.gpr[result_register] = static_cast<u32>(status);
    if (v.end != vcpu::End::running) return;
    vcpu::completed(v);
    // What it has changed of the guest's lines, and the end of a wait that need not begin.
    vcpu::deliver_pending(v);
}

}  // namespace trapeze::para
