// SPDX-License-Identifier: Apache-2.0
//
// Who may reach what: permissions, process ids, the two address spaces in all combinations.
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 page_a = 0x40'0000, page_b = 0x41'0000, page_c = 0x42'0000;
constexpr u32 ea = 0x4000'0000;

void permissions() {
    for (u32 p = 0; p < 64; ++p) {
        tlbwe(0, p % 4, {.ea = ea, .pa = page_a, .permissions = p});
        matrix("TLB0", p, ea);
        tlbwe(0, p % 4, {.ea = ea, .pa = page_a}, false);
        tlbwe(1, 3, {.ea = ea, .pa = page_a, .permissions = p, .tsize = 3});
        matrix("TLB1", p, ea + 0x3000);
        tlbwe(1, 3, {.ea = ea, .pa = page_a, .tsize = 3}, false);
    }
    // One page at two addresses with different rights, used by turns.
    tlbwe(0, 0, {.ea = ea, .pa = page_a, .permissions = mas3::sr | mas3::ur});
    tlbwe(0, 1, {.ea = ea + 0x1000, .pa = page_a, .permissions = mas3::sw | mas3::uw | mas3::ux});
    for (u32 round = 0; round < 2; ++round) {
        matrix("reader", round, ea);
        matrix("writer", round, ea + 0x1000);
    }
    // Rights that change under a page in use.
    for (const u32 p : {mas3::sr, mas3::sr | mas3::ur, mas3::ur, mas3::sr | mas3::sw, 0u, 63u}) {
        tlbwe(0, 0, {.ea = ea, .pa = page_a, .permissions = p});
        matrix("changed", p, ea);
    }
    flush_all();
}

void process_ids() {
    for (const u32 tid : {0u, 5u, 6u, 0xffu}) {
        tlbwe(0, 0, {.ea = ea, .pa = page_a, .tid = tid});
        tlbwe(1, 3, {.ea = ea + 0x10'0000, .pa = page_b, .tsize = 3, .tid = tid});
        struct Pids {
            u32 pid0, pid1, pid2;
        };
        constexpr Pids pids[] = {{0, 0, 0}, {5, 0, 0}, {0, 5, 0},    {0, 0, 5},
                                 {6, 5, 1}, {1, 2, 6}, {0xff, 5, 6}, {4, 4, 4}};
        for (const auto& p : pids) {
            mtspr<48>(p.pid0);
            mtspr<633>(p.pid1);
            mtspr<634>(p.pid2);
            asm volatile("isync" : : : "memory");
            const u32 all = p.pid0 << 16 | p.pid1 << 8 | p.pid2;
            matrix(tid == 0 ? "TID 0, PIDs" : "TID, PIDs", all, ea);
            matrix("TLB1, PIDs", all, ea + 0x10'0000);
        }
    }
    // One address in three processes.
    flush_all();
    fill_page(page_a, 1);
    fill_page(page_b, 2);
    fill_page(page_c, 3);
    tlbwe(0, 0, {.ea = ea, .pa = page_a, .tid = 1});
    tlbwe(0, 1, {.ea = ea, .pa = page_b, .tid = 2});
    tlbwe(0, 2, {.ea = ea, .pa = page_c, .tid = 3});
    mtspr<633>(0);
    mtspr<634>(0);
    for (u32 i = 0; i < 8; ++i) {
        mtspr<48>(i % 4);
        const Frame f = attempt(Try::load, ea, i & 1 ? msr::pr : 0);
        const Frame g = attempt(Try::fetch, ea, i & 1 ? msr::pr : 0);
        print("PID {}: {} {x} {} {}", {i % 4, name(f.vector), went_well(f) ? f.gpr[9] : 0,
                                       name(g.vector), went_well(g) ? g.gpr[10] : 0});
    }
    mtspr<48>(0);
    flush_all();
}

// Fetches and data in the four combinations of MSR[IS] and MSR[DS]. In either space the code
// page and a page at `ea` are there, and they are not the same page.
void address_spaces() {
    fill_page(page_a, 0x0a0a);
    fill_page(page_b, 0x0b0b);
    tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = 7, .space = true});
    tlbwe(0, 0, {.ea = ea, .pa = page_a});
    tlbwe(0, 1, {.ea = ea, .pa = page_b, .space = true});
    for (u32 round = 0; round < 2; ++round) {
        for (const u32 spaces : {0u, msr::is, msr::ds, msr::is | msr::ds}) {
            for (const u32 mode : {0u, msr::pr}) {
                const Frame f = attempt(Try::load, ea, mode | spaces);
                const Frame g = attempt(Try::fetch, ea, mode | spaces);
                print("msr {x}: {} {x}, {} {x}, srr1 {x}",
                      {mode | spaces, name(f.vector), f.gpr[9], name(g.vector), g.gpr[10],
                       g.msr & msr_mask});
            }
        }
    }
    // Different rights in the two spaces, and a page that only one has.
    tlbwe(0, 0, {.ea = ea, .pa = page_a, .permissions = mas3::sr | mas3::ux});
    tlbwe(0, 1, {.ea = ea, .pa = page_b, .permissions = mas3::uw | mas3::sx, .space = true});
    tlbwe(0, 2, {.ea = ea + 0x1000, .pa = page_c, .space = true});
    for (const u32 spaces : {0u, msr::is, msr::ds, msr::is | msr::ds}) {
        matrix("rights", spaces, ea, spaces);
        matrix("only in space 1", spaces, ea + 0x1000, spaces);
        // The miss says which space it was.
        const Frame f = attempt(Try::load, 0x5000'0000, spaces);
        print("miss: {} mas1 {x} mas6 {x}", {name(f.vector), mfspr<625>(), mfspr<630>()});
        const Frame g = attempt(Try::fetch, 0x5000'0000, spaces);
        print("miss: {} mas1 {x} mas6 {x}", {name(g.vector), mfspr<625>(), mfspr<630>()});
    }
    // Privileged instructions and returns in space 1, with mixed spaces too.
    for (const u32 spaces : {msr::is, msr::ds, msr::is | msr::ds}) {
        Frame f = patterned(spaces,
                            place({insn::mfmsr(5), insn::mtspr(6, 272), insn::mfspr(7, 272),
                                   insn::wrteei(1), insn::mfmsr(8), insn::sc}),
                            spaces);
        run(f);
        print_event("privileged", f, code_page);
        print("{x} {} {x}", {f.gpr[5] & msr_mask, f.gpr[7] == f.gpr[6], f.gpr[8] & msr_mask});
        // mtmsr into the other space, where the same code is.
        f = patterned(spaces,
                      place({insn::mtmsr(5), insn::isync, insn::lwz(9, 4, 0), insn::mtmsr(6),
                             insn::isync, insn::lwz(10, 7, 0), insn::sc}),
                      0);
        f.gpr[4] = f.gpr[7] = ea;
        f.gpr[5] = spaces;
        f.gpr[6] = 0;
        if (spaces & msr::ds) f.gpr[4] = ea + 0x1000;
        run(f);
        print_event("mtmsr", f, code_page);
        print("{x} {x}", {f.gpr[9], f.gpr[10]});
    }
    flush_all();
    const Frame f = attempt(Try::load, 0x8000, msr::is | msr::ds);
    print_event("space 1 gone", f, code_page);
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    fill_page(page_a, 0x0a0a);
    fill_page(page_b, 0x0b0b);
    fill_page(page_c, 0x0c0c);
    fill_page(page_a + 0x3000, 0x0a0a);
    permissions();
    process_ids();
    address_spaces();
}
