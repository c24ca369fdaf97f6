// SPDX-License-Identifier: Apache-2.0
#include "bench/rt/loop.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace {

using namespace rt;

constexpr Gains usual{.proportional = 400, .integral = 8};

class LoopTest : public testing::Test {
  protected:
    // Milliseconds; the greatest speed on the way.
    i32 run(i32 wanted, int steps, i32 load = 0) {
        i32 greatest = 0;
        for (int i = 0; i < steps; ++i) {
            drive = controller.step(wanted, motor.speed());
            EXPECT_GE(drive, 0);
            EXPECT_LE(drive, drive_most);
            motor.step(drive, load);
            if (motor.speed() > greatest) greatest = motor.speed();
        }
        return greatest;
    }
    Motor motor;
    Controller controller{usual};
    i32 drive = 0;
};

TEST_F(LoopTest, AMotorGoesWhereItIsDriven) {
    for (int i = 0; i < 100; ++i) motor.step(drive_most, 0);
    // One time constant: 63 %.
    EXPECT_NEAR(motor.speed(), speed_most * 0.634, speed_most * 0.001);
    for (int i = 0; i < 2000; ++i) motor.step(drive_most, 0);
    EXPECT_NEAR(motor.speed(), speed_most, 10);
}

TEST_F(LoopTest, ReachesTheSetPointAndHoldsItUnderLoad) {
    run(1'500'000, 2000);
    EXPECT_NEAR(motor.speed(), 1'500'000, 1500);
    run(1'500'000, 2000, 200'000);
    EXPECT_NEAR(motor.speed(), 1'500'000, 1500);
    run(600'000, 2000, 200'000);
    EXPECT_NEAR(motor.speed(), 600'000, 1500);
}

// While it cannot be reached nothing piles up that would have to be undone.
TEST_F(LoopTest, LimitsDoNotWindItUp) {
    run(2'900'000, 20'000, 1'000'000);
    EXPECT_EQ(drive, drive_most);
    run(1'000'000, 300, 1'000'000);
    EXPECT_LT(motor.speed(), 1'200'000);
    run(0, 2000);
    EXPECT_EQ(drive, 0);
    EXPECT_LT(run(1'000'000, 3000), 1'300'000);
}

TEST_F(LoopTest, GainsTakeEffect) {
    controller.set({.proportional = 400, .integral = 0});
    run(1'500'000, 4000);
    // Without the integral part something is missing for good.
    EXPECT_LT(motor.speed(), 1'300'000);
    controller.set(usual);
    run(1'500'000, 2000);
    EXPECT_NEAR(motor.speed(), 1'500'000, 1500);
}

}  // namespace
