// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// Instruction words that the assembler does not put where a test wants them.
namespace isa::insn {

using u32 = std::uint32_t;

constexpr u32 x(u32 xo, u32 rt = 0, u32 ra = 0, u32 rb = 0) {
    return 31u << 26 | rt << 21 | ra << 16 | rb << 11 | xo << 1;
}
constexpr u32 d(u32 op, u32 rt, u32 ra, u32 imm) {
    return op << 26 | rt << 21 | ra << 16 | (imm & 0xffff);
}
constexpr u32 split(u32 n) { return (n & 31) << 16 | (n >> 5) << 11; }

constexpr u32 mfspr(u32 rt, u32 spr) { return x(339, rt) | split(spr); }
constexpr u32 mtspr(u32 rs, u32 spr) { return x(467, rs) | split(spr); }
constexpr u32 mfmsr(u32 rt) { return x(83, rt); }
constexpr u32 mtmsr(u32 rs) { return x(146, rs); }
constexpr u32 wrtee(u32 rs) { return x(131, rs); }
constexpr u32 wrteei(u32 e) { return x(163) | e << 15; }
inline constexpr u32 rfi = 19u << 26 | 50u << 1;
inline constexpr u32 rfci = 19u << 26 | 51u << 1;
inline constexpr u32 rfmci = 19u << 26 | 38u << 1;
inline constexpr u32 sc = 17u << 26 | 2;
inline constexpr u32 tlbwe = x(978), tlbre = x(946), tlbsync = x(566);
constexpr u32 tlbsx(u32 ra, u32 rb) { return x(914, 0, ra, rb); }
constexpr u32 tlbivax(u32 ra, u32 rb) { return x(786, 0, ra, rb); }
inline constexpr u32 isync = 19u << 26 | 150u << 1;
inline constexpr u32 nop = 24u << 26;
inline constexpr u32 blr = 0x4e800020;
constexpr u32 addi(u32 rt, u32 ra, u32 imm) { return d(14, rt, ra, imm); }
constexpr u32 lwz(u32 rt, u32 ra, u32 imm) { return d(32, rt, ra, imm); }
constexpr u32 stw(u32 rs, u32 ra, u32 imm) { return d(36, rs, ra, imm); }
constexpr u32 branch(int offset) { return 18u << 26 | (static_cast<u32>(offset) & 0x3fffffc); }
constexpr u32 bdnz(int offset) {
    return 16u << 26 | 16u << 21 | (static_cast<u32>(offset) & 0xfffc);
}

}  // namespace isa::insn
