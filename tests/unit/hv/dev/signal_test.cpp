// SPDX-License-Identifier: Apache-2.0
// How a guest is told that others have done something with a handle of its.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/core/core.hpp"
#include "hv/dev/devices.hpp"

namespace trapeze::dev {
namespace {

using test::the_core;

std::vector<unsigned>& calls() {
    static std::vector<unsigned> all;
    return all;
}
void told(vcpu::Vcpu& /*v*/, unsigned number) { calls().push_back(number); }
void withdrawn(vcpu::Vcpu& /*v*/, unsigned number) { calls().push_back(100 + number); }

using Calls = std::vector<unsigned>;

class SignalTest : public testing::Test {
  protected:
    SignalTest() : v(test::fresh_guest()) {
        calls().clear();
        reset_mpic(v);
        v.devices->board->homes[0] = v.core;
        v.devices->handles[plain] = {told, nullptr, false, nullptr, nullptr, nullptr, nullptr};
        v.devices->handles[careful] = {told, nullptr, true, withdrawn, nullptr, nullptr, nullptr};
    }
    void signal_it(unsigned number) { signal(*v.devices->board, *v.core, 0, number); }
    static long messages() {
        return std::count_if(
            the_core().io_writes.begin(), the_core().io_writes.end(),
            [](const auto& w) { return w.hpa == board::ccsr_base + board::mpic_offset + 0x40; });
    }

    static constexpr unsigned plain = 2, careful = 5;
    vcpu::Vcpu& v;
};

TEST_F(SignalTest, AGuestThatHasItsCoreIsToldAtOnce) {
    signal_it(plain);
    signal_it(careful);
    signal_it(7);  // there is no such handle
    EXPECT_EQ(calls(), (Calls{plain, careful}));
    EXPECT_FALSE(v.to_tell);
}

TEST_F(SignalTest, WhatTouchesItsMemoryWaitsUntilItHasItsCore) {
    v.core->current = nullptr;
    signal_it(careful);
    signal_it(plain);
    signal_it(careful);
    EXPECT_EQ(calls(), Calls{}) << "it is told all of it when it has its core";
    EXPECT_TRUE(v.to_tell);
    EXPECT_TRUE(v.core->reconsider);
    v.core->current = &v;
    take_signals(v);
    EXPECT_EQ(calls(), (Calls{plain, careful}));
    EXPECT_FALSE(v.to_tell);
    take_signals(v);
    EXPECT_EQ(calls().size(), 2U) << "once";
}

TEST_F(SignalTest, AnotherCoreIsSentOneMessageUntilItHasLooked) {
    core::Core other{};
    other.number = 1;
    v.devices->board->homes[0] = &other;
    for (int n = 0; n < 3; ++n) signal_it(careful);
    EXPECT_EQ(messages(), 1);
    EXPECT_EQ(calls(), Calls{});
    take_signals(v);
    EXPECT_EQ(calls(), Calls{careful});
    signal_it(careful);
    EXPECT_EQ(messages(), 2);
    take_signals(v);
    // It looks anyway before it goes on.
    v.core->current = nullptr;
    signal_it(careful);
    take_signals(v);
    signal_it(plain);
    EXPECT_EQ(messages(), 3);
}

TEST_F(SignalTest, WhatIsPutOffComesByATimer) {
    tell_later(v, careful);
    EXPECT_EQ(calls(), Calls{});
    ASSERT_TRUE(v.device_waits);
    v.on_device_deadline(v);
    EXPECT_EQ(calls(), Calls{}) << "too early";
    the_core().timebase += 1000;
    v.on_device_deadline(v);
    EXPECT_EQ(calls(), Calls{careful});
    EXPECT_FALSE(v.device_waits);
}

TEST_F(SignalTest, AHandleIsToldThatItsGuestHasEnded) {
    withdraw(v);
    EXPECT_EQ(calls(), Calls{100 + careful});
}

}  // namespace
}  // namespace trapeze::dev
