// SPDX-License-Identifier: Apache-2.0
//
// One piece of code in several modes: hot in the kernel and forbidden to user mode, in both
// address spaces, stepped through; and mtmsr that goes from one mode to another.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 page = 0x40'0000, other_page = 0x41'0000, alias = 0x4000'0000;
constexpr u32 dbcr0_spr = 308, dbsr_spr = 304;

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }

// The word, then sc.
void put(u32 at, u32 instruction) {
    word(at) = instruction;
    word(at + 4) = insn::sc;
    flush_code(at, 8);
}

constexpr u32 privileged[] = {
    insn::mfmsr(6),      insn::mtmsr(4),      insn::wrtee(4),      insn::wrteei(0),
    insn::wrteei(1),     insn::mfspr(6, 272), insn::mtspr(4, 272), insn::mfspr(6, 26),
    insn::mtspr(4, 26),  insn::mfspr(6, 624), insn::mtspr(4, 624), insn::mtspr(4, 276),
    insn::mfspr(6, 276), insn::tlbsync,       insn::mfspr(6, 61),  insn::mfspr(6, 275),
};

void user_mode() {
    u32 checked = 0;
    tlbwe(0, 0, {.ea = alias, .pa = page});
    tlbwe(0, 1, {.ea = alias + 0x1000, .pa = page, .permissions = mas3::ux | mas3::ur});
    for (u32 n = 0; n < sizeof privileged / 4; ++n) put(page + 8 * n, privileged[n]);
    for (u32 round = 0; round < hot; ++round) {
        for (u32 n = 0; n < sizeof privileged / 4; ++n) {
            const u32 places[] = {page, alias, alias + 0x1000};
            for (u32 i = 0; i < 3; ++i) {
                const u32 at = places[i] + 8 * n;
                Frame f = patterned(round, at, msr::pr | (round & 1 ? msr::ee : 0));
                const Frame before = f;
                run(f);
                ++checked;
                same("vector", at, f.vector, static_cast<u32>(Vector::program));
                same("ESR", at, f.esr, esr::ppr);
                same("address", at, f.nip, at);
                same("MSR", at, f.msr & msr_mask, before.msr);
                mistakes += compare("user mode", before, f);
                if (i == 2) continue;  // that one is user mode's alone
                for (u32 again = 0; again < 2; ++again) {
                    Frame g = patterned(round, at, 0);
                    g.gpr[4] = 0;
                    run(g);
                    same("in the kernel", at, g.vector, static_cast<u32>(Vector::system_call));
                    same("goes on", at, g.nip, at + 8);
                }
            }
            same("reads", page + 8 * n, word(page + 8 * n), privileged[n]);
        }
    }
    flush_all();
    verdict("user mode", checked);
}

// What user mode may do, on a page that is hot in the kernel, and the data of that page.
u32 reads_words(u32 at, u32 count) {
    u32 digest = 0;
    for (u32 i = 0; i < count; ++i) digest = rotate(digest, 1) ^ word(at + 4 * i);
    return digest;
}
void user_code() {
    copy_mix(page);
    constexpr u32 at = page + 0x800;
    word(at) = insn::addi(3, 3, 5);
    word(at + 4) = insn::mfspr(4, 259);
    word(at + 8) = insn::x(266, 3, 3, 4);
    word(at + 12) = insn::sc;
    flush_code(at, 16);
    u32 want = 0;
    for (u32 i = 0; i < mix_size() / 4; ++i) {
        want = rotate(want, 1) ^ word(reinterpret_cast<u32>(hot_mix) + 4 * i);
    }
    for (u32 i = 0; i < hot; ++i) {
        mix("kernel", page, 20, i);
        mtspr<275>(i);
        Frame f = patterned(i, at, msr::pr);
        f.gpr[3] = 7;
        run(f);
        same("user", at, f.gpr[3], 12 + i);
        same("user", at, f.nip, at + 16);
        same("user reads", page,
             in_user_mode(reinterpret_cast<u32>(reads_words), page, mix_size() / 4), want);
        same("kernel reads", page, reads_words(page, mix_size() / 4), want);
    }
    // Code of user mode on pages all over: none is a stub's.
    u32 pages = 0;
    for (u32 at_page = 0x10'0000; at_page < 0x40'0000; at_page += 0x1000) {
        word(at_page + 0x40) = insn::addi(3, 0, at_page >> 12);
        word(at_page + 0x44) = insn::sc;
        flush_code(at_page + 0x40, 8);
        Frame f = patterned(1, at_page + 0x40, msr::pr);
        run(f);
        same("page", at_page, f.gpr[3], at_page >> 12);
        if (++pages % 16 == 0) mix("kernel", page, 2, pages);
    }
    verdict("user code", hot + pages);
}

// Both address spaces, in the four ways to mix them. At `alias` each has a page of its own.
void spaces() {
    tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = 7, .space = true});
    tlbwe(1, 3, {.ea = alias, .pa = page, .tsize = 2});
    tlbwe(1, 4, {.ea = alias, .pa = other_page, .tsize = 2, .space = true});
    u32 checked = 0;
    for (const u32 base : {page, other_page}) {
        const u32 sprg = base == page ? 272 : 273;
        auto* const p = reinterpret_cast<volatile u32*>(base);
        p[0] = insn::mfmsr(6);
        p[1] = insn::mtspr(4, sprg);
        p[2] = insn::mfspr(7, sprg);
        p[3] = insn::wrteei(1);
        p[4] = insn::mfmsr(8);
        p[5] = insn::wrteei(0);
        p[6] = insn::lwz(9, 10, 0x800);
        p[7] = insn::bdnz(-28);
        p[8] = insn::sc;
        flush_code(base, 36);
        word(base + 0x800) = base;
    }
    for (u32 round = 0; round < 2 * hot; ++round) {
        for (const u32 state : {0u, msr::is | msr::ds, msr::is, msr::ds}) {
            if (round % 8 != 0 && (state == msr::is || state == msr::ds)) continue;
            Frame f = patterned(round, alias, state);
            f.ctr = 3;
            f.gpr[10] = alias;
            const u32 value = f.gpr[4];
            run(f);
            ++checked;
            same("ends", state, f.nip, alias + 36);
            same("MSR", state, f.gpr[6] & msr_mask, state);
            same("SPRG", state, f.gpr[7], value);
            same("written", state, state & msr::is ? mfspr<273>() : mfspr<272>(), value);
            same("MSR with EE", state, f.gpr[8] & msr_mask, state | msr::ee);
            same("data", state, f.gpr[9], state & msr::ds ? other_page : page);
        }
    }
    verdict("spaces", checked);
    // Stores from one space into what is hot in the other.
    for (u32 round = 0; round < 6; ++round) {
        for (const bool other : {false, true}) {
            const u32 base = other ? other_page : page;
            const u32 store = place({insn::stw(4, 10, 12), insn::sc});
            Frame f = patterned(round, store, other ? msr::ds | msr::is : 0);
            f.gpr[4] = round & 1 ? insn::wrteei(1) : insn::nop;
            f.gpr[10] = alias;
            run(f);
            flush_code(base + 12, 4);
            Frame g = patterned(round, alias, other ? msr::is | msr::ds : 0);
            g.ctr = hot;
            g.gpr[10] = alias;
            run(g);
            same("rewritten", round, g.gpr[8] & msr::ee, round & 1 ? msr::ee : 0);
        }
    }
    flush_all();
    verdict("stores across spaces", 12);
}

// A hot mtmsr that mostly changes EE, now and then into every other mode there is.
void changes() {
    tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = 7, .space = true});
    const u32 at = place({insn::mtmsr(4), insn::isync, insn::sc});
    constexpr u32 states[] = {msr::spe,
                              msr::ce,
                              msr::is | msr::ds,
                              msr::pr,
                              msr::ee | msr::ce | msr::spe,
                              msr::ds | msr::is | msr::ee,
                              msr::pr | msr::ee | msr::ce,
                              msr::de,
                              msr::fp,
                              msr::is | msr::ds | msr::pr,
                              msr::ucle};
    u32 n = 0;
    for (u32 round = 0; round < 6 * hot; ++round) {
        const bool seldom = round % 5 == 4;
        const u32 from = round % 3 == 1 ? msr::ee : 0;
        const u32 to = seldom ? states[n++ % (sizeof states / 4)] : round & 1 ? msr::ee : 0;
        Frame f = patterned(round, at, from);
        f.gpr[4] = to;
        const Frame before = f;
        run(f);
        mistakes += compare("mtmsr", before, f);
        if (seldom && round > 3 * hot) {
            print("mtmsr {x}: {} +{} msr {x}", {to, name(f.vector), f.nip - at, f.msr & msr_mask});
        } else if (!seldom) {
            same("MSR", to, f.msr & msr_mask, to);
            same("ends", to, f.nip, at + 12);
        }
    }
    flush_all();
    verdict("mtmsr", 6 * hot);
}

// ---- Single step and branch taken, over what is hot.

struct Step {
    u32 nip, status, saved;
};
Step steps[64];
u32 count, stop;
void on_debug(Frame& f) {
    if (count < 64) steps[count++] = {f.nip, mfspr<dbsr_spr>(), f.msr & msr_mask};
    mtspr<dbsr_spr>(~0u);
    if (f.nip == stop || count == 64) f.msr &= ~msr::de;
}

void stepped(u32 events, const char* what) {
    constexpr u32 at = page + 0x0ff0;  // across two pages
    constexpr u32 code[] = {
        insn::mfmsr(6),  insn::mtspr(4, 272), insn::mfspr(7, 272),
        insn::wrteei(1), insn::wrteei(0),     insn::wrtee(5),
        insn::mtmsr(5),  insn::mtspr(4, 26),  insn::mfspr(8, 26),
        insn::tlbsync,   insn::mtspr(4, 276), insn::mfspr(9, 260),
        insn::branch(8), insn::nop,           insn::wrtee(12),
        insn::mtmsr(11), insn::bdnz(-64),     insn::sc,
    };
    constexpr u32 words = sizeof code / 4;
    for (u32 i = 0; i < words; ++i) word(at + 4 * i) = code[i];
    flush_code(at, sizeof code);
    for (u32 round = 0; round < 4; ++round) {
        for (const bool step : {false, true}) {
            count = 0;
            stop = at + 4 * (words - 1);
            const u32 state = step ? msr::de : 0;
            Frame f = patterned(round, at, state);
            f.gpr[4] = 0x9000;
            f.gpr[5] = f.gpr[11] = f.gpr[12] = state;
            f.ctr = step ? 2 : hot;
            mtspr<dbsr_spr>(~0u);
            if (step) mtspr<dbcr0_spr>(dbcr0::idm | events);
            run(f);
            mtspr<dbcr0_spr>(0);
            if (!step || round == 1) continue;
            print("{}: {} steps, then {} +{} r6 {x} r7 {x} r8 {x}",
                  {what, count, name(f.vector), f.nip - at, f.gpr[6], f.gpr[7], f.gpr[8]});
            for (u32 i = 0; i < count; ++i) {
                print("  +{} {x} {x}", {steps[i].nip - at, steps[i].status, steps[i].saved});
            }
        }
    }
}

// A step whose instruction lets in what waits: the step comes first, then the interrupt.
void stepped_and_due() {
    constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22, limit = 400'000'000;
    static u32 due_at, due_from;
    set_hook(Vector::decrementer, [](Frame& f) {
        due_at = f.nip;
        due_from = f.msr & msr_mask;
        mtspr<tsr_spr>(tsr::dis);
        f.msr &= ~msr::de;
    });
    for (const u32 opener : {insn::wrteei(1), insn::wrtee(4), insn::mtmsr(4)}) {
        const u32 at = place({opener, insn::nop, insn::sc});
        for (u32 round = 0; round < 4; ++round) {
            mtspr<tcr_spr>(tcr::die);
            mtspr<dec_spr>(100);
            const u32 start = timebase();
            while (!(mfspr<tsr_spr>() & tsr::dis) && timebase() - start < limit) {
            }
            count = due_at = due_from = 0;
            stop = at + 4;
            Frame f = patterned(round, at, msr::de);
            f.gpr[4] = msr::ee | msr::de;
            mtspr<dbsr_spr>(~0u);
            mtspr<dbcr0_spr>(dbcr0::idm | dbcr0::icmp);
            run(f);
            mtspr<dbcr0_spr>(0);
            mtspr<tcr_spr>(0);
            print("{x}: {} step at +{} msr {x}, interrupt at +{} msr {x}, {} at +{}",
                  {opener, count, steps[0].nip - at, steps[0].saved, due_at - at, due_from,
                   name(f.vector), f.nip - at});
        }
    }
    set_hook(Vector::decrementer, nullptr);
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    user_mode();
    user_code();
    spaces();
    changes();
    set_hook(Vector::debug, on_debug);
    stepped(dbcr0::icmp, "single step");
    stepped(dbcr0::brt, "branch taken");
    stepped_and_due();
    set_hook(Vector::debug, nullptr);
    mix("at the end", reinterpret_cast<u32>(hot_mix), 300);
    verdict("at the end", 1);
}
