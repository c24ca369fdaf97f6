// SPDX-License-Identifier: Apache-2.0
// Instructions a user program may not execute, or that the kernel emulates: each must reach
// the guest kernel as the program interrupt it is, with the right cause and address.
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

// name, instruction, whether r3 holds a result that is the same in every run. Each is entered
// with r3 = a 64-byte aligned buffer, r4 = 0x12345678, r5 = 8 and followed by blr.
#define CASES(X)                                                                        \
    X(illegal, ".long 0", 0)                                                            \
    X(trap, "trap", 0)                                                                  \
    X(mfmsr, "mfmsr 3", 0)                                                              \
    X(mtmsr, "mtmsr 4", 0)                                                              \
    X(wrtee, "wrtee 4", 0)                                                              \
    X(wrteei, "wrteei 1", 0)                                                            \
    X(rfi, "rfi", 0)                                                                    \
    X(rfci, "rfci", 0)                                                                  \
    X(tlbwe, "tlbwe", 0)                                                                \
    X(tlbre, "tlbre", 0)                                                                \
    X(tlbsx, "tlbsx 0,3", 0)                                                            \
    X(tlbivax, "tlbivax 0,3", 0)                                                        \
    X(tlbsync, "tlbsync", 0)                                                            \
    X(dcbi, "dcbi 0,3", 0)                                                              \
    X(mfsprg0, "mfspr 3,272", 0)                                                        \
    X(mtsprg0, "mtspr 272,4", 0)                                                        \
    X(mfsrr0, "mfspr 3,26", 0)                                                          \
    X(mtsrr1, "mtspr 27,4", 0)                                                          \
    X(mfpid, "mfspr 3,48", 0)                                                           \
    X(mtpid, "mtspr 48,4", 0)                                                           \
    X(mfpir, "mfspr 3,286", 0)                                                          \
    X(mtdec, "mtspr 22,4", 0)                                                           \
    X(mttcr, "mtspr 340,4", 0)                                                          \
    X(mttsr, "mtspr 336,4", 0)                                                          \
    X(mtmas0, "mtspr 624,4", 0)                                                         \
    X(mtmmucsr0, "mtspr 1012,4", 0)                                                     \
    X(mthid0, "mtspr 1008,4", 0)                                                        \
    X(mfpvr, "mfspr 3,287", 1)                                                          \
    X(no_such_spr, "mfspr 3,900", 0)                                                    \
    X(read_sprg4, "mfspr 3,260", 0)                                                     \
    X(read_sprg7, "mfspr 3,263", 0)                                                     \
    X(usprg0, "mtspr 256,4\n mfspr 3,256", 1)                                           \
    X(time_base, "mfspr 3,268", 0)                                                      \
    X(mftb, "mftb 3", 0)                                                                \
    X(lwsync, ".long 0x7c2004ac\n mr 3,5", 1)                                           \
    X(mbar, "mbar\n mr 3,5", 1)                                                         \
    X(isel, "cmpwi 5,8\n isel 3,4,5,2", 1)                                              \
    X(popcntb, ".long 0x7c8300f4", 1)                                                   \
    X(mcrxr, "li 3,-1\n addic 3,3,1\n .long 0x7c000400\n mfcr 3\n rlwinm 3,3,0,0,3", 1) \
    X(lswi, "mr 6,3\n .long 0x7c6644aa", 1)                                             \
    X(lvx, ".long 0x7c0018ce", 0)

#define TEXT(name, instruction, show) \
    ".balign 32\n.globl trap_" #name "\ntrap_" #name ":\n" instruction "\nblr\n"
__asm__(".pushsection .text\n.machine push\n.machine \"e500\"\n" CASES(
    TEXT) ".machine pop\n.popsection\n");

typedef uint32_t code(void* buffer, uint32_t pattern, uint32_t eight);
#define DECLARE(name, instruction, show) code trap_##name;
CASES(DECLARE)

struct call {
    code* entry;
    uint8_t* buffer;
    uint32_t result;
};

static void enter(void* argument) {
    struct call* call = argument;
    call->result = call->entry(call->buffer, 0x12345678, 8);
}

static void run(const char* name, code* entry, bool show) {
    static _Alignas(64) uint8_t buffer[64];
    for (size_t i = 0; i < sizeof buffer; ++i) buffer[i] = (uint8_t)(i + 1);
    struct call call = {entry, buffer, 0};
    const struct fault fault = catch_fault(enter, &call);
    if (fault.signal != 0)
        report_fault(name, fault, (void*)(uintptr_t)entry);
    else if (show)
        report(name, "%#x", call.result);
    else
        report(name, "runs");
}

void check_traps(void) {
#define RUN(name, instruction, show) run(#name, trap_##name, show);
    CASES(RUN)
    errno = 0;
    const long result = syscall(4095);
    report("no_such_syscall", "%ld %s", result, errno == ENOSYS ? "ENOSYS" : strerror(errno));
}
