// SPDX-License-Identifier: Apache-2.0
// The board's interrupt controller, which is the VMM's, and how what it says reaches the guest's
// model of one (openpic.hpp).
//
// The VMM acknowledges each interrupt at once and ends it at once, so the board's controller never
// holds anything back: what waits for the guest waits in its model. An edge is passed on and done
// with. A source that follows a level would come again and again: it is *parked*, by priority 0,
// at which the board's controller still says whether the line is up (activity) and interrupts
// nobody, until the line is seen to be down. It is looked at before the guest is given its
// interrupt, and when the guest ends it, so a request that was withdrawn is none.
#include "hv/board/ppce500.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"
#include "hv/trace/ring.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/timers.hpp"

namespace trapeze::dev {

using Output = Openpic::Output;
using vcpu::Vcpu;

namespace {

// Registers of the board's (MPC8548E manual 10.3); the last four are those of the core that asks.
constexpr u32 configuration = 0x1020, reset_bit = 0x8000'0000u, mixed_mode = 0x2000'0000;
constexpr u32 source_registers = 0x1'0000, source_stride = 0x20;
constexpr u32 source_destination = 0x10;  // a source's, behind its first
constexpr u32 message_priority = 0x10a0;
constexpr u32 message_dispatch = 0x40, task_priority = 0x80, acknowledge = 0xa0,
              end_of_interrupt = 0xb0;
constexpr u32 message_vector = Openpic::sources;
// All sources have one priority: the order is the models' business. The vector is the number.
constexpr u32 delivered = 8u << 16;

// The timers' registers in the guest's.
constexpr u32 timer_block = 0x10f0, timer_end = 0x1310;

// The guest has one core so far.
constexpr unsigned one_vcpu = 1, this_vcpu = 0;

u32 read_real(u32 offset) {
    return core::read_io(board::ccsr_base + board::mpic_offset + offset, 4);
}
void write_real(u32 offset, u32 value) {
    core::write_io(board::ccsr_base + board::mpic_offset + offset, 4, value);
}
u32 source_register(unsigned source) { return source_registers + source_stride * source; }

bool has(const u32* set, unsigned source) { return (set[source / 32] >> source % 32 & 1) != 0; }
void put(u32* set, unsigned source, bool in) {
    const u32 bit = 1u << source % 32;
    set[source / 32] = in ? set[source / 32] | bit : set[source / 32] & ~bit;
}

unsigned first(const u32 (&set)[Openpic::sources / 32]) {
    for (unsigned w = 0; w < Openpic::sources / 32; ++w) {
        if (set[w] != 0) return 32 * w + static_cast<unsigned>(__builtin_ctz(set[w]));
    }
    return Openpic::none;
}

// Whether the guest's source is the board's. The serial port is a model, and nobody sends messages.
bool is_real(const Vcpu& v, unsigned source) {
    return v.devices->board->owner == &v && source < Openpic::sources &&
           source != board::uart_source && source - Openpic::first_message >= Openpic::messages;
}

void program(const Mpic& m, unsigned source, u32 priority) {
    write_real(source_register(source), m.model.sense(source) | priority | source);
}

void park(Mpic& m, unsigned source) {
    put(m.parked, source, true);
    program(m, source, 0);
}
void unpark(Mpic& m, unsigned source) {
    put(m.parked, source, false);
    m.model.set_line(source, false);
    program(m, source, delivered);
}

// Looks at the line of a parked source. True if it is down, and the model knows now.
bool withdrawn(Mpic& m, unsigned source) {
    if (source >= Openpic::sources || !has(m.parked, source)) return false;
    if (m.just_up == source) {  // the board's controller has said so this moment
        m.just_up = Openpic::none;
        return false;
    }
    if (read_real(source_register(source)) & Openpic::activity) return false;
    unpark(m, source);
    return true;
}
void look_at_lines(Mpic& m) {
    while (withdrawn(m, m.model.candidate(this_vcpu))) {
    }
}

// What the model's outputs are is what the virtual core has before it.
void drive(Vcpu& v) {
    const Openpic& model = v.devices->mpic.model;
    const bool external = model.output(this_vcpu, Output::external);
    const bool critical = model.output(this_vcpu, Output::critical);
    if (external == v.external_held && critical == v.critical_held) return;
    v.external_held = external;
    v.critical_held = critical;
    vcpu::update_pending(v);
    if (v.core->current != &v) v.core->reconsider = true;
}

// The guest has told what a source is like, or that it wants it: from the first time that it does
// not mask it, the board's controller delivers it to the VMM.
void connect(Vcpu& v, unsigned source) {
    if (!is_real(v, source)) return;
    Mpic& m = v.devices->mpic;
    if (!has(m.connected, source)) {
        if (m.model.masked(source)) return;
        put(m.connected, source, true);
        if (v.core->number != 0) {
            write_real(source_register(source) + source_destination, 1u << v.core->number);
        }
        program(m, source, delivered);
        return;
    }
    constexpr u32 kind = Openpic::polarity | Openpic::level;
    if ((read_real(source_register(source)) & kind) == m.model.sense(source)) return;
    if (has(m.parked, source)) unpark(m, source);
    program(m, source, delivered);
}

void disconnect_all(Mpic& m) {
    for (unsigned s = 0; s < Openpic::sources; ++s) {
        if (!has(m.connected, s)) continue;
        write_real(source_register(s), Openpic::mask | s);
        m.model.set_line(s, false);
    }
    for (u32& word : m.connected) word = 0;
    for (u32& word : m.parked) word = 0;
}

// ---- Timers.

void advance(Mpic& m) {
    const u64 now = core::now();
    if (!m.model.timers_run()) {
        m.clock = now;
        return;
    }
    const u64 ticks = (now - m.clock) / board::mpic_timer_divider;
    const u32 step = ticks >> 32 != 0 ? ~0u : static_cast<u32>(ticks);
    m.clock += u64{step} * board::mpic_timer_divider;
    m.model.advance(step);
}

void plan(Vcpu& v) {
    const Mpic& m = v.devices->mpic;
    const u32 ticks = m.model.next_timer();
    const bool later = v.devices->later != 0;
    v.device_waits = ticks != Openpic::none || later;
    v.device_deadline = ticks != Openpic::none ? m.clock + u64{ticks} * board::mpic_timer_divider
                                               : v.devices->later_at;
    if (later && v.devices->later_at < v.device_deadline) v.device_deadline = v.devices->later_at;
    vcpu::reschedule(v);
}

void on_deadline(Vcpu& v) {
    if (v.devices->later != 0 && core::now() >= v.devices->later_at) {
        __atomic_fetch_or(&v.signals, v.devices->later, __ATOMIC_SEQ_CST);
        v.devices->later = 0;
        take_signals(v);
    }
    advance(v.devices->mpic);
    drive(v);
    plan(v);
}

bool concerns_timers(u32 offset) { return offset >= timer_block && offset < timer_end; }

// ---- The guest's accesses.

u32 read(Vcpu& v, u32 offset, unsigned size) {
    Mpic& m = v.devices->mpic;
    if (concerns_timers(offset)) advance(m);
    look_at_lines(m);
    const u32 value = m.model.read(offset, size, this_vcpu);
    drive(v);
    return value;
}

void write(Vcpu& v, u32 offset, unsigned size, u32 value) {
    Mpic& m = v.devices->mpic;
    const bool timers = concerns_timers(offset);
    if (timers) advance(m);
    const Openpic::Outcome outcome = m.model.write(offset, size, value, this_vcpu);
    switch (outcome.kind) {
        case Openpic::Outcome::ended:
            withdrawn(m, outcome.input);
            break;
        case Openpic::Outcome::configured:
            connect(v, outcome.input);
            break;
        case Openpic::Outcome::reset:
            disconnect_all(m);
            break;
        case Openpic::Outcome::nothing:
            break;
    }
    drive(v);
    if (timers || outcome.kind == Openpic::Outcome::reset) plan(v);
}

bool take_input(Vcpu& v, e500::Vector which) {
    Mpic& m = v.devices->mpic;
    if (which == e500::Vector::critical) {
        while (withdrawn(m, m.model.critical_candidate(this_vcpu))) {
        }
        drive(v);
        return v.critical_held;
    }
    look_at_lines(m);
    const bool taken = m.model.output(this_vcpu, Output::external);
    // In proxy mode the core acknowledges as it takes the interrupt (P2020 manual 9.3).
    if (taken && m.model.proxy()) v.regs.epr = m.model.acknowledge(this_vcpu);
    drive(v);
    return taken;
}

}  // namespace

const Device mpic{"mpic", read, write};

void reset_mpic(Vcpu& v) {
    Mpic& m = v.devices->mpic;
    m = {};
    m.model.start(one_vcpu);
    m.just_up = Openpic::none;
    v.take_input = take_input;
    v.on_device_deadline = on_deadline;
}

void withdraw(Vcpu& v) {
    disconnect_all(v.devices->mpic);
    for (unsigned n = 0; n < DeviceTable::most_handles; ++n) {
        const Handle& handle = v.devices->handles[n];
        if (handle.withdrawn != nullptr) handle.withdrawn(v, n);
    }
    if (v.devices->board->owner != &v) return;
    silence_pci();
    reset_pci_bridge(v);
}

void start_mpic() {
    write_real(configuration, reset_bit);
    write_real(configuration, mixed_mode);
    write_real(source_register(board::uart_source),
               Openpic::polarity | delivered | board::uart_source);
    write_real(message_priority, delivered | message_vector);
    start_mpic_core();
}

void start_mpic_core() { write_real(task_priority, 0); }

void send_message(const core::Core& from, const core::Core& to) {
    trace::add(from, trace::What::sends, 0, core::now(), to.number);
    write_real(message_dispatch, 1u << to.number);
}

void signal(Board& board, const core::Core& here, unsigned to, unsigned number) {
    Vcpu& v = *board.guests[to];
    const u32 bit = 1u << number;
    const u32 before = __atomic_fetch_or(&v.signals, bit, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&v.to_tell, __ATOMIC_SEQ_CST)) return;
    if (board.homes[to] == &here) {
        take_signals(v);
    } else if ((before & bit) == 0) {
        send_message(here, *board.homes[to]);
    }
}

// What must not be told now stays, and the core looks whether the guest is to have it.
void take_signals(Vcpu& v) {
    if (v.to_tell) __atomic_store_n(&v.to_tell, false, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&v.signals, __ATOMIC_SEQ_CST) == 0) return;
    const u32 bits = __atomic_exchange_n(&v.signals, 0, __ATOMIC_SEQ_CST);
    const bool turn = v.core->current == &v;
    u32 kept = 0;
    for (u32 left = bits; left != 0; left &= left - 1) {
        const auto number = static_cast<unsigned>(__builtin_ctz(left));
        const Handle& handle = v.devices->handles[number];
        if (handle.told == nullptr) continue;
        if (handle.in_turn && !turn) {
            kept |= 1u << number;
        } else {
            handle.told(v, number);
        }
    }
    if (kept == 0) return;
    __atomic_fetch_or(&v.signals, kept, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v.to_tell, true, __ATOMIC_SEQ_CST);
    v.core->reconsider = true;
}

void tell_later(Vcpu& v, unsigned number) {
    constexpr u64 moment = 1000;  // 2.5 us at 400 MHz, the shortest that timers take
    DeviceTable& devices = *v.devices;
    if (devices.later == 0) devices.later_at = core::now() + moment;
    devices.later |= 1u << number;
    plan(v);
}

void set_line(Vcpu& v, unsigned source, bool up) {
    v.devices->mpic.model.set_line(source, up);
    drive(v);
}

void pulse(Vcpu& v, unsigned source) {
    v.devices->mpic.model.pulse(source);
    drive(v);
}

void on_external(Vcpu& v) {
    Board& board = *v.devices->board;
    const u32 source = read_real(acknowledge);
    if (source == message_vector) {
        write_real(end_of_interrupt, 0);
        trace::add(*v.core, trace::What::message, 0, core::now());
        take_messages(board, *v.core);
        for (unsigned n = 0; n < board.count; ++n) {
            if (board.homes[n] == v.core) take_signals(*board.guests[n]);
        }
        v.core->reconsider = true;
        vcpu::deliver_pending(v);
        return;
    }
    if (source >= Openpic::sources) return;  // withdrawn meanwhile: there is nothing to end
    if (source == board::uart_source) on_uart(board, *v.core);
    Vcpu* const owner = board.owner;
    if (owner == nullptr) {
        write_real(end_of_interrupt, 0);
        vcpu::deliver_pending(v);
        return;
    }
    Mpic& m = owner->devices->mpic;
    const bool parks = source != board::uart_source && m.model.level_sensitive(source);
    if (parks) {
        m.model.set_line(source, true);
    } else if (source != board::uart_source) {
        m.model.pulse(source);
    }
    write_real(end_of_interrupt, 0);
    // QEMU's controller raises its output at the end of an interrupt for whatever line is up, even
    // at priority 0. A word to that source makes it think again.
    if (parks) {
        park(m, source);
        m.just_up = source;
    } else if (const unsigned other = first(m.parked); other != Openpic::none) {
        program(m, other, 0);
    }
    drive(*owner);
    vcpu::deliver_pending(v);
    m.just_up = Openpic::none;
}

}  // namespace trapeze::dev
