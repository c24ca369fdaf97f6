// SPDX-License-Identifier: Apache-2.0
#ifndef TRAPEZE_CONTROL_H
#define TRAPEZE_CONTROL_H

// What a client and the control loop of bench/rt/control.cpp tell each other, each a message of a
// ring (ring.h) in words of 32 bits. Speeds are thousandths of a revolution a minute, times ns.

#include <stdint.h>

#define TRAPEZE_CONTROL_SET   0x53455421u  // control_order: "SET!"
#define TRAPEZE_CONTROL_STATE 0x53544154u  // control_state: "STAT"

// What an order may change; the others of its words count for nothing.
enum {
    trapeze_control_set_point = 1,
    trapeze_control_gains = 2,
    trapeze_control_most_speed = 3000000,
    trapeze_control_most_gain = 1 << 20
};

// From the client. Answered by the next state, whose `order` is its number; one with a value that
// is out of range changes nothing, and `refused` is one more.
struct control_order {
    uint32_t kind, number, what;
    int32_t set_point;               // 0 to trapeze_control_most_speed
    int32_t proportional, integral;  // 65536ths, 0 to trapeze_control_most_gain
};

// From the loop, ten times a second and after an order.
struct control_state {
    uint32_t kind;
    uint32_t order;    // number of the last one, 0 before the first
    uint32_t refused;  // orders
    uint32_t jobs, misses;
    int32_t set_point, speed, drive;  // drive: hundredths of a per cent
    int32_t proportional, integral;
    // From a release to its job's first instruction: of all since it started.
    uint32_t least, median, most_of_1000, most;
    uint32_t transforms, counted;  // of its other tasks
};

#endif
