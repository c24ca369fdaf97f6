// SPDX-License-Identifier: Apache-2.0
//
// Hypercalls from a kernel without an operating system: what is one and what is not, what each
// gives for which arguments, and the interrupts that come of them. Its handles are 0 and 1, both
// ends of a channel, 2, by which it rings its own doorbell, and 3
// (tests/system/test_vmm_hypercalls.py).
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 call_word = 0x4400'0022;
constexpr u32 epapr = 0x1'0000, freescale = 0x2'0000;
constexpr u32 send = epapr + 1, receive = epapr + 2, poll = epapr + 3, ring = epapr + 14,
              idle = epapr + 16;
constexpr u32 dbcr0_spr = 308, dbsr_spr = 304, tsr_spr = 336, tcr_spr = 340, dec_spr = 22;
constexpr u32 sources = 0x5'0000, acknowledge = 0x6'00a0, end_of_interrupt = 0x6'00b0,
              task_priority = 0x6'0080;

struct Result {
    u32 status, value[5];  // r3, r4 to r8
};

Result call(u32 token, u32 a = 0, u32 b = 0, u32 c = 0, u32 d = 0, u32 e = 0, u32 f = 0) {
    register u32 r11 asm("r11") = token;
    register u32 r3 asm("r3") = a;
    register u32 r4 asm("r4") = b;
    register u32 r5 asm("r5") = c;
    register u32 r6 asm("r6") = d;
    register u32 r7 asm("r7") = e;
    register u32 r8 asm("r8") = f;
    asm volatile(".long 0x44000022"
                 : "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8)
                 : "r"(r11)
                 : "memory");
    return {r3, {r4, r5, r6, r7, r8}};
}

// One in front of a system call, with a pattern in every register; prints what else than r3 it has
// changed.
void alone(const char* what, u32 word, u32 state, u32 token) {
    Frame f = patterned(token, place({word, insn::sc}), state);
    f.gpr[11] = token;
    const Frame before = f;
    run(f);
    print("{}: {} +{} r3 {x} msr {x}",
          {what, name(f.vector), f.nip - code_page,
           f.gpr[3] - before.gpr[3] == 0 ? 0xffff'ffffu : f.gpr[3], f.msr & msr_mask});
    compare(what, before, f, 3);
}

void which() {
    alone("none", call_word, 0, epapr);
    alone("none 8", call_word, msr::ee, epapr + 8);
    alone("none 33", call_word, 0, epapr + 33);
    alone("of nobody", call_word, 0, 0);
    alone("of Freescale", call_word, 0, freescale + 31);
    alone("of KVM", call_word, 0, 42u << 16 | 1);
    alone("all bits", call_word, 0, ~0u);
    alone("no handle", call_word, 0, ring);
    alone("system call", insn::sc, 0, poll);
    alone("LEV 2", 0x4400'0042, 0, poll);
    alone("user", call_word, msr::pr, epapr);
    alone("user poll", call_word, msr::pr | msr::ee, poll);
    // In address space 1, which has to have the code.
    tlbwe(1, 5, {.ea = 0, .pa = 0, .tsize = 5, .space = true});
    alone("AS1", call_word, msr::is | msr::ds, epapr);
    alone("AS1 user", call_word, msr::is | msr::ds | msr::pr, epapr);
    tlbwe(1, 5, {.ea = 0, .pa = 0, .tsize = 5, .space = true}, false);
}

struct Step {
    u32 nip, status;
} steps[8];
u32 count;

void on_debug(Frame& f) {
    if (count < 8) steps[count++] = {f.nip, mfspr<dbsr_spr>()};
    mtspr<dbsr_spr>(~0u);
    if (f.nip == code_page + 12) f.msr &= ~msr::de;
}

void step() {
    set_hook(Vector::debug, on_debug);
    Frame f = patterned(1, place({insn::nop, call_word, insn::nop, insn::sc}), msr::de);
    f.gpr[11] = epapr;
    mtspr<dbsr_spr>(~0u);
    mtspr<dbcr0_spr>(dbcr0::idm | dbcr0::icmp);
    run(f);
    mtspr<dbcr0_spr>(0);
    print("step: {} +{} r3 {}", {name(f.vector), f.nip - code_page, f.gpr[3]});
    for (u32 i = 0; i < count; ++i) print("  +{} {x}", {steps[i].nip - code_page, steps[i].status});
    set_hook(Vector::debug, nullptr);
}

// On a page whose instructions become patches.
void patched() {
    Frame f = patterned(1,
                        place({insn::mfmsr(5), call_word, insn::mfspr(6, 272), insn::wrteei(0),
                               call_word, insn::bdnz(-20), insn::sc}),
                        0);
    f.gpr[11] = 0;
    f.ctr = 20'000;
    mtspr<272>(0x1234'5678);
    run(f);
    print("patched: {} +{} r3 {} r5 {x} r6 {x} ctr {}",
          {name(f.vector), f.nip - code_page, f.gpr[3], f.gpr[5] & msr_mask, f.gpr[6], f.ctr});
}

void show(const char* what, const Result& r, u32 values) {
    if (values == 0) {
        print("{}: {}", {what, r.status});
    } else if (values == 1) {
        print("{}: {}, {}", {what, r.status, r.value[0]});
    } else if (values == 2) {
        print("{}: {}, {} {}", {what, r.status, r.value[0], r.value[1]});
    } else {
        print("{}: {}, {} {x} {x} {x} {x}",
              {what, r.status, r.value[0], r.value[1], r.value[2], r.value[3], r.value[4]});
    }
}

void channel() {
    show("poll", call(poll, 0), 2);
    show("poll of none", call(poll, 5, 7, 8), 2);
    show("poll of a doorbell", call(poll, 2), 2);
    show("poll far off", call(poll, 0x8000'0000), 2);
    show("send", call(send, 0, 5, 0x4142'4344, 0x45ff'ffff, 1, 2), 1);
    show("send too much", call(send, 0, 17, 1), 1);
    show("send far too much", call(send, 0, ~0u, 1), 1);
    show("send nothing", call(send, 0, 0), 1);
    show("send to none", call(send, 9, 4, 1), 1);
    show("poll", call(poll, 1), 2);
    show("receive other", call(receive, 0, 16), 5);
    show("receive 2", call(receive, 1, 2), 5);
    show("receive none", call(receive, 1, 0), 5);
    show("receive too much", call(receive, 1, 17), 1);
    show("receive", call(receive, 1, 16), 5);
    show("receive", call(receive, 1, 16), 5);
    u32 sent = 0;
    for (Result r; (r = call(send, 1, 15, sent)).status == 0;) sent += r.value[0];
    show("send to a full one", call(send, 1, 16, 1), 1);
    print("full: {}", {sent});
    show("poll", call(poll, 0), 2);
    show("poll", call(poll, 1), 2);
    show("receive", call(receive, 0, 3), 1);
    show("send what fits", call(send, 1, 16, 1), 1);
}

// ---- Interrupts.

u32 taken[8], takes;

void enable(u32 source, u32 priority) {
    io32(sources + 32 * source + 16) = 1;
    io32(sources + 32 * source) = priority << 16 | source;
}
void disable(u32 source) { io32(sources + 32 * source) = 0x8000'0000u | source; }

void on_external(Frame&) {
    const u32 source = io32(acknowledge);
    if (takes < 8) taken[takes] = source;
    ++takes;
    // Levels stay, and are masked; an edge is over.
    if (source < 160) disable(source);
    io32(end_of_interrupt) = 0;
}

void seen(const char* what) {
    print("{}: {} interrupts {} {} {}", {what, takes, takes > 0 ? taken[0] : 0,
                                         takes > 1 ? taken[1] : 0, takes > 2 ? taken[2] : 0});
    takes = 0;
}

void let_in() {
    wrteei(true);
    asm volatile("nop; nop");
    wrteei(false);
}

void interrupts() {
    io32(task_priority) = 0;
    set_hook(Vector::external, on_external);
    for (u32 end = 0; end < 2; ++end) {  // nothing is left
        for (Result r; (r = call(receive, end, 16)).value[0] != 0;) {
        }
    }
    enable(128, 3);
    enable(129, 3);
    let_in();
    seen("empty");
    call(send, 0, 1, 0);
    let_in();
    seen("to receive");
    enable(129, 3);
    let_in();
    seen("still");
    call(receive, 1, 1);
    enable(129, 3);
    let_in();
    seen("received");
    enable(144, 2);
    let_in();
    seen("room");
    while (call(send, 0, 16).status == 0) {
    }
    takes = 0;
    disable(129);
    enable(144, 2);
    let_in();
    seen("no room");
    call(receive, 1, 1);
    let_in();
    seen("room again");
    // A doorbell, while it is masked, several times, and within its own handler's time.
    enable(163, 5);
    let_in();
    seen("silence");
    show("ring", call(ring, 2), 0);
    show("ring what receives", call(ring, 3), 0);
    show("ring a channel", call(ring, 0), 0);
    let_in();
    seen("rung");
    for (u32 i = 0; i < 100'000; ++i) call(ring, 2);
    let_in();
    seen("storm");
    disable(163);
    call(ring, 2);
    let_in();
    seen("masked");
    enable(163, 5);
    let_in();
    seen("unmasked");
    wrteei(true);
    call(ring, 2);
    wrteei(false);
    seen("at once");
}

u32 saved, wakes;

void on_decrementer(Frame& f) {
    mtspr<tsr_spr>(tsr::dis);
    saved = f.msr;
    ++wakes;
}

void idles() {
    set_hook(Vector::decrementer, on_decrementer);
    mtspr<tcr_spr>(tcr::die);
    mtspr<dec_spr>(100'000);
    wrteei(true);
    u32 begin = timebase();
    show("idle", call(idle), 0);
    print("woken {}, waited {}, msr {x}",
          {wakes, timebase() - begin >= 50'000, saved & (msr_mask | msr::we)});
    wrteei(false);
    mtspr<dec_spr>(100'000);
    begin = timebase();
    show("idle, not admitted", call(idle), 0);
    print("woken {}, waited {}, msr {x}",
          {wakes, timebase() - begin >= 50'000, mfmsr() & (msr_mask | msr::we)});
    show("again", call(idle), 0);
    let_in();
    print("woken {}", {wakes});
    mtspr<tcr_spr>(0);
}

}  // namespace

void isa_main() {
    which();
    step();
    patched();
    channel();
    interrupts();
    idles();
    print("done");
    reset();
}
