// SPDX-License-Identifier: Apache-2.0
// In place of the VMM's monitor, for the tests of the rooms below it.
#include <stdexcept>

#include "core.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/console/console.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/sched/run.hpp"

namespace trapeze::board {
void power_off() { throw std::runtime_error("power off"); }
}  // namespace trapeze::board

namespace trapeze::console {

void put(char c) { test::the_core().console.push_back(c); }
void begin_line() { test::the_core().console += "[vmm] "; }
Turn::Turn() { ++test::the_core().turns; }
Turn::~Turn() { --test::the_core().turns; }
void speak_for(const char* /*name*/) {}
void print_arguments(const char* format, const Argument* /*arguments*/, unsigned /*count*/) {
    test::the_core().console += format;
}

}  // namespace trapeze::console

namespace trapeze::monitor {

namespace {
void no_heartbeat(vcpu::Vcpu& /*v*/) {}
void count_requests(vcpu::Vcpu& /*v*/) { ++test::the_core().requests; }
void no_asking(vcpu::Vcpu& /*v*/, u32 /*what*/) {}
void ended(vcpu::Vcpu& v) { throw std::runtime_error(v.reason); }
}  // namespace

const guest::Events events{no_heartbeat, count_requests, ended, sched::yields, no_asking};

}  // namespace trapeze::monitor
