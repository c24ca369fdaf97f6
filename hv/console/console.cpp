// SPDX-License-Identifier: Apache-2.0
#include "hv/console/console.hpp"

#include "hv/board/ppce500.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/cpu.hpp"
#include "hv/core/lock.hpp"

namespace trapeze::console {

namespace {

// 16550 registers and bits.
constexpr u32 data_register = 0, fifo_control = 2, line_status = 5;
constexpr u32 data_ready = 0x01, transmitter_empty = 0x20;
constexpr u32 fifo_enable = 0x01;
constexpr unsigned fifo_size = 16;

// The machine's: whoever has the lock.
struct {
    unsigned fifo_room = 0;   // bytes that may go without another look at the line status
    u32 clock_frequency = 0;  // Hz
    Check check = {};
    bool checking = false;
    const char* speakers[core::max_cores] = {};
    core::Lock lock;
    bool answering = false;
    bool logging = false;  // within a log line that is kept:
    u32 kept = 0;          // bytes so far, of which the last are in `log`
    char log[4096] = {};
} uart_console;

// One byte of a log line.
void keep(char c) {
    uart_console.log[uart_console.kept++ % sizeof uart_console.log] = c;
    if (c == '\n') uart_console.logging = false;
}

struct CrcTable {
    u32 entry[256];
};
constexpr CrcTable make_crc_table() {
    CrcTable table{};
    for (u32 i = 0; i < 256; ++i) {
        u32 value = i;
        for (unsigned bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
        table.entry[i] = value;
    }
    return table;
}
constinit const CrcTable crc_table = make_crc_table();

u64 uart(u32 reg) { return board::ccsr_base + board::uart1_offset + reg; }

void drain() {
    while (!(core::read_io(uart(line_status), 1) & transmitter_empty)) {
    }
    uart_console.fifo_room = fifo_size;
}

// Text may come from a guest or a user, and must not make a line of its own.
void put_text(const char* text, bool quoted = false) {
    for (; *text != 0; ++text) {
        if (quoted && (*text == '"' || *text == '\\')) put('\\');
        put(*text < ' ' || *text > '~' ? '?' : *text);
    }
}

void pad(unsigned have, unsigned want) {
    for (; have < want; ++have) put(' ');
}

unsigned length(const char* text) {
    unsigned n = 0;
    while (text[n] != 0) ++n;
    return n;
}

unsigned digits_of(u64 value, unsigned base, char (&out)[24]) {
    unsigned n = 0;
    const auto add = [&](unsigned digit) {
        out[n++] = static_cast<char>(digit < 10 ? '0' + digit : 'a' + digit - 10);
    };
    // A division of 64 bits is a long call on this core.
    for (; value >> 32 != 0; value /= base) add(static_cast<unsigned>(value % base));
    auto rest = static_cast<u32>(value);
    do {
        add(rest % base);
        rest /= base;
    } while (rest != 0);
    return n;
}

struct Format {
    char kind = 'd';
    unsigned width = 0;
    bool left = false;
};

void print_one(const Argument& argument, const Format& format) {
    if (argument.kind == Argument::Kind::character) {
        put(static_cast<char>(argument.value));
        return;
    }
    if (argument.kind == Argument::Kind::quoted) {
        put_text(argument.text, true);
        return;
    }
    if (argument.kind == Argument::Kind::text) {
        const unsigned n = length(argument.text);
        if (!format.left) pad(n, format.width);
        put_text(argument.text);
        if (format.left) pad(n, format.width);
        return;
    }
    char text[24];
    unsigned n = digits_of(argument.value, format.kind == 'd' ? 10 : 16, text);
    while (format.kind == 'x' && n < 8) text[n++] = '0';
    const bool negative = argument.kind == Argument::Kind::negative;
    if (!format.left) pad(n + negative, format.width);
    if (negative) put('-');
    for (unsigned i = n; i > 0; --i) put(text[i - 1]);
    if (format.left) pad(n + negative, format.width);
}

}  // namespace

void put(char c) {
    if (uart_console.checking) {
        uart_console.check.crc =
            crc_table.entry[(uart_console.check.crc ^ static_cast<unsigned char>(c)) & 0xff] ^
            uart_console.check.crc >> 8;
        if (c == '\n') ++uart_console.check.lines;
    }
    if (uart_console.logging) keep(c);
    if (uart_console.fifo_room == 0) drain();
    --uart_console.fifo_room;
    core::write_io(uart(data_register), 1, static_cast<u32>(static_cast<unsigned char>(c)));
    // The guest goes on after a whole line, and after the last one of what is checked.
    if (c == '\n' && !uart_console.checking) {
        drain();
        board::restate_uart0();
    }
}

void put(const char* text) {
    for (; *text != 0; ++text) put(*text);
}

void begin_check() {
    uart_console.check = {~0u, 0};
    uart_console.checking = true;
}

Check end_check() {
    uart_console.checking = false;
    return {~uart_console.check.crc, uart_console.check.lines};
}

Turn::Turn() { uart_console.lock.take(); }
Turn::~Turn() { uart_console.lock.give(); }

Chance::Chance() : taken_(uart_console.lock.try_take()) {}
Chance::~Chance() {
    if (taken_) uart_console.lock.give();
}

int poll() {
    if (!(core::read_io(uart(line_status), 1) & data_ready)) return -1;
    const u32 byte = core::read_io(uart(data_register), 1);
    board::restate_uart0();
    return static_cast<int>(byte);
}

void print_arguments(const char* format, const Argument* arguments, unsigned count) {
    unsigned next = 0;
    for (const char* p = format; *p != 0; ++p) {
        if (*p != '{') {
            put(*p);
            continue;
        }
        Format f;
        for (++p; *p != 0 && *p != '}'; ++p) {
            if (*p == 'x' || *p == 'X') f.kind = *p;
            if (*p == '-') f.left = true;
            if (*p >= '0' && *p <= '9') f.width = f.width * 10 + static_cast<unsigned>(*p - '0');
        }
        if (*p == 0) return;
        if (next < count) print_one(arguments[next++], f);
    }
}

void begin_line() {
    if (uart_console.answering) {
        put("@@monitor ");
        return;
    }
    uart_console.logging = true;
    u64 seconds = 0, micros = 0;
    if (uart_console.clock_frequency != 0) {
        const u64 ticks = core::now();
        seconds = ticks / uart_console.clock_frequency;
        micros = (ticks % uart_console.clock_frequency) * 1000000u / uart_console.clock_frequency;
    }
    print("[vmm {:4}.", seconds);
    for (u64 unit = 100000; unit != 0; unit /= 10) {
        put(static_cast<char>('0' + (micros / unit) % 10));
    }
    put("] ");
    const char* const speaker = uart_console.speakers[core::number()];
    if (speaker != nullptr) print("{}: ", speaker);
}

void answer(bool on) { uart_console.answering = on; }

void each_logged(void (*f)(const char* line)) {
    constexpr u32 size = sizeof uart_console.log;
    const u32 end = uart_console.kept;
    u32 at = end > size ? end - size : 0;
    // What the ring has of its oldest line is not all of it.
    while (end > size && at != end && uart_console.log[at++ % size] != '\n') {
    }
    char line[256];
    for (unsigned n = 0; at != end; ++at) {
        const char c = uart_console.log[at % size];
        if (c != '\n') {
            if (n + 1 < sizeof line) line[n++] = c;
            continue;
        }
        line[n] = 0;
        n = 0;
        f(line);
    }
}

void speak_for(const char* name) { uart_console.speakers[core::number()] = name; }

void start() { core::write_io(uart(fifo_control), 1, fifo_enable); }

void set_clock(u32 frequency) { uart_console.clock_frequency = frequency; }

}  // namespace trapeze::console
