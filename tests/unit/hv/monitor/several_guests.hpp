// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hv/core/core.hpp"
#include "hv/guest/machine.hpp"
#include "monitored_guest.hpp"

// Two guests, a and b, on the one core of these tests, and the shell's other end.
namespace trapeze::test {

using guest::Guest;
using guest::Life;

// What came of a command: its status, -1 if no answer has come; the lines of its answer; and what
// was printed besides.
struct Answer {
    int status;
    std::vector<std::string> lines;
    std::string rest;
    // All lines as one text.
    std::string text() const;
};

class SeveralTest : public MonitorTest {
  protected:
    SeveralTest();
    ~SeveralTest() override;
    // These bytes come for the VMM, which looks until it has taken them.
    Answer hear(const std::string& bytes);
    Answer ask(const std::string& command) { return hear(":" + command + "\n"); }
    // `b` as it is in that state of its life, in which it came as it does in a machine.
    void bring(Life life);
    // b is another core's.
    void move_away();

    Guest &a, &b;
    core::Core elsewhere{};
    // Pieces that a guest is made anew in; how often one was done.
    static unsigned pieces, done;
};

}  // namespace trapeze::test
