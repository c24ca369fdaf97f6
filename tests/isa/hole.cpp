// SPDX-License-Identifier: Apache-2.0
//
// The addresses where a monitor of the same core must keep itself: f4000000 to f5ffffff, if it is
// the one in hv/. They are the program's like all others, in both modes, for data and for code.
#include "hot.hpp"

extern "C" char vectors[];

namespace {

using namespace isa;

constexpr u32 hole = 0xf400'0000;
constexpr u32 high_half = hole + 0x100'0000;
// The first page, the last, and some of each thing that may lie there.
constexpr u32 places[] = {hole,        0xf412'3000, 0xf4ff'f000, high_half,
                          0xf540'0000, 0xf57f'f000, 0xf5ff'f000};
constexpr u32 backing = 0x40'0000;  // a page for each place, at a distance of 64 KiB
constexpr u32 backing_distance = 0x1'0000;
constexpr u32 tsize_64k = 3, tsize_16m = 7, tsize_256m = 9;

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }

// All 16 MiB from 0 again, at `ea`.
void map_all(u32 ea, bool space = false) {
    tlbwe(1, 3, {.ea = ea, .pa = 0, .tsize = tsize_16m, .space = space});
}

// Calls a function with two arguments, on a stack of its own, in the mode that `state` says.
u32 call(u32 function, u32 a, u32 b, u32 state, u32 stack) {
    const u32 back = place({insn::sc});
    Frame f = patterned(a, function, state | msr::spe);
    f.gpr[1] = stack + sizeof user_stack - 64;
    f.lr = back;
    f.gpr[3] = a;
    f.gpr[4] = b;
    run(f);
    if (!went_well(f) || f.nip != back + 4) print_event("called", f, function);
    return f.gpr[3];
}

// ---- Who may reach what there.

void reach() {
    constexpr u32 rights[] = {
        mas3::permissions, mas3::sr | mas3::uw, mas3::ur | mas3::sw, mas3::sx, mas3::ux, 0};
    for (u32 i = 0; i < sizeof places / sizeof places[0]; ++i) {
        const u32 ea = places[i], pa = backing + i * backing_distance;
        fill_page(pa, 0x100 + i);
        fill_page(pa + ea % 0x1'0000, 0x100 + i);
        for (const u32 permissions : rights) {
            tlbwe(0, i % 4, {.ea = ea, .pa = pa, .permissions = permissions});
            matrix("4 KiB", permissions, ea);
            tlbwe(0, i % 4, {.ea = ea, .pa = pa}, false);
            tlbwe(
                1, 3,
                {.ea = ea & 0xffff'0000, .pa = pa, .permissions = permissions, .tsize = tsize_64k});
            matrix("64 KiB", permissions, ea);
            tlbwe(1, 3, {.ea = ea & 0xffff'0000, .pa = pa, .tsize = tsize_64k}, false);
        }
        matrix("nothing", 0, ea);
    }
}

// What an interrupt says of each access, where nothing is mapped and where nothing is allowed.
void refused() {
    for (const bool mapped : {false, true}) {
        for (const u32 ea : places) {
            if (mapped) tlbwe(0, 2, {.ea = ea, .pa = backing, .permissions = 0});
            for (const u32 state : {0u, msr::pr, msr::ee, msr::pr | msr::ee}) {
                for (const Try access : {Try::load, Try::store, Try::fetch}) {
                    const Frame f = attempt(access, ea + 0x468, state);
                    print_event(mapped ? "refused" : "missing", f,
                                access == Try::fetch ? ea + 0x468 : code_page);
                    if (!mapped) {
                        print("  mas {x} {x} {x}", {mfspr<625>(), mfspr<626>(), mfspr<630>()});
                    }
                }
            }
            flush_all();
        }
    }
}

// ---- Code, data and stack, each there or elsewhere.

// Every kind of access to a page; returns a digest of what it then holds. For either mode.
u32 exercise(u32 page, u32 turn) {
    u32 digest = turn;
    for (u32 at = page; at < page + 0x1000; at += 128) {
        u32 value = at - page + turn, base = at - 8, low;
        asm volatile("dcbz 0, %0" : : "b"(at + 96) : "memory");
        asm volatile("stw %0, 0(%1); sth %0, 4(%1); stb %0, 7(%1); stwbrx %0, 0, %2"
                     :
                     : "r"(value), "b"(at), "r"(at + 8)
                     : "memory");
        asm volatile("stwu %1, 20(%0); stwu %1, 8(%0)" : "+b"(base) : "r"(value * 3) : "memory");
        asm volatile("stw %0, 29(%1); sth %0, 39(%1)" : : "r"(value), "b"(at) : "memory");
        asm volatile("mr 30, %0; mr 31, %1; stmw 30, 44(%1); lmw 30, 8(%1); stmw 30, 56(%1)"
                     :
                     : "r"(value * 5), "b"(at)
                     : "memory", "r30", "r31");
        asm volatile("dcbst 0, %0; dcbf 0, %0; dcbt 0, %0; dcbtst 0, %0; icbi 0, %0"
                     :
                     : "r"(at)
                     : "memory");
        for (u32 done = 0; done == 0; done = low >> 29 & 1) {
            asm volatile("lwarx %0, 0, %1; addi %0, %0, 9; stwcx. %0, 0, %1; mfcr %0"
                         : "=&r"(low)
                         : "b"(at + 16)
                         : "memory", "cr0");
        }
        asm volatile(
            "lha %0, 4(%2); lhbrx %1, 0, %2; lwzu %1, 8(%2); add %0, %0, %1; stw %0, 64(%2)"
            : "=&r"(low), "=&r"(value), "+b"(at)
            :
            : "memory");
        at -= 8;
        // evldd r10,0(r9); evstdd r10,72(r9): doublewords.
        register u32 from asm("r9") = at;
        asm volatile(".long 0x11490301, 0x11494b21" : : "r"(from) : "r10", "memory");
        for (u32 i = 0; i < 128; i += 4) digest = rotate(digest, 3) ^ word(at + i);
    }
    return digest + (*reinterpret_cast<volatile u8*>(page + 7) << 8);
}

void clear(u32 pa) {
    for (u32 i = 0; i < 0x1000; i += 4) word(pa + i) = 0;
}

// `code_at`, `data_at` and `stack_at` map all memory from 0.
void exercised(const char* what, u32 code_at, u32 data_at, u32 stack_at) {
    const u32 function = reinterpret_cast<u32>(exercise), stack = address_of(user_stack);
    for (u32 turn = 0; turn < 3; ++turn) {
        clear(backing);
        const u32 want = call(function, backing, turn, 0, stack);
        for (const u32 state : {0u, msr::pr}) {
            clear(backing);
            ++checked;
            same(what, state,
                 call(code_at + function, data_at + backing, turn, state, stack_at + stack), want);
        }
    }
}

void all_ways(const char* what) {
    for (u32 i = 0; i < 8; ++i) {
        const u32 here = i & 1 ? high_half : hole;
        exercised(what, i & 1 ? here : 0, i & 2 ? here : 0, i & 4 ? hole : 0);
    }
    done(what);
}

void by_size() {
    tlbwe(1, 3, {.ea = hole, .pa = 0, .tsize = tsize_16m});
    tlbwe(1, 4, {.ea = high_half, .pa = 0, .tsize = tsize_16m});
    all_ways("16 MiB");
    flush_all();
    // Nothing but 4 KiB: text, stack and data.
    u32 n = 0;
    for (const u32 ea : {hole, high_half}) {
        for (u32 at = text_begin; at < address_of(user_stack) + sizeof user_stack; at += 0x1000) {
            tlbwe(0, n++ % 2 + (ea == hole ? 0 : 2), {.ea = ea + at, .pa = at});
        }
        tlbwe(0, ea == hole ? 0 : 1, {.ea = ea + backing, .pa = backing});
    }
    all_ways("4 KiB");
    flush_all();
    // Larger than the hole, with all around it.
    constexpr u32 around = 0xf000'0000, there = hole - around;
    tlbwe(1, 3, {.ea = around, .pa = 0, .tsize = tsize_256m});
    for (const u32 offset : {0u, 0x1000u, 0x100'0000u, 0x1ff'f000u, 0x200'0000u}) {
        tlbwe(0, 1, {.ea = 0x4000'0000, .pa = there + offset});
        clear(0x4000'0000);
        const u32 function = reinterpret_cast<u32>(exercise), stack = address_of(user_stack);
        const u32 want = call(function, 0x4000'0000, 1, 0, stack);
        for (const u32 state : {0u, msr::pr}) {
            clear(0x4000'0000);
            ++checked;
            same("256 MiB", offset, call(function, hole + offset, 1, state, stack), want);
        }
        // And code there.
        copy_mix(hole + offset);
        for (u32 i = 0; i < 4; ++i) mix("256 MiB", hole + offset, hot, i);
        fill_page(hole + offset, 0x700);
        matrix("256 MiB", offset, hole + offset);
        tlbivax(0x4000'0000);
    }
    flush_all();
    done("256 MiB");
}

// ---- Kernel code that gets hot there, and interrupts from there.

u32 ticks_seen, ticks_outside;
u32 mix_at;
void on_tick(Frame& f) {
    constexpr u32 tsr_spr = 336, dec_spr = 22;
    ++ticks_seen;
    if (f.nip - mix_at >= mix_size() && f.nip - text_begin >= end_of_text() - text_begin) {
        ++ticks_outside;
    }
    mtspr<tsr_spr>(tsr::dis);
    mtspr<dec_spr>(1500);
}

void hot_code() {
    constexpr u32 tcr_spr = 340, dec_spr = 22;
    set_hook(Vector::decrementer, on_tick);
    for (u32 i = 0; i < sizeof places / sizeof places[0]; ++i) {
        const u32 ea = places[i], pa = backing + i * backing_distance;
        mix_at = ea + 0x340;
        copy_mix(pa + 0x340);
        tlbwe(0, i % 4, {.ea = ea, .pa = pa});
        for (u32 turn = 0; turn < 4; ++turn) {
            mix("hot", mix_at, hot, turn);
            mtspr<dec_spr>(1500);
            mtspr<tcr_spr>(tcr::die);
            mix("interrupted", mix_at, 20 * hot, turn);
            mtspr<tcr_spr>(0);
            for (u32 at = 0; at < mix_size(); at += 4) {
                same("reads", ea + at, word(mix_at + at),
                     word(reinterpret_cast<u32>(hot_mix) + at));
            }
            ++checked;
        }
        flush_all();
    }
    set_hook(Vector::decrementer, nullptr);
    same("interrupts outside of the code", hole, ticks_outside, 0);
    print("# {} interrupts", {ticks_seen});
    done("hot");
}

// Every event that code can cause there itself; the handlers elsewhere, and there too.
void events() {
    constexpr u32 words[] = {insn::sc,
                             0x7fe0'0008,
                             0,
                             insn::mfspr(6, 22),
                             insn::mfspr(6, 26),
                             insn::wrteei(1),
                             insn::mfmsr(6),
                             insn::mtspr(6, 48),
                             insn::lwz(6, 4, 0),
                             insn::stw(6, 4, 0),
                             insn::tlbsync,
                             insn::tlbsx(0, 4),
                             insn::mfspr(6, 256),
                             insn::x(20, 6, 0, 5),
                             insn::lwz(6, 7, 0)};
    const u32 ivpr = mfspr<63>();
    map_all(hole);
    for (const bool handlers : {false, true}) {
        mtspr<63>(handlers ? hole + ivpr : ivpr);
        for (const u32 base : {0u, hole}) {
            for (const u32 state : {0u, msr::pr, msr::ee}) {
                for (u32 turn = 0; turn < 3; ++turn) {
                    for (const u32 instruction : words) {
                        const u32 at = base + place({insn::nop, instruction, insn::sc});
                        Frame f = patterned(turn, at, state);
                        f.gpr[4] = hole + 0x800'0000;  // nothing
                        f.gpr[5] = base + backing + 2;
                        f.gpr[6] = 0;
                        f.gpr[7] = ccsr + 0xe00a0;
                        run(f);
                        ++checked;
                        // QEMU does not set ESR for it.
                        if (f.vector == static_cast<u32>(Vector::alignment)) f.esr = 0;
                        if (turn == 2 && base == hole) print_event("event", f, at);
                    }
                }
            }
        }
    }
    mtspr<63>(ivpr);
    flush_all();
    done("events");
}

// A system call from a loop there, its handler there, both kinds of program counting.
void round_trips() {
    const u32 ivpr = mfspr<63>();
    static u32 calls;
    map_all(hole);
    set_hook(Vector::system_call, [](Frame& f) {
        if (f.gpr[0] == 0x1234) {
            f.nip = f.gpr[8];
            f.gpr[0] = 0;
            f.msr &= ~msr::pr;
            return;
        }
        ++calls;
    });
    for (const u32 base : {0u, hole}) {
        for (const u32 data : {0u, hole}) {
            mtspr<63>(base == data ? ivpr : hole + ivpr);
            const u32 at = place({insn::sc, insn::lwz(5, 4, 0), insn::addi(5, 5, 1),
                                  insn::stw(5, 4, 0), insn::bdnz(-16), 0x7fe0'0008});
            for (const u32 state : {0u, msr::pr}) {
                word(backing) = calls = 0;
                Frame f = patterned(3, base + at, state);
                f.gpr[4] = data + backing;
                f.ctr = 500;
                run(f);
                ++checked;
                same("calls", state, calls, 500);
                same("counted", state, word(backing), 500);
                same("ends", state, f.nip, base + at + 20);
            }
        }
    }
    mtspr<63>(ivpr);
    set_hook(Vector::system_call, nullptr);
    flush_all();
    done("turn trips");
}

// A page of the kernel's, which its handler there reads, and user mode tries to right behind it;
// and the other way turn.
void secrets() {
    constexpr u32 kernels = 0x5000'0000, users = 0x5001'0000;
    const u32 ivpr = mfspr<63>();
    map_all(hole);
    tlbwe(0, 0, {.ea = kernels, .pa = backing, .permissions = mas3::sr | mas3::sw});
    tlbwe(0, 1, {.ea = users, .pa = backing, .permissions = mas3::ur | mas3::uw});
    set_hook(Vector::system_call, [](Frame&) { word(kernels) = word(kernels) + 1; });
    mtspr<63>(hole + ivpr);
    word(backing) = 0;
    for (u32 i = 0; i < 4; ++i) {
        for (const u32 base : {0u, hole}) {
            Frame f = patterned(i, base + place({insn::sc, insn::lwz(9, 5, 0), insn::stw(9, 4, 0)}),
                                msr::pr);
            f.gpr[4] = kernels;
            f.gpr[5] = users;
            run(f);
            ++checked;
            same("the kernel's", base, f.vector, static_cast<u32>(Vector::data_storage));
            same("the kernel's", base, f.dear, kernels);
            same("counted", base, f.gpr[9], word(backing));
            f = patterned(i, hole + place({insn::lwz(9, 5, 0), insn::sc}), 0);
            f.gpr[5] = users;
            run(f);
            same("user mode's", base, f.vector, static_cast<u32>(Vector::data_storage));
        }
    }
    same("counted", hole, word(backing), 8);
    set_hook(Vector::system_call, nullptr);
    mtspr<63>(ivpr);
    flush_all();
    done("secrets");
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    reach();
    refused();
    by_size();
    hot_code();
    events();
    round_trips();
    secrets();
}
