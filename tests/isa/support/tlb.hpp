// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "insn.hpp"
#include "isa.hpp"

// Setting up translations, and trying them.
namespace isa {

struct Page {
    u32 ea;
    u64 pa;
    u32 permissions = mas3::permissions;
    u32 tsize = 1;  // 4 KiB
    bool space = false;
    u32 tid = 0;
    bool protect = false;  // IPROT
    u32 attributes = 0;
};

inline void tlbwe(u32 select, u32 entry, const Page& page, bool valid = true) {
    mtspr<624>(mas0::make(select, entry));
    mtspr<625>((valid ? mas1::v : 0) | (page.protect ? mas1::iprot : 0) | page.tid << 16 |
               (page.space ? mas1::ts : 0) | page.tsize << 8);
    mtspr<626>(page.ea | page.attributes);
    mtspr<627>((static_cast<u32>(page.pa) & mas3::rpn_mask) | page.permissions);
    mtspr<944>(static_cast<u32>(page.pa >> 32));
    asm volatile("isync; tlbwe; isync" : : : "memory");
}
inline void tlbivax(u32 ea) { asm volatile("tlbivax 0, %0; isync" : : "r"(ea) : "memory"); }
inline void tlbsx(u32 ea) { asm volatile("tlbsx 0, %0; isync" : : "r"(ea) : "memory"); }
inline void tlbre(u32 select, u32 entry, u32 ea = 0) {
    mtspr<624>(mas0::make(select, entry));
    mtspr<626>(ea);
    asm volatile("isync; tlbre; isync" : : : "memory");
}
// Everything but TLB1 entries 0 and 15, which protect themselves.
inline void flush_all() {
    mtspr<1012>(mmucsr0::tlb0_fi | mmucsr0::tlb1_fi);
    while (mfspr<1012>() & (mmucsr0::tlb0_fi | mmucsr0::tlb1_fi)) {
    }
    asm volatile("isync" : : : "memory");
}

enum class Try : u8 { load, store, fetch };

// One access in the mode of `state`: a load to or a store from r9, or a branch to ea + 4, where
// a page made by fill_page() has a system call. Went well if the interrupt is the system call.
inline Frame attempt(Try access, u32 ea, u32 state, u32 value = 0) {
    const u32 word = access == Try::load ? insn::lwz(9, 4, 0) : insn::stw(9, 4, 0);
    Frame f = patterned(ea >> 12, place({word, insn::sc}), state);
    f.gpr[4] = ea;
    f.gpr[9] = value;
    if (access == Try::fetch) f.nip = ea + 4;
    run(f);
    return f;
}
inline bool went_well(const Frame& f) {
    return static_cast<Vector>(f.vector) == Vector::system_call;
}

// Physical memory below 16 MiB: a marker, and code that says which page it is.
inline void fill_page(u32 pa, u32 marker) {
    auto* const p = reinterpret_cast<volatile u32*>(pa);
    p[0] = marker;
    p[1] = insn::addi(10, 0, marker & 0x7fff);
    p[2] = insn::sc;
    flush_code(pa, 12);
}

// Checks what an interrupt says; 'm' and 'p' for miss and protection, capitals if it lies.
inline char judge(Try access, const Frame& f, u32 at) {
    switch (static_cast<Vector>(f.vector)) {
        case Vector::system_call:
            return 'y';
        case Vector::data_storage:
        case Vector::data_tlb: {
            const bool right = access != Try::fetch && f.dear == at && f.nip == code_page &&
                               f.esr == (access == Try::store ? esr::st : 0);
            const bool miss = static_cast<Vector>(f.vector) == Vector::data_tlb;
            return miss ? (right ? 'm' : 'M') : (right ? 'p' : 'P');
        }
        case Vector::instruction_storage:
            return access == Try::fetch && f.nip == at + 4 && f.esr == 0 ? 'p' : 'P';
        case Vector::instruction_tlb:
            return access == Try::fetch && f.nip == at + 4 ? 'm' : 'M';
        default:
            return '?';
    }
}

// What each access to `at` gives: kernel load, store, fetch, then user; `spaces` is MSR[IS, DS].
inline void matrix(const char* what, u32 number, u32 at, u32 spaces = 0) {
    char line[8];
    unsigned n = 0;
    for (const u32 state : {0u, msr::pr}) {
        for (const Try access : {Try::load, Try::store, Try::fetch}) {
            const Frame f = attempt(access, at, state | spaces, 0x0c0c);
            line[n++] = judge(access, f, at);
        }
        if (n == 3) line[n++] = ' ';
    }
    line[n] = 0;
    print("{} {x}: {}", {what, number, line});
}

}  // namespace isa
