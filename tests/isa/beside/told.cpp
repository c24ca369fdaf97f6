// SPDX-License-Identifier: Apache-2.0
//
// A guest that does what its console says, a byte at a time, and sleeps meanwhile: it answers,
// shows that its memory is as it left it, and ends in each way that there is.
#include "isa.hpp"

namespace {

using namespace isa;

constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22, pid_spr = 48, hid0_spr = 1008;
constexpr u32 nap = 400'000;  // ticks: 1 ms
constexpr u32 line_status = 0x4505, uart0 = 0x4500;
constexpr u32 power_direction = 0xff000, power_data = 0xff008, pin = 0x8000'0000;

// Memory that it fills, between what it is loaded to and the end of the smallest guest.
volatile u32* const first = reinterpret_cast<volatile u32*>(0x20'0000);
constexpr u32 words = 0x10'0000 / 4;
constexpr u32 pattern = 0x9e37'79b9;

void on_decrementer(Frame& f) {
    mtspr<tsr_spr>(tsr::dis);
    f.msr &= ~(msr::we | msr::ee);
}

void sleep() {
    mtspr<dec_spr>(nap);
    mtmsr(mfmsr() | msr::we | msr::ee);
    while (mfmsr() & msr::ee) {
    }
}

u32 wrong_words(u32 factor) {
    u32 wrong = 0;
    for (u32 i = 0; i < words; ++i) wrong += first[i] != i * factor ? 1 : 0;
    return wrong;
}

// What has to be of this run alone.
void show_start() {
    const u32 used = wrong_words(0);
    for (u32 i = 0; i < words; ++i) first[i] = i * pattern;
    print("told: starts; {} words are not zero, PID {}, DEC interrupts {}",
          {used, mfspr<pid_spr>(), (mfspr<tcr_spr>() & tcr::die) != 0});
    mtspr<pid_spr>(7);
}

[[noreturn]] void expire() {
    // A short period, 2^17 ticks, and a reset after the third time.
    mtspr<tcr_spr>(3U << 30 | 11U << 17 | tcr::wrc_mask);
    for (;;) {
    }
}

void obey(u8 what, u32 count) {
    switch (what) {
        case 'c':
            print("told: {}, {} words are wrong, PID {}",
                  {count, wrong_words(pattern), mfspr<pid_spr>()});
            return;
        case 'd':  // no handlers, and a trap
            mtspr<63>(0x7000'0000);
            asm volatile("trap");
            return;
        case 'g':
            io32(power_direction) = pin;
            io32(power_data) = pin;
            return;
        case 'h':
            wrteei(false);
            for (;;) {
            }
        case 'r':
            reset();
        case 's':  // it never wakes
            mtmsr(msr::we);
            return;
        case 'x':
            expire();
        default:
            return;
    }
}

}  // namespace

void isa_main() {
    set_hook(Vector::decrementer, on_decrementer);
    show_start();
    mtspr<hid0_spr>(hid0::nap | hid0::tben);
    mtspr<tcr_spr>(tcr::die);
    for (u32 count = 0;;) {
        if (!(io8(line_status) & 1)) {
            sleep();
            continue;
        }
        obey(io8(uart0), ++count);
    }
}
