/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
static inline __attribute__((always_inline)) unsigned read_msr(void) {
    unsigned value;
    __asm__ volatile("mfmsr %0" : "=r"(value));
    return value;
}

__attribute__((noinline)) unsigned hot_function(unsigned x) {
    return read_msr() + x; /* line 10 */
}

__attribute__((noinline)) void cold_function(void) {
    __asm__ volatile("wrteei 0"); /* line 14 */
}

void _start(void) {
    hot_function(1);
    cold_function();
}
/* A guest of a few instructions for tests: code, names, source lines. The lines are tested. */
