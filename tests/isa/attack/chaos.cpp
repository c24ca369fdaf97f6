// SPDX-License-Identifier: Apache-2.0
//
// Random instructions in any mode, with random registers and translations: rounds that each begin
// with the core put right, as long as the guest lives. The guest's own watchdog bounds each.
#include "hot.hpp"
#include "siege.hpp"

namespace {

using namespace siege;

constexpr u32 code = 0x50'0000, most_words = 40, end_of_memory = 0x100'0000;

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }

void random_translations(Random& random) {
    for (u32 n = random.below(6); n > 0; --n) {
        const bool large = random.once_in(2);
        const u32 tsize = large ? 1 + random.below(11) : 1;
        const u32 ea = address(random) & (tsize == 11 ? 0 : ~0u << (10 + 2 * tsize));
        // Over the program itself seldom: what is mapped twice ends it.
        if (ea < end_of_memory && !random.once_in(32)) continue;
        // Memory mostly, devices, nothing.
        u64 pa = random.below(0x1000) << 12;
        if (random.once_in(4)) pa = u64{0xf'e000'0000} + (random.below(0x100) << 12);
        if (random.once_in(8)) pa = u64{random.word() & 0xf} << 32 | (random.word() & ~0xfffu);
        pa &= ~((u64{1} << (10 + 2 * tsize)) - 1);
        tlbwe(large ? 1 : 0, large ? 1 + random.below(13) : random.below(4),
              {.ea = ea,
               .pa = pa,
               .permissions = random.once_in(2) ? mas3::permissions : random.word() & 0x3f,
               .tsize = tsize,
               .space = random.once_in(3),
               .tid = random.once_in(4) ? random.below(3) : 0,
               .protect = random.once_in(4),
               .attributes = random.word() & 0x1f});
    }
}

// An instruction that a round should not consist of too often.
bool too_wild(Random& random, u32 insn) {
    const auto op = dbt::decode(insn).op;
    if (op != dbt::Op::mtspr && op != dbt::Op::mtmsr) return false;
    return !random.once_in(4);
}

u32 some_instruction(Random& random) {
    using dbt::Kind;
    switch (random.below(12)) {
        case 0:
            return random.word();
        case 1:
            return insn::branch(static_cast<int>(random.below(16) * 4) - 16);
        case 2:
        case 3:
        case 4:
            return instruction(random, {Kind::load, Kind::store, Kind::cache});
        default: {
            const u32 word = instruction(random, {Kind::supervisor, Kind::trap, Kind::sync});
            return too_wild(random, word) ? insn::mfmsr(random.below(32)) : word;
        }
    }
}

void round(u32 seed, u32 number) {
    Random random(seed * 0x10001u + number);
    recover();
    spared = !random.once_in(8);
    random_translations(random);
    const u32 words = 4 + random.below(most_words - 4);
    const u32 at = code + random.below(64) * 0x1000 + (random.once_in(4) ? 0xf80 : 0);
    for (u32 i = 0; i < words; ++i) word(at + i * 4) = some_instruction(random);
    word(at + words * 4) = insn::sc;
    flush_code(at, words * 4 + 4);
    // The same some times over, so that what traps is patched midway.
    for (u32 turn = 0; turn < 3; ++turn) {
        Frame f{};
        fill(random, f);
        f.nip = at;
        f.msr = state(random);
        if (random.once_in(32)) f.msr &= ~msr::me;
        if (random.once_in(32)) f.msr &= ~msr::ce;
        attempt(f, 40);
    }
}

}  // namespace

void isa_main() {
    const u32 seed = option("seed", 1), rounds = option("rounds", 100);
    constexpr u32 bit_84_ms = 24;
    set_watchdog(bit_84_ms);
    begin();
    for (u32 number = option("first", 0); rounds > 0 && number < rounds; ++number) {
        if (number % 16 == 0) print("# round {}", {number});
        round(seed, number);
    }
    recover();
    summary("chaos");
}
