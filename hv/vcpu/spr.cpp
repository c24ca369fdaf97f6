// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/spr.hpp"

#include <cstddef>

#include "dbt/spr.hpp"
#include "hv/console/console.hpp"
#include "hv/core/cpu.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/spr_storage.hpp"
#include "hv/vcpu/timers.hpp"
#include "hv/vcpu/translations.hpp"

namespace trapeze::vcpu {

using dbt::Spr;

namespace {

// The same as a table, by number, so that an access costs the same wherever its row stands.
struct Slot {
    u16 offset;
    u8 access;   // dbt::Access of the supervisor; 0 where the e500v2 has no such register
    bool load;   // a read is a load of the word,
    bool plain;  // and a write a store to it
};
struct SlotTable {
    Slot slot[1024];
};
constexpr SlotTable make_slots() {
    SlotTable table{};
    for (const auto& row : dbt::spr_rows) {
        table.slot[row.number] = {storage(row.number), static_cast<u8>(row.supervisor),
                                  plain_read(row.number), plain_write(row.number)};
    }
    return table;
}
constinit const SlotTable slots = make_slots();

// SPRG3-7 have a copy in the core, which user mode reads without a trap.
constexpr bool copied_to_core(unsigned number) {
    return number >= number_of(Spr::SPRG3) && number <= number_of(Spr::SPRG7);
}

constexpr OffsetTable make_table(bool write) {
    OffsetTable table{};
    for (const auto& row : dbt::spr_rows) {
        const unsigned field = (row.number & 31u) << 5 | row.number >> 5;
        const auto need = static_cast<unsigned>(write ? dbt::Access::write : dbt::Access::read);
        if (!(static_cast<unsigned>(row.supervisor) & need)) continue;
        if (write && copied_to_core(row.number)) {
            table.offset[field] = static_cast<u16>(0x8000u | storage(row.number));
            continue;
        }
        if (write && !plain_write(row.number)) continue;
        if (!write && !plain_read(row.number)) continue;
        table.offset[field] = storage(row.number);
    }
    return table;
}

}  // namespace

// The register page is the Vcpu's first member, so that its offsets are the Vcpu's.
static_assert(offsetof(Vcpu, regs) == 0);
constinit const OffsetTable spr_read_offset = make_table(false);
constinit const OffsetTable spr_write_offset = make_table(true);

namespace {

u32& word_at(Vcpu& v, u16 offset) {
    return *reinterpret_cast<u32*>(reinterpret_cast<char*>(&v.regs) + offset);
}

bool read_special(Vcpu& v, Spr spr, u32& value) {
    switch (spr) {
        case Spr::DEC:
            value = vcpu::read_decrementer(v);
            return true;
        case Spr::TSR:
            value = vcpu::read_tsr(v);
            return true;
        case Spr::PVR:
            value = core::read_pvr();
            return true;
        case Spr::SVR:
            value = core::read_svr();
            return true;
        case Spr::BUCSR:
            value = v.regs.bucsr & ~(1u << 9);  // BBFI is over at once
            return true;
        case Spr::TBL:
        case Spr::ATBL:
            value = core::timebase_low();
            return true;
        case Spr::TBU:
        case Spr::ATBU:
            value = static_cast<u32>(core::read_timebase() >> 32);
            return true;
        case Spr::MMUCFG:
            value = core::read_mmucfg();
            return true;
        case Spr::TLB0CFG:
            value = v.tlb.tlb0cfg();
            return true;
        case Spr::TLB1CFG:
            value = mmu::VirtualTlb::tlb1cfg();
            return true;
        case Spr::MMUCSR0:  // flash invalidations are over when the write is
            value = 0;
            return true;
        case Spr::L1CSR0:
            // A user-mode lock instruction sets CUL in the core without a trap.
            value = v.regs.l1csr0 | (core::read_l1csr0() & e500::l1csr0::cul);
            return true;
        default:
            return false;
    }
}

void write_cache_control(Vcpu& v, Spr spr, u32 value) {
    if (spr == Spr::L1CSR0) {
        // A flash invalidation of the data cache would lose the VMM's and other lines with the
        // guest's: it is done as if at once, on a cache that held nothing of the guest.
        v.regs.l1csr0 = value & e500::l1csr0::implemented;
        if (!(value & e500::l1csr0::cul)) core::clear_lock_failure();
        return;
    }
    v.regs.l1csr1 = value & e500::l1csr1::implemented;
    if (value & e500::l1csr1::icfi) core::invalidate_icache();
}

void write_debug_control(Vcpu& v, u32 value) {
    namespace dbcr0 = e500::dbcr0;
    if (value & dbcr0::rst_mask) end(v, End::reset, "the guest wrote DBCR0[RST]");
    v.regs.dbcr0 = value & ~dbcr0::rst_mask;
    update_debug(v);
    if ((v.regs.dbcr0 & dbcr0::idm) && (v.regs.dbcr0 & dbcr0::events & ~dbcr0::passed_on) &&
        !v.reported_debug) {
        v.reported_debug = true;
        console::log(
            "guest enables debug events (DBCR0 {:x}) of which only ICMP and BRT are raised; "
            "breakpoint registers are kept",
            value);
    }
}

bool write_special(Vcpu& v, Spr spr, u32 value) {
    switch (spr) {
        case Spr::DEC:
            vcpu::write_decrementer(v, value);
            return true;
        case Spr::DECAR:
            v.regs.decar = value;
            return true;
        case Spr::TSR:
            vcpu::write_tsr(v, value);
            return true;
        case Spr::TCR:
            vcpu::write_tcr(v, value);
            return true;
        case Spr::TBLW:
            vcpu::write_timebase(v, false, value);
            return true;
        case Spr::TBUW:
            vcpu::write_timebase(v, true, value);
            return true;
        case Spr::IVPR:
            v.regs.ivpr = value & 0xffff0000u;
            update_vectors(v);
            return true;
        case Spr::SPRG3:
        case Spr::SPRG4:
        case Spr::SPRG5:
        case Spr::SPRG6:
        case Spr::SPRG7: {
            const unsigned n = number_of(spr) - number_of(Spr::SPRG0);
            v.regs.sprg[n] = value;
            core::write_sprg(n, value);
            return true;
        }
        case Spr::PID0:
        case Spr::PID1:
        case Spr::PID2: {
            const unsigned n = spr == Spr::PID0 ? 0 : number_of(spr) - number_of(Spr::PID1) + 1;
            v.regs.pid[n] = value & 0xff;
            core::write_pid(n, value & 0xff);
            pid_changes(v);
            return true;
        }
        case Spr::MMUCSR0:
            if (value & e500::mmucsr0::tlb0_fi) {
                v.tlb.flush_tlb0();
                small_entries_go(v);
            }
            if (value & e500::mmucsr0::tlb1_fi) {
                for (unsigned i = 0; i < mmu::VirtualTlb::tlb1_entries; ++i) {
                    const auto& entry = v.tlb.tlb1(i);
                    if ((entry.mas1 & (e500::mas1::v | e500::mas1::iprot)) == e500::mas1::v) {
                        entry_goes(v, entry);
                    }
                }
                v.tlb.flush_tlb1();
            }
            return true;
        case Spr::L1CSR0:
        case Spr::L1CSR1:
            write_cache_control(v, spr, value);
            return true;
        case Spr::DBSR:
            v.regs.dbsr &= ~value;
            return true;
        case Spr::DBCR0:
            write_debug_control(v, value);
            return true;
        case Spr::DBCR1:
            v.regs.dbcr1 = value;
            return true;
        case Spr::DBCR2:
            v.regs.dbcr2 = value;
            return true;
        case Spr::IAC1:
            v.regs.iac1 = value;
            return true;
        case Spr::IAC2:
            v.regs.iac2 = value;
            return true;
        case Spr::DAC1:
            v.regs.dac1 = value;
            return true;
        case Spr::DAC2:
            v.regs.dac2 = value;
            return true;
        default:
            return false;
    }
}

}  // namespace

SprResult read_spr(Vcpu& v, unsigned number, u32& value) {
    const Slot& slot = slots.slot[number & 1023];
    if (!(slot.access & static_cast<u8>(dbt::Access::read))) return SprResult::absent;
    if (slot.load) {
        value = word_at(v, slot.offset);
        return SprResult::done;
    }
    return read_special(v, static_cast<Spr>(number), value) ? SprResult::done : SprResult::absent;
}

SprResult write_spr(Vcpu& v, unsigned number, u32 value) {
    const Slot& slot = slots.slot[number & 1023];
    if (!(slot.access & static_cast<u8>(dbt::Access::write))) return SprResult::absent;
    if (slot.plain) {
        word_at(v, slot.offset) = value;
        return SprResult::done;
    }
    if (is_ivor(number)) {
        v.regs.ivor[ivor_index(number)] = value & 0xfff0U;
        update_vectors(v);
        return SprResult::done;
    }
    return write_special(v, static_cast<Spr>(number), value) ? SprResult::done : SprResult::absent;
}

void update_vectors(Vcpu& v) {
    for (unsigned i = 0; i < e500::vector_count; ++i) v.vector[i] = v.regs.ivpr | v.regs.ivor[i];
}

}  // namespace trapeze::vcpu
