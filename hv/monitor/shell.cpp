// SPDX-License-Identifier: Apache-2.0
// Command lines on the VMM's console (docs/monitor.md).
#include <iterator>

#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/commands.hpp"
#include "hv/monitor/monitor.hpp"

namespace trapeze::monitor {

using console::log;
using guest::machine;

namespace {

// A line is up to 128 bytes with ':' and its end.
constexpr unsigned longest = 126;
// Looks for a byte that has not come yet before the guest goes on, and ticks of the VMM's clock
// after which the rest of a line does not come any more (2 s at 400 MHz).
constexpr unsigned patience = 2000;
constexpr u64 lost_after = 800'000'000;

// The machine's: whoever polls the console has it.
struct {
    bool open;  // a line has begun
    bool too_long;
    unsigned length;
    u64 last;  // when its last byte came
    char line[longest + 1];
} input;

bool same(const char* a, const char* b) {
    while (*a != 0 && *a == *b) {
        ++a;
        ++b;
    }
    return *a == *b;
}

// The words of a line, which is cut into them.
struct Words {
    static constexpr unsigned most = 5;
    char* word[most] = {};
    unsigned count = 0;  // more than `most`: there were more

    explicit Words(char* at) {
        for (;;) {
            while (*at == ' ' || *at == '\t') *at++ = 0;
            if (*at == 0) return;
            if (count < most) word[count] = at;
            ++count;
            while (*at != 0 && *at != ' ' && *at != '\t') ++at;
        }
    }
};

const Command* find_command(const char* name) {
    for (unsigned i = 0; i < command_count; ++i) {
        if (same(commands[i].name, name)) return &commands[i];
    }
    return nullptr;
}

// A machine's only guest has no name of its own, and is called that.
const char* name_of(const guest::Guest& g) { return g.name != nullptr ? g.name : "guest"; }

guest::Guest* find_guest(const char* name) {
    for (unsigned i = 0; i < machine.count; ++i) {
        if (same(name_of(*machine.guests[i]), name)) return machine.guests[i];
    }
    return nullptr;
}

void say_guests(const char* what, const char* name) {
    console::begin_line();
    console::print("{}{}; there ", what, name);
    console::print(machine.count == 1 ? "is" : "are");
    for (unsigned i = 0; i < machine.count; ++i) {
        console::print(" {}", name_of(*machine.guests[i]));
    }
    console::put('\n');
}

// Whom the command is about, and how many words its name takes. False: that has been said.
bool choose_guest(const Command& command, const Words& words, guest::Guest*& g, unsigned& taken) {
    g = nullptr;
    taken = 0;
    if (command.about == About::machine) return true;
    const char* const name = words.count > 1 ? words.word[1] : nullptr;
    if (name != nullptr) g = find_guest(name);
    if (g != nullptr) {
        taken = 1;
        return true;
    }
    if (machine.count == 1 && (name == nullptr || command.most != 0)) {
        g = machine.guests[0];
        return true;
    }
    if (name == nullptr && command.about == About::any) return true;
    if (name == nullptr) {
        say_guests("which guest? usage: ", command.name);
    } else {
        say_guests("no such guest: ", name);
    }
    return false;
}

bool run(vcpu::Vcpu& v, char* line) {
    const Words words(line);
    if (words.count == 0) {
        log("no command; `help` lists them");
        return false;
    }
    const Command* const command = find_command(words.word[0]);
    if (command == nullptr) {
        log("no such command: {}; `help` lists them", words.word[0]);
        return false;
    }
    Call call{v, nullptr, {}};
    unsigned taken = 0;
    if (!choose_guest(*command, words, call.guest, taken)) return false;
    const unsigned behind = words.count - 1 - taken;
    if (behind < command->least || behind > command->most) {
        log("usage: {} {}", command->name, command->arguments);
        return false;
    }
    for (unsigned i = 0; i < behind; ++i) call.words[i] = words.word[1 + taken + i];
    return command->run(call);
}

void finish(vcpu::Vcpu& v, const char* wrong) {
    input.line[input.length] = 0;
    input.open = false;
    console::answer(true);
    if (wrong != nullptr) log("{}", wrong);
    const bool done = wrong == nullptr && run(v, input.line);
    console::answer(false);
    console::put(done ? "@@monitor-end 0\n" : "@@monitor-end 1\n");
}

// True if it was the line's last.
bool take(int byte) {
    input.last = core::now();
    if (byte == '\n' || byte == '\r') return true;
    if (input.length == longest) {
        input.too_long = true;
    } else {
        input.line[input.length++] = static_cast<char>(byte);
    }
    return false;
}

}  // namespace

bool takes_command(vcpu::Vcpu& v, int byte) {
    if (!input.open) {
        if (byte != ':') return false;
        input = {};
        input.open = true;
        input.last = core::now();
        byte = console::poll();
    }
    for (unsigned looks = 0; looks < patience; byte = console::poll()) {
        if (byte < 0) {
            ++looks;
            continue;
        }
        looks = 0;
        if (!take(byte)) continue;
        finish(v, input.too_long ? "the command is longer than 126 bytes" : nullptr);
        return true;
    }
    if (core::now() - input.last > lost_after) {
        finish(v, "the command has no end; one ends with a newline");
    }
    return true;
}

}  // namespace trapeze::monitor
