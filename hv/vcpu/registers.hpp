// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "dbt/spr.hpp"
#include "hv/core/field.hpp"
#include "hv/vcpu/state.hpp"

// The registers of a virtual core, a row each: what State holds, how it is shown, and which of them
// an access by its SPR number only loads or stores. Report, monitor and the emulation of SPRs read
// these rows; a register that is to be kept, shown or saved is one more.
namespace trapeze::vcpu {

using e500::u16;
using e500::u32;
using e500::u8;

enum class Group : u8 { general, wide, supervisor, tlb, debug, timers, performance };
inline constexpr const char* group_names[] = {"general", "wide",   "supervisor", "tlb",
                                              "debug",   "timers", "performance"};

// Which accesses by number do nothing but load or store the word. The others are cases of
// vcpu/spr.cpp.
namespace plain {
inline constexpr u8 none = 0, read = 1, write = 2, both = 3;
}

struct Register {
    core::Field field;  // in State. Of several, their numbers follow the name:
    u8 first;           // from this one on
    Group group;
    u8 access;      // of plain
    bool reported;  // stands in the report on a guest that ended
    u16 spr;        // the first one's number, no_spr if it has none by which it is loaded
};
inline constexpr u16 no_spr = 0xffff;

constexpr const core::Field& field_of(const Register& r) { return r.field; }

namespace detail {

using dbt::Spr;

struct Numbers {
    unsigned count, first;
};
constexpr Register row(const char* name, std::size_t offset, Group group, Numbers n = {1, 0},
                       u32 legal = ~u32{0}) {
    const core::Field field{name, static_cast<u16>(offset), static_cast<u16>(n.count), 4, 0, legal};
    return {field, static_cast<u8>(n.first), group, plain::none, false, no_spr};
}
constexpr Register spr(Register r, Spr number, u8 access) {
    r.spr = static_cast<u16>(number);
    r.access = access;
    return r;
}
constexpr Register reported(Register r) {
    r.reported = true;
    return r;
}
constexpr Register after_reset(Register r, u32 value) {
    r.field.reset = value;
    return r;
}

#define AT(member)   offsetof(State, member)
#define PAGE(member) offsetof(State, regs.member)
using enum Group;
using plain::both;
using plain::read;
using plain::write;

inline constexpr Register rows[] = {
    row("r", AT(gpr), general, {32, 0}),
    row("nip", AT(nip), general),
    reported(row("lr", AT(lr), general)),
    reported(row("ctr", AT(ctr), general)),
    reported(row("cr", AT(cr), general)),
    reported(row("xer", AT(xer), general)),

    row("upper", AT(user_registers.upper), wide, {32, 0}),
    row("acc", AT(user_registers.acc), wide, {2, 0}),
    row("spefscr", AT(user_registers.spefscr), wide),
    row("usprg0", AT(user_registers.usprg0), wide),

    row("msr", PAGE(msr), supervisor, {1, 0}, e500::msr::implemented),
    reported(spr(row("srr0", PAGE(srr0), supervisor), Spr::SRR0, both)),
    reported(spr(row("srr1", PAGE(srr1), supervisor), Spr::SRR1, both)),
    reported(spr(row("csrr0", PAGE(csrr0), supervisor), Spr::CSRR0, both)),
    reported(spr(row("csrr1", PAGE(csrr1), supervisor), Spr::CSRR1, both)),
    spr(row("mcsrr0", PAGE(mcsrr0), supervisor), Spr::MCSRR0, both),
    spr(row("mcsrr1", PAGE(mcsrr1), supervisor), Spr::MCSRR1, both),
    spr(row("dsrr0", PAGE(dsrr0), supervisor), Spr::DSRR0, both),
    spr(row("dsrr1", PAGE(dsrr1), supervisor), Spr::DSRR1, both),
    reported(spr(row("esr", PAGE(esr), supervisor), Spr::ESR, both)),
    reported(spr(row("dear", PAGE(dear), supervisor), Spr::DEAR, both)),
    reported(spr(row("mcsr", PAGE(mcsr), supervisor), Spr::MCSR, both)),
    spr(row("mcar", PAGE(mcar), supervisor), Spr::MCAR, read),
    spr(row("mcaru", PAGE(mcaru), supervisor), Spr::MCARU, read),
    spr(row("sprg", PAGE(sprg), supervisor, {3, 0}), Spr::SPRG0, both),
    // The core has a copy of these, which user mode reads.
    spr(row("sprg", PAGE(sprg[3]), supervisor, {5, 3}), Spr::SPRG3, read),
    spr(row("pir", PAGE(pir), supervisor), Spr::PIR, both),
    spr(row("ivpr", PAGE(ivpr), supervisor), Spr::IVPR, read),
    spr(row("ivor", PAGE(ivor), supervisor, {16, 0}, 0xfff0), Spr::IVOR0, read),
    spr(row("ivor", PAGE(ivor[16]), supervisor, {4, 32}, 0xfff0), Spr::IVOR32, read),
    spr(row("epr", PAGE(epr), supervisor), Spr::EPR, read),
    spr(row("hid", PAGE(hid0), supervisor, {2, 0}), Spr::HID0, both),
    row("l1csr0", PAGE(l1csr0), supervisor),
    spr(row("l1csr1", PAGE(l1csr1), supervisor), Spr::L1CSR1, read),
    // Linux flushes branch predictions here at every entry from user mode.
    spr(row("bucsr", PAGE(bucsr), supervisor), Spr::BUCSR, write),
    spr(row("bbear", PAGE(bbear), supervisor), Spr::BBEAR, both),
    spr(row("bbtar", PAGE(bbtar), supervisor), Spr::BBTAR, both),

    reported(spr(row("pid0", PAGE(pid), tlb, {1, 0}, 0xff), Spr::PID0, read)),
    spr(row("pid1", PAGE(pid[1]), tlb, {1, 0}, 0xff), Spr::PID1, read),
    spr(row("pid2", PAGE(pid[2]), tlb, {1, 0}, 0xff), Spr::PID2, read),
    spr(row("mas", PAGE(mas0), tlb, {5, 0}), Spr::MAS0, both),
    spr(row("mas6", PAGE(mas6), tlb), Spr::MAS6, both),
    spr(row("mas7", PAGE(mas7), tlb), Spr::MAS7, both),

    spr(after_reset(row("dbsr", PAGE(dbsr), debug), e500::dbsr::mrr_mask), Spr::DBSR, read),
    spr(row("dbcr", PAGE(dbcr0), debug, {3, 0}), Spr::DBCR0, read),
    spr(row("iac", PAGE(iac1), debug, {2, 1}), Spr::IAC1, read),
    spr(row("dac", PAGE(dac1), debug, {2, 1}), Spr::DAC1, read),

    row("tbu", AT(tbu), timers),
    row("tbl", AT(tbl), timers),
    reported(row("dec", AT(dec), timers)),
    row("decar", PAGE(decar), timers),
    reported(row("tsr", PAGE(tsr), timers)),
    reported(spr(row("tcr", PAGE(tcr), timers), Spr::TCR, read)),

    row("pmgc0", PAGE(pmgc0), performance),
    row("pmlca", PAGE(pmlca), performance, {4, 0}),
    row("pmlcb", PAGE(pmlcb), performance, {4, 0}),
    row("pmc", PAGE(pmc), performance, {4, 0}),
};

}  // namespace detail
#undef PAGE
#undef AT

inline constexpr const auto& registers = detail::rows;

}  // namespace trapeze::vcpu
