// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "dbt/spr.hpp"
#include "hv/vcpu/register_page.hpp"

// Which SPR is only a word to keep, and where: the one place to edit for such a register.
namespace trapeze::vcpu {

using dbt::Spr;

constexpr unsigned number_of(Spr spr) { return static_cast<unsigned>(spr); }

constexpr bool is_ivor(unsigned number) {
    return (number >= 400 && number <= 415) || (number >= 528 && number <= 531);
}
constexpr unsigned ivor_index(unsigned number) {
    return number >= 528 ? number - 528 + 16 : number - 400;
}

// Where a register that is only a word to keep has its word; 0 (MSR's place) for the others.
constexpr u16 storage(unsigned number) {
    if (is_ivor(number)) {
        return static_cast<u16>(offsetof(RegisterPage, ivor) + 4 * ivor_index(number));
    }
    switch (static_cast<Spr>(number)) {
        case Spr::SRR0:
            return offsetof(RegisterPage, srr0);
        case Spr::SRR1:
            return offsetof(RegisterPage, srr1);
        case Spr::CSRR0:
            return offsetof(RegisterPage, csrr0);
        case Spr::CSRR1:
            return offsetof(RegisterPage, csrr1);
        case Spr::MCSRR0:
            return offsetof(RegisterPage, mcsrr0);
        case Spr::MCSRR1:
            return offsetof(RegisterPage, mcsrr1);
        case Spr::DSRR0:
            return offsetof(RegisterPage, dsrr0);
        case Spr::DSRR1:
            return offsetof(RegisterPage, dsrr1);
        case Spr::DEAR:
            return offsetof(RegisterPage, dear);
        case Spr::ESR:
            return offsetof(RegisterPage, esr);
        case Spr::MCSR:
            return offsetof(RegisterPage, mcsr);
        case Spr::MCAR:
            return offsetof(RegisterPage, mcar);
        case Spr::MCARU:
            return offsetof(RegisterPage, mcaru);
        case Spr::IVPR:
            return offsetof(RegisterPage, ivpr);
        case Spr::SPRG0:
            return offsetof(RegisterPage, sprg) + 4 * 0;
        case Spr::SPRG1:
            return offsetof(RegisterPage, sprg) + 4 * 1;
        case Spr::SPRG2:
            return offsetof(RegisterPage, sprg) + 4 * 2;
        case Spr::SPRG3:
        case Spr::USPRG3:
            return offsetof(RegisterPage, sprg) + 4 * 3;
        case Spr::SPRG4:
        case Spr::SPRG4R:
            return offsetof(RegisterPage, sprg) + 4 * 4;
        case Spr::SPRG5:
        case Spr::SPRG5R:
            return offsetof(RegisterPage, sprg) + 4 * 5;
        case Spr::SPRG6:
        case Spr::SPRG6R:
            return offsetof(RegisterPage, sprg) + 4 * 6;
        case Spr::SPRG7:
        case Spr::SPRG7R:
            return offsetof(RegisterPage, sprg) + 4 * 7;
        case Spr::MAS0:
            return offsetof(RegisterPage, mas0);
        case Spr::MAS1:
            return offsetof(RegisterPage, mas1);
        case Spr::MAS2:
            return offsetof(RegisterPage, mas2);
        case Spr::MAS3:
            return offsetof(RegisterPage, mas3);
        case Spr::MAS4:
            return offsetof(RegisterPage, mas4);
        case Spr::MAS6:
            return offsetof(RegisterPage, mas6);
        case Spr::MAS7:
            return offsetof(RegisterPage, mas7);
        case Spr::PID0:
            return offsetof(RegisterPage, pid) + 4 * 0;
        case Spr::PID1:
            return offsetof(RegisterPage, pid) + 4 * 1;
        case Spr::PID2:
            return offsetof(RegisterPage, pid) + 4 * 2;
        case Spr::PIR:
            return offsetof(RegisterPage, pir);
        case Spr::DBSR:
            return offsetof(RegisterPage, dbsr);
        case Spr::DBCR0:
            return offsetof(RegisterPage, dbcr0);
        case Spr::DBCR1:
            return offsetof(RegisterPage, dbcr1);
        case Spr::DBCR2:
            return offsetof(RegisterPage, dbcr2);
        case Spr::IAC1:
            return offsetof(RegisterPage, iac1);
        case Spr::IAC2:
            return offsetof(RegisterPage, iac2);
        case Spr::DAC1:
            return offsetof(RegisterPage, dac1);
        case Spr::DAC2:
            return offsetof(RegisterPage, dac2);
        case Spr::TCR:
            return offsetof(RegisterPage, tcr);
        case Spr::EPR:
            return offsetof(RegisterPage, epr);
        case Spr::HID0:
            return offsetof(RegisterPage, hid0);
        case Spr::HID1:
            return offsetof(RegisterPage, hid1);
        case Spr::L1CSR1:
            return offsetof(RegisterPage, l1csr1);
        case Spr::BUCSR:
            return offsetof(RegisterPage, bucsr);
        case Spr::BBEAR:
            return offsetof(RegisterPage, bbear);
        case Spr::BBTAR:
            return offsetof(RegisterPage, bbtar);
        default:
            return 0;
    }
}

// Registers whose read is a load: those with a word, but for one with a bit that reads as 0.
constexpr bool plain_read(unsigned number) {
    return storage(number) != 0 && static_cast<Spr>(number) != Spr::BUCSR;
}

// Registers whose write is a store of all 32 bits and nothing else, with no copy in the core.
constexpr bool plain_write(unsigned number) {
    switch (static_cast<Spr>(number)) {
        case Spr::SRR0:
        case Spr::SRR1:
        case Spr::CSRR0:
        case Spr::CSRR1:
        case Spr::MCSRR0:
        case Spr::MCSRR1:
        case Spr::DSRR0:
        case Spr::DSRR1:
        case Spr::DEAR:
        case Spr::ESR:
        case Spr::MCSR:
        case Spr::SPRG0:
        case Spr::SPRG1:
        case Spr::SPRG2:
        case Spr::MAS0:
        case Spr::MAS1:
        case Spr::MAS2:
        case Spr::MAS3:
        case Spr::MAS4:
        case Spr::MAS6:
        case Spr::MAS7:
        case Spr::PIR:
        case Spr::HID0:
        case Spr::HID1:
        case Spr::BUCSR:  // Linux flushes branch predictions here at every entry from user mode
        case Spr::BBEAR:
        case Spr::BBTAR:
            return true;
        default:
            return false;
    }
}

}  // namespace trapeze::vcpu
