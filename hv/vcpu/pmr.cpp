// SPDX-License-Identifier: Apache-2.0
#include "hv/console/console.hpp"
#include "hv/vcpu/spr.hpp"

namespace trapeze::vcpu {

namespace {

// PMR numbers: 16.. counters, 144.. local control A, 272.. local control B, 400 global control;
// the user's read-only names are 16 lower (manual table 2-35).
u32* pmr_word(Vcpu& v, unsigned number) {
    if (number >= 16 && number < 20) return &v.regs.pmc[number - 16];
    if (number >= 144 && number < 148) return &v.regs.pmlca[number - 144];
    if (number >= 272 && number < 276) return &v.regs.pmlcb[number - 272];
    if (number == 400) return &v.regs.pmgc0;
    return nullptr;
}

}  // namespace

SprResult read_pmr(Vcpu& v, unsigned number, u32& value) {
    const u32* word = pmr_word(v, number | 16u);
    if (word == nullptr) return SprResult::absent;
    value = *word;
    return SprResult::done;
}

SprResult write_pmr(Vcpu& v, unsigned number, u32 value) {
    u32* const word = (number & 16u) ? pmr_word(v, number) : nullptr;
    if (word == nullptr) return SprResult::absent;
    *word = value;
    const bool counts = word >= v.regs.pmlca && word < v.regs.pmlca + 4 && !(value & 1u << 31) &&
                        ((value >> 16) & 0x7f) != 0;
    if (counts && !v.reported_pmc) {
        v.reported_pmc = true;
        console::log(
            "guest sets up a performance counter (PMLCa {:x}): the registers are kept, "
            "but nothing is counted",
            value);
    }
    return SprResult::done;
}

}  // namespace trapeze::vcpu
