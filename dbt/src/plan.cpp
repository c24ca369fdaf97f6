// SPDX-License-Identifier: Apache-2.0
#include "dbt/plan.hpp"

#include "dbt/spr.hpp"

namespace trapeze::dbt {

using std::uint32_t;
using std::uint8_t;

namespace {

constexpr uint32_t lwz = word_of(Op::lwz), stw = word_of(Op::stw), nop = 0x6000'0000;
constexpr uint32_t dcbf = word_of(Op::dcbf), operand_fields = 0x001f'f800;  // RA and RB
constexpr uint32_t register_field = 0x03e0'0000;  // RT and RS stand at the same place in all

// SPRG3 to 7, as they are written.
constexpr uint32_t sprg3 = static_cast<uint32_t>(Spr::SPRG3), kept_sprgs = 5;
constexpr Stub sprg_stub(uint32_t n) {
    return static_cast<Stub>(static_cast<uint32_t>(Stub::write_sprg3) + n);
}

constexpr uint32_t spr_field(uint32_t word) { return word >> 11U & 0x3ffU; }

Plan access(uint32_t opcode, uint32_t word, const RegisterMap& map, std::uint16_t offset) {
    const uint32_t displacement = (static_cast<uint32_t>(map.page) + offset) & 0xffffU;
    return {opcode == lwz ? PatchKind::load : PatchKind::store,
            opcode | (word & register_field) | displacement, Stub::count, 0};
}

Plan move(uint32_t opcode, uint32_t word, const RegisterMap& map, std::uint16_t offset) {
    return offset != 0 && offset < RegisterMap::bytes ? access(opcode, word, map, offset) : Plan{};
}

Plan branch_to(Stub stub, unsigned source) {
    return {PatchKind::stub, 0, stub, static_cast<uint8_t>(source)};
}

}  // namespace

Plan plan(uint32_t word, const RegisterMap& map) {
    const Insn insn = decode(word);
    switch (insn.op) {
        case Op::mfmsr:
            return access(lwz, word, map, map.msr);
        case Op::mfspr:
            return move(lwz, word, map, map.loads[spr_field(word)]);
        case Op::mtspr:
            if (insn.spr() - sprg3 < kept_sprgs) {
                return branch_to(sprg_stub(insn.spr() - sprg3), insn.rs());
            }
            return move(stw, word, map, map.stores[spr_field(word)]);
        case Op::tlbsync:
            return {PatchKind::nop, nop, Stub::count, 0};
        case Op::dcbi:
            return {PatchKind::flush, dcbf | (word & operand_fields), Stub::count, 0};
        case Op::wrteei:
            return branch_to(insn.e() ? Stub::set_ee : Stub::clear_ee, 0);
        case Op::wrtee:
            return branch_to(Stub::write_ee, insn.rs());
        case Op::mtmsr:
            return branch_to(Stub::write_msr, insn.rs());
        default:
            return {};
    }
}

}  // namespace trapeze::dbt
