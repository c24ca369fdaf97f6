// SPDX-License-Identifier: Apache-2.0
//
// dcbi at a place that has become hot, on pages of every kind: it is a store to the MMU (manual
// 4.3.3), changes no memory, and does nothing to a device. QEMU's core loads and stores the byte
// instead, so a miss there says that it was a load: no native reference.
#include "hot.hpp"
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 ea = 0x5000'0000, absent = 0x6000'0000, pa = 0x40'0000, uart = 0xe000'4500;
constexpr u32 full = mas3::permissions;

u32 site = 0;

Frame once(u32 at, u32 state = 0, u32 base = 0) {
    Frame f = patterned(at >> 12, site, state);
    f.gpr[5] = base;
    f.gpr[4] = at - base;
    const Frame before = f;
    run(f);
    if (went_well(f)) compare("dcbi", before, f);
    return f;
}

void show(const char* what, u32 at, u32 state = 0) {
    const Frame f = once(at, state);
    if (went_well(f)) {
        print("{}: done", {what});
    } else {
        print("{}: {} esr {x} dear {x} at {}", {what, name(f.vector), f.esr, f.dear, f.nip - site});
    }
}

void heat() {
    for (u32 i = 0; i < hot; ++i) once(ea + 32 * i, 0, i);
}

// Each kind of page comes while the site is hot; its entry goes before the next.
void pages(u32 tlb, const char* which) {
    print("{}", {which});
    const u32 entry = tlb == 1 ? 5 : 2;
    const u32 at = ea + 0x2000;
    const struct {
        const char* what;
        u32 permissions;
    } kinds[] = {{"read and write", full},
                 {"nothing for the kernel", mas3::ux | mas3::ur | mas3::uw},
                 {"read only", full & ~mas3::sw},
                 {"write only", full & ~mas3::sr},
                 {"read only for the user", full & ~mas3::uw}};
    for (const auto& kind : kinds) {
        heat();
        show("not there", at);
        tlbwe(tlb, entry, {.ea = at, .pa = pa + 0x2000, .permissions = kind.permissions});
        show(kind.what, at + 4);
        heat();
        show(kind.what, at + 8);
        tlbwe(tlb, entry, {.ea = at, .pa = pa + 0x2000}, false);
        asm volatile("isync" : : : "memory");
        show("gone", at + 4);
    }
}

void contents() {
    const auto word = [](u32 i) { return reinterpret_cast<volatile u32*>(ea + 32 * i); };
    for (u32 i = 0; i < hot; ++i) *word(i) = 0x1111 * i;
    heat();
    u32 wrong = 0;
    for (u32 i = 0; i < hot; ++i) wrong += *word(i) != 0x1111 * i ? 1 : 0;
    print("memory: {} of {} words changed", {wrong, hot});
}

}  // namespace

void isa_main() {
    site = place({insn::x(470, 0, 5, 4), insn::sc});
    tlbwe(1, 3, {.ea = ea, .pa = pa});
    heat();
    contents();
    show("no translation", absent + 0x123);
    show("a device", uart);
    show("its own text", site);
    show("user mode", ea, msr::pr);
    pages(1, "TLB1");
    pages(0, "TLB0");
    heat();
    show("hot again", ea);
}
