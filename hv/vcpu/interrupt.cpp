// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/interrupt.hpp"

#include "hv/core/cpu.hpp"
#include "hv/vcpu/progress.hpp"
#include "hv/vcpu/reservation.hpp"
#include "hv/vcpu/timers.hpp"
#include "hv/vcpu/translations.hpp"

namespace trapeze::vcpu {

using e500::Vector;
namespace msr = e500::msr;

namespace {

// By the guest's own wish or by the VMM's, for a reservation.
bool stepped(const Vcpu& v) { return v.reservation.steps != 0 || debugging(v); }

// Handlers that fault on their own first instruction this often in a row, with nothing changed, are
// not handlers.
constexpr u32 storm_limit = 64;

bool is_critical(Vector vector) {
    return vector == Vector::critical || vector == Vector::watchdog || vector == Vector::debug;
}

void note_slow(Vcpu& v) {
    v.slow_rfi = !v.shadow.simple() || stepped(v);
    v.regs.notes = (v.regs.notes & ~note::slow) | (v.slow_rfi != 0 ? note::slow : 0);
    v.slow_sc = msr::is | msr::ds | msr::de | (v.hypercalls ? msr::pr : 0) |
                (v.slow_rfi != 0 ? Vcpu::slow_sc_always : 0);
}

// What was watched for has come.
[[gnu::noinline, gnu::cold]] void lives(Vcpu& v) {
    ++v.signs;
    v.regs.notes &= ~note::watch;
    update_pending(v);
}

[[gnu::noinline, gnu::cold]] void enters_user(Vcpu& v) {
    sync_sprgs(v);
    if (v.regs.notes & note::watch) lives(v);
}

// Whether the guest is where the last interrupt took it and as that left it: in the kernel, in
// address space 0, with MSR[EE] clear. Somebody else's instruction may have the handler's address.
bool at_handler(const Vcpu& v) {
    constexpr u32 left = msr::pr | msr::is | msr::ds | msr::ee;
    return v.nip == v.storm_nip && !(v.regs.msr & left);
}

// One more interrupt of a handler's first instruction. The registers tell whether it was executed
// meanwhile: of r14 to r31 not all exits know.
[[gnu::noinline, gnu::cold]] bool fails_at_once(Vcpu& v) {
    const u32 others[] = {v.cr, v.xer, v.ctr, v.lr};
    const u32 state = digest(v.gpr, 14, digest(others, 4));
    if (v.storm_count != 0 && state != v.storm_state) v.storm_count = 0;
    v.storm_state = state;
    if (++v.storm_count != storm_limit) return false;
    end(v, End::guest_died,
        "exception storm: the guest's interrupt handler cannot execute its first instruction (no "
        "handler there, or IVPR/IVOR point nowhere)");
    return true;
}

// What it waited for in a hypercall has come.
[[gnu::noinline]] void end_call(Vcpu& v) {
    v.regs.msr &= ~v.idle_bits;
    v.idle_bits = 0;
}

}  // namespace

bool debugging(const Vcpu& v) {
    constexpr u32 events = e500::dbcr0::icmp | e500::dbcr0::brt;
    return (v.regs.msr & msr::de) && (v.regs.dbcr0 & e500::dbcr0::idm) && (v.regs.dbcr0 & events);
}

u32 core_msr(const Vcpu& v) {
    const u32 base = v.user() ? v.real_msr_user : v.real_msr_kernel;
    return base | (v.regs.msr & msr::passed_through) | (stepped(v) ? msr::de : 0);
}

void set_msr(Vcpu& v, u32 value) {
    const u32 old = v.regs.msr;
    v.regs.msr = value & msr::implemented;
    if (const u32 changed = (old ^ v.regs.msr) & (msr::de | msr::is)) {
        if (changed & msr::de) update_debug(v);
        if (changed & msr::is) space_changes(v);
    }
    if (v.user() && (v.regs.notes & (note::sprgs | note::watch))) enters_user(v);
    if (v.shadow.enter(v.user(), v.virtual_is(), v.virtual_ds())) layout_changes(v);
}

void layout_changes(Vcpu& v) {
    const auto& layout = v.shadow.layout();
    const u32 enables = msr::ee | msr::me | (v.probing ? msr::de : 0);
    v.real_msr_kernel = layout.msr_bits(false) | enables;
    v.real_msr_user = layout.msr_bits(true) | enables;
    v.fetch_msr = v.hv_msr | (layout.fetch_space(false) ? msr::ds : 0);
    v.fetch_msr_user = v.hv_msr | (layout.fetch_space(true) ? msr::ds : 0);
    v.moved = true;
    note_slow(v);
    if (v.patch_events != nullptr) v.patch_events->mode_changes(v);
}

void sync_sprgs(Vcpu& v) {
    if (!(v.regs.notes & note::sprgs)) return;
    v.regs.notes &= ~note::sprgs;
    core::write_sprgs(v.regs.sprg);
}

void program_debug(const Vcpu& v) {
    const bool steps = v.probing || v.reservation.steps != 0;
    const u32 own = steps ? e500::dbcr0::idm | e500::dbcr0::icmp : 0;
    core::write_debug_control(debugging(v) ? v.regs.dbcr0 & e500::dbcr0::passed_on : own);
}

void update_debug(Vcpu& v) {
    program_debug(v);
    note_slow(v);
    if (v.patch_events != nullptr) v.patch_events->mode_changes(v);
}

void inject(Vcpu& v, Vector vector) {
    if (v.reservation.steps != 0) stop_reservation(v);
    RegisterPage& r = v.regs;
    const u32 target = v.vector[static_cast<unsigned>(vector)];

    if (at_handler(v)) {
        if (fails_at_once(v)) return;
    } else {
        v.storm_count = 0;
        v.storm_from = v.nip;
        v.storm_first = static_cast<u32>(vector);
    }
    v.storm_nip = target;
    v.storm_vector = static_cast<u32>(vector);

    if (vector == Vector::machine_check) {
        r.mcsrr0 = v.nip;
        r.mcsrr1 = r.msr;
        set_msr(v, r.msr & msr::kept_by_machine_check);
    } else if (is_critical(vector)) {
        r.csrr0 = v.nip;
        r.csrr1 = r.msr;
        set_msr(v, r.msr & msr::kept_by_critical);
    } else {
        r.srr0 = v.nip;
        r.srr1 = r.msr;
        // In address space 0 and not debugging, no more than the mode can change, and the core's
        // MSR of either mode stands there.
        const u32 kept = r.msr & msr::kept_by_noncritical & ~v.cleared_by_noncritical;
        if (v.slow_rfi == 0) {
            r.msr = kept;
        } else {
            // A handler seldom needs what the VMM has made way for.
            if (v.shadow.come_back()) layout_changes(v);
            set_msr(v, kept);
        }
    }
    v.nip = target;
}

void inject_program(Vcpu& v, u32 esr) {
    v.regs.esr = esr;
    inject(v, Vector::program);
}

void inject_machine_check(Vcpu& v, u32 mcsr, u64 gpa, const char* why) {
    if (!(v.regs.msr & msr::me)) {
        end(v, End::guest_died, why);
        return;
    }
    v.regs.mcsr = mcsr;
    v.regs.mcar = static_cast<u32>(gpa);
    v.regs.mcaru = static_cast<u32>(gpa >> 32);
    inject(v, Vector::machine_check);
}

void watch(Vcpu& v) {
    if (v.user() || (v.regs.msr & msr::ee)) return;
    v.regs.notes |= note::watch;
    update_pending(v);
}

void probe(Vcpu& v, bool on) {
    if (v.probing == on || (on && debugging(v))) return;
    v.probing = on;
    update_debug(v);
    layout_changes(v);
}

void wait_in_call(Vcpu& v) {
    v.idle_bits = msr::we | (~v.regs.msr & msr::ee);
    v.regs.msr |= v.idle_bits;
}

void update_pending(Vcpu& v) {
    const u32 tsr = v.regs.tsr, tcr = v.regs.tcr;
    u32 pending = 0;
    // Whoever watches for MSR[EE] lets it look as if something waited for it.
    if (v.external_held || (v.regs.notes & note::watch) ||
        ((tsr & e500::tsr::dis) && (tcr & e500::tcr::die)) ||
        ((tsr & e500::tsr::fis) && (tcr & e500::tcr::fie))) {
        pending |= msr::ee;
    }
    if (v.critical_held || ((tsr & e500::tsr::wis) && (tcr & e500::tcr::wie))) pending |= msr::ce;
    v.regs.pending = pending;
}

void deliver_pending(Vcpu& v) {
    const RegisterPage& r = v.regs;
    u32 ready = r.pending & r.msr;
    if (ready == 0) return;
    if ((ready & msr::ee) && (r.notes & note::watch)) {
        lives(v);
        ready = r.pending & r.msr;
    }
    if (ready != 0 && v.idle_bits != 0) {
        end_call(v);
        ready = r.pending & r.msr;
    }
    if (ready & msr::ce) {
        if (v.critical_held && v.take_input(v, Vector::critical)) {
            ++v.signs;
            inject(v, Vector::critical);
            return;
        }
        if ((r.tsr & e500::tsr::wis) && (r.tcr & e500::tcr::wie)) {
            ++v.signs;
            inject(v, Vector::watchdog);
            return;
        }
    }
    if (!(ready & msr::ee)) return;
    // Before the timers (manual 5.10).
    if (v.external_held && v.take_input(v, Vector::external)) {
        ++v.signs;
        inject(v, Vector::external);
        return;
    }
    const bool interval = (r.tsr & e500::tsr::fis) && (r.tcr & e500::tcr::fie);
    if (!interval && !((r.tsr & e500::tsr::dis) && (r.tcr & e500::tcr::die))) return;
    if (v.moved && vcpu::hold_back(v)) return;
    ++v.signs;
    inject(v, interval ? Vector::fixed_interval : Vector::decrementer);
}

bool stepping(const Vcpu& v) { return debugging(v) && (v.regs.dbcr0 & e500::dbcr0::icmp); }

void completed(Vcpu& v) {
    if (!stepping(v)) return;
    v.regs.dbsr |= e500::dbsr::icmp;
    inject(v, Vector::debug);
}

void end(Vcpu& v, End how, const char* reason) {
    if (v.end != End::running) return;
    v.end = how;
    v.reason = reason;
}

void end_stalled(Vcpu& v, Cause cause, u64 repeats) {
    describe_stall(v.why, sizeof v.why, cause, v.nip, repeats);
    end(v, End::guest_died, v.why);
}

}  // namespace trapeze::vcpu
