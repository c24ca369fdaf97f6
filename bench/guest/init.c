// SPDX-License-Identifier: Apache-2.0
// First program of a boot that is measured (rdinit=/bench/init): leaves the line of the workload
// `boot` in the file /bench/boot, which the script `all` prints, and becomes /init. Without the C
// library, whose start takes longer than what is done here. Natively the time base counts from
// QEMU's start; under the VMM the exits device knows when the guest began.
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bench.h"
#include "exits.h"

_Noreturn void boot(uint32_t high, uint32_t low, char** stack);

static char line[2048];
static unsigned used;

static void put_char(char letter) {
    if (used < sizeof line) line[used++] = letter;
}

static void put(const char* text) {
    while (*text) put_char(*text++);
}

// Without a division of 64 bits, which would be the library's: long division by 10, in halves.
static void put_number(uint64_t value) {
    char digits[20];
    int length = 0;
    do {
        uint32_t rest = 0, part[4];
        for (int i = 0; i < 4; ++i) {
            const uint32_t at = rest << 16 | (uint16_t)(value >> (48 - 16 * i));
            part[i] = at / 10;
            rest = at % 10;
        }
        value = (uint64_t)(part[0] << 16 | part[1]) << 32 | (part[2] << 16 | part[3]);
        digits[length++] = (char)('0' + rest);
    } while (value != 0);
    while (length > 0) put_char(digits[--length]);
}

static bool same(const char* left, const char* right) {
    while (*left && *left == *right) ++left, ++right;
    return *left == *right;
}

static void put_counts(volatile const uint32_t* device, unsigned number, unsigned at, unsigned step,
                       unsigned* name) {
    const unsigned before = used;
    for (unsigned i = 0; i < number; ++i, at += step) {
        const uint64_t count = (uint64_t)device[at / 4] << 32 | device[at / 4 + 1];
        if (count != 0 && used != before) put_char(',');
        for (;; ++*name) {
            const char letter =
                (char)(device[(exits_names_at + *name) / 4] >> (24 - 8 * (*name % 4)));
            if (letter == 0) break;
            if (count != 0) put_char(letter);
        }
        ++*name;
        if (count == 0) continue;
        put_char('=');
        put_number(count);
    }
    if (used == before) put_char('-');
}

// The device's page through a device node of our own: /dev is not mounted yet. NULL if it fails.
static volatile const uint32_t* map_device(void) {
    static const char node[] = "/bench/mem";
    bench_call(SYS_mknod, (long)node, S_IFCHR | 0600, 1 << 8 | 1);
    const long file = bench_call(SYS_open, (long)node, O_RDONLY | O_SYNC, 0);
    if (file < 0) return NULL;
    // mmap2 takes six arguments; the last counts in units of 4 KiB.
    register long r0 __asm__("r0") = SYS_mmap2;
    register long r3 __asm__("r3") = 0;
    register long r4 __asm__("r4") = exits_page;
    register long r5 __asm__("r5") = PROT_READ;
    register long r6 __asm__("r6") = MAP_SHARED;
    register long r7 __asm__("r7") = file;
    register long r8 __asm__("r8") = (long)(EXITS_ADDRESS >> 12);
    __asm__ volatile("sc\n\tbns+ 1f\n\tli %1,0\n1:"
                     : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8)
                     :
                     : "r9", "r10", "r11", "r12", "cr0", "ctr", "memory");
    // Out of the register at once: the calls below use it too.
    const long start = r3;
    bench_call(SYS_close, file, 0, 0);
    bench_call(SYS_unlink, (long)node, 0, 0);
    return (volatile const uint32_t*)start;
}

static void put_sample(bool counted, uint64_t ticks) {
    volatile const uint32_t* device = counted ? map_device() : NULL;
    if (counted && (!device || device[exits_magic_at / 4] != exits_magic)) {
        put("@@bench-failed boot BENCH_EXITS=1, but there is no exits device\n");
        return;
    }
    put("@@bench boot to_init ticks 1 ");
    if (!device) {
        put_number(ticks);
        put(" - -\n");
        return;
    }
    (void)device[exits_latch_at / 4];
    put_number((uint64_t)device[exits_ticks_at / 4] << 32 | device[exits_ticks_at / 4 + 1]);
    unsigned name = 0;
    put_char(' ');
    put_counts(device, device[exits_causes_at / 4], exits_cause_at, 16, &name);
    put_char(' ');
    put_counts(device, device[exits_kinds_at / 4], exits_kind_at, 8, &name);
    put_char('\n');
}

// `stack`: argc, the arguments, NULL, the environment, NULL.
void boot(uint32_t high, uint32_t low, char** stack) {
    char** environment = stack + 1;
    while (*environment++)
        ;
    bool counted = false;
    for (char** each = environment; *each; ++each) counted |= same(*each, "BENCH_EXITS=1");
    put_sample(counted, (uint64_t)high << 32 | low);
    const long file = bench_call(SYS_open, (long)"/bench/boot", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file >= 0) {
        bench_call(SYS_write, file, (long)line, (long)used);
        bench_call(SYS_close, file, 0, 0);
    }
    stack[1] = "/init";
    bench_call(SYS_execve, (long)"/init", (long)(stack + 1), (long)environment);
    for (;;) bench_call(SYS_exit, 1, 0, 0);
}
