// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/spr.hpp"
#include "sequence.hpp"

// Instruction words by their assembler names.
namespace torture::words {

using trapeze::dbt::Spr;

constexpr u32 x_form(u32 xo, u32 rt, u32 ra, u32 rb) {
    return 31u << 26 | rt << 21 | ra << 16 | rb << 11 | xo << 1;
}
constexpr u32 d_form(u32 opcode, u32 rt, u32 ra, u32 imm) {
    return opcode << 26 | rt << 21 | ra << 16 | (imm & 0xffff);
}
constexpr u32 addi(u32 rt, u32 ra, u32 imm) { return d_form(14, rt, ra, imm); }
constexpr u32 addis(u32 rt, u32 ra, u32 imm) { return d_form(15, rt, ra, imm); }
constexpr u32 ori(u32 ra, u32 rs, u32 imm) { return d_form(24, rs, ra, imm); }
constexpr u32 lwz(u32 rt, u32 ra, u32 imm) { return d_form(32, rt, ra, imm); }
constexpr u32 stw(u32 rs, u32 ra, u32 imm) { return d_form(36, rs, ra, imm); }
constexpr u32 add(u32 rt, u32 ra, u32 rb) { return x_form(266, rt, ra, rb); }
constexpr u32 number_field(u32 n) { return (n & 31) << 16 | (n >> 5) << 11; }
constexpr u32 mfspr(u32 rt, Spr spr) {
    return x_form(339, rt, 0, 0) | number_field(static_cast<u32>(spr));
}
constexpr u32 mtspr(Spr spr, u32 rs) {
    return x_form(467, rs, 0, 0) | number_field(static_cast<u32>(spr));
}
constexpr u32 mtmsr(u32 rs) { return x_form(146, rs, 0, 0); }
constexpr u32 wrteei(bool on) { return x_form(163, 0, 0, 0) | (on ? 1u << 15 : 0); }
inline constexpr u32 nop = 24u << 26, isync = 19u << 26 | 150u << 1, rfi = 19u << 26 | 50u << 1,
                     rfci = 19u << 26 | 51u << 1, blr = 0x4e80'0020, bctr = 0x4e80'0420;
inline constexpr u32 tlbwe = x_form(978, 0, 0, 0), msync = x_form(598, 0, 0, 0);
constexpr u32 dcbst(u32 rb) { return x_form(54, 0, 0, rb); }
constexpr u32 icbi(u32 rb) { return x_form(982, 0, 0, rb); }
constexpr u32 lwarx(u32 rt, u32 ra) { return x_form(20, rt, 0, ra); }
constexpr u32 stwcx(u32 rs, u32 ra) { return x_form(150, rs, 0, ra) | 1; }

}  // namespace torture::words
