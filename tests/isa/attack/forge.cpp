// SPDX-License-Identifier: Apache-2.0
//
// What patched code loads and stores through: the register page, its scratch words, the guest's
// SPRGs and stack, written over by the guest, then everything that the values are used for.
#include "hot.hpp"
#include "hv/vcpu/register_page.hpp"
#include "siege.hpp"

namespace {

using namespace siege;

constexpr u32 places[] = {0xffff'8000, 0xffff'9000, 0xffff'a000, 0xffff'f000, 0x7000, 0x6000};

// What makes use of a register of the page.
u32 user_of_registers(Random& random) {
    constexpr u32 words[] = {insn::rfi,   insn::rfci,    insn::rfmci, insn::tlbwe,
                             insn::tlbre, insn::tlbsync, insn::sc,    insn::nop};
    switch (random.below(6)) {
        case 0:
        case 4:
            return insn::tlbwe;
        case 5:
            return random.of(words);
        case 1:
            return insn::tlbsx(0, random.below(32));
        case 2:
            return insn::tlbivax(0, random.below(32));
        default:
            return instruction(random, {dbt::Kind::supervisor});
    }
}

// Of what is acted upon, mostly; else any of the registers, seldom behind them.
u32 offset(Random& random) {
    using Page = trapeze::vcpu::RegisterPage;
    constexpr u32 acted_upon[] = {
        offsetof(Page, msr),     offsetof(Page, pending), offsetof(Page, notes),
        offsetof(Page, scratch), offsetof(Page, srr1),    offsetof(Page, csrr1),
        offsetof(Page, mas0),    offsetof(Page, mas0),    offsetof(Page, mas1),
        offsetof(Page, mas2),    offsetof(Page, mas3),    offsetof(Page, mas4),
        offsetof(Page, mas6),    offsetof(Page, mas7),    offsetof(Page, pid),
        offsetof(Page, ivpr),    offsetof(Page, ivor),    offsetof(Page, dbcr0),
        offsetof(Page, hid0),    offsetof(Page, l1csr0),  offsetof(Page, sprg)};
    if (!random.once_in(4)) return random.of(acted_upon);
    return random.once_in(8) ? random.below(0x1000) & ~3u : random.below(80) * 4;
}

u32 store_to(Random& random, u32 rs, u32 ea) {
    switch (random.below(4)) {
        case 0:
            return random.once_in(2) ? insn::d(38, rs, 0, ea)   // stb
                                     : insn::d(44, rs, 0, ea);  // sth
        case 1:
            if (!random.once_in(8)) return insn::stw(rs, 0, ea);
            return insn::d(47, random.below(32), 0, ea);  // stmw
        default:
            return insn::stw(rs, 0, ea);
    }
}

void round(u32 seed, u32 number) {
    Random random(seed * 0x10003u + number);
    recover();
    // Something is patched, so that there is a page; now and then by the account of a window too.
    for (u32 i = 0; i < 3; ++i) mix("hot", reinterpret_cast<u32>(hot_mix), 4, i);
    Frame f{};
    fill(random, f);
    f.nip = code_page;
    // Where returns lead, unless the page is told otherwise.
    f.gpr[31] = code_page + 0xffc;
    const u32 page = random.once_in(4) ? random.of(places) : places[0];
    const auto slot = [&] { return page + offset(random); };
    const u32 rs = random.below(32);
    attempt(random, f,
            {insn::mtspr(31, 26), insn::mtspr(31, 58), insn::mtspr(31, 570),
             store_to(random, rs, slot()), store_to(random, random.below(32), slot()),
             user_of_registers(random), store_to(random, random.below(32), slot()),
             user_of_registers(random), user_of_registers(random), insn::lwz(3, 0, slot()),
             user_of_registers(random)},
            12);
}

}  // namespace

void isa_main() {
    const u32 seed = option("seed", 1), rounds = option("rounds", 1000);
    begin();
    for (u32 number = option("first", 0); number < rounds; ++number) {
        if (number % 64 == 0) print("# round {}", {number});
        round(seed, number);
    }
    recover();
    for (u32 i = 0; i < 3; ++i) mix("afterwards", reinterpret_cast<u32>(hot_mix), 40, i);
    summary("forge");
}
