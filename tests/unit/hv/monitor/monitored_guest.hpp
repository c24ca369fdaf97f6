// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "hv/console/console.hpp"
#include "hv/guest/guest.hpp"
#include "hv/monitor/monitor.hpp"
#include "patched_guest.hpp"

// The patched guest with the VMM's monitor, whose UART the tests read.
namespace trapeze::test {

// What the VMM's UART was given since the last call.
std::string sent();
// What has come for the VMM: one byte. -1: nothing.
void receive(int byte);
// How often what UART0 asks for was stated anew (board/).
unsigned& restated();

// How the machine ended, thrown.
struct Ended : std::runtime_error {
    using std::runtime_error::runtime_error;
};
// What boot::reject was given.
struct Rejected : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline constexpr u32 frequency = 400'000'000;

class MonitorTest : public PatchTest {
  protected:
    explicit MonitorTest(const mmu::Layout& layout = mmu::straight);
    // The lines among `text` that begin with `start`, without that.
    static std::vector<std::string> lines(const std::string& text, const std::string& start);
};

}  // namespace trapeze::test
