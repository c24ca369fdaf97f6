// SPDX-License-Identifier: Apache-2.0
//
// Exits whose numbers are known. The labelled sites are listed in tests/system/test_vmm_profile.py,
// the others and the pages are announced: "expect site EA GPA WORD PID MODE COUNT" and
// "expect page EA MODE CAUSE COUNT". The VMM's profile must say the same.
#include "tlb.hpp"

// A site of its own, run r3 times; r4 and r5 are its operands.
#define LABELLED(name, instruction)                                                     \
    asm(".globl heat_" #name                                                            \
        "\n"                                                                            \
        ".globl heat_" #name                                                            \
        "_loop\n"                                                                       \
        "heat_" #name                                                                   \
        "_loop: mtctr 3\n"                                                              \
        "heat_" #name ": " instruction                                                  \
        "\n"                                                                            \
        "bdnz heat_" #name                                                              \
        "\n"                                                                            \
        "blr\n");                                                                       \
    extern "C" void heat_##name##_loop(trapeze::e500::u32 times, trapeze::e500::u32 r4, \
                                       trapeze::e500::u32 r5)

LABELLED(mfmsr, "mfmsr 6");
LABELLED(mtmsr, "mtmsr 4");
LABELLED(wrtee, "wrtee 4");
LABELLED(wrteei, "wrteei 0");
LABELLED(mtspr_srr0, "mtspr 26, 4");
LABELLED(mfspr_dear, "mfspr 6, 61");
LABELLED(mfspr_dec, "mfspr 6, 22");
LABELLED(mtspr_mas0, "mtspr 624, 4");
LABELLED(mtspr_sprg4, "mtspr 276, 4");
LABELLED(mtspr_pid, "mtspr 48, 4");
LABELLED(tlbwe, "tlbwe");
LABELLED(tlbre, "tlbre");
LABELLED(tlbsx, "tlbsx 0, 4");
LABELLED(tlbivax, "tlbivax 0, 4");
LABELLED(tlbsync, "tlbsync");
LABELLED(dcbi, "dcbi 0, 4");
// rfi to the branch behind it.
LABELLED(rfi, "rfi");
extern "C" char heat_rfi[];

namespace {

using namespace isa;

constexpr u32 page_a = 0x40'0000, page_b = 0x41'0000;
constexpr u32 ea = 0x4000'0000;
constexpr u32 user_pages = 0x50'0000;
constexpr u32 mtctr_r3 = 0x7c6903a6;

void expect_site(u32 at, u32 gpa, u32 word, u32 pid, const char* mode, u32 count) {
    print("expect site {x} {x} {x} {} {} {}", {at, gpa, word, pid, mode, count});
}
void expect_page(u32 at, const char* mode, const char* cause, u32 count) {
    print("expect page {x} {} {} {}", {at, mode, cause, count});
}

// A function at physical address pa that runs the word at pa + 4 as often as its argument says.
void fill_loop(u32 pa, u32 word) {
    auto* const p = reinterpret_cast<volatile u32*>(pa);
    p[0] = mtctr_r3;
    p[1] = word;
    p[2] = insn::bdnz(-4);
    p[3] = insn::blr;
    flush_code(pa, 16);
}
void call(u32 at, u32 times) { reinterpret_cast<void (*)(u32)>(at)(times); }

void labelled() {
    heat_mfmsr_loop(1000, 0, 0);
    heat_mtmsr_loop(37, 0, 0);
    heat_wrtee_loop(31, 0, 0);
    heat_wrteei_loop(70, 0, 0);
    heat_mtspr_srr0_loop(300, 0x1234, 0);
    heat_mfspr_dear_loop(23, 0, 0);
    heat_mfspr_dec_loop(47, 0, 0);
    heat_mtspr_mas0_loop(29, 0, 0);
    heat_mtspr_sprg4_loop(53, 5, 0);
    heat_mtspr_pid_loop(43, 0, 0);
    tlbwe(0, 0, {.ea = 0x4800'0000, .pa = page_a});
    heat_tlbwe_loop(11, 0, 0);
    heat_tlbre_loop(12, 0, 0);
    heat_tlbsx_loop(13, 0x4800'0000, 0);
    heat_tlbivax_loop(17, 0x4800'0000, 0);
    heat_tlbsync_loop(19, 0, 0);
    heat_dcbi_loop(7, page_a, 0);
    mtspr<27>(mfmsr());
    mtspr<26>(reinterpret_cast<u32>(heat_rfi) + 4);
    heat_rfi_loop(41, 0, 0);
}

// One physical page at two addresses, one address with two pages.
void by_place() {
    constexpr u32 word = insn::mfmsr(6);
    fill_loop(page_a, word);
    fill_loop(page_b, word);
    for (u32 round = 0; round < 3; ++round) {
        tlbwe(0, 0, {.ea = ea, .pa = page_a});
        tlbwe(0, 0, {.ea = ea + 0x1000, .pa = page_a});
        call(ea, 20);
        call(ea + 0x1000, 30);
        tlbwe(0, 0, {.ea = ea, .pa = page_b});
        call(ea, 50);
    }
    expect_site(ea + 4, page_a + 4, word, 0, "k", 60);
    expect_site(ea + 0x1004, page_a + 4, word, 0, "k", 90);
    expect_site(ea + 4, page_b + 4, word, 0, "k", 150);
    // Large pages of TLB1, that are taken away by tlbivax and by MMUCSR0.
    constexpr u32 large = 0x4100'0000;
    for (u32 round = 0; round < 4; ++round) {
        tlbwe(1, 5, {.ea = large, .pa = round & 1 ? page_b : page_a, .tsize = 3});
        call(large, 10 + round);
        if (round & 2) {
            mtspr<1012>(mmucsr0::tlb1_fi);
        } else {
            tlbivax(large | 8);
        }
    }
    expect_site(large + 4, page_a + 4, word, 0, "k", 10 + 12);
    expect_site(large + 4, page_b + 4, word, 0, "k", 11 + 13);
}

void by_word() {
    constexpr u32 at = page_a + 0x1000;
    for (u32 round = 0; round < 2; ++round) {
        fill_loop(at, insn::mfmsr(6));
        call(at, 30);
        fill_loop(at, insn::mfspr(6, 272));
        call(at, 20);
        fill_loop(at, insn::nop);
        call(at, 10);
    }
    expect_site(at + 4, at + 4, insn::mfmsr(6), 0, "k", 60);
    expect_site(at + 4, at + 4, insn::mfspr(6, 272), 0, "k", 40);
}

void by_process() {
    constexpr u32 at = 0x4200'0000, word = insn::mfmsr(6);
    tlbwe(0, 0, {.ea = at, .pa = page_a, .tid = 5});
    tlbwe(0, 1, {.ea = at, .pa = page_b, .tid = 6});
    tlbwe(0, 2, {.ea = at + 0x1000, .pa = page_b});
    for (u32 round = 0; round < 4; ++round) {
        mtspr<48>(5 + round % 2);
        asm volatile("isync" : : : "memory");
        call(at, 25 + round % 2);
        call(at + 0x1000, 1);
    }
    mtspr<48>(0);
    asm volatile("isync" : : : "memory");
    expect_site(at + 4, page_a + 4, word, 5, "k", 50);
    expect_site(at + 4, page_b + 4, word, 6, "k", 52);
    expect_site(at + 0x1004, page_b + 4, word, 0, "k", 4);
    flush_all();
}

// In the other address space, and in user mode: what user code may do but the core cannot.
void by_mode() {
    constexpr u32 in_space = page_a + 0x2000, in_user = user_pages + 0x3000;
    constexpr u32 alternate_timebase = insn::mfspr(6, 526);
    fill_loop(in_space, insn::mfmsr(6));
    reinterpret_cast<volatile u32*>(in_space)[3] = insn::sc;
    fill_loop(in_user, alternate_timebase);
    reinterpret_cast<volatile u32*>(in_user)[3] = insn::sc;
    flush_code(in_space, 16);
    flush_code(in_user, 16);
    tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = 7, .space = true});
    for (const bool other : {true, false}) {
        Frame f = patterned(1, in_space, other ? msr::is : 0);
        f.gpr[3] = other ? 12 : 14;
        run(f);
        if (!went_well(f)) fail("a loop in the other space ended early");
    }
    expect_site(in_space + 4, in_space + 4, insn::mfmsr(6), 0, "K", 12);
    expect_site(in_space + 4, in_space + 4, insn::mfmsr(6), 0, "k", 14);
    // QEMU's own core says that this is illegal, so it goes no further there.
    Frame f = patterned(2, in_user, msr::pr);
    f.gpr[3] = 9;
    run(f);
    expect_site(in_user + 4, in_user + 4, alternate_timebase, 0, "u", 9);
    flush_all();
}

// The VMM looks for a site by these bits of its address: they all are in one bucket.
void one_bucket() {
    constexpr u32 at = 0x4300'0000, apart = 0x2'0000, sites = 6;
    for (u32 i = 0; i < sites; ++i) tlbwe(0, i / 4, {.ea = at + i * apart, .pa = page_a});
    for (u32 round = 0; round < 50; ++round) {
        for (u32 i = 0; i < sites; ++i) call(at + i * apart, 1 + i);
    }
    for (u32 i = 0; i < sites; ++i) {
        expect_site(at + i * apart + 4, page_a + 4, insn::mfmsr(6), 0, "k", 50 * (1 + i));
    }
    flush_all();
}

void skip(Frame& f) { f.nip += 4; }
void go_on(Frame&) {}

// `word` in user mode, `times` times; `last` ends it.
void in_user_mode(u32 at, u32 word, u32 last, u32 times) {
    auto* const p = reinterpret_cast<volatile u32*>(at);
    p[0] = word;
    p[1] = insn::bdnz(-4);
    p[2] = last;
    flush_code(at, 12);
    Frame f = patterned(3, at, msr::pr);
    f.ctr = times;
    run(f);
    if (f.nip - (last == insn::sc ? 4 : 0) != at + 8) fail("user code ended early");
}

void user_pages_count() {
    constexpr u32 illegal = 0;
    set_hook(Vector::system_call, go_on);
    in_user_mode(user_pages, insn::sc, illegal, 40);
    set_hook(Vector::system_call, nullptr);
    expect_page(user_pages, "u", "syscall", 40);
    expect_page(user_pages, "u", "program", 1);
    set_hook(Vector::program, skip);
    in_user_mode(user_pages + 0x1000, illegal, insn::sc, 25);
    // A trap, and an instruction that is the kernel's: by way of C++ both.
    in_user_mode(user_pages + 0x2000, insn::x(4, 31), insn::sc, 15);
    in_user_mode(user_pages + 0x2000, insn::mfmsr(6), insn::sc, 10);
    set_hook(Vector::program, nullptr);
    expect_page(user_pages + 0x1000, "u", "program", 25);
    expect_page(user_pages + 0x1000, "u", "syscall", 1);
    expect_page(user_pages + 0x2000, "u", "program", 25);
    expect_page(user_pages + 0x2000, "u", "syscall", 2);
}

void map_data(Frame& f) { tlbwe(0, 0, {.ea = f.dear & ~0xfffu, .pa = page_a}); }
void map_code(Frame& f) { tlbwe(0, 0, {.ea = f.nip & ~0xfffu, .pa = page_a}); }

void misses() {
    constexpr u32 data = 0x4400'0000, code = 0x4500'0000, strided = 0x4600'0000;
    set_hook(Vector::data_tlb, map_data);
    set_hook(Vector::instruction_tlb, map_code);
    fill_loop(page_a, insn::nop);
    for (u32 page = 0; page < 3; ++page) {
        const u32 at = data + page * 0x1000;
        for (u32 i = 0; i < 5 + page; ++i) {
            static_cast<void>(*reinterpret_cast<volatile u32*>(at + 4 * i));
            tlbivax(at);
        }
        expect_page(at, "k", "dtlb_guest", 5 + page);
    }
    for (u32 i = 0; i < 9; ++i) {
        call(code, 1);
        tlbivax(code);
    }
    expect_page(code, "k", "itlb_guest", 9);
    constexpr u32 at = user_pages + 0x4000, pages = 8;
    auto* const p = reinterpret_cast<volatile u32*>(at);
    p[0] = insn::lwz(6, 4, 8);
    p[1] = insn::addi(4, 4, 4096);
    p[2] = insn::bdnz(-8);
    p[3] = insn::sc;
    flush_code(at, 16);
    Frame f = patterned(4, at, msr::pr);
    f.gpr[4] = strided;
    f.ctr = pages;
    run(f);
    for (u32 i = 0; i < pages; ++i) expect_page(strided + i * 0x1000, "u", "dtlb_guest", 1);
    set_hook(Vector::data_tlb, nullptr);
    set_hook(Vector::instruction_tlb, nullptr);
    flush_all();
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    labelled();
    by_place();
    by_word();
    by_process();
    by_mode();
    one_bucket();
    user_pages_count();
    misses();
}
