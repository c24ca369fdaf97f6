// SPDX-License-Identifier: Apache-2.0
//
// The addresses of hole.cpp with MSR[IS] and MSR[DS] apart: code there whose data lie elsewhere,
// and the other way round, by turns. Both there at once is not tried.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 hole = 0xf400'0000, outside = 0x4000'0000;
constexpr u32 page_a = 0x40'0000, page_b = 0x41'0000;
constexpr u32 places[] = {hole, 0xf412'3000, 0xf500'0000, 0xf5ff'f000};
constexpr u32 splits[] = {msr::is, msr::ds};

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }

// In either space `ea` has a page of its own.
void map(u32 ea) {
    tlbwe(0, 0, {.ea = ea, .pa = page_a});
    tlbwe(0, 1, {.ea = ea, .pa = page_b, .space = true});
}
u32 data_marker(u32 state) { return state & msr::ds ? 0x0b0b : 0x0a0a; }
u32 code_marker(u32 state) { return state & msr::is ? 0x0b0b : 0x0a0a; }

void one_side() {
    for (const u32 ea : places) {
        map(ea);
        for (u32 turn = 0; turn < 3; ++turn) {
            for (const u32 mode : {0u, msr::pr}) {
                for (const u32 split : splits) {
                    const u32 state = mode | split;
                    const Frame f = attempt(Try::load, ea, state);
                    const Frame g = attempt(Try::store, ea, state, data_marker(state));
                    const Frame h = attempt(Try::fetch, ea, state);
                    ++checked;
                    same("loads", state, f.gpr[9], data_marker(state));
                    same("stores", state, went_well(g), true);
                    same("fetches", state, h.gpr[10], code_marker(state));
                    same("MSR", state, h.msr & msr_mask, state);
                }
            }
        }
        tlbivax(ea);
        for (const u32 split : splits) {
            matrix("missing", split, ea, split);
            tlbwe(0, 1, {.ea = ea, .pa = page_b, .permissions = 0, .space = true});
            matrix("in one space, refused", split, ea, split);
            tlbivax(ea);
        }
    }
    verdict("one side", checked);
    checked = 0;
}

// A loop there that sums words elsewhere, and a loop elsewhere that sums words there.
void loops() {
    constexpr u32 code[] = {insn::lwz(9, 4, 0x400), insn::x(266, 10, 10, 9), insn::addi(9, 9, 1),
                            insn::stw(9, 4, 0x400), insn::bdnz(-16),         insn::sc};
    for (const u32 pa : {page_a, page_b}) {
        for (u32 i = 0; i < sizeof code / 4; ++i) word(pa + 0x100 + 4 * i) = code[i];
        flush_code(pa + 0x100, sizeof code);
    }
    for (const bool code_there : {false, true}) {
        const u32 from = code_there ? hole : outside, data = code_there ? outside : hole;
        map(hole);
        tlbwe(0, 2, {.ea = outside, .pa = page_a});
        tlbwe(0, 3, {.ea = outside, .pa = page_b, .space = true});
        for (u32 turn = 0; turn < 4; ++turn) {
            for (const u32 mode : {0u, msr::pr}) {
                for (const u32 split : splits) {
                    const u32 used = split == msr::ds ? page_b : page_a;
                    word(used + 0x400) = turn;
                    Frame f = patterned(turn, from + 0x100, mode | split);
                    f.gpr[4] = data;
                    f.gpr[10] = 0;
                    f.ctr = hot;
                    run(f);
                    ++checked;
                    same("ends", from, f.nip, from + 0x100 + sizeof code);
                    same("sum", from, f.gpr[10], hot * turn + hot * (hot - 1) / 2);
                    same("last", from, word(used + 0x400), turn + hot);
                }
            }
        }
        flush_all();
        tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = 7, .space = true});
    }
    verdict("loops", checked);
    checked = 0;
}

// Each instruction has one side there, by turns: a load from there, then two that stand there.
void by_turns() {
    constexpr u32 beyond = hole + 0x200'0000, from = 0x140, to = 0x180;
    constexpr u32 away[] = {insn::lwz(9, 4, 0x400), insn::x(266, 10, 10, 9),
                            insn::branch(static_cast<int>(hole + to - (beyond + from + 8)))};
    constexpr u32 there[] = {insn::addi(10, 10, 1), insn::bdnz(8), insn::sc,
                             insn::branch(static_cast<int>(beyond + from - (hole + to + 12)))};
    for (const u32 pa : {page_a, page_b}) {
        for (u32 i = 0; i < sizeof away / 4; ++i) word(pa + from + 4 * i) = away[i];
        for (u32 i = 0; i < sizeof there / 4; ++i) word(pa + to + 4 * i) = there[i];
        flush_code(pa + from, 0x80);
        word(pa + 0x400) = pa;
    }
    map(hole);
    tlbwe(0, 2, {.ea = beyond, .pa = page_a});
    tlbwe(0, 3, {.ea = beyond, .pa = page_b, .space = true});
    for (u32 turn = 0; turn < 3; ++turn) {
        for (const u32 mode : {0u, msr::pr}) {
            for (const u32 split : splits) {
                Frame f = patterned(turn, beyond + from, mode | split);
                f.gpr[4] = hole;
                f.gpr[10] = 0;
                f.ctr = hot;
                run(f);
                ++checked;
                same("ends", split, f.nip, hole + to + 12);
                same("sum", split, f.gpr[10], hot * (1 + (split == msr::ds ? page_b : page_a)));
            }
        }
    }
    flush_all();
    tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = 7, .space = true});
    verdict("by turns", checked);
    checked = 0;
}

// Privileged code there, as the kernel runs it while data are elsewhere.
void privileged() {
    copy_mix(page_a + 0x200);
    copy_mix(page_b + 0x200);
    map(hole);
    for (u32 turn = 0; turn < 6; ++turn) {
        for (const u32 split : splits) {
            Frame f = patterned(turn, hole + 0x200, split);
            f.gpr[3] = hot;
            f.gpr[4] = turn;
            f.lr = place({insn::sc});
            run(f);
            ++checked;
            same("privileged", split, f.gpr[3], mix_model(hot, turn, split));
            same("ends", split, f.nip, code_page + 4);
        }
        mix("between", reinterpret_cast<u32>(hot_mix), hot, turn);
        mix("between, there", hole + 0x200, hot, turn);
    }
    flush_all();
    verdict("privileged", checked);
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = 7, .space = true});
    fill_page(page_a, 0x0a0a);
    fill_page(page_b, 0x0b0b);
    one_side();
    loops();
    by_turns();
    privileged();
}
