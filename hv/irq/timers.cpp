// SPDX-License-Identifier: Apache-2.0
#include "hv/irq/timers.hpp"

#include "hv/arch/cpu.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::irq {

namespace tcr = e500::tcr;
namespace tsr = e500::tsr;

namespace {

void program_core(const Vcpu& v) {
    u32 bit = heartbeat_bit;
    if (v.regs.tcr & tcr::fie) {
        const u32 guest = tcr::fit_bit(v.regs.tcr);
        if (guest < bit) bit = guest;
    }
    if (v.regs.tcr & (tcr::wie | tcr::wrc_mask)) {
        const u32 guest = tcr::watchdog_bit(v.regs.tcr);
        if (guest < bit) bit = guest;
    }
    arch::write_tcr((v.regs.tcr & (tcr::die | tcr::are)) | tcr::fie | tcr::make_fit_period(bit));
}

// One watchdog time-out (manual 8.4.3): next-enable, then interrupt, then reset if asked for.
void watchdog_event(Vcpu& v) {
    u32& status = v.regs.tsr;
    if (!(status & tsr::enw)) {
        status |= tsr::enw;
    } else if (!(status & tsr::wis)) {
        status |= tsr::wis;
    } else if (v.regs.tcr & tcr::wrc_mask) {
        status |= (v.regs.tcr & tcr::wrc_mask);
        vcpu::end(v, vcpu::End::guest_died,
                  "the guest's own watchdog timer expired a third time (TCR[WRC] asks for a reset)");
    }
}

// Latches the guest's FIT and watchdog events up to now.
void latch_events(Vcpu& v) {
    const u64 now = arch::timebase();
    if (rising_edges(v.fit_seen, now, tcr::fit_bit(v.regs.tcr)) != 0) v.regs.tsr |= tsr::fis;
    v.fit_seen = now;
    u64 edges = rising_edges(v.watchdog_seen, now, tcr::watchdog_bit(v.regs.tcr));
    v.watchdog_seen = now;
    for (unsigned i = 0; i < 3 && edges != 0; ++i, --edges) watchdog_event(v);
}

}  // namespace

u32 read_tsr(Vcpu& v) {
    latch_events(v);
    vcpu::update_pending(v);
    // The core may have set DIS with the interrupt not enabled.
    return v.regs.tsr | (arch::read_tsr() & tsr::dis);
}

void write_tsr(Vcpu& v, u32 bits) {
    latch_events(v);
    v.regs.tsr &= ~bits;
    if (bits & tsr::dis) arch::clear_tsr(tsr::dis);
    vcpu::update_pending(v);
}

void write_tcr(Vcpu& v, u32 value) {
    latch_events(v);
    // WRC can be set but not cleared (manual 2.6.1).
    v.regs.tcr = (value & tcr::implemented) | (v.regs.tcr & tcr::wrc_mask);
    program_core(v);
    vcpu::update_pending(v);
}

void write_timebase(Vcpu& v, bool upper, u32 value) {
    latch_events(v);
    const u64 before = arch::timebase();
    if (upper) {
        arch::write_timebase_high(value);
    } else {
        arch::write_timebase_low(value);
    }
    // The VMM's own clock readings are differences: move their origins along.
    const u64 shift = arch::timebase() - before;
    v.exit_time += static_cast<u32>(shift);
    v.start_time += shift;
    v.last_progress += shift;
    v.fit_seen = v.watchdog_seen = arch::timebase();
}

void on_decrementer(Vcpu& v) {
    v.regs.tsr |= tsr::dis;
    arch::clear_tsr(tsr::dis);
    vcpu::update_pending(v);
}

void on_heartbeat(Vcpu& v) {
    latch_events(v);
    arch::clear_tsr(tsr::fis);
    vcpu::update_pending(v);
}

}  // namespace trapeze::irq
