// SPDX-License-Identifier: Apache-2.0
//
// More of the addresses of hole.cpp: their borders, pages that come on demand, processes, text that
// is written there, devices, and the other address space.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 hole = 0xf400'0000, hole_size = 0x200'0000;
constexpr u32 backing = 0x40'0000;
constexpr u32 tsize_16m = 7;

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }
u32& backing_word(u32 offset) { return word(backing + offset); }

void map(u32 ea, u32 pa, u32 permissions = mas3::permissions) {
    tlbwe(0, ea >> 12 & 3, {.ea = ea, .pa = pa, .permissions = permissions});
}

// ---- Accesses across the first and the last address.

constexpr u32 borders[] = {hole, hole + 0x100'0000, hole + hole_size};

// One instruction on r4, with values in r9 and r28 to r31.
constexpr u32 across[] = {
    insn::lwz(9, 4, 0),   insn::stw(9, 4, 0),    insn::d(40, 9, 4, 0),   // lhz
    insn::d(44, 9, 4, 0), insn::x(534, 9, 0, 4), insn::x(662, 9, 0, 4),  // sth, lwbrx, stwbrx
    insn::d(42, 9, 4, 0), insn::x(918, 9, 0, 4),                         // lha, sthbrx
};
constexpr u32 lmw = insn::d(46, 28, 4, 0), stmw = insn::d(47, 28, 4, 0);

Frame cross(u32 instruction, u32 ea, u32 state) {
    Frame f = patterned(ea, place({instruction, insn::sc}), state);
    f.gpr[4] = ea;
    run(f);
    return f;
}

void reset_backing() {
    for (u32 i = 0; i < 16; ++i) backing_word(0xfe0 + 4 * i) = 0x0101'0203 * (i + 1);
}
// What the access did to registers and memory: the same at an ordinary address.
u32 trace_of(const Frame& f, u32 ea) {
    u32 digest = f.gpr[9] ^ (f.gpr[4] - ea);
    for (u32 i = 28; i < 32; ++i) digest = rotate(digest, 5) ^ f.gpr[i];
    for (u32 i = 0; i < 16; ++i) digest = rotate(digest, 5) ^ backing_word(0xfe0 + 4 * i);
    return digest;
}

void crossing(u32 border) {
    map(border - 0x1000, backing);
    map(border, backing + 0x1000);
    for (u32 turn = 0; turn < 2; ++turn) {
        for (const u32 state : {0u, msr::pr}) {
            const auto compare_one = [&](u32 instruction, u32 before) {
                const u32 ea = border - before;
                reset_backing();
                const Frame f = cross(instruction, ea, state);
                const u32 have = trace_of(f, ea);
                reset_backing();
                Frame g = patterned(ea, place({instruction, insn::sc}), 0);
                g.gpr[4] = backing + 0x1000 - before;
                run(g);
                ++checked;
                if (!went_well(f)) print_event("across", f, code_page);
                same("across", instruction, have, trace_of(g, g.gpr[4]));
            };
            for (const u32 instruction : across) {
                for (u32 before = 1; before < 4; ++before) compare_one(instruction, before);
            }
            for (const u32 before : {4u, 8u, 12u}) {
                compare_one(lmw, before);
                compare_one(stmw, before);
            }
        }
    }
    // One of the two pages is not there, or may only be read.
    for (const bool second : {false, true}) {
        const u32 page = second ? border : border - 0x1000;
        const u32 pa = second ? backing + 0x1000 : backing;
        for (const bool there : {false, true}) {
            tlbivax(page);
            if (there) map(page, pa, mas3::sr | mas3::ur);
            for (const u32 state : {0u, msr::pr}) {
                for (const u32 instruction : across) {
                    print_event(there ? "read-only" : "not there",
                                cross(instruction, border - 1, state), code_page);
                }
            }
        }
        map(page, pa);
    }
    flush_all();
}

// Code that goes on across a border; what comes behind changes, and is missing now and then.
void running_on(u32 border) {
    constexpr u32 variants = 3;
    auto* const last = reinterpret_cast<volatile u32*>(backing + 0xff8);
    last[0] = insn::mfmsr(5);
    last[1] = insn::wrteei(1);
    for (u32 i = 0; i < variants; ++i) {
        auto* const p = reinterpret_cast<volatile u32*>(backing + 0x1000 * (i + 1));
        p[0] = insn::mfmsr(6);
        p[1] = insn::wrtee(5);
        p[2] = insn::addi(3, 5, i);
        p[3] = insn::blr;
        p[4] = insn::addi(3, 0, 77 + i);  // for user mode
        p[5] = insn::sc;
        flush_code(backing + 0x1000 * (i + 1), 24);
    }
    flush_code(backing + 0xff8, 8);
    // Where user mode begins, eight bytes before.
    auto* const begin = reinterpret_cast<volatile u32*>(backing + 0xff0);
    begin[0] = insn::nop;
    begin[1] = insn::branch(0x10 + 0xc);  // to the sixth word behind
    flush_code(backing + 0xff0, 8);
    map(border - 0x1000, backing);
    for (u32 turn = 0; turn < 2 * hot; ++turn) {
        const u32 n = turn % variants;
        map(border, backing + 0x1000 * (n + 1));
        ++checked;
        same("goes on", border, reinterpret_cast<u32 (*)()>(border - 8)(), n);
        Frame f = patterned(turn, border - 16, msr::pr);
        run(f);
        same("goes on", border, f.gpr[3], 77 + n);
        same("goes on", border, f.nip, border + 24);
        if (turn % 8 != 7) continue;
        tlbivax(border);
        for (const u32 state : {0u, msr::pr}) {
            Frame g = patterned(turn, state ? border - 16 : border - 8, state);
            run(g);
            same("missing", turn, g.nip, state ? border + 16 : border);
            same("missing", turn, g.vector, static_cast<u32>(Vector::instruction_tlb));
        }
    }
    flush_all();
}

// ---- Pages that come on demand.

u32 misses, way;
constexpr u32 pool = 0x80'0000, pool_pages = 64;
u32 frame_of(u32 ea) { return pool + (ea >> 12) * 37 % pool_pages * 0x1000; }
void on_miss(Frame& f) {
    ++misses;
    const u32 at = f.vector == static_cast<u32>(Vector::data_tlb) ? f.dear : f.nip;
    tlbwe(0, way++ % 4, {.ea = at & ~0xfffu, .pa = frame_of(at)});
}
void on_demand() {
    for (u32 i = 0; i < pool_pages; ++i) {
        fill_page(pool + i * 0x1000, 0x3000 + i);
        copy_mix(pool + i * 0x1000 + 0x100);
    }
    set_hook(Vector::data_tlb, on_miss);
    set_hook(Vector::instruction_tlb, on_miss);
    for (u32 i = 0; i < 3000; ++i) {
        // From all of the hole, and as much on either side.
        const u32 ea = hole - hole_size + i * 0x0067'3000 % (3 * hole_size);
        const u32 want = 0x3000 + (frame_of(ea) - pool) / 0x1000;
        const u32 state = i % 3 == 0 ? msr::pr : 0;
        const bool fetch = i % 2 == 0;
        const Frame f = attempt(fetch ? Try::fetch : Try::load, ea, state);
        ++checked;
        same("on demand", ea, f.gpr[fetch ? 10 : 9], want);
        if (i % 7 == 0) mix("on demand", ea + 0x100, 1 + i % 10, i);
        if (i % 512 == 511) flush_all();
        if (i % 11 == 3) tlbivax(ea);
    }
    // Both modes by turns in as many pages of theirs as one set of a TLB holds.
    for (u32 i = 0; i < 400; ++i) {
        const u32 ea = hole + i % 3 * 0x8'0000;
        const Frame f = attempt(i % 4 < 2 ? Try::load : Try::fetch, ea, i & 1 ? msr::pr : 0);
        ++checked;
        same("by turns", ea, f.gpr[i % 4 < 2 ? 9 : 10], 0x3000 + (frame_of(ea) - pool) / 0x1000);
    }
    set_hook(Vector::data_tlb, nullptr);
    set_hook(Vector::instruction_tlb, nullptr);
    flush_all();
    print("misses: {}", {misses >= 1000});
    done("on demand");
}

// One address in three processes and for all, with the page gone from one of them.
void processes() {
    for (u32 i = 0; i < 4; ++i) fill_page(backing + i * 0x1000, 0x200 + i);
    constexpr u32 ea = hole + 0x34'5000;
    for (u32 i = 1; i < 4; ++i) {
        tlbwe(0, i, {.ea = ea, .pa = backing + i * 0x1000, .tid = i});
    }
    tlbwe(0, 0, {.ea = ea + 0x1000, .pa = backing});
    for (u32 i = 0; i < 240; ++i) {
        const u32 pid = i * 7 % 5, state = i % 3 == 0 ? msr::pr : 0;
        if (i == 120) tlbwe(0, 2, {.ea = ea, .pa = 0, .tid = 2}, false);
        mtspr<48>(pid);
        const bool fetch = i & 1;
        const Frame f = attempt(fetch ? Try::fetch : Try::load, ea, state);
        const Frame g = attempt(fetch ? Try::fetch : Try::load, ea + 0x1000, state);
        mtspr<48>(0);
        const bool there = pid >= 1 && pid <= 3 && !(pid == 2 && i >= 120);
        ++checked;
        same("there", pid, went_well(f), there);
        if (there) same("its own", pid, f.gpr[fetch ? 10 : 9], 0x200 + pid);
        same("everybody's", pid, g.gpr[fetch ? 10 : 9], 0x200);
    }
    flush_all();
    done("processes");
}

// ---- Hot text there that is written, from both modes, there or by another address.

void written() {
    constexpr u32 at = hole + 0x20'0040, at_backing = backing + 0x40;
    const u32 store = reinterpret_cast<u32>(hot_store);
    tlbwe(0, 0, {.ea = at & ~0xfffu, .pa = backing});
    auto* const p = reinterpret_cast<volatile u32*>(at_backing);
    p[0] = insn::mtspr(3, 9);
    p[1] = insn::nop;  // the slot
    p[2] = insn::bdnz(-4);
    p[3] = insn::mfmsr(3);
    p[4] = insn::wrteei(0);
    p[5] = insn::blr;
    flush_code(at_backing, 24);
    copy_code(backing + 0x100, store, address_of(hot_store_end) - store);
    const u32 there = at - 0x40 + 0x100;
    for (u32 turn = 0; turn < 48; ++turn) {
        const bool on = turn & 1;
        const u32 slot = turn & 2 ? at + 4 : at_backing + 4;
        const u32 instruction = on ? insn::wrteei(1) : insn::mfmsr(7);
        const u32 by = turn & 4 ? there : store;
        if (turn % 3 == 0) {
            reinterpret_cast<void (*)(u32, u32)>(by)(slot, instruction);
        } else {
            in_user_mode(by, slot, instruction);
        }
        ++checked;
        same("runs", turn, reinterpret_cast<u32 (*)(u32)>(at)(hot), on ? msr::ee : 0);
        same("reads", turn, word(at + 4), instruction);
    }
    flush_all();
    done("written");
}

// ---- Device registers there, by code there.

void devices() {
    constexpr u32 pvr = 0xa0;
    tlbwe(1, 3, {.ea = hole + 0x100'0000, .pa = 0, .tsize = tsize_16m});
    tlbwe(0, 1, {.ea = hole, .pa = 0xf'e00e'0000, .attributes = mas2::i | mas2::g});
    for (const u32 base : {0u, hole + 0x100'0000}) {
        for (const u32 state : {0u, msr::pr}) {
            Frame f = patterned(1, base + place({insn::lwz(9, 4, 0), insn::sc}), state);
            f.gpr[4] = hole + pvr;
            run(f);
            ++checked;
            print("device: {} {x}", {name(f.vector), f.gpr[9]});
            f = patterned(1, base + place({insn::lwz(9, 4, 0), insn::sc}), state);
            f.gpr[4] = ccsr + 0xe0000 + pvr;
            run(f);
            print("elsewhere: {} {x}", {name(f.vector), state ? 0 : f.gpr[9]});
        }
    }
    flush_all();
    done("devices");
}

// ---- The other address space: other pages there, hot code in both.

void other_space() {
    tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = tsize_16m, .space = true});
    constexpr u32 both = msr::is | msr::ds, ea = hole + 0x77'0000;
    fill_page(backing, 0x0a0a);
    fill_page(backing + 0x1000, 0x0b0b);
    copy_mix(backing + 0x100);
    copy_mix(backing + 0x1100);
    tlbwe(0, 0, {.ea = ea, .pa = backing});
    tlbwe(0, 1, {.ea = ea, .pa = backing + 0x1000, .space = true});
    tlbwe(0, 2, {.ea = ea + 0x1000, .pa = backing, .space = true});
    for (u32 turn = 0; turn < 12; ++turn) {
        for (const u32 spaces : {0u, both}) {
            for (const u32 state : {0u, msr::pr}) {
                const Frame f = attempt(Try::load, ea, state | spaces);
                const Frame g = attempt(Try::fetch, ea, state | spaces);
                const Frame h = attempt(Try::load, ea + 0x1000, state | spaces);
                ++checked;
                same("loads", state | spaces, f.gpr[9], spaces ? 0x0b0b : 0x0a0a);
                same("fetches", state | spaces, g.gpr[10], spaces ? 0x0b0b : 0x0a0a);
                same("only here", state | spaces, went_well(h), spaces != 0);
            }
            mtmsr(spaces);
            mix("hot in both", ea + 0x100, hot, turn);
            mtmsr(0);
        }
    }
    flush_all();
    done("other space");
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    for (const u32 border : borders) crossing(border);
    done("crossing");
    for (const u32 border : borders) running_on(border);
    done("running on");
    on_demand();
    processes();
    written();
    devices();
    other_space();
}
