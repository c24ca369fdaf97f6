// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// A transform of the bare machine: radix 2, decimation in time, 32-bit fixed point (the e500v2 has
// no FPU), halved in each stage. Its input is two tones, which must come out at their frequencies
// with half their amplitudes, and next to nothing elsewhere.
namespace fft {

using u32 = std::uint32_t;
using Number = std::int32_t;

struct Complex {
    Number re, im;
};

// Amplitudes stay below 2^15 so that a product with a twiddle factor fits 32 bits.
struct Tone {
    u32 frequency;
    Number amplitude;
};

// 2^stages points.
template <u32 stages>
class Transform {
  public:
    static constexpr u32 points = 1U << stages;

    Transform(Tone a, Tone b) : tones_{a, b} {
        for (u32 n = 0; n < points; ++n) {
            Number sum = 0;
            for (const Tone& tone : tones_) {
                sum += (tone.amplitude * cosine(tone.frequency * n)) / one;
            }
            input_[n] = {sum, 0};
        }
    }

    void run() {
        for (u32 n = 0; n < points; ++n) data_[reversed(n)] = input_[n];
        for (u32 half = 1; half < points; half *= 2) {
            const u32 step = points / 2 / half;
            for (u32 first = 0; first < points; first += 2 * half) {
                for (u32 k = 0; k < half; ++k) {
                    Complex& a = data_[first + k];
                    Complex& b = data_[first + k + half];
                    const Complex w = twiddles.at[k * step];
                    const Number re = (b.re * w.re - b.im * w.im) / one;
                    const Number im = (b.re * w.im + b.im * w.re) / one;
                    b = {(a.re - re) / 2, (a.im - im) / 2};
                    a = {(a.re + re) / 2, (a.im + im) / 2};
                }
            }
        }
    }

    // Whether the last result is the two tones.
    [[nodiscard]] bool right() const {
        for (u32 k = 0; k < points; ++k) {
            Number wanted = 0;
            for (const Tone& tone : tones_) {
                if (k == tone.frequency || k == points - tone.frequency) {
                    wanted = tone.amplitude / 2;
                }
            }
            if (!near(data_[k].re, wanted) || !near(data_[k].im, 0)) return false;
        }
        return true;
    }

    [[nodiscard]] u32 checksum() const {
        u32 sum = 0;
        for (const Complex& c : data_) {
            sum = (sum << 5 | sum >> 27) ^ static_cast<u32>(c.re);
            sum = (sum << 5 | sum >> 27) ^ static_cast<u32>(c.im);
        }
        return sum;
    }

  private:
    static constexpr Number one = 1 << 14;  // of the twiddle factors
    static constexpr Number tolerance = 12;

    // exp(-2 pi i k / points) for half the circle.
    struct Twiddles {
        Complex at[points / 2];
    };
    static constexpr Twiddles make_twiddles() {
        constexpr double pi = 3.14159265358979323846;
        const auto fixed = [](double x) {
            return static_cast<Number>(x * one + (x < 0 ? -0.5 : 0.5));
        };
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
    static constexpr Twiddles twiddles = make_twiddles();

    static Number cosine(u32 k) {
        k %= points;
        return k < points / 2 ? twiddles.at[k].re : -twiddles.at[k - points / 2].re;
    }
    static u32 reversed(u32 k) {
        u32 result = 0;
        for (u32 i = 0; i < stages; ++i) result = result << 1 | (k >> i & 1);
        return result;
    }
    static bool near(Number value, Number wanted) {
        return value - wanted <= tolerance && wanted - value <= tolerance;
    }

    const Tone tones_[2];
    Complex input_[points], data_[points];
};

}  // namespace fft
