// SPDX-License-Identifier: Apache-2.0
#include "hv/sched/switch.hpp"

#include "hv/console/console.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/exit/setup.hpp"
#include "hv/guest/guest.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/text_window.hpp"

namespace trapeze::sched {

using vcpu::Vcpu;

namespace {

void save(Vcpu& v) {
    core::save_user_registers(v.user_registers);
    if (core::read_l1csr0() & e500::l1csr0::cul) {
        v.regs.l1csr0 |= e500::l1csr0::cul;
        core::clear_lock_failure();
    }
    core::clear_reservation();
}

void load(const Vcpu& from, Vcpu& v) {
    core::load_user_registers(v.user_registers);
    core::write_sprgs(v.regs.sprg);
    for (unsigned n = 0; n < 3; ++n) {
        if (from.regs.pid[n] != v.regs.pid[n]) core::write_pid(n, v.regs.pid[n]);
    }
    v.shadow.take_core(from.shadow);
    vcpu::take_text_window(v);
    patch::take_core(v);
    core::use_profile(v.profile != nullptr, v.core->trace_ring != nullptr);
    if (v.reservation.steps != 0) core::use_fast_paths(false, v.profile != nullptr);
    core::take_debug_status();
    vcpu::program_debug(v);
}

void has(Vcpu& v) {
    v.core->current = &v;
    core::set_current(&v);
    console::speak_for(v.guest->name);
}

}  // namespace

void switch_guests(Vcpu& from, Vcpu& to) {
    save(from);
    load(from, to);
    has(to);
}

void enter_anew(Vcpu& v) {
    for (unsigned n = 0; n < 3; ++n) core::write_pid(n, v.regs.pid[n]);
    core::clear_lock_failure();
    core::clear_reservation();
    load(v, v);
    has(v);
}

}  // namespace trapeze::sched
