// SPDX-License-Identifier: Apache-2.0
// Partition calls: status, start, stop, restart; and what a manager has of a guest.
#include "hv/para/partition.hpp"

#include "hv/core/core.hpp"
#include "hv/dev/devices.hpp"
#include "hv/para/channel.hpp"
#include "hv/para/partition_calls.hpp"
#include "hv/para/partition_parts.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::para {

using guest::Life;
using guest::machine;
using vcpu::Vcpu;

namespace {

// Made at boot, constant from then on, but for what their members say of themselves.
constinit struct {
    Managed* first;
    Partition* of[guest::Machine::most_guests];
} registry{};

template <typename T>
T atomic(const T& word) {
    T value;
    __atomic_load(&word, &value, __ATOMIC_ACQUIRE);
    return value;
}

// Handle::told: an edge, as a doorbell's.
void told(Vcpu& v, unsigned number) { dev::pulse(v, edge_source(number)); }

}  // namespace

PartitionStatus status_of(const guest::Guest& g) {
    // In this order: a core first says what it answers, then does it, then takes that back
    // (sched/run.cpp).
    u32 asked = atomic(g.vcpu.asked);
    asked |= atomic(g.vcpu.answers);
    const Life life = atomic(g.life);
    if (life == Life::waits || life == Life::over) {
        return (asked & guest::ask_start) != 0 ? PartitionStatus::starting
                                               : PartitionStatus::stopped;
    }
    if ((asked & (guest::ask_stop | guest::ask_halt)) != 0) return PartitionStatus::stopping;
    if (life == Life::starts || (asked & guest::ask_restart) != 0) return PartitionStatus::starting;
    if (g.vcpu.end != vcpu::End::running) {
        return g.again ? PartitionStatus::starting : PartitionStatus::stopping;
    }
    if (life == Life::paused) {
        return (asked & guest::ask_resume) != 0 ? PartitionStatus::resuming
                                                : PartitionStatus::paused;
    }
    return (asked & guest::ask_pause) != 0 ? PartitionStatus::pausing : PartitionStatus::running;
}

void manage(Managed& m) {
    m.next = registry.first;
    registry.first = &m;
}
Managed* first_managed() { return registry.first; }
void set_partition(unsigned guest, Partition* partition) { registry.of[guest] = partition; }
Partition* partition_of(unsigned guest) { return registry.of[guest]; }

void attach_managed(guest::Guest& g, Managed& m) {
    dev::Handle& handle = g.devices.handles[m.number];
    handle.told = told;
    handle.state = &m;
}

Managed* managed_by(const Vcpu& v, u32 handle) {
    if (handle >= dev::DeviceTable::most_handles) return nullptr;
    const dev::Handle& own = v.devices->handles[handle];
    return own.told == told ? static_cast<Managed*>(own.state) : nullptr;
}

// Its own Vcpu may be made anew at this moment, but for what is asked.
void ask(const Vcpu& v, unsigned guest, u32 what) {
    const dev::Board& board = *v.devices->board;
    __atomic_fetch_or(&board.guests[guest]->asked, what, __ATOMIC_SEQ_CST);
    if (board.homes[guest] == v.core) {
        v.core->reconsider = true;
    } else {
        dev::send_message(*v.core, *board.homes[guest]);
    }
}

void state_changed(Vcpu& v) {
    for (const Managed* m = registry.first; m != nullptr; m = m->next) {
        if (m->guest != v.guest_number) continue;
        dev::signal(*v.devices->board, *v.core, m->manager, m->number);
    }
}

void take_written(Vcpu& v) {
    for (Managed* m = registry.first; m != nullptr; m = m->next) {
        if (m->guest != v.guest_number) continue;
        const u32 bytes = atomic(m->written_bytes);
        if (bytes == 0) continue;
        if (v.patcher != nullptr) patch::written(v, m->written_gpa, bytes);
        __atomic_store_n(&m->written_bytes, 0, __ATOMIC_RELEASE);
    }
}

u32 take_start(unsigned guest) {
    Partition* const partition = registry.of[guest];
    if (partition == nullptr) return 0;
    return __atomic_exchange_n(&partition->start_at, 0, __ATOMIC_SEQ_CST);
}

// ---- The calls.

Status partition_status(Vcpu& v) {
    const u32 handle = v.gpr[3];
    const Managed* const m = managed_by(v, handle);
    if (m == nullptr && handle != own_handle) return Status::invalid;
    const guest::Guest& g = m != nullptr ? *machine.guests[m->guest] : *v.guest;
    v.gpr[4] = static_cast<u32>(status_of(g));
    return Status::success;
}

Status partition_start(Vcpu& v) {
    const Managed* const m = managed_by(v, v.gpr[3]);
    if (m == nullptr) return Status::invalid;
    Partition& partition = *registry.of[m->guest];
    const u32 entry = v.gpr[4];
    const bool load = v.gpr[5] != 0;
    if (!load && (entry % 4 != 0 || entry >= partition.ram_size)) return Status::invalid;
    if (status_of(*machine.guests[m->guest]) != PartitionStatus::stopped) {
        return Status::invalid_state;
    }
    __atomic_store_n(&partition.start_at, load ? 0 : entry | 1, __ATOMIC_SEQ_CST);
    ask(v, m->guest, guest::ask_start);
    return Status::success;
}

Status partition_stop(Vcpu& v) {
    const u32 handle = v.gpr[3];
    const Managed* const m = managed_by(v, handle);
    if (m == nullptr && handle != own_handle) return Status::invalid;
    if (m == nullptr) {
        vcpu::end(v, vcpu::End::poweroff, "it stopped itself by hypercall");
        return Status::success;
    }
    const PartitionStatus status = status_of(*machine.guests[m->guest]);
    if (status == PartitionStatus::stopped || status == PartitionStatus::stopping) {
        return Status::invalid_state;
    }
    ask(v, m->guest, guest::ask_stop);
    return Status::success;
}

Status partition_restart(Vcpu& v) {
    const u32 handle = v.gpr[3];
    const Managed* const m = managed_by(v, handle);
    if (m == nullptr && handle != own_handle) return Status::invalid;
    if (m == nullptr) {
        v.guest->again = true;
        vcpu::end(v, vcpu::End::reset, "it restarted itself by hypercall");
        return Status::success;
    }
    const PartitionStatus status = status_of(*machine.guests[m->guest]);
    if (status != PartitionStatus::running && status != PartitionStatus::paused) {
        return Status::invalid_state;
    }
    ask(v, m->guest, guest::ask_restart);
    return Status::success;
}

}  // namespace trapeze::para
