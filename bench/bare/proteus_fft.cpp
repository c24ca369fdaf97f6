// SPDX-License-Identifier: Apache-2.0
//
// "FFT without OS" of the Proteus paper: a transform on the bare machine, without interrupts and
// privileged instructions, so that it should cost under a VMM what it costs natively. Here: 4096
// points. Each result is checked.
#include "bare.hpp"
#include "fft.hpp"

void isa_main() {
    constexpr const char* workload = "proteus_fft";
    constexpr isa::u32 transforms = 16;
    bare::ExitCounters counters(workload);
    static fft::Transform<12> transform({137, 9000}, {1500, 5000});
    for (unsigned i = 0; i < bare::samples; ++i) {
        counters.start();
        const isa::u32 begin = isa::timebase();
        for (isa::u32 n = 0; n < transforms; ++n) transform.run();
        const isa::u32 ticks = isa::timebase() - begin;
        const bare::Exits exits = counters.stop();
        if (!transform.right()) {
            bare::failed(workload, "the transform of two tones is not two tones");
        }
        isa::print("# checksum {x}", {transform.checksum()});
        bare::report(counters, workload, "fft4096", transforms, ticks, exits);
    }
}
