// SPDX-License-Identifier: Apache-2.0
//
// A program that changes its address spaces while it is hot: code that goes on in another page at
// the same address, a kernel in one space and its user mode in the other, interrupts that come
// from either, entries of one space that change while the other runs.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 page_0 = 0x40'0000, page_1 = 0x50'0000, spare = 0x60'0000, ea = 0x4000'0000;
constexpr u32 both = msr::is | msr::ds;
constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22;

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }

// All memory in space 1 too, and `ea` in each space with a page of its own.
void set_up(u32 tsize = 1) {
    flush_all();
    tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = 7, .space = true});
    tlbwe(tsize == 1 ? 0 : 1, 3, {.ea = ea, .pa = page_0, .tsize = tsize});
    tlbwe(tsize == 1 ? 0 : 1, tsize == 1 ? 1 : 4,
          {.ea = ea, .pa = page_1, .tsize = tsize, .space = true});
}

// The same code but for the marker, and the SPRG that it uses. r3 gathers the markers of fetches,
// r9 those of data; r4 is the MSR of the other side, r5 that of this; r10 is `ea`.
void build(u32 page, u32 marker, u32 sprg, bool by_rfi) {
    const bool home = page == page_0;
    u32 n = 0;
    const auto put = [&](u32 instruction) { word(page + 4 * n++) = instruction; };
    const auto part = [&](u32 leave) {
        put(insn::addi(3, 3, marker));
        put(insn::mtspr(3, sprg));
        put(insn::mfmsr(6));
        put(insn::wrteei(1));
        put(insn::mfspr(7, sprg));
        put(insn::wrteei(0));
        put(insn::x(266, 9, 9, 7));    // add r9,r9,r7
        put(insn::lwz(8, 10, 0x800));  // the data's marker
        put(insn::x(266, 9, 9, 8));    // add r9,r9,r8
        put(insn::x(266, 11, 11, 6));  // add r11,r11,r6
        if (by_rfi) {
            put(insn::addi(12, 10, 4 * (n + 4)));
            put(insn::mtspr(12, 26));
            put(insn::mtspr(leave, 27));
            put(insn::rfi);
        } else {
            put(insn::mtmsr(leave));
            put(insn::isync);
        }
    };
    part(4);  // what runs of the two pages is the first part of page 0, the second of page 1
    part(5);
    put(insn::bdnz(-4 * static_cast<int>(n)));
    put(insn::sc);
    word(page + 0x800) = home ? 0x0a0a : 0x0b0b;
    flush_code(page, 4 * n);
}

// Sums of what the loop above gathers.
struct Sums {
    u32 fetched = 0, data = 0, states = 0;
};
Sums expected(u32 rounds, u32 away) {
    Sums s;
    for (; rounds > 0; --rounds) {
        for (const u32 state : {0u, away}) {
            s.fetched += state & msr::is ? 0x200 : 0x100;
            s.data += s.fetched + (state & msr::ds ? 0x0b0b : 0x0a0a);
            s.states += state;
        }
    }
    return s;
}

u32 ticks_seen, last_state;
void on_tick(Frame& f) {
    ++ticks_seen;
    last_state |= f.msr & both;
    mtspr<tsr_spr>(tsr::dis);
    mtspr<dec_spr>(2000);
}

void in_mid_code(const char* what, bool by_rfi, u32 tsize, bool interrupted) {
    set_up(tsize);
    build(page_0, 0x100, 272, by_rfi);
    build(page_1, 0x200, 273, by_rfi);
    for (u32 round = 0; round < 4; ++round) {
        for (const u32 away : {both, msr::is, msr::ds}) {
            // A single one of them costs a monitor much: less of it.
            const u32 rounds = away != both ? 6 : interrupted ? 20 * hot : 2 * hot;
            if (interrupted) {
                mtspr<dec_spr>(500);
                mtspr<tcr_spr>(tcr::die);
            }
            Frame f = patterned(round, ea, 0);
            f.gpr[3] = f.gpr[9] = f.gpr[11] = 0;
            f.gpr[4] = away;
            f.gpr[5] = 0;
            f.gpr[10] = ea;
            f.ctr = rounds;
            run(f);
            mtspr<tcr_spr>(0);
            const Sums want = expected(rounds, away);
            ++checked;
            same(what, away, f.vector, static_cast<u32>(Vector::system_call));
            same(what, away, f.gpr[3], want.fetched);
            same(what, away, f.gpr[9], want.data);
            same(what, away, f.gpr[11], want.states);
            same(what, away, f.msr & msr_mask, 0);
            for (const u32 page : {page_0, page_1}) {
                same("reads", page, word(page + 8), insn::mfmsr(6));
            }
        }
    }
}

// User mode in the other space, as systems have it that keep space 0 for the kernel. The same
// address is the kernel's hot code, and user mode's own.
void user_elsewhere() {
    set_up();
    copy_mix(page_0);
    constexpr u32 loop[] = {insn::lwz(9, 10, 0x800), insn::x(266, 3, 3, 9), insn::sc,
                            insn::bdnz(-12), 0x7fe0'0008};
    for (u32 i = 0; i < sizeof loop / 4; ++i) word(page_1 + 4 * i) = loop[i];
    flush_code(page_1, sizeof loop);
    word(page_0 + 0x800) = 0x0a0a;
    word(page_1 + 0x800) = 0x0b0b;
    static u32 calls;
    calls = 0;
    set_hook(Vector::system_call, [](Frame& f) {
        ++calls;
        if (calls % 4 == 0) {
            mix("kernel", ea, 2, calls);
            same("kernel's data", calls, word(ea + 0x800), 0x0a0a);
        }
        same("from", calls, f.msr & msr_mask, both | msr::pr);
    });
    for (u32 round = 0; round < 3; ++round) {
        Frame f = patterned(round, ea, both | msr::pr);
        f.gpr[3] = 0;
        f.gpr[10] = ea;
        f.ctr = 3 * hot;
        run(f);
        ++checked;
        same("user", round, f.nip, ea + 16);
        same("user", round, f.gpr[3], 3 * hot * 0x0b0b);
    }
    set_hook(Vector::system_call, nullptr);
    same("calls", 0, calls, 9 * hot);
    done("user elsewhere");
}

// Entries of the space that is not in use change at the address that is hot in the one that is.
void other_changes() {
    set_up();
    copy_mix(page_0 + 0x100);
    copy_mix(page_1 + 0x100);
    copy_mix(spare + 0x100);
    fill_page(page_0, 0x0a0a);
    fill_page(page_1, 0x0b0b);
    fill_page(spare, 0x0c0c);
    for (u32 i = 0; i < 2 * hot; ++i) {
        const u32 other = i % 3 == 0 ? spare : page_1;
        mix("space 0", ea + 0x100, hot / 4, i);
        tlbwe(0, 1, {.ea = ea, .pa = other, .space = true}, i % 5 != 4);
        mix("space 0 again", ea + 0x100, 2, i);
        const Frame f = attempt(Try::load, ea, both | (i & 1 ? msr::pr : 0));
        const Frame g = attempt(Try::fetch, ea, both | (i & 2 ? msr::pr : 0));
        const u32 want = other == spare ? 0x0c0c : 0x0b0b;
        ++checked;
        if (i % 5 == 4) {
            same("nothing there", i, f.vector, static_cast<u32>(Vector::data_tlb));
            same("nothing there", i, g.vector, static_cast<u32>(Vector::instruction_tlb));
        } else {
            same("loads", i, f.gpr[9], want);
            same("fetches", i, g.gpr[10], want);
            mtmsr(both);
            mix("space 1", ea + 0x100, 3, i);
            // A store into what is hot in space 0, and back.
            word(page_0 + 0x100 + 8) = insn::addi(5, 0, 0);
            flush_code(page_0 + 0x108, 4);
            mtmsr(0);
            mix("rewritten", ea + 0x100, 2, i);
            hot_store(page_0 + 0x108, insn::mfmsr(5));
        }
        same("kept", i, attempt(Try::load, ea, 0).gpr[9], 0x0a0a);
    }
    done("other entries");
}

// tlbsx, tlbivax and a flash take or find what they should in both.
void invalidated() {
    for (u32 i = 0; i < 12; ++i) {
        set_up();
        mix("before", ea + 0x100, hot, i);
        mtmsr(both);
        mix("before", ea + 0x100, 4, i);
        if (i & 1) mtmsr(0);
        if (i % 3 == 0) {
            tlbivax(ea);
        } else if (i % 3 == 1) {
            mtspr<1012>(mmucsr0::tlb0_fi);
            asm volatile("isync" : : : "memory");
        } else {
            tlbwe(0, 3, {.ea = ea, .pa = page_0}, false);
        }
        mtmsr(0);
        const Frame f = attempt(Try::fetch, ea, 0), g = attempt(Try::fetch, ea, both);
        print("{}: {} {}", {i, name(f.vector), name(g.vector)});
        ++checked;
    }
    done("invalidated");
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    for (const u32 tsize : {1u, 3u, 5u}) {
        in_mid_code("mtmsr", false, tsize, false);
        in_mid_code("rfi", true, tsize, false);
    }
    done("in mid-code");
    set_hook(Vector::decrementer, on_tick);
    for (const u32 tsize : {1u, 3u}) in_mid_code("interrupted", false, tsize, true);
    set_hook(Vector::decrementer, nullptr);
    done("interrupted");
    print("# {} interrupts, from {x}", {ticks_seen, last_state});
    user_elsewhere();
    other_changes();
    invalidated();
}
