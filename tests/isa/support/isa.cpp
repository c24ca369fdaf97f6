// SPDX-License-Identifier: Apache-2.0
#include "isa.hpp"

extern "C" {
void isa_enter(const isa::Frame* frame);
[[noreturn]] void isa_leave();
void isa_handler(isa::Frame* frame);
[[noreturn]] void isa_begin();
void* memset(void* to, int value, std::size_t size);
void* memcpy(void* to, const void* from, std::size_t size);
}

namespace isa {

namespace {

Frame* current = nullptr;  // the frame run() fills
Hook hooks[vector_count];

void put(char c) {
    constexpr u32 uart0 = 0x4500, line_status = 5, transmitter_empty = 0x20;
    while (!(io8(uart0 + line_status) & transmitter_empty)) {
    }
    io8(uart0) = static_cast<u8>(c);
}

void put_hex(u32 value) {
    for (int shift = 28; shift >= 0; shift -= 4) put("0123456789abcdef"[(value >> shift) & 15]);
}

void put_decimal(u32 value) {
    char digits[11];
    char* p = digits + sizeof digits;
    *--p = 0;
    do {
        *--p = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put_text(p);
}

constexpr const char* names[vector_count] = {
    "critical", "machine-check", "DSI", "ISI",      "external",  "alignment",   "program",
    "fp",       "syscall",       "ap",  "decr",     "fit",       "watchdog",    "DTLB",
    "ITLB",     "debug",         "spe", "spe-data", "spe-round", "performance",
};

}  // namespace

void put_text(const char* text) {
    for (; *text != 0; ++text) put(*text);
}

void print(const char* format, std::initializer_list<Argument> arguments) {
    const Argument* argument = arguments.begin();
    for (const char* p = format; *p != 0; ++p) {
        if (*p != '{') {
            put(*p);
            continue;
        }
        const bool hex = p[1] == 'x';
        p += hex ? 2 : 1;
        if (argument == arguments.end()) continue;
        if (argument->text != nullptr) {
            put_text(argument->text);
        } else if (hex) {
            put_hex(argument->value);
        } else {
            put_decimal(argument->value);
        }
        ++argument;
    }
    put('\n');
}

const char* name(u32 vector) { return vector < vector_count ? names[vector] : "?"; }

void print_event(const char* what, const Frame& f, u32 base) {
    const auto vector = static_cast<Vector>(f.vector);
    const bool data =
        vector == Vector::data_storage || vector == Vector::data_tlb || vector == Vector::alignment;
    const bool syndrome = data || vector == Vector::program ||
                          vector == Vector::instruction_storage ||
                          vector == Vector::spe_unavailable;
    // Only what the vector defines: the others keep values of earlier interrupts.
    const u32 shown = syndrome ? f.esr : 0, dear = data ? f.dear : 0;
    // QEMU marks a trap in SRR1 where CE is.
    const bool trap = vector == Vector::program && (f.esr & esr::ptr);
    print("{}: {} +{} msr={x} inside={x} esr={x} dear={x}",
          {what, name(f.vector), f.nip - base, f.msr & (trap ? inside_mask : msr_mask),
           f.inside & inside_mask, shown, dear});
}

void fail(const char* why) {
    print("FAILED: {}", {why});
    reset();
}

void reset() {
    io32(0xe00b0) = 2;  // RSTCR[HRESET_REQ]
    for (;;) {
    }
}

void set_hook(Vector vector, Hook hook) { hooks[static_cast<unsigned>(vector)] = hook; }

void run(Frame& frame) {
    current = &frame;
    isa_enter(&frame);
    current = nullptr;
}

void flush_code(u32 address, u32 bytes) {
    for (u32 line = address & ~31u; line < address + bytes; line += 32) {
        asm volatile("dcbst 0, %0; msync; icbi 0, %0" : : "r"(line) : "memory");
    }
    asm volatile("msync; isync" : : : "memory");
}

u32 place(std::initializer_list<u32> words) {
    auto* to = reinterpret_cast<volatile u32*>(code_page);
    for (const u32 word : words) *to++ = word;
    flush_code(code_page, static_cast<u32>(words.size()) * 4);
    return code_page;
}

Frame patterned(u32 seed, u32 nip, u32 msr) {
    Frame f{};
    for (u32 i = 0; i < 32; ++i) f.gpr[i] = (seed + i) * 0x01010101u ^ 0xa5c3'5a3c;
    f.cr = seed * 0x1357'9bdfu ^ 0x2468'ace0;
    f.xer = 0xe000'007f & (seed * 0x2222'2221u);
    f.ctr = 0x1111'0000 + seed;
    f.lr = 0x2222'0000 + seed * 4;
    f.nip = nip;
    f.msr = msr;
    return f;
}

unsigned compare(const char* what, const Frame& before, const Frame& after, int except) {
    unsigned wrong = 0;
    const auto check = [&](const char* which, int index, u32 want, u32 have) {
        if (want == have) return;
        ++wrong;
        print("{}: {}{} is {x}, should be {x}", {what, which, index, have, want});
    };
    for (int i = 0; i < 32; ++i) {
        if (i != except) check("r", i, before.gpr[i], after.gpr[i]);
    }
    check("cr", 0, before.cr, after.cr);
    check("xer", 0, before.xer, after.xer);
    check("ctr", 0, before.ctr, after.ctr);
    check("lr", 0, before.lr, after.lr);
    return wrong;
}

}  // namespace isa

void isa_handler(isa::Frame* frame) {
    using namespace isa;
    if (frame->vector < vector_count && hooks[frame->vector] != nullptr) {
        hooks[frame->vector](*frame);
        return;
    }
    if (current == nullptr) {
        print_event("unexpected interrupt in the program itself", *frame, 0);
        reset();
    }
    *current = *frame;
    isa_leave();
}

void isa_begin() {
    isa_main();
    isa::print("isa: done");
    isa::reset();
}

void* memset(void* to, int value, std::size_t size) {
    auto* p = static_cast<char*>(to);
    while (size-- > 0) *p++ = static_cast<char>(value);
    return to;
}

void* memcpy(void* to, const void* from, std::size_t size) {
    auto* p = static_cast<char*>(to);
    const auto* q = static_cast<const char*>(from);
    while (size-- > 0) *p++ = *q++;
    return to;
}
