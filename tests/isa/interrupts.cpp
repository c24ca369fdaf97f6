// SPDX-License-Identifier: Apache-2.0
//
// Interrupts from outside: the decrementer, the interrupt controller with UART 0 and its own
// interprocessor interrupts, critical input; masking, order, nesting; the wait state.
#include "insn.hpp"
#include "isa.hpp"

namespace {

using namespace isa;

constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22, decar_spr = 54, hid0_spr = 1008;
constexpr u32 wait_limit = 40'000'000;  // ticks: 0.1 s

// MPIC registers (MPC8548 manual 10.3).
constexpr u32 mpic = 0x4'0000;
constexpr u32 global_configuration = mpic + 0x1020, ipi_vector = mpic + 0x10a0;
constexpr u32 source_vector = mpic + 0x1'0000, source_destination = source_vector + 0x10,
              source_level = source_vector + 0x18;
constexpr u32 ipi_dispatch = mpic + 0x2'0040, task_priority = mpic + 0x2'0080;
constexpr u32 acknowledge = mpic + 0x2'00a0, end_of_interrupt = mpic + 0x2'00b0;
constexpr u32 uart_source = 42 * 0x20;
constexpr u32 uart_enable = 0x4501, uart_identify = 0x4502, uart_control = 0x4503;

// What the hooks saw, in order; shown later, as printing itself moves UART 0.
struct Seen {
    u32 vector, number, nip, msr;
};
Seen seen[32];
volatile u32 count;
u32 clear_after;  // decrementer interrupts until the hook clears TSR[DIS]

void note(const Frame& f, u32 number) {
    const u32 n = count;
    if (n < 32) seen[n] = {f.vector, number, f.nip, f.msr & msr_mask};
    count = n + 1;
}

void show(const char* what, bool with_place = false) {
    print("{}: {} seen", {what, count});
    for (u32 i = 0; i < count && i < 32; ++i) {
        const bool here = seen[i].nip - code_page < 0x100;
        print("  {} {x} msr {x} {}{}",
              {name(seen[i].vector), seen[i].number, seen[i].msr, with_place && here ? "at +" : "",
               with_place && here ? seen[i].nip - code_page : 0});
    }
    count = 0;
}

// Waits for `wanted` interrupts with EE (and `more`) set, or until the limit.
void wait_for(u32 wanted, u32 more = 0) {
    const u32 start = timebase();
    mtmsr(msr::ee | more);
    while (count < wanted && timebase() - start < wait_limit) {
    }
    mtmsr(0);
}
void pause(u32 ticks) {
    const u32 start = timebase();
    while (timebase() - start < ticks) {
    }
}

// Reading what the UART wants takes the request back.
void quiet() {
    const u8 unused = io8(uart_identify);
    static_cast<void>(unused);
}

// Lets the decrementer run out; a loaded host may be late to see it.
void expire() {
    mtspr<dec_spr>(4000);
    const u32 start = timebase();
    while (!(mfspr<tsr_spr>() & tsr::dis) && timebase() - start < wait_limit) {
    }
}

void on_decrementer(Frame& f) {
    note(f, mfspr<tsr_spr>() & tsr::dis);
    if (count >= clear_after) mtspr<tsr_spr>(tsr::dis);
}

void on_external(Frame& f) {
    const u32 vector = io32(acknowledge);
    note(f, vector);
    if (vector == 0x42) {
        io8(uart_enable) = 0;
        quiet();
    }
    io32(end_of_interrupt) = 0;
}

void on_critical(Frame& f) {
    note(f, 0);
    io8(uart_enable) = 0;
    quiet();
}

// EE goes on in the instruction at +0: delivered between that and the next.
void let_in(const char* what, u32 state = 0) {
    Frame f = patterned(1, place({insn::wrteei(1), insn::nop, insn::nop, insn::sc}), state);
    const Frame before = f;
    run(f);
    compare(what, before, f);
    print("{}: then {} +{}", {what, name(f.vector), f.nip - code_page});
    show(what, true);
}

void decrementer() {
    set_hook(Vector::decrementer, on_decrementer);
    clear_after = 1;
    mtspr<tcr_spr>(tcr::die);
    mtspr<tsr_spr>(~0u & ~tsr::wrs_mask);
    mtspr<dec_spr>(4000);
    wait_for(1);
    show("decrementer");
    print("TSR after: {x}", {mfspr<tsr_spr>() & tsr::dis});

    expire();
    print("with EE=0: {} seen, TSR {x}", {count, mfspr<tsr_spr>() & tsr::dis});
    let_in("EE on");
    expire();
    // Let in by rfi and by mtmsr.
    Frame f = patterned(2, place({insn::nop, insn::sc}), msr::ee | msr::pr);
    run(f);
    show("rfi to user mode", true);
    expire();
    f = patterned(3, place({insn::mtmsr(4), insn::nop, insn::sc}), 0);
    f.gpr[4] = msr::ee;
    run(f);
    show("mtmsr", true);

    expire();
    mtspr<tsr_spr>(tsr::dis);
    print("cleared before EE: TSR {x}", {mfspr<tsr_spr>() & tsr::dis});
    let_in("nothing left");

    mtspr<tcr_spr>(0);
    mtmsr(msr::ee);
    expire();
    mtmsr(0);
    print("DIE=0: {} seen, TSR {x}", {count, mfspr<tsr_spr>() & tsr::dis});
    mtspr<tcr_spr>(tcr::die);
    let_in("DIE on");

    clear_after = 4;  // not cleared: it comes again at once
    expire();
    let_in("uncleared");

    clear_after = 1;
    mtspr<decar_spr>(40'000);
    mtspr<tcr_spr>(tcr::die | tcr::are);
    mtspr<dec_spr>(4000);
    wait_for(5);
    mtspr<tcr_spr>(0);
    mtspr<tsr_spr>(tsr::dis);
    print("auto-reload: at least 5: {}", {count >= 5});
    count = 0;
}

void uart(bool on) { io8(uart_enable) = on ? 2 : 0; }

void controller() {
    set_hook(Vector::external, on_external);
    io32(global_configuration) = 0x2000'0000;  // mixed mode
    io32(task_priority) = 0;
    io32(source_vector + uart_source) = 0x00c0'0000 | 5u << 16 | 0x42;  // level, high, priority 5
    io32(source_destination + uart_source) = 1;
    io32(ipi_vector) = 3u << 16 | 0x50;
    io32(ipi_vector + 0x10) = 8u << 16 | 0x51;
    print("nothing pending: {x}", {io32(acknowledge)});

    uart(true);
    wait_for(1);
    show("UART");
    uart(true);
    pause(4000);
    const u32 masked = count;
    print("with EE=0: {} seen", {masked});
    uart(true);
    pause(4000);
    let_in("EE on");

    // Task priority: equal masks, lower lets in.
    for (const u32 priority : {15u, 6u, 5u}) {
        io32(task_priority) = priority;
        uart(true);
        mtmsr(msr::ee);
        pause(4000);
        mtmsr(0);
        const u32 before = count;
        const u32 read = io32(task_priority);
        io32(task_priority) = 4;
        wait_for(1);
        print("task priority {} (read {}): {} before", {priority, read, before});
        show("after");
    }
    // The task priority changed while an interrupt already waits behind EE=0.
    io32(task_priority) = 0;
    uart(true);
    pause(4000);
    io32(task_priority) = 9;
    mtmsr(msr::ee);
    pause(4000);
    mtmsr(0);
    print("raised above a waiting one: {} seen, reads {}", {count, io32(task_priority)});
    io32(task_priority) = 0;
    wait_for(1);
    show("lowered again");
    // Acknowledged by hand with EE=0.
    uart(true);
    pause(4000);
    const u32 vector = io32(acknowledge);
    uart(false);
    quiet();
    io32(end_of_interrupt) = 0;
    print("polled: {x}", {vector});
    let_in("nothing left");

    io32(ipi_dispatch) = 1;
    wait_for(1);
    show("IPI 0");
    io32(ipi_dispatch) = 1;
    io32(ipi_dispatch + 0x10) = 1;
    wait_for(2);
    show("both IPIs, the urgent first");
    // External before decrementer, both waiting.
    mtspr<tcr_spr>(tcr::die);
    expire();
    io32(ipi_dispatch) = 1;
    pause(4000);
    let_in("external and decrementer");
    mtspr<tcr_spr>(0);
}

// The monitor says something, on a UART of its own, while UART 0 waits behind EE=0: a PCI inbound
// window to where no memory is makes it do so. All that is said of UART 0 stays.
void shared_line() {
    constexpr u32 window = 0x8da0, attributes = window + 0x10;
    io32(window) = 0xf'ffff;
    for (const u32 latch : {0u, 0x80u}) {
        uart(true);
        pause(4000);
        io8(uart_control) = static_cast<u8>(0x13 | latch);
        for (u32 i = 0; i < 3; ++i) {
            io32(attributes) = 0x80f4'4013;
            io32(attributes) = 0;
        }
        const u32 control = io8(uart_control);
        io8(uart_control) = 0x13;
        const u32 enables = io8(uart_enable);
        let_in("UART after the monitor's words");
        print("control {x}, enables {x}", {control, enables});
    }
    io32(window) = 0;
}

// An urgent interrupt inside the handler of another, and one that is not.
u32 inner_stack;
void on_external_nesting(Frame& f) {
    const Frame mine = f;
    const u32 vector = io32(acknowledge);
    note(f, vector);
    if (vector == 0x50) {
        auto* const stack = reinterpret_cast<volatile u32*>(HANDLER_STACK);
        inner_stack = *stack;
        *stack = inner_stack - 0x800;
        io32(ipi_dispatch + 0x10) = 1;  // more urgent: comes at once
        mtmsr(msr::ee);
        pause(4000);
        io32(ipi_dispatch) = 1;  // as urgent: after the end of this one
        pause(4000);
        mtmsr(0);
        *stack = inner_stack;
        note(f, 0xff00 + count);
    }
    io32(end_of_interrupt) = 0;
    f = mine;
}
void nesting() {
    set_hook(Vector::external, [](Frame& f) {
        // The second time round there is nothing to nest.
        if (count >= 3) {
            on_external(f);
        } else {
            on_external_nesting(f);
        }
    });
    io32(ipi_dispatch) = 1;
    wait_for(4);
    show("nested");
    set_hook(Vector::external, on_external);
}

void critical() {
    set_hook(Vector::critical, on_critical);
    io32(source_level + uart_source) = 1;  // to the critical input
    uart(true);
    mtmsr(msr::ee);
    pause(4000);
    mtmsr(0);
    print("critical input with CE=0: {} seen", {count});
    wait_for(1, msr::ce);
    show("CE on");
    uart(true);
    pause(4000);
    Frame f = patterned(3, place({insn::nop, insn::sc}), msr::ce | msr::pr);
    run(f);
    show("rfi to user mode with CE", true);
    uart(true);
    wait_for(1, msr::ce);
    show("critical again");
    io32(source_level + uart_source) = 0;
}

void waiting() {
    mtspr<hid0_spr>(0x0080'0000);  // DOZE
    mtspr<tcr_spr>(tcr::die);
    for (u32 i = 0; i < 3; ++i) {
        clear_after = 1;
        // On a busy host what the part before has set may have run out.
        mtspr<tsr_spr>(tsr::dis);
        const u32 start = timebase();
        mtspr<dec_spr>(400'000);
        Frame f = patterned(i, place({insn::mtmsr(4), insn::isync, insn::nop, insn::sc}), 0);
        f.gpr[4] = msr::we | msr::ee;
        run(f);
        const u32 slept = timebase() - start;
        print("waited: {} long enough: {}", {name(f.vector), slept >= 399'000});
        show("woken by", true);
    }
    // Nothing to wait with: without a power-saving mode in HID0, WE does nothing.
    mtspr<hid0_spr>(0);
    mtspr<dec_spr>(0x7000'0000);
    Frame f = patterned(9, place({insn::mtmsr(4), insn::isync, insn::sc}), 0);
    f.gpr[4] = msr::we | msr::ee;
    run(f);
    print_event("WE without DOZE", f, code_page);
    mtspr<tcr_spr>(0);
}

void synchronous() {
    const u32 reserve = insn::x(20, 9, 0, 4), conditional = insn::x(150, 9, 0, 4) | 1;
    for (const u32 state : {0u, msr::pr}) {
        for (const u32 word : {reserve, conditional}) {
            Frame f = patterned(1, place({word, insn::sc}), state);
            f.gpr[4] = 0x9002;
            run(f);
            print("misaligned {x}: {} +{} dear {x}",
                  {word, name(f.vector), f.nip - code_page, f.dear});
        }
        const u32 evadd = 0x1000'0200u | 3u << 21 | 4u << 16 | 5u << 11;
        Frame f = patterned(1, place({evadd, insn::sc}), state);
        run(f);
        print_event("SPE off", f, code_page);
        f = patterned(1, place({evadd, insn::sc}), state | msr::spe);
        run(f);
        print("SPE on: {} {}", {name(f.vector), f.gpr[3] == f.gpr[4] + f.gpr[5]});
    }
}

}  // namespace

void isa_main() {
    decrementer();
    controller();
    shared_line();
    nesting();
    critical();
    waiting();
    synchronous();
}
