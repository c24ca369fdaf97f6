// SPDX-License-Identifier: Apache-2.0
// Integer corner cases, and floating point, which the guest kernel emulates instruction by
// instruction: each is a program interrupt, and a context that must survive it.
#include <fenv.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>

#include "check.h"

static void check_integers(void) {
    uint32_t a = 0xffffffffU, b = 1, low, high, cr;
    __asm__("addc %0,%2,%3\n\tadde %1,%2,%3" : "=&r"(low), "=&r"(high) : "r"(a), "r"(b) : "xer");
    report("carry", "%#x %#x", low, high);
    __asm__("addo. %0,%2,%3\n\tmfcr %1"
            : "=&r"(low), "=r"(cr)
            : "r"(0x7fffffffU), "r"(b)
            : "cr0", "xer");
    report("overflow", "%#x cr0 %#x", low, cr >> 28);
    __asm__("mulhw %0,%2,%3\n\tmulhwu %1,%2,%3"
            : "=&r"(high), "=&r"(low)
            : "r"(a), "r"(0x12345678U));
    report("multiply_high", "%#x %#x", high, low);
    volatile int64_t dividend = -1234567890123456789LL, divisor = 987654321;
    report("divide", "%lld %lld", (long long)(dividend / divisor), (long long)(dividend % divisor));
    __asm__("cntlzw %0,%1" : "=r"(low) : "r"(0x00012345U));
    report("leading_zeros", "%u", low);
}

static void divide_by_zero(void* unused) {
    (void)unused;
    volatile double zero = 0.0, one = 1.0;
    volatile double result = one / zero;
    (void)result;
}

static void check_flags(void) {
    volatile double one = 1.0, zero = 0.0, three = 3.0, huge = 1e308, result;
    feclearexcept(FE_ALL_EXCEPT);
    result = one / zero;
    report("divide_by_zero", "%g flag %d", result, fetestexcept(FE_DIVBYZERO) != 0);
    result = zero / zero;
    report("invalid", "nan %d flag %d", isnan(result) != 0, fetestexcept(FE_INVALID) != 0);
    result = huge * huge;
    report("too_large", "%g flag %d", result, fetestexcept(FE_OVERFLOW) != 0);
    feclearexcept(FE_ALL_EXCEPT);
    result = one / three;
    report("inexact", "%.17g flag %d", result, fetestexcept(FE_INEXACT) != 0);
    static const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
    for (int i = 0; i < 4; ++i) {
        fesetround(modes[i]);
        result = one / three;
        const double quotient = result;
        fesetround(FE_TONEAREST);
        report("rounded", "mode %d %a", i, quotient);
    }
    report_fault("unmasked_off", catch_fault(divide_by_zero, NULL), NULL);
}

void check_arithmetic(void) {
    check_integers();
    double sum = 0.0;
    for (int i = 1; i <= 200; ++i) sum += 1.0 / ((double)i * i);
    report("sum", "%.17g", sum);
    float single = 0.0F;
    for (int i = 0; i < 100; ++i) single += 0.1F;
    report("single", "%.9g", (double)single);
    volatile double two = 2.0, angle = 1.0, tiny = 4.9406564584124654e-324;
    // Only functions that keep to the instructions of a 32-bit core: Debian's libm is compiled for
    // POWER4, and its pow and log use fcfid, which the kernel does not emulate.
    report("sqrt", "%.17g", sqrt(two));
    report("sin", "%.17g", sin(angle));
    report("exp", "%.17g", exp(angle));
    report("denormal", "%a", tiny * 3.0);
    report("fma", "%a", fma(two / 3.0, 3.0, -two));
    volatile double large = -3e12, fraction = 2.75;
    report("to_integer", "%d %d %lld %.1f", (int)fraction, (int)-fraction, (long long)large,
           (double)(long long)large);
    char text[64];
    snprintf(text, sizeof text, "%.10f", sum);
    double back = 0.0;
    report("scanned", "%d %.10f", sscanf(text, "%lf", &back), back);
    check_flags();
}
