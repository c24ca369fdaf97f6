// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include "hv/dev/openpic.hpp"

namespace trapeze::dev {

using Output = Openpic::Output;
using Outcome = Openpic::Outcome;

inline constexpr u32 features = 0x1000, configuration = 0x1020, spurious = 0x10e0;
inline constexpr u32 task_priority = 0x20080, who_am_i = 0x20090, iack = 0x200a0, eoi = 0x200b0;
inline constexpr u32 ipi_dispatch = 0x20040, core_stride = 0x1000;
inline constexpr u32 source_base = 0x10000, destination = 0x10, target = 0x18;
inline constexpr u32 message_base = 0x1600, message_index = 0x1740, message_summary = 0x1720;
inline constexpr u32 masked = 0x80000000, active = 0x40000000, high = 0x00800000,
                     level = 0x00400000;

constexpr u32 source(unsigned n) { return source_base + 32 * n; }
constexpr u32 ipi(unsigned n) { return 0x10a0 + 16 * n; }
constexpr u32 timer(unsigned n, unsigned reg) { return 0x1100 + 64 * n + 16 * reg; }

class OpenpicTest : public testing::Test {
  protected:
    OpenpicTest() { start(1); }
    void start(unsigned vcpus) {
        pic.start(vcpus);
        for (unsigned v = 0; v < vcpus; ++v) write(task_priority + v * core_stride, 0, v);
    }
    u32 read(u32 offset, unsigned vcpu = 0) { return pic.read(offset, 4, vcpu); }
    Outcome write(u32 offset, u32 value, unsigned vcpu = 0) {
        return pic.write(offset, 4, value, vcpu);
    }
    void configure(unsigned n, u32 priority, u32 vector, u32 bits = 0) {
        write(source(n), priority << 16 | vector | bits);
    }
    bool asks(unsigned vcpu = 0) const { return pic.output(vcpu, Output::external); }
    Openpic pic;
};

}  // namespace trapeze::dev
