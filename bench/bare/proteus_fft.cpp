// SPDX-License-Identifier: Apache-2.0
//
// "FFT without OS" of the Proteus paper: a transform on the bare machine, without interrupts and
// privileged instructions, so that it should cost under a VMM what it costs natively. Here: 4096
// points, radix 2, decimation in time, 32-bit fixed point (the e500v2 has no FPU), halved in each
// stage. Each result is checked: two tones go in, and must come out at their frequencies, with
// half their amplitudes and next to nothing elsewhere.
#include "bare.hpp"

namespace {

using isa::u32;
using Number = std::int32_t;

constexpr u32 points = 4096, stages = 12;
static_assert(points == 1u << stages);
constexpr Number one = 1 << 14;  // of the twiddle factors

struct Complex {
    Number re, im;
};

// exp(-2 pi i k / points) for half the circle.
struct Twiddles {
    Complex at[points / 2];
};
constexpr Twiddles make_twiddles() {
    constexpr double pi = 3.14159265358979323846;
    const auto fixed = [](double x) { return static_cast<Number>(x * one + (x < 0 ? -0.5 : 0.5)); };
    Twiddles t{};
    for (u32 k = 0; k < points / 2; ++k) {
        const double x = 2 * pi * k / points;
        double cosine = 1, sine = x, term_c = 1, term_s = x;
        for (int n = 1; n < 16; ++n) {
            term_c *= -x * x / ((2 * n - 1) * (2 * n));
            term_s *= -x * x / ((2 * n) * (2 * n + 1));
            cosine += term_c;
            sine += term_s;
        }
        t.at[k] = {fixed(cosine), fixed(-sine)};
    }
    return t;
}
constinit const Twiddles twiddles = make_twiddles();

// Amplitudes stay below 2^15 so that a product with a twiddle factor fits 32 bits.
struct Tone {
    u32 frequency;
    Number amplitude;
};
constexpr Tone tones[] = {{137, 9000}, {1500, 5000}};
constexpr Number tolerance = 12;

Complex input[points], data[points];

Number cosine(u32 k) {
    k %= points;
    return k < points / 2 ? twiddles.at[k].re : -twiddles.at[k - points / 2].re;
}

void make_input() {
    for (u32 n = 0; n < points; ++n) {
        Number sum = 0;
        for (const Tone& tone : tones) {
            sum += (tone.amplitude * cosine(tone.frequency * n)) / one;
        }
        input[n] = {sum, 0};
    }
}

u32 reversed(u32 k) {
    u32 result = 0;
    for (u32 i = 0; i < stages; ++i) result = result << 1 | (k >> i & 1);
    return result;
}

void transform() {
    for (u32 n = 0; n < points; ++n) data[reversed(n)] = input[n];
    for (u32 half = 1; half < points; half *= 2) {
        const u32 step = points / 2 / half;
        for (u32 first = 0; first < points; first += 2 * half) {
            for (u32 k = 0; k < half; ++k) {
                Complex& a = data[first + k];
                Complex& b = data[first + k + half];
                const Complex w = twiddles.at[k * step];
                const Number re = (b.re * w.re - b.im * w.im) / one;
                const Number im = (b.re * w.im + b.im * w.re) / one;
                b = {(a.re - re) / 2, (a.im - im) / 2};
                a = {(a.re + re) / 2, (a.im + im) / 2};
            }
        }
    }
}

bool near(Number value, Number wanted) {
    return value - wanted <= tolerance && wanted - value <= tolerance;
}

bool right() {
    for (u32 k = 0; k < points; ++k) {
        Number wanted = 0;
        for (const Tone& tone : tones) {
            if (k == tone.frequency || k == points - tone.frequency) wanted = tone.amplitude / 2;
        }
        if (!near(data[k].re, wanted) || !near(data[k].im, 0)) return false;
    }
    return true;
}

u32 checksum() {
    u32 sum = 0;
    for (const Complex& c : data) {
        sum = (sum << 5 | sum >> 27) ^ static_cast<u32>(c.re);
        sum = (sum << 5 | sum >> 27) ^ static_cast<u32>(c.im);
    }
    return sum;
}

}  // namespace

void isa_main() {
    constexpr const char* workload = "proteus_fft";
    constexpr u32 transforms = 16;
    bare::ExitCounters counters(workload);
    make_input();
    for (unsigned i = 0; i < bare::samples; ++i) {
        counters.start();
        const u32 begin = isa::timebase();
        for (u32 n = 0; n < transforms; ++n) transform();
        const u32 ticks = isa::timebase() - begin;
        const bare::Exits exits = counters.stop();
        if (!right()) bare::failed(workload, "the transform of two tones is not two tones");
        isa::print("# checksum {x}", {checksum()});
        bare::report(counters, workload, "fft4096", transforms, ticks, exits);
    }
}
