// SPDX-License-Identifier: Apache-2.0
// A fixed-point FFT of 4096 complex points, radix 2, for a core without a floating-point unit.
// Integers only, and no table from a library: the sines come from one rotation, repeated.
#pragma once
#include <stdint.h>

enum { fft_points = 4096, fft_log2 = 12 };

struct fft_point {
    int16_t re, im;  // Q15
};

// Sine and cosine table; before the first transform.
void fft_prepare(void);
// The input of every transform: a cosine of period fft_points/fft_tone, half of full scale, and
// noise from a fixed generator.
enum { fft_tone = 5 };
void fft_input(struct fft_point* data);
// In place, halved in every stage, so that the result is the transform divided by fft_points.
void fft_transform(struct fft_point* data);
// Depends on every point and its place.
uint32_t fft_checksum(const struct fft_point* data);
// fft_checksum() of the transform of fft_input().
#define FFT_EXPECTED 0xa83cb28dU
