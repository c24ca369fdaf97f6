// SPDX-License-Identifier: Apache-2.0
//
// Jumps to every word that a monitor may have put somewhere: stubs, its register page, its own
// range, from both modes and spaces, by bctr, blr and rfi, with random registers; and loads,
// stores and cache instructions there.
#include "hot.hpp"
#include "siege.hpp"

namespace {

using namespace siege;
constexpr u32 bctr = 0x4e80'0420, block = 0x1'0000;

// Where the kernel can execute something that it has not mapped: stubs.
u32 found, stubs[8];

bool executes(u32 ea) {
    Frame f{};
    f.gpr[4] = ea;
    f.ctr = 2;
    f.lr = code_page + 0xffc;
    f.nip = place({insn::mtspr(4, 26), insn::mtspr(5, 27), insn::rfi});
    attempt(f, 0);
    return !(static_cast<Vector>(f.vector) == Vector::instruction_tlb && f.nip == ea);
}

void look_for_stubs() {
    for (u32 i = 0; i < 6; ++i) mix("hot", reinterpret_cast<u32>(hot_mix), hot, i);
    found = 0;
    for (u32 ea = 0xfe00'0000; ea != 0x200'0000; ea += block) {
        if (ea < 0x100'0000) continue;
        // Behind the first 16 bytes; stubs fill a page from its beginning.
        for (u32 offset = 0; offset < 4 && found < 8; ++offset) {
            if (!executes(ea + offset * 0x1000 + 16)) continue;
            stubs[found++] = ea + offset * 0x1000;
            break;
        }
        if (found == 8) break;
    }
    print("# {} places with stubs", {found});
    for (u32 i = 0; i < found; ++i) print("#   {x}", {stubs[i]});
}

void jump(Random& random, u32 ea) {
    Frame f{};
    fill(random, f);
    // To be patched again, when jumping there has made an end to it.
    if (random.once_in(16)) mix("hot", reinterpret_cast<u32>(hot_mix), 4, ea);
    const u32 mode = state(random);
    switch (random.below(3)) {
        case 0:
            f.ctr = ea;
            f.nip = place({bctr});
            break;
        case 1:
            f.lr = ea;
            f.nip = place({insn::blr});
            break;
        default:
            f.gpr[4] = ea;
            f.gpr[5] = mode;
            f.nip = place({insn::mtspr(4, 26), insn::mtspr(5, 27), insn::rfi});
    }
    f.msr = mode & (random.once_in(2) ? msr::pr | msr::ee | msr::me : ~0u);
    attempt(f, 6);
}

void touch(Random& random, u32 ea) {
    using dbt::Kind;
    Frame f{};
    fill(random, f);
    for (u32 r = 1; r < 32; ++r) {
        if (random.once_in(2)) f.gpr[r] = ea;
        if (random.once_in(4)) f.gpr[r] = 0;
    }
    attempt(random, f,
            {instruction(random, {Kind::load, Kind::store, Kind::cache}) & ~0xff00u,
             instruction(random, {Kind::load, Kind::store, Kind::cache})},
            4);
}

// Each word of a page, or every third from somewhere.
void page(Random& random, u32 ea, u32 step) {
    print("# page {x}", {ea});
    for (u32 at = ea; at - ea < 0x1000; at += 4 * step) {
        if ((at & 0x7c) == 0) recover();
        jump(random, at + (random.once_in(32) ? random.below(4) : 0));
        touch(random, at + random.below(4));
    }
}

}  // namespace

void isa_main() {
    const u32 seed = option("seed", 1), rounds = option("rounds", 1);
    begin();
    Random random(seed);
    for (u32 n = 0; n < rounds; ++n) {
        look_for_stubs();
        // A stub a page is little: what comes behind the last one is traps.
        for (u32 i = 0; i < found; ++i) page(random, stubs[i], 1);
        constexpr u32 registers[] = {0xffff'8000, 0xffff'9000};
        for (const u32 ea : registers) page(random, ea, 2);
        // The VMM's own range, with nothing of the guest's there.
        for (u32 i = 0; i < 16; ++i) page(random, 0xf400'0000 + (random.below(0x2000) << 12), 16);
        constexpr u32 ends[] = {0xf3ff'f000, 0xf400'0000, 0xf5ff'f000, 0xf600'0000, 0xffff'f000};
        for (const u32 ea : ends) page(random, ea, 8);
    }
    recover();
    mix("afterwards", reinterpret_cast<u32>(hot_mix), 40, 1);
    summary("jumps");
}
