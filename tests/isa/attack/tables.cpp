// SPDX-License-Identifier: Apache-2.0
//
// Everything that a monitor may keep a table of, filled and filled over: translations, trap sites,
// patched pages, stubs, addresses of one page, interrupts that wait, timers that run out at once.
#include "hot.hpp"
#include "siege.hpp"

namespace {

using namespace siege;

constexpr u32 large = 0x1000'0000, physical = 0x100'0000,
              bytes = 0x200'0000;  // 32 MiB behind the program
constexpr u32 tsr_spr = 336, decar_spr = 54;

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }

// [physical, physical + bytes), by two entries.
void map_large() {
    for (u32 i = 0; i < bytes >> 24; ++i) {
        tlbwe(1, 1 + i, {.ea = large + (i << 24), .pa = physical + (i << 24), .tsize = 7});
    }
}

void call(u32 at, u32 state, u32 a = 0) {
    Frame f{};
    f.gpr[3] = a;
    f.gpr[4] = state;
    f.lr = code_page + 0xffc;
    f.nip = at;
    f.msr = state | msr::me | msr::ce;
    attempt(f, 2000);
}

void translations(Random& random) {
    const u32 rounds = 1500 * option("rounds", 1);
    for (u32 n = 0; n < rounds; ++n) {
        const bool big = random.once_in(2);
        const u32 tsize = big ? 1 + random.below(11) : random.below(16);
        const u32 at = random.word() | 0x0200'0000;
        tlbwe(big ? 1 : 0, big ? 1 + random.below(13) : random.below(16),
              {.ea = at & ~0xfffu,
               .pa = random.once_in(8) ? u64{random.word()} << 4 : random.word() & 0x3ff'f000,
               .permissions = random.word() & 0x3ff,
               .tsize = tsize,
               .space = random.once_in(2),
               .tid = random.once_in(2) ? random.below(4) : 0,
               .attributes = random.word() & 0xff});
        if (random.once_in(4)) tlbivax((at & ~0xfffu) | random.below(4) << 2);
        if (random.once_in(64)) mtspr<1012>(random.word());
        if (random.once_in(8)) mtspr<48>(random.below(4));
        Frame f{};
        fill(random, f);
        f.gpr[4] = at;
        attempt(random, f, {random.once_in(2) ? insn::lwz(5, 4, 0) : insn::stw(5, 4, 0)}, 2);
        if (n % 256 == 255) recover();
    }
    recover();
    summary("translations");
}

// Pages that are sites from end to end: of every kind that is patched, also by stubs.
void sites(Random& random) {
    constexpr u32 kinds[] = {insn::mfmsr(5),      insn::wrteei(0),     insn::wrteei(1),
                             insn::wrtee(4),      insn::mtmsr(4),      insn::mfspr(6, 272),
                             insn::mtspr(6, 273), insn::mtspr(6, 277), insn::mfspr(7, 26),
                             insn::mtspr(3, 26),  insn::tlbsync,       insn::mfspr(8, 627)};
    // In long runs more than 57,344 sites.
    const u32 pages = option("rounds", 1) > 1 ? 64 : 20;
    map_large();
    for (u32 page = 0; page < pages; ++page) {
        const u32 at = large + page * 0x1000 * (page % 8 == 7 ? 64 : 1);
        for (u32 i = 0; i < 1020; ++i) word(at + i * 4) = random.of(kinds);
        word(at + 1020 * 4) = insn::sc;
        flush_code(at, 0x1000);
        for (u32 turn = 0; turn < 2; ++turn) call(at, 0);
    }
    summary("sites");
}

// More text than there is room for, and none of it for long.
void text(Random& random) {
    map_large();
    const u32 step = option("rounds", 1) > 1 ? 0x1000 : 0x8000;
    for (u32 at = 0; at < bytes; at += step) {
        copy_mix(large + at);
        mix("text", large + at, 3, at);
        if (random.once_in(16)) {
            mix("again", large + (random.below(bytes) & at & ~(step - 1)), 3, at);
        }
    }
    for (u32 i = 0; i < 300; ++i) {
        const u32 at = large + (random.below(bytes) & ~(step - 1));
        word(at + 0x800) = random.word();
        mix("written", at, 3, i);
    }
    print("# {} mistakes", {mistakes});
    summary("text");
}

// One page at many addresses, in both spaces, run and written by each.
void aliases(Random& random) {
    constexpr u32 pa = 0x40'0000, names = 64;
    copy_mix(pa);
    for (u32 i = 0; i < names; ++i) {
        tlbwe(0, i % 4, {.ea = 0x3000'0000 + i * 0x1'1000, .pa = pa, .space = i % 8 == 7});
    }
    for (u32 n = 0; n < 1500; ++n) {
        const u32 i = random.below(names), at = 0x3000'0000 + i * 0x1'1000;
        if (i % 8 == 7) {
            call(at, msr::is | msr::ds, 2);
            continue;
        }
        mix("alias", at, 3, n);
        word(at + 0x400 + random.below(64) * 4) = n;
        if (random.once_in(16)) tlbwe(0, i % 4, {.ea = at, .pa = pa});
        if (random.once_in(32)) copy_mix(at);
    }
    summary("aliases");
}

// Timers that are over as soon as they begin, wherever the program is.
void timers(Random& random) {
    map_large();
    copy_mix(large);
    constexpr u32 in_the_hole = 0xf5ff'0000;
    tlbwe(1, 4, {.ea = in_the_hole, .pa = physical, .tsize = 3});
    for (u32 n = 0; n < 200; ++n) {
        mtspr<decar_spr>(1 + random.below(3));
        const u32 at = random.once_in(4) ? in_the_hole : large;
        Frame f{};
        f.gpr[3] = 20;
        f.lr = code_page + 0xffc;
        f.nip = at;
        f.msr = msr::ee | msr::ce | msr::me | (random.once_in(4) ? msr::is | msr::ds : 0);
        // attempt() sets its own; the first decrementer interrupt makes it this.
        set_reload(random.below(8));
        attempt(f, 300);
    }
    set_reload(0);
    mtspr<tsr_spr>(~0u);
    summary("timers");
}

// Everything that the controller can be asked to raise, at once, with and without MSR[EE].
void interrupts_wait(Random& random) {
    for (u32 round = 0; round < 300; ++round) {
        io32(0x6'0080) = random.below(16);
        for (u32 i = 0; i < 4; ++i) {
            io32(0x4'10a0 + i * 0x10) =
                random.once_in(4) ? random.word() & 0x7fff'ffff : (i + 1) << 16 | (i + 0x40);
            io32(0x4'1120 + i * 0x40) = random.below(16) << 16 | (0x50 + i);  // timers' vectors
            io32(0x4'1110 + i * 0x40) = 1000 + random.below(5000);            // and counts
            io32(0x6'0040 + i * 0x10) = 1;
        }
        // Sources: priority, vector, and now and then the critical input as their destination.
        for (u32 i = 0; i < 8; ++i) {
            const u32 source = random.below(64) * 0x20;
            io32(0x5'0200 + source) = random.once_in(2) ? random.word() : 0x0008'0000 | i;
            io32(0x5'0210 + source) = random.once_in(4) ? 1u << 30 | 1 : 1;
        }
        Frame f{};
        fill(random, f);
        attempt(random, f, {insn::wrteei(1), insn::nop, insn::wrteei(0), insn::wrteei(1)}, 100);
        if (random.once_in(32)) io32(0x4'1020) = 0x8000'0000;
    }
    io32(0x4'1020) = 0x8000'0000;
    summary("interrupts");
}

}  // namespace

void isa_main() {
    // With `eager` a fetch from 64 KiB of nothing but sites patches them all, which may take 80
    // million ticks once there is no room left for stubs: three time-outs of less end the guest.
    constexpr u32 bit_335_ms = 26;
    set_watchdog(bit_335_ms);
    begin();
    Random random(option("seed", 1));
    using Attack = void (*)(Random&);
    // Last what may be the end of it: two translations for one address are the guest's own error.
    constexpr Attack attacks[] = {sites, text, aliases, timers, interrupts_wait, translations};
    constexpr u32 count = sizeof attacks / sizeof attacks[0];
    const u32 only = option("only", count);
    for (u32 i = 0; i < count; ++i) {
        recover();
        if (only == count || only == i) attacks[i](random);
    }
    recover();
    mix("afterwards", reinterpret_cast<u32>(hot_mix), 40, 1);
}
