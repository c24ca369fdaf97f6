// SPDX-License-Identifier: Apache-2.0
//
// What the e500v2 manual says and QEMU's core does otherwise: fixed-interval timer and watchdog,
// rfmci, performance monitor, cache locking, absent registers, MSR bits, machine checks. There is
// no native run to compare with; expected/manual.txt is the manual's word.
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22;
constexpr u32 limit = 400'000'000;  // ticks: a second, that a loaded host may be late
constexpr u32 fit_bit = 15, period = 2u << fit_bit;

volatile u32 count;
u32 last_status, last_inside, last_saved;

void on_timer(Frame& f) {
    last_status = mfspr<tsr_spr>();
    last_inside = f.inside & msr_mask;
    last_saved = f.msr & msr_mask;
    mtspr<tsr_spr>(tsr::fis | tsr::wis);
    count = count + 1;
}

bool wait_for(u32 wanted) {
    const u32 start = timebase();
    while (count < wanted && timebase() - start < limit) {
    }
    return count >= wanted;
}
bool wait_status(u32 bits) {
    const u32 start = timebase();
    while ((mfspr<tsr_spr>() & bits) != bits) {
        if (timebase() - start > limit) return false;
    }
    return true;
}

void fixed_interval() {
    set_hook(Vector::fixed_interval, on_timer);
    const u32 fit = tcr::make_fit_period(fit_bit);
    mtspr<tsr_spr>(~0u & ~tsr::wrs_mask);
    mtspr<tcr_spr>(fit);
    print("FIT: status comes without an interrupt: {}", {wait_status(tsr::fis)});
    mtspr<tsr_spr>(tsr::fis);
    const u32 begin = timebase();
    mtspr<tcr_spr>(fit | tcr::fie);
    mtmsr(msr::ee | msr::ce);
    const bool came = wait_for(4);
    const u32 took = timebase() - begin;
    mtmsr(0);
    mtspr<tcr_spr>(0);
    print("FIT: 4 interrupts: {} not too soon: {}", {came, took >= 3 * period});
    print("FIT: status {x} srr1 {x} inside {x}", {last_status & tsr::fis, last_saved, last_inside});
    // With EE=0 it waits.
    count = 0;
    mtspr<tsr_spr>(tsr::fis);
    mtspr<tcr_spr>(fit | tcr::fie);
    print("FIT: with EE=0: {} {}", {wait_status(tsr::fis), count});
    Frame f = patterned(1, place({insn::wrteei(1), insn::nop, insn::sc}), 0);
    run(f);
    mtspr<tcr_spr>(0);
    print("FIT: EE on: {} then {}", {count != 0, name(f.vector)});
    mtspr<tsr_spr>(~0u & ~tsr::wrs_mask);
}

void watchdog() {
    set_hook(Vector::watchdog, on_timer);
    constexpr u32 at = 63 - fit_bit;
    constexpr u32 wp = (at & 3) << 30 | (at >> 2) << 17;
    count = 0;
    mtspr<tcr_spr>(wp);
    print("watchdog: first ENW: {}", {wait_status(tsr::enw)});
    print("watchdog: then WIS: {}", {wait_status(tsr::enw | tsr::wis)});
    mtspr<tsr_spr>(tsr::wis);
    print("watchdog: WIS again after clearing it: {}", {wait_status(tsr::wis)});
    mtspr<tsr_spr>(tsr::wis | tsr::enw);
    mtspr<tcr_spr>(wp | tcr::wie);
    mtmsr(msr::ee);
    print("watchdog: with CE=0: {} {}", {wait_status(tsr::wis), count});
    mtmsr(msr::ee | msr::ce);
    const bool came = wait_for(1);
    mtmsr(0);
    mtspr<tcr_spr>(0);
    mtspr<tsr_spr>(tsr::wis | tsr::enw);
    print("watchdog: CE on: {} csrr1 {x} inside {x}", {came, last_saved, last_inside});
    mtspr<tcr_spr>(1u << 28);
    mtspr<tcr_spr>(0);
    print("TCR[WRC] cannot be cleared: {x}", {mfspr<tcr_spr>() >> 28 & 3});
}

void decrementer() {
    mtspr<dec_spr>(0x7000'0000);
    const u32 first = mfspr<dec_spr>();
    const u32 second = mfspr<dec_spr>();
    print("DEC counts down: {} {}", {first <= 0x7000'0000 && first > 0x6000'0000, second < first});
    mtspr<tsr_spr>(tsr::dis);
    mtspr<dec_spr>(0);
    print("DEC at 0 stays, no event: {} {x}", {mfspr<dec_spr>(), mfspr<tsr_spr>() & tsr::dis});
    mtspr<dec_spr>(1000);
    print("DEC event: {}", {wait_status(tsr::dis)});
    print("DEC after it: {}", {mfspr<dec_spr>()});
    mtspr<tsr_spr>(tsr::dis);
}

Frame step(const char* what, std::initializer_list<u32> words, u32 state, u32 r4 = 0x9000,
           u32 r5 = 0) {
    Frame f = patterned(1, place(words), state);
    f.gpr[4] = r4;
    f.gpr[5] = r5;
    run(f);
    print_event(what, f, code_page);
    return f;
}

constexpr u32 mfpmr(u32 rt, u32 n) { return insn::x(334, rt) | insn::split(n); }
constexpr u32 mtpmr(u32 rs, u32 n) { return insn::x(462, rs) | insn::split(n); }

void returns() {
    for (const u32 state : {0u, msr::pr, msr::ce | msr::ee | msr::me}) {
        step("rfmci", {insn::mtspr(4, 570), insn::mtspr(5, 571), insn::rfmci, insn::nop, insn::sc},
             0, code_page + 16, state);
    }
    step("rfmci in user mode", {insn::rfmci, insn::sc}, msr::pr);
}

void performance() {
    struct Row {
        const char* what;
        u32 supervisor, user, value;
    };
    constexpr Row rows[] = {{"PMC0", 16, 0, 0x1234'5678},
                            {"PMC3", 19, 3, 0x8765'4321},
                            {"PMLCa1", 145, 129, 0x8000'0000},
                            {"PMLCb2", 274, 258, 0x0000'0203},
                            {"PMGC0", 400, 384, 0x8000'0000}};
    for (const auto& row : rows) {
        Frame f =
            step(row.what,
                 {mtpmr(5, row.supervisor), mfpmr(6, row.supervisor), mfpmr(7, row.user), insn::sc},
                 0, 0, row.value);
        print("{x} {x}", {f.gpr[6], f.gpr[7]});
        f = step("user reads", {mfpmr(6, row.user), insn::sc}, msr::pr);
        print("{x}", {f.gpr[6]});
    }
    step("user mfpmr of PMC0", {mfpmr(6, 16), insn::sc}, msr::pr);
    step("user mtpmr of PMC0", {mtpmr(6, 16), insn::sc}, msr::pr);
    step("absent PMR", {mfpmr(6, 20), insn::sc}, 0);
}

void caches() {
    struct Row {
        const char* what;
        u32 xo;
    };
    constexpr Row rows[] = {
        {"dcbtls", 166}, {"dcbtstls", 134}, {"dcblc", 390}, {"icbtls", 486}, {"icblc", 230}};
    for (const auto& row : rows) {
        mtspr<1010>(1);
        mtspr<1011>(1);
        step(row.what, {insn::x(row.xo, 0, 0, 4), insn::sc}, 0);
        print("CUL {} ICUL {}", {mfspr<1010>() >> 10 & 1, mfspr<1011>() >> 10 & 1});
    }
    mtspr<1010>(1);
    mtspr<1011>(1);
    print("cleared: {} {}", {mfspr<1010>() >> 10 & 1, mfspr<1011>() >> 10 & 1});
}

void absent() {
    constexpr u32 sprs[] = {307, 338, 345, 350, 374, 528 + 8, 580,
                            601, 604, 637, 690, 799, 914,     979};
    for (const u32 spr : sprs) {
        Frame f = patterned(spr, place({insn::mfspr(9, spr), insn::sc}), 0);
        run(f);
        Frame g = patterned(spr, place({insn::mtspr(9, spr), insn::sc}), 0);
        run(g);
        Frame h = patterned(spr, place({insn::mfspr(9, spr), insn::sc}), msr::pr);
        run(h);
        print("SPR {}: read {} {x} write {} {x} in user mode {} {x}",
              {spr, name(f.vector), f.esr, name(g.vector), g.esr, name(h.vector), h.esr});
    }
    step("mfdcr", {insn::x(323, 9), insn::sc}, 0);
    step("mtdcr", {insn::x(451, 9), insn::sc}, 0);
    step("tlbilx", {insn::x(18, 0, 0, 4), insn::sc}, 0);
    step("wait", {insn::x(62), insn::sc}, 0);
    step("write to PVR", {insn::mtspr(9, 287), insn::sc}, 0);
    step("read of DECAR", {insn::mfspr(9, 54), insn::sc}, 0);
    step("tlbwe of TLB2", {insn::mtspr(4, 624), insn::tlbwe, insn::sc}, 0, 2u << 28);
}

void machine_state() {
    constexpr u32 all = msr::me | msr::ri | msr::pmm;
    Frame f =
        step("mtmsr ME", {insn::mtmsr(4), insn::mfmsr(6), insn::mtmsr(5), insn::mfmsr(7), insn::sc},
             0, all, msr::ri);
    print("{x} {x}", {f.gpr[6], f.gpr[7]});
    // CE, ME and DE stay as they are in the handler of a non-critical interrupt.
    for (const u32 state : {msr::ce, msr::me, msr::ce | msr::me | msr::ee | msr::pr}) {
        Frame g = patterned(1, place({insn::sc}), state);
        run(g);
        print("sc with {x}: inside {x}", {state, g.inside});
        g = patterned(1, place({0}), state);
        run(g);
        print("illegal with {x}: inside {x}", {state, g.inside});
    }
    // ESR of an alignment interrupt, whatever the interrupt before left there: a privileged
    // instruction, and a store that missed.
    for (const u32 mode : {0u, msr::pr}) {
        const u32 state = mfmsr();
        static_cast<void>(state);
        step("alignment", {insn::x(20, 6, 0, 4), insn::sc}, mode, 0x9001);
        step("store", {insn::stw(6, 4, 0), insn::sc}, mode, 0x7000'0000);
        step("alignment behind it", {insn::x(20, 6, 0, 4), insn::sc}, mode, 0x9001);
    }
    mtspr<48>(0xffff'ff01);
    print("PID0 has 8 bits: {x}", {mfspr<48>()});
    mtspr<48>(0);
    print("TLB1CFG {x}", {mfspr<689>()});
}

// MSR[DE] in a handler; the option debug=manual of the VMM.
void debugging() {
    for (const u32 state : {msr::de, msr::de | msr::pr | msr::ce}) {
        for (const u32 word : {insn::sc, u32{0}}) {
            Frame g = patterned(1, place({word}), state);
            run(g);
            print("{} with {x}: inside {x}", {name(g.vector), state, g.inside});
        }
    }
}

// Physical addresses where the guest has nothing, with MSR[ME]=1.
void machine_checks() {
    tlbwe(1, 3, {.ea = 0x7000'0000, .pa = 0x8'0000'0000, .tsize = 5});
    for (const u32 mode : {msr::me, msr::me | msr::pr, msr::me | msr::ce | msr::ee}) {
        for (const Try access : {Try::load, Try::store, Try::fetch}) {
            const Frame f = attempt(access, 0x7000'0010, mode);
            print_event("no memory", f, access == Try::fetch ? 0x7000'0010 : code_page);
            print("MCSR {x} MCARU {x} MCAR {x}", {mfspr<572>(), mfspr<569>(), mfspr<573>()});
            mtspr<572>(~0u);
        }
    }
    flush_all();
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    fixed_interval();
    watchdog();
    decrementer();
    returns();
    performance();
    caches();
    absent();
    machine_state();
    debugging();
    machine_checks();
}
