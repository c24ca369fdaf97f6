// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// A motor and its speed controller, for a step of a millisecond, in whole numbers: the e500v2 has
// no FPU. Speeds are thousandths of a revolution a minute, drive is hundredths of a per cent.
namespace rt {

using i32 = std::int32_t;
using i64 = std::int64_t;

inline constexpr i32 drive_most = 10'000, speed_most = 3'000'000;

// First order: driven by u it goes to 3000/min times u, less what the load takes, with a time
// constant of 100 ms.
class Motor {
  public:
    [[nodiscard]] i32 speed() const { return static_cast<i32>(fine_ / finer); }
    void step(i32 drive, i32 load) {
        const i64 target = i64{drive} * (speed_most / drive_most) - load;
        fine_ += (target * finer - fine_) / time_constant;
    }

  private:
    static constexpr i64 finer = 1024, time_constant = 100;
    i64 fine_ = 0;
};

// Gains are 65536ths: of drive for a thousandth of a revolution a minute, and of the same each
// step.
struct Gains {
    i32 proportional, integral;
};

class Controller {
  public:
    explicit constexpr Controller(Gains gains) : gains_(gains) {}
    [[nodiscard]] Gains gains() const { return gains_; }
    // What it has integrated stays: the drive does not jump.
    void set(Gains gains) { gains_ = gains; }

    // The drive, 0 to drive_most.
    i32 step(i32 wanted, i32 speed) {
        const i32 error = wanted - speed;
        const i64 next = integral_ + i64{gains_.integral} * error;
        const i64 sum = (i64{gains_.proportional} * error + next) >> 16;
        // At its limit it integrates only what leads away from there.
        if ((sum < drive_most || error < 0) && (sum > 0 || error > 0)) integral_ = next;
        return static_cast<i32>(sum < 0 ? 0 : sum > drive_most ? drive_most : sum);
    }

  private:
    Gains gains_;
    i64 integral_ = 0;
};

}  // namespace rt
