// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/insn.hpp"
#include "dbt/spr.hpp"

// The rows of rules.inc, for the generator and the runner alike.
namespace torture {

enum class Write : std::uint8_t { any, same, pid, flash, never, apart };

struct SprRule {
    trapeze::dbt::Spr spr;
    Write write;
    std::uint32_t compared;
    const char* reason;
};

inline constexpr SprRule spr_rules[] = {
#define SPR_RULE(name, write, compared, reason) \
    {trapeze::dbt::Spr::name, Write::write, compared, reason},
#define OP_RULE(name, reason)
#define RA_RULE(name, reason)
#include "rules.inc"
#undef RA_RULE
#undef OP_RULE
#undef SPR_RULE
};

// What holds for this register: its row, or that it may be written back as read.
constexpr SprRule rule_of(trapeze::dbt::Spr spr) {
    for (const SprRule& rule : spr_rules) {
        if (rule.spr == spr) return rule;
    }
    return {spr, Write::same, ~0u, ""};
}

// Whether rules.inc leaves this operation out.
constexpr bool left_out(trapeze::dbt::Op op) {
    using trapeze::dbt::Op;
    switch (op) {
#define SPR_RULE(name, write, compared, reason)
#define OP_RULE(name, reason) case Op::name:
#define RA_RULE(name, reason)
#include "rules.inc"
#undef RA_RULE
#undef OP_RULE
#undef SPR_RULE
        return true;
        default:
            return false;
    }
}

// Whether rules.inc wants RA=0 of it.
constexpr bool without_ra(trapeze::dbt::Op op) {
    using trapeze::dbt::Op;
    switch (op) {
#define SPR_RULE(name, write, compared, reason)
#define OP_RULE(name, reason)
#define RA_RULE(name, reason) case Op::name:
#include "rules.inc"
#undef RA_RULE
#undef OP_RULE
#undef SPR_RULE
        return true;
        default:
            return false;
    }
}

}  // namespace torture
