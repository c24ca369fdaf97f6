// SPDX-License-Identifier: Apache-2.0
#include "dbt/stub.hpp"

namespace trapeze::dbt {

using std::size_t;
using std::uint32_t;

namespace {

using namespace detail;

constexpr uint32_t d_form(uint32_t opcode, unsigned rt, unsigned ra, uint32_t immediate) {
    return opcode << 26U | rt << 21U | ra << 16U | (immediate & 0xffffU);
}
constexpr uint32_t x_form(unsigned rs, unsigned ra, unsigned rb, uint32_t xo) {
    return 31U << 26U | rs << 21U | ra << 16U | rb << 11U | xo << 1U;
}
constexpr uint32_t rotate(uint32_t opcode, unsigned rs, unsigned ra, unsigned from, unsigned to) {
    return opcode << 26U | rs << 21U | ra << 16U | from << 6U | to << 1U;
}

constexpr uint32_t lwz = 32, stw = 36, ori = 24, rlwimi = 20, rlwinm = 21, twi = 3;
constexpr uint32_t xo_and = 28, xo_xor = 316;
constexpr unsigned not_equal = 24;  // TO of the trap: less or greater
constexpr uint32_t ee = 0x8000;
constexpr unsigned ee_bit = 16;

uint32_t displacement(const RegisterMap& map, Slot slot) {
    const auto at = [&](uint32_t offset) { return static_cast<uint32_t>(map.page) + offset; };
    switch (slot) {
        case Slot::msr:
            return at(map.msr);
        case Slot::pending:
            return at(map.pending);
        case Slot::scratch0:
            return at(map.scratch[0]);
        case Slot::scratch1:
            return at(map.scratch[1]);
        case Slot::notes:
            return at(map.notes);
        default: {
            constexpr uint32_t sprg3_offset = 12;
            const auto n = static_cast<uint32_t>(slot) - static_cast<uint32_t>(Slot::sprg3);
            return at(map.sprgs + sprg3_offset + 4 * n);
        }
    }
}

}  // namespace

size_t emit_stub(Stub stub, unsigned source, uint32_t at, uint32_t site, const RegisterMap& map,
                 uint32_t* out) {
    const Template& t = stub_templates[static_cast<size_t>(stub)];
    const auto number = [&](Reg reg) {
        return reg == Reg::source ? source : borrowed(reg == Reg::first ? 0 : 1, source);
    };
    if (branch(site, at) == 0) {
        return 0;
    }
    for (size_t i = 0; i < t.length; ++i) {
        const Step& step = t.step[i];
        const unsigned d = number(step.d);
        const unsigned s = number(step.s);
        switch (step.what) {
            case Do::load:
                out[i] = d_form(lwz, d, 0, displacement(map, step.slot));
                break;
            case Do::store:
                out[i] = d_form(stw, d, 0, displacement(map, step.slot));
                break;
            case Do::set_ee:
                out[i] = d_form(ori, d, d, ee);
                break;
            case Do::note:
                out[i] = d_form(ori, d, d, RegisterMap::sprgs_note);
                break;
            case Do::keep:
                out[i] = rotate(rlwinm, d, d, step.from, step.to);
                break;
            case Do::take_ee:
                out[i] = rotate(rlwimi, s, d, ee_bit, ee_bit);
                break;
            case Do::conjoin:
                out[i] = x_form(d, d, s, xo_and);
                break;
            case Do::differ:
                out[i] = x_form(d, d, s, xo_xor);
                break;
            case Do::trap:
                out[i] = d_form(twi, not_equal, d, 0);
                break;
            case Do::back:
                out[i] = branch(at + static_cast<uint32_t>(4 * i), site + 4);
                if (out[i] == 0) {
                    return 0;
                }
                break;
        }
    }
    return t.length;
}

}  // namespace trapeze::dbt
