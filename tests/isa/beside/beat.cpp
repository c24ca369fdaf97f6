// SPDX-License-Identifier: Apache-2.0
//
// A periodic guest: a thousand times a second it is to be woken, and each second, and each minute,
// it says how late it was. docs/examples/linux-and-rt.dts runs it beside Linux.
#include "insn.hpp"
#include "isa.hpp"

namespace {

using namespace isa;

constexpr u32 dec_spr = 22, tsr_spr = 336, tcr_spr = 340, hid0_spr = 1008;
constexpr u32 doze = 0x0080'0000;  // in HID0: without it MSR[WE] does not wait
constexpr u32 ticks_a_us = 400;    // of the time base of QEMU's ppce500
constexpr u32 period_us = 1000, beats_a_line = 1000;
constexpr u32 lines_a_minute = 60;
constexpr u32 buckets = 4096;  // of a microsecond; the last one takes all that is later

// How many beats were so late.
struct Lateness {
    u32 count[buckets];

    void clear() {
        for (u32& one : count) one = 0;
    }
    void add(u32 late) { ++count[late < buckets ? late : buckets - 1]; }
    // What so many of the beats do not exceed, in microseconds.
    [[nodiscard]] u32 reached_by(u32 beats) const {
        u32 seen = 0;
        for (u32 us = 0; us < buckets; ++us) {
            seen += count[us];
            if (seen >= beats) return us;
        }
        return buckets - 1;
    }
    void show(const char* what, u32 last, u32 of) const {
        print("{} {}: late by {} us at least, {} in the middle, {} for 99.9 %, {} at most",
              {what, last, reached_by(1), reached_by(of / 2), reached_by(of - of / 1000),
               reached_by(of)});
    }
};
Lateness second, minute;

}  // namespace

void isa_main() {
    const u32 waits = place({insn::mtmsr(3), insn::nop, insn::branch(-8)});
    mtspr<hid0_spr>(mfspr<hid0_spr>() | doze);
    mtspr<tcr_spr>(tcr::die);
    u32 due = timebase() + period_us * ticks_a_us;
    for (u32 beats = beats_a_line;; beats += beats_a_line) {
        second.clear();
        for (u32 i = 0; i < beats_a_line; ++i) {
            const int left = static_cast<int>(due - timebase());
            mtspr<tsr_spr>(tsr::dis);
            mtspr<dec_spr>(left > 0 ? static_cast<u32>(left) : 1);
            Frame f{};
            f.nip = waits;
            f.gpr[3] = msr::ee | msr::we;
            run(f);
            const u32 late = (timebase() - due) / ticks_a_us;
            if (f.vector != static_cast<u32>(Vector::decrementer)) fail("another interrupt came");
            second.add(late);
            minute.add(late);
            due += period_us * ticks_a_us;
        }
        second.show("beat", beats, beats_a_line);
        constexpr u32 beats_a_minute = beats_a_line * lines_a_minute;
        if (beats % beats_a_minute != 0) continue;
        minute.show("minute up to beat", beats, beats_a_minute);
        minute.clear();
    }
}
