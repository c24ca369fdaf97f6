// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/guest/guest.hpp"

// The shell's commands (docs/monitor.md): a row each.
namespace trapeze::monitor {

// What a line asks for.
struct Call {
    vcpu::Vcpu& host;      // whose state the core has
    guest::Guest* guest;   // whom it is about; null: all, or the machine
    const char* words[2];  // behind the guest's name; null: none
};

enum class About : e500::u8 {
    machine,  // no guest
    one,      // a guest, which must be named if there are several
    any       // a guest if one is named, else all
};

struct Command {
    const char* name;
    const char* arguments;
    const char* help;
    About about;
    unsigned least, most;  // words behind the name
    // Writes its answer as log lines. False: it could not be done; the last line says why.
    bool (*run)(const Call& call);
};

extern const Command commands[];
extern const unsigned command_count;

}  // namespace trapeze::monitor
