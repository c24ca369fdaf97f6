// SPDX-License-Identifier: Apache-2.0
// Conversions between double and 64-bit integers, in place of those of the compiler's library.
// Debian compiles that library for POWER4, so its versions use fctidz and fcfid, 64-bit
// instructions which Linux's math emulation raises SIGILL for on a 32-bit core. Linked into
// every program of the guest; without it, awk dies at its first number.
#include <stdint.h>
#include <string.h>

// The names are those of the compiler's run-time interface (GCC internals, soft float library).
double __floatdidf(int64_t value);
double __floatundidf(uint64_t value);
int64_t __fixdfdi(double value);
uint64_t __fixunsdfdi(double value);

// Both halves are exact as doubles, so that only the sum is rounded, once.
static double join(double high, uint32_t low) { return high * 4294967296.0 + low; }

double __floatdidf(int64_t value) { return join((int32_t)(value >> 32), (uint32_t)value); }

double __floatundidf(uint64_t value) { return join((uint32_t)(value >> 32), (uint32_t)value); }

// |value| truncated; UINT64_MAX where it does not fit or is no number. IEEE 754: 11 bits of
// exponent, biased by 1023, above 52 bits of fraction with a hidden leading one.
static uint64_t magnitude(uint64_t bits) {
    const int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    const uint64_t fraction = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    if (exponent < 0) return 0;
    if (exponent > 63) return UINT64_MAX;
    return exponent <= 52 ? fraction >> (52 - exponent) : fraction << (exponent - 52);
}

int64_t __fixdfdi(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint64_t size = magnitude(bits);
    if (bits >> 63) return size > (uint64_t)INT64_MAX ? INT64_MIN : -(int64_t)size;
    return size > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)size;
}

uint64_t __fixunsdfdi(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? (uint64_t)__fixdfdi(value) : magnitude(bits);
}
