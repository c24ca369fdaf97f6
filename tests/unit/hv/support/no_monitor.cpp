// SPDX-License-Identifier: Apache-2.0
// In place of the VMM's monitor, for the tests of the rooms below it.
#include <stdexcept>

#include "core.hpp"
#include "hv/monitor/console.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/vcpu/run.hpp"

namespace trapeze::console {

void put(char c) { test::core().console.push_back(c); }
void begin_line() { test::core().console += "[vmm] "; }
void print_arguments(const char* format, const Argument* /*arguments*/, unsigned /*count*/) {
    test::core().console += format;
}

}  // namespace trapeze::console

namespace trapeze::monitor {
void heartbeat(vcpu::Vcpu& /*v*/) {}
void requests(vcpu::Vcpu& /*v*/) { ++test::core().requests; }
}  // namespace trapeze::monitor

namespace trapeze::vcpu {
void conclude(Vcpu& v) { throw std::runtime_error(v.reason); }
}  // namespace trapeze::vcpu
