// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include "hv/core/e500.hpp"

// The VMM's console (UART1): lines of text, formatted without heap or C library.
namespace trapeze::console {

using e500::u32;
using e500::u64;

// Once, before anything else: the UART's FIFO holds what is put.
void start();
void put(char c);
void put(const char* text);
// A byte that arrived, or -1. In a turn.
int poll();

// What was printed between the two calls: its CRC-32 (as zlib's) and how many lines.
struct Check {
    u32 crc, lines;
};
void begin_check();
Check end_check();

// Text within a string of JSON.
struct Quoted {
    const char* text;
};

// One argument of a message: a number, a character or text.
struct Argument {
    enum class Kind : e500::u8 { number, negative, text, quoted, character } kind;
    u64 value;
    const char* text;

    constexpr Argument(const char* t) : kind(Kind::text), value(0), text(t) {}
    constexpr Argument(Quoted q) : kind(Kind::quoted), value(0), text(q.text) {}
    constexpr Argument(char c)
        : kind(Kind::character), value(static_cast<unsigned char>(c)), text(nullptr) {}
    constexpr Argument(bool b) : kind(Kind::text), value(0), text(b ? "yes" : "no") {}
    template <typename T>
    requires(std::is_integral_v<T>) constexpr Argument(T n)
        : kind(n < T{0} ? Kind::negative : Kind::number),
          value(n < T{0} ? u64{0} - static_cast<u64>(n) : static_cast<u64>(n)),
          text(nullptr) {}
};

// Prints `format` with each {} replaced by the next argument: {} decimal or text, of which all but
// printable ASCII becomes '?', {:x} eight hex
// digits, {:X} as many as needed, {:N} right-aligned to N columns, {:-N} left-aligned.
void print_arguments(const char* format, const Argument* arguments, unsigned count);

template <typename... T>
void print(const char* format, const T&... arguments) {
    const Argument list[] = {Argument(arguments)..., Argument("")};
    print_arguments(format, list, sizeof...(arguments));
}

// Several cores print: what belongs together is printed in a turn, and others wait until it ends. A
// dump takes long, so that a core which has a line to log waits as long at most.
struct Turn {
    Turn();
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
};

// A turn if nobody else has one at the moment: for what can as well be done later.
class Chance {
  public:
    Chance();
    ~Chance();
    Chance(const Chance&) = delete;
    Chance& operator=(const Chance&) = delete;
    explicit operator bool() const { return taken_; }

  private:
    bool taken_;
};

// Starts a log line with the time since the VMM's start, in the form "[vmm    1.234567] ".
void begin_line();
// A whole log line.
template <typename... T>
void log(const char* format, const T&... arguments) {
    const Turn turn;
    begin_line();
    print(format, arguments...);
    put('\n');
}

// From now on each log line is one of an answer, and begins with "@@monitor "; false: no more.
void answer(bool on);
// Calls `f` with each of the last lines of the log, oldest first, as text without its end.
void each_logged(void (*f)(const char* line));

// From now on each log line is about the guest of that name, and says so; null: no more.
void speak_for(const char* name);

// Ticks of the VMM's clock a second, for begin_line; until then it prints zeroes.
void set_clock(u32 frequency);

}  // namespace trapeze::console
