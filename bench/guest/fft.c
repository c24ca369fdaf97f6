// SPDX-License-Identifier: Apache-2.0
#include "fft.h"

enum { half = fft_points / 2 };
// cos and -sin of 2 pi k / fft_points for the upper half circle.
static struct fft_point twiddle[half];

static int16_t q15(int32_t q30) {
    const int32_t rounded = (q30 + (1 << 14)) >> 15;
    return (int16_t)(rounded > INT16_MAX ? INT16_MAX : rounded);
}

void fft_prepare(void) {
    // One step of the angle in Q30: cos and sin of 2 pi / 4096. In Q30 the error that 2048 steps
    // gather stays far below what Q15 can hold.
    const int64_t step_cos = 1073740561, step_sin = 1647099;
    int32_t cosine = 1 << 30, sine = 0;
    for (int k = 0; k < half; ++k) {
        twiddle[k].re = q15(cosine);
        twiddle[k].im = q15(-sine);
        const int64_t re = cosine * step_cos - sine * step_sin;
        const int64_t im = sine * step_cos + cosine * step_sin;
        cosine = (int32_t)((re + (1 << 29)) >> 30);
        sine = (int32_t)((im + (1 << 29)) >> 30);
    }
}

void fft_input(struct fft_point* data) {
    uint32_t x = 1;
    for (int n = 0; n < fft_points; ++n) {
        const int k = n * fft_tone % fft_points;
        const int32_t cosine = k < half ? twiddle[k].re : -twiddle[k - half].re;
        x = x * 1664525 + 1013904223;
        data[n].re = (int16_t)(cosine / 2 + (int32_t)(x >> 22) - 512);
        data[n].im = 0;
    }
}

static void reverse(struct fft_point* data) {
    for (int n = 0, mirrored = 0; n < fft_points; ++n) {
        if (n < mirrored) {
            const struct fft_point kept = data[n];
            data[n] = data[mirrored];
            data[mirrored] = kept;
        }
        int bit = half;
        for (; bit > 0 && (mirrored & bit); bit >>= 1) mirrored ^= bit;
        mirrored |= bit;
    }
}

void fft_transform(struct fft_point* data) {
    reverse(data);
    for (int width = 1, stride = half; width < fft_points; width *= 2, stride /= 2) {
        for (int k = 0; k < width; ++k) {
            const struct fft_point w = twiddle[k * stride];
            for (int n = k; n < fft_points; n += 2 * width) {
                struct fft_point *a = &data[n], *b = &data[n + width];
                // The sum of two products may need 33 bits; halved first, it fits.
                const int32_t re = ((b->re * w.re) >> 1) - ((b->im * w.im) >> 1);
                const int32_t im = ((b->re * w.im) >> 1) + ((b->im * w.re) >> 1);
                const int32_t turned_re = re >> 14, turned_im = im >> 14;
                const int32_t re_a = a->re, im_a = a->im;
                a->re = (int16_t)((re_a + turned_re) >> 1);
                a->im = (int16_t)((im_a + turned_im) >> 1);
                b->re = (int16_t)((re_a - turned_re) >> 1);
                b->im = (int16_t)((im_a - turned_im) >> 1);
            }
        }
    }
}

uint32_t fft_checksum(const struct fft_point* data) {
    uint32_t sum = 0x811c9dc5;
    for (int n = 0; n < fft_points; ++n) {
        sum = (sum ^ (uint16_t)data[n].re) * 16777619;
        sum = (sum ^ (uint16_t)data[n].im) * 16777619;
    }
    return sum;
}
