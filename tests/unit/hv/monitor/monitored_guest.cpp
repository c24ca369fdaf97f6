// SPDX-License-Identifier: Apache-2.0
#include "monitored_guest.hpp"

#include <sstream>

#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"
#include "hv/guest/machine.hpp"

namespace trapeze {

namespace test {

namespace {

constexpr u64 uart = board::ccsr_base + board::uart1_offset;
constexpr u32 line_status = 5;
constexpr u32 data_ready = 1, transmitter_empty = 0x20;
std::size_t read_so_far = 0;

}  // namespace

std::string sent() {
    std::string text;
    const auto& writes = the_core().io_writes;
    for (; read_so_far < writes.size(); ++read_so_far) {
        const IoWrite& write = writes[read_so_far];
        if (write.hpa == uart && write.size == 1) text.push_back(static_cast<char>(write.value));
    }
    return text;
}

void receive(int byte) {
    the_core().io[uart + line_status] = transmitter_empty | (byte >= 0 ? data_ready : 0);
    the_core().io[uart] = static_cast<u32>(byte);
}

unsigned& restated() {
    static unsigned count = 0;
    return count;
}

MonitorTest::MonitorTest(const mmu::Layout& layout) : PatchTest(layout) {
    read_so_far = 0;
    the_core().io_writes.clear();
    receive(-1);
    // The guest's last byte is gone.
    the_core().io[board::ccsr_base + board::uart0_offset + line_status] = transmitter_empty | 0x40;
    guest::machine.timebase_frequency = frequency;
    guest::machine.costs = {};
    console::set_clock(frequency);
}

std::vector<std::string> MonitorTest::lines(const std::string& text, const std::string& start) {
    std::vector<std::string> found;
    std::istringstream all(text);
    for (std::string line; std::getline(all, line);) {
        // A log line begins with the time.
        const std::size_t at = line.starts_with("[vmm ") ? line.find("] ") + 2 : 0;
        if (line.substr(at).starts_with(start)) found.push_back(line.substr(at + start.size()));
    }
    return found;
}

}  // namespace test

namespace board {
void restate_uart0() { ++test::restated(); }
void power_off() { throw test::Ended("power off"); }
void reset() { throw test::Ended("reset"); }
}  // namespace board

namespace boot {
void reject(const char* what, const char* detail) {
    throw test::Rejected(std::string(what) + detail);
}
}  // namespace boot

}  // namespace trapeze
