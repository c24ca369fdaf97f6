// SPDX-License-Identifier: Apache-2.0
#include "hv/exit/traced.hpp"

#include "dbt/site_table.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/cpu.hpp"
#include "hv/exit/entry.hpp"
#include "hv/trace/ring.hpp"

namespace trapeze::vcpu {

using trace::Record;

namespace {

void add(const Vcpu& v, Record& record, Cause cause) {
    const u64 timebase = core::read_timebase();
    record.ticks = static_cast<u32>(timebase) - v.exit_time;
    record.time = core::clock.at(timebase) - record.ticks;
    record.what = trace::What::exit;
    record.guest = static_cast<u8>(v.guest_number);
    record.cause = static_cast<u8>(cause);
    // An interrupt to the guest has left it at a handler, where it was not before.
    if (v.nip == v.storm_nip && v.nip != record.nip) {
        record.flags |= Record::interrupted;
        record.number = v.storm_vector;
    }
    v.core->trace_ring->add(record);
}

}  // namespace

void trace_exit(const Vcpu& v, Cause cause) {
    Record record{};
    const ExitRecord& newest = v.traced[v.trace_head / sizeof(ExitRecord)];
    const u32 info = static_cast<u32>(cause);
    if (cause == Cause::heartbeat) {
        record.nip = v.beat_nip & ~1U;
        record.flags = (v.beat_nip & 1U) != 0 ? Record::user : 0;
    } else if (newest.site != nullptr) {
        record.nip = newest.site->ea;
        record.word = newest.site->word;
    } else if ((newest.info & ~ExitRecord::user_mode) == info) {
        record.nip = newest.nip;
        record.word = newest.word;
        record.data = newest.dear;
        record.flags = (newest.info & ExitRecord::user_mode) != 0 ? Record::user : 0;
    } else {
        record.nip = v.nip;
        record.flags = v.user() ? Record::user : 0;
    }
    add(v, record, cause);
}

void trace_delivery(const Vcpu& v, u32 before) {
    if (v.nip == before || v.nip != v.storm_nip) return;
    trace::add(*v.core, trace::What::interrupt, v.guest_number, core::now(), v.storm_vector);
}

}  // namespace trapeze::vcpu

int hv_traced_miss(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector) {
    using namespace trapeze;
    using vcpu::Cause;
    const bool fetch = vector == static_cast<e500::u32>(e500::Vector::instruction_tlb);
    trace::Record record{};
    record.nip = v->nip;
    record.flags = v->user() ? trace::Record::user : 0;
    record.data = fetch ? v->nip : core::read_dear();
    const int left = hv_light_exit(v, vector);
    if (left != 0) return left;
    // The guest's own is reflected: it is at a handler now.
    const bool own = v->nip != record.nip;
    vcpu::add(*v, record,
              fetch ? own ? Cause::itlb_guest : Cause::itlb_shadow
              : own ? Cause::dtlb_guest
                    : Cause::dtlb_shadow);
    return 0;
}
