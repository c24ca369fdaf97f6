// SPDX-License-Identifier: Apache-2.0
#include "hv/exit/run.hpp"

#include "dbt/decode.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/bus.hpp"
#include "hv/dev/devices.hpp"
#include "hv/exit/entry.hpp"
#include "hv/exit/record.hpp"
#include "hv/exit/traced.hpp"
#include "hv/guest/guest.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/profile/profile.hpp"
#include "hv/vcpu/emulate.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/registers.hpp"
#include "hv/vcpu/reservation.hpp"
#include "hv/vcpu/spr.hpp"
#include "hv/vcpu/text_window.hpp"
#include "hv/vcpu/timers.hpp"
#include "hv/vcpu/tlb_instructions.hpp"

namespace trapeze::vcpu {

using e500::Vector;
namespace esr = e500::esr;
namespace msr = e500::msr;

namespace {

// Everything between vector and return is compiled twice, for a Vcpu with a profile and for one
// without, which then pays nothing for it (as the fast paths, exit/fast.inc).

// The page that a full exit has to do with. The ring has it, but for what the ring leaves out.
[[gnu::noinline]] void charge_other(Vcpu& v, Cause cause, u32 ticks) {
    if (cause == Cause::heartbeat) {
        charge_page(v, cause, v.beat_nip, (v.beat_nip & 1u) != 0, ticks);
    } else if (cause == Cause::itlb_shadow) {
        charge_page(v, cause, v.nip, v.user(), ticks);
    } else {
        const ExitRecord& e = v.traced[v.trace_head / sizeof(ExitRecord)];
        const bool data = cause == Cause::dsi || cause == Cause::mmio || cause == Cause::tracing ||
                          cause == Cause::text_write;
        charge_page(v, cause, data ? e.dear : e.nip, (e.info & ExitRecord::user_mode) != 0, ticks);
    }
}

template <bool profiled>
void charge(Vcpu& v, Cause cause) {
    const u32 ticks = core::timebase_low() - v.exit_time;
    if constexpr (!profiled) {
        v.exits[static_cast<unsigned>(cause)].add(ticks);
    } else if (cause == Cause::privileged) {
        charge_site(v, ticks);
    } else {
        charge_other(v, cause, ticks);
    }
}

// True if the fast path has found the site of the guest kernel's instruction at hand, recorded the
// exit and handed it on.
bool handed_on(const Vcpu& v, u32 word) {
    const dbt::Site* const site = v.site;
    return v.traced[v.trace_head / sizeof(ExitRecord)].site == site && site != nullptr &&
           site->match == v.nip && site->word == word;
}

bool fetch(Vcpu& v, u32& word) {
    return core::load_guest_word(v.nip, v.shadow.layout().fetch_space(v.user()), word);
}

// The trap in a stub: what the stub could not do is done here.
Cause stub_exit(Vcpu& v, const patch::Left& left) {
    v.nip = left.site;
    record(v, Cause::privileged, left.word);
    find_site(v, left.word);
    if (left.how == patch::Left::done) {
        if (const Counter kind = counter_of(dbt::decode(left.word).op); kind != Counter::count) {
            ++v.counters[static_cast<unsigned>(kind)];
        }
        v.nip += 4;
        deliver_pending(v);
    } else {
        emulate_privileged(v, left.word);
    }
    return Cause::privileged;
}

template <bool profiled>
Cause program_exit(Vcpu& v) {
    const u32 syndrome = core::read_esr();
    u32 word = 0;
    const bool candidate = (syndrome & esr::ppr) || (syndrome & esr::pil);
    if (!fetch(v, word) && candidate) return Cause::itlb_shadow;  // fetch again
    const bool kernel = (syndrome & esr::ppr) && !v.user();
    const bool emulated = kernel || (candidate && emulated_though_illegal(v, word));
    if (!profiled || !kernel || !handed_on(v, word)) {
        record(v, emulated ? Cause::privileged : Cause::program, word);
        if (profiled && emulated) {
            find_site(v, word);
            if (v.text_ea == Vcpu::no_text) open_text_window(v);
        }
    }
    if (emulated) {
        emulate_privileged(v, word);
        if (profiled && v.patcher != nullptr && v.site->due()) patch::consider(v);
        return Cause::privileged;
    }
    if (v.on_calibrated != nullptr) v.on_calibrated(v);
    inject_program(v, privileged_though_illegal(v, word) ? esr::ppr : syndrome);
    return Cause::program;
}

// After a storage interrupt. The core has an entry that forbids the access; should the guest's now
// allow it, neither that one nor a second one stays: the guest tries again, and misses.
FaultResult resolve_again(Vcpu& v, u32 ea, mmu::Access access) {
    const FaultResult result = resolve(v, ea, access);
    // A large entry from when some of its pages were mirrored goes too: it would fault for ever.
    if (result == FaultResult::resume) v.shadow.drop_range(ea & ~0xfffu, 0x1000);
    return result;
}

// What a device's model asks for after an access to it.
void let_in(Vcpu& v) {
    if (v.external_held || v.critical_held) deliver_pending(v);
}

Cause device_exit(Vcpu& v, u32 ea) {
    u32 word = 0;
    if (!fetch(v, word)) return Cause::itlb_shadow;
    record(v, Cause::mmio, word, ea);
    dev::emulate_device_access(v, word, ea);
    let_in(v);
    return Cause::mmio;
}

Cause tracing_exit(Vcpu& v, u32 ea) {
    u32 word = 0;
    if (!fetch(v, word)) return Cause::itlb_shadow;
    const bool store = (core::read_esr() & esr::st) != 0;
    const Cause cause = patch::cause_of_trace(v, ea, store);
    record(v, cause, word, ea);
    patch::trace(v, word, ea, store);
    let_in(v);
    return cause;
}

// A dcbf that stands for the guest's dcbi did not complete: what that does is done here.
Cause flush_exit(Vcpu& v) {
    const u32 word = patch::own_word(v, v.nip, 0);
    record(v, Cause::privileged, word);
    find_site(v, word);
    emulate_privileged(v, word);
    return Cause::privileged;
}

template <bool profiled>
Cause storage_exit(Vcpu& v) {
    const u32 syndrome = core::read_esr();
    const u32 ea = core::read_dear();
    record(v, Cause::dsi, 0, ea);
    if (syndrome & (esr::dlk | esr::ilk)) {
        // A user-mode core locks by leave of MSR[UCLE], which the guest's own MSR gives or not.
        u32 word = 0;
        if (!v.user() || (v.regs.msr & msr::ucle)) {
            if (!fetch(v, word)) return Cause::dsi;  // fetch again
            if constexpr (profiled) find_site(v, word);
            emulate_privileged(v, word);
            return Cause::privileged;
        }
        v.regs.esr = syndrome;
        v.regs.dear = ea;
        inject(v, Vector::data_storage);
        return Cause::dsi;
    }
    const auto access = (syndrome & esr::st) ? mmu::Access::store : mmu::Access::load;
    switch (resolve_again(v, ea, access)) {
        case FaultResult::device:
            return device_exit(v, ea);
        case FaultResult::traced:
            return tracing_exit(v, ea);
        default:
            return Cause::dsi;
    }
}

// QEMU's core leaves its ESR alone: what stands there is of another exit.
Cause alignment_exit(Vcpu& v) {
    u32 word = 0;
    if (!fetch(v, word)) return Cause::itlb_shadow;  // fetch again
    record(v, Cause::alignment, word);
    v.regs.esr = alignment_syndrome(dbt::decode(word));
    v.regs.dear = core::read_dear();
    inject(v, Vector::alignment);
    return Cause::alignment;
}

// The SPE's interrupts say so in ESR, the other two leave it alone (manual 5.7.8, 5.7.15
// to 5.7.17).
Cause unavailable_exit(Vcpu& v, Vector vector) {
    record(v, Cause::unavailable, 0);
    if (vector != Vector::fp_unavailable && vector != Vector::ap_unavailable) {
        v.regs.esr = esr::spv;
    }
    inject(v, vector);
    return Cause::unavailable;
}

// The guest has completed an instruction. True if that is all there is to this exit.
[[gnu::noinline, gnu::cold]] bool probed(Vcpu& v) {
    probe(v, false);
    v.guest->watch.progress.stepped();
    if (debugging(v)) return false;
    core::take_debug_status();
    v.beat_nip = v.nip | (v.user() ? 1u : 0u);
    return true;
}

Cause debug_exit(Vcpu& v) {
    if (v.probing && probed(v)) return Cause::heartbeat;
    record(v, Cause::debug, 0);
    if (v.reservation.steps != 0) {
        core::take_debug_status();
        return Cause::debug;
    }
    // QEMU's core marks a completion too that ended in an exception, and that no interrupt tells.
    v.regs.dbsr |= core::take_debug_status() & v.regs.dbcr0;
    inject(v, Vector::debug);
    return Cause::debug;
}

Cause timer_exit(Vcpu& v) {
    const bool heartbeat = vcpu::on_timer(v);
    v.beat_nip = v.nip | (v.user() ? 1u : 0u);
    if (!heartbeat) record(v, Cause::decrementer, 0);
    deliver_pending(v);
    if (!heartbeat) {
        if (v.profile != nullptr &&
            core::now() - v.start_time - v.profile->drawn >= timeline_period) {
            fold_counters(v);
            draw_timeline(v);
        }
        return Cause::decrementer;
    }
    fold_counters(v);
    if (v.profile != nullptr) {
        beat_profile(v);
        if (v.patcher != nullptr) patch::beat(v);
        draw_timeline(v);
    }
    help_reservation(v);
    v.guest->events->heartbeat(v);
    return Cause::heartbeat;
}

// An input that the core has been told to keep down while it is held has come again: the guest
// executes nothing before it does so once more, and no heartbeat comes.
[[gnu::noinline, gnu::cold]] Cause held_again(Vcpu& v, Cause cause) {
    const ExitStats& stats = v.exits[static_cast<unsigned>(cause)];
    const auto next = v.guest->watch.repeats.again(v.nip, stats.folded_count + stats.count);
    if (next == Repeats::Next::requests) v.guest->events->requests(v);
    if (next == Repeats::Next::stalled) end_stalled(v, cause, v.guest->watch.repeats.count());
    return cause;
}

Cause external_exit(Vcpu& v) {
    const bool again = v.external_held;
    if (!again) record(v, Cause::external, 0);
    dev::on_external(v);
    return again ? held_again(v, Cause::external) : Cause::external;
}

Cause miss_exit(Vcpu& v, mmu::Access access) {
    // The light path was here before: what is left is a device, or the guest's end.
    if (v.end != End::running) return Cause::dtlb_guest;
    if (access == mmu::Access::fetch) return Cause::itlb_shadow;
    const u32 ea = core::read_dear();
    return v.traced_fault ? tracing_exit(v, ea) : device_exit(v, ea);
}

template <bool profiled>
[[gnu::always_inline]] inline Cause dispatch(Vcpu& v, Vector vector) {
    if (profiled && patch::in_stub(v) && vector != Vector::instruction_tlb) {
        const patch::Left left = patch::leave_stub(v);
        if (vector == Vector::program && left.how != patch::Left::elsewhere) {
            // Where there is no stub the guest went by itself, and goes on in what is its own now.
            if (left.how == patch::Left::nothing) {
                record(v, Cause::isi, 0);
                return Cause::isi;
            }
            return stub_exit(v, left);
        }
    }
    switch (vector) {
        case Vector::program:
            return program_exit<profiled>(v);
        case Vector::system_call:
            return system_call_exit(v);
        case Vector::data_storage:
            if (profiled && patch::flushing(v)) return flush_exit(v);
            return storage_exit<profiled>(v);
        case Vector::instruction_storage:
            record(v, Cause::isi, 0);
            resolve_again(v, v.nip, mmu::Access::fetch);
            return Cause::isi;
        case Vector::data_tlb:
            if (profiled && patch::flushing(v)) return flush_exit(v);
            return miss_exit(v, mmu::Access::load);
        case Vector::instruction_tlb:
            return miss_exit(v, mmu::Access::fetch);
        case Vector::alignment:
            return alignment_exit(v);
        case Vector::fp_unavailable:
        case Vector::ap_unavailable:
        case Vector::spe_unavailable:
        case Vector::spe_data:
        case Vector::spe_round:
            return unavailable_exit(v, vector);
        case Vector::external:
            return external_exit(v);
        case Vector::decrementer:
            return timer_exit(v);
        case Vector::debug:
            return debug_exit(v);
        case Vector::machine_check:
        case Vector::critical:  // never enabled in the core, these four
        case Vector::watchdog:
        case Vector::fixed_interval:
        case Vector::performance:
            break;
    }
    record(v, Cause::machine_check, 0);
    inject_machine_check(v, core::take_mcsr(), v.nip,
                         "checkstop: machine check while the guest has MSR[ME]=0");
    return Cause::machine_check;
}

// The last thing of every full exit: end, wait, or go back in, perhaps into another guest.
template <bool profiled>
[[gnu::always_inline]] inline void leave(Vcpu& v, Cause cause) {
    if (v.reservation.steps != 0) step_reservation(v);
    if (v.end == End::running && v.waits() && !(v.regs.msr & (msr::ee | msr::ce))) {
        end(v, End::guest_died,
            "the guest waits (MSR[WE]) with all interrupts disabled: it can never wake");
    }
    if (v.end != End::running) {
        v.guest->events->ended(v);
        return;
    }
    v.entry_msr = core_msr(v);
    charge<profiled>(v, cause);
    if (v.core->trace_ring != nullptr) trace_exit(v, cause);
    if (v.core->reconsider || v.waits()) v.guest->events->yields(v);
}

// A privileged instruction of the guest kernel. 0, or 8 times the register of r14 to r31 that it
// wrote, or -1 if the guest ends or waits: the exit is not charged yet.
template <bool profiled>
int middle_exit(Vcpu& v, u32 word) {
    emulate_privileged(v, word);
    if (v.end != End::running || (v.regs.msr & msr::we)) return -1;
    v.entry_msr = core_msr(v);
    charge<profiled>(v, Cause::privileged);
    constexpr u32 first_saved = 14, mfspr = dbt::word_of(dbt::Op::mfspr), form = 0xfc0007feU;
    const u32 rt = word >> 21 & 31U;
    return (word & form) == mfspr && rt >= first_saved ? static_cast<int>(8 * rt) : 0;
}

// 0, or the vector if it takes a full exit.
template <bool profiled>
int light_exit(Vcpu& v, Vector vector) {
    using mmu::Access;
    const bool fetch = vector == Vector::instruction_tlb;
    const u32 ea = fetch ? v.nip : core::read_dear();
    const Access access = fetch                          ? Access::fetch
                          : (core::read_esr() & esr::st) ? Access::store
                                                         : Access::load;
    Cause cause = fetch ? Cause::itlb_shadow : Cause::dtlb_shadow;
    [[maybe_unused]] const bool user = v.user();
    if (patch::in_stub(v) && !fetch) patch::leave_stub(v);
    if (profiled && !fetch && patch::flushing(v)) return static_cast<int>(vector);
    const FaultResult result = resolve(v, ea, access);
    v.traced_fault = result == FaultResult::traced;
    switch (result) {
        case FaultResult::resume:
            break;
        case FaultResult::reflected:
            cause = fetch ? Cause::itlb_guest : Cause::dtlb_guest;
            break;
        case FaultResult::device:
        case FaultResult::traced:
        case FaultResult::ended:
            return static_cast<int>(vector);
    }
    if (v.end != End::running) return static_cast<int>(vector);
    v.entry_msr = core_msr(v);
    if constexpr (profiled) {
        charge_page(v, cause, ea, user, core::timebase_low() - v.exit_time);
    } else {
        charge<false>(v, cause);
    }
    return 0;
}

}  // namespace

void reset(Vcpu& v, const Boot& boot, const mmu::Layout& layout, mmu::Hole hole) {
    v.end = End::running;
    core::reset_fields(static_cast<State&>(v), registers);
    v.nip = boot.entry;
    v.gpr[1] = 0x00fffff8;  // QEMU's stack pointer for bare-metal programs
    v.gpr[3] = boot.device_tree;
    v.gpr[6] = 0x45504150;  // ePAPR magic
    v.gpr[7] = boot.initial_map_size;
    v.storm_nip = no_handler;
    close_text_window(v);
    v.cleared_by_noncritical = boot.debug_as_manual ? 0 : msr::de;
    for (auto& stats : v.exits) stats.min = ~0u;

    v.tlb.reset(boot.tlb0_sets);
    v.shadow.reset(layout, hole);
    using namespace e500;
    v.tlb.write(v.tlb.tlb1(0), 1, mas1::v | mas1::tsize_for(boot.initial_map_size), 0,
                mas3::permissions, 0);

    v.hv_msr = msr::me;
    update_vectors(v);
    set_msr(v, 0);
    layout_changes(v);
    v.moved = false;
    v.start_time = v.since = v.guest->watch.last_dump = core::now();
    v.presence = Presence::ready;
    v.guest->watch.progress.start(v.start_time);
    v.next_sample = core::never;
    v.device_waits = false;
    vcpu::reset_timers(v);
}

void run(Vcpu& v) {
    v.becomes(Presence::runs, core::now());
    v.entry_msr = core_msr(v);
    hv_resume();
}

}  // namespace trapeze::vcpu

int hv_light_exit(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector) {
    const auto kind = static_cast<trapeze::e500::Vector>(vector);
    return v->profile != nullptr ? trapeze::vcpu::light_exit<true>(*v, kind)
                                 : trapeze::vcpu::light_exit<false>(*v, kind);
}

bool hv_tlbwe(trapeze::vcpu::Vcpu* v) { return trapeze::vcpu::write_entry(*v); }

int hv_middle_exit(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 word) {
    return v->profile != nullptr ? trapeze::vcpu::middle_exit<true>(*v, word)
                                 : trapeze::vcpu::middle_exit<false>(*v, word);
}

void hv_leave(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 cause) {
    using namespace trapeze::vcpu;
    if (v->profile != nullptr) {
        leave<true>(*v, static_cast<Cause>(cause));
    } else {
        leave<false>(*v, static_cast<Cause>(cause));
    }
}

void hv_full_exit(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector) {
    using namespace trapeze::vcpu;
    const auto kind = static_cast<trapeze::e500::Vector>(vector);
    if (v->profile != nullptr) {
        leave<true>(*v, dispatch<true>(*v, kind));
    } else {
        leave<false>(*v, dispatch<false>(*v, kind));
    }
}
