// SPDX-License-Identifier: Apache-2.0
// Starts the kernel and initramfs of /kexec in place of the running one, without any library: by
// the system call kexec_load. The device tree is that which the running kernel was given, with the
// initrd's place in it. Exit status: 1, and a line that says at which step.
#include <stddef.h>
#include <stdint.h>

// Linux system calls on 32-bit Power, and what they take here.
enum { sys_exit = 1, sys_read = 3, sys_write = 4, sys_open = 5, sys_lseek = 19, sys_reboot = 88 };
enum { sys_mmap2 = 192, sys_kexec_load = 268 };
enum { seek_set = 0, seek_end = 2, prot_read_write = 3, map_private = 2, map_anonymous = 0x20 };
static const uint32_t reboot_magic = 0xfee1dead, reboot_magic2 = 672274793,
                      reboot_kexec = 0x45584543;

// Where things go, in guest-physical memory: behind a kernel's image and its zeroes, and what a
// kernel reads first in the first 64 MiB, which is all that it maps by then.
enum { mib = 1 << 20, page = 4096 };
enum { kernel_at = 0, tree_at = 40 * mib, stub_at = 43 * mib, initrd_at = 44 * mib };
enum { tree_most = 2 * mib };

static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r0 __asm__("r0") = number;
    register long r3 __asm__("r3") = a;
    register long r4 __asm__("r4") = b;
    register long r5 __asm__("r5") = c;
    register long r6 __asm__("r6") = d;
    register long r7 __asm__("r7") = e;
    register long r8 __asm__("r8") = f;
    __asm__ volatile("sc\n\tbns+ 1f\n\tneg 3,3\n1:"
                     : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8)
                     :
                     : "memory", "cr0", "ctr", "xer", "r9", "r10", "r11", "r12");
    return r3;
}

static size_t length(const char* text) {
    size_t n = 0;
    while (text[n] != 0) ++n;
    return n;
}

static _Noreturn void failed(const char* step) {
    static const char head[] = "kexec: failed: ";
    call(sys_write, 1, (long)head, sizeof head - 1, 0, 0, 0);
    call(sys_write, 1, (long)step, (long)length(step), 0, 0, 0);
    call(sys_write, 1, (long)"\n", 1, 0, 0, 0);
    for (;;) call(sys_exit, 1, 0, 0, 0, 0, 0);
}

// A result of mmap is an address, which may look negative.
static uint8_t* memory(size_t bytes) {
    const long at =
        call(sys_mmap2, 0, (long)bytes, prot_read_write, map_private | map_anonymous, -1, 0);
    if ((unsigned long)at > -4096UL) failed("no memory");
    return (uint8_t*)at;
}

// Reads a file to its end, or to `most` bytes.
static size_t read_all(long file, uint8_t* to, size_t most) {
    size_t have = 0;
    while (have < most) {
        const long got = call(sys_read, file, (long)(to + have), (long)(most - have), 0, 0, 0);
        if (got < 0) failed("a file cannot be read");
        if (got == 0) break;
        have += (size_t)got;
    }
    return have;
}

static long open_file(const char* path) {
    const long file = call(sys_open, (long)path, 0, 0, 0, 0, 0);
    if (file < 0) failed(path);
    return file;
}

struct segment {
    const void* from;
    size_t bytes;
    unsigned long at;
    size_t room;
};

static struct segment whole_file(const char* path, unsigned long at) {
    const long file = open_file(path);
    const long size = call(sys_lseek, file, 0, seek_end, 0, 0, 0);
    if (size <= 0) failed(path);
    call(sys_lseek, file, 0, seek_set, 0, 0, 0);
    uint8_t* const to = memory((size_t)size);
    const size_t bytes = read_all(file, to, (size_t)size);
    return (struct segment){to, bytes, at, (bytes + page - 1) & -(size_t)page};
}

static uint32_t word(const uint8_t* at) { return *(const uint32_t*)at; }

static int is(const char* a, const char* b) {
    while (*a != 0 && *a == *b) ++a, ++b;
    return *a == *b;
}

// Puts `value`, of one cell or two, into the property of /chosen (Devicetree Specification 5.4).
static void set_property(uint8_t* tree, const char* name, uint32_t value) {
    enum { begin_node = 1, end_node = 2, property = 3, nop = 4 };
    const char* const names = (const char*)tree + word(tree + 12);
    uint8_t* at = tree + word(tree + 8);
    for (int depth = 0, chosen = 0;;) {
        const uint32_t token = word(at);
        at += 4;
        if (token == begin_node) {
            ++depth;
            if (depth == 2) chosen = is((const char*)at, "chosen");
            at += (length((const char*)at) + 4) & ~3UL;
        } else if (token == end_node) {
            --depth;
        } else if (token == property) {
            const uint32_t size = word(at);
            if (depth == 2 && chosen && is(names + word(at + 4), name)) {
                if (size != 4 && size != 8) failed(name);
                if (size == 8) *(uint32_t*)(at + 8) = 0;
                *(uint32_t*)(at + 8 + size - 4) = value;
                return;
            }
            at += 8 + ((size + 3) & ~3U);
        } else if (token != nop) {
            failed(name);
        }
    }
}

// What the old kernel enters, r4 being the address of this: the new one as ePAPR (5.4) has it.
static const uint32_t stub[] = {
    0x3c600000 | tree_at >> 16,  // lis   r3,tree_at@h
    0x38800000,                  // li    r4,0
    0x38a00000,                  // li    r5,0
    0x3cc04550,
    0x60c64150,  // lis   r6,0x4550; ori r6,r6,0x4150: "EPAP"
    0x3ce00400,  // lis   r7,64 MiB@h
    0x39000000,
    0x39200000,              // li    r8,0; li r9,0
    0x39800000 | kernel_at,  // li    r12,kernel_at
    0x7d8903a6,
    0x4e800420,  // mtctr r12; bctr
};

void _start(void);
void _start(void) {
    uint8_t* const tree = memory(tree_most);
    const size_t bytes = read_all(open_file("/sys/firmware/fdt"), tree, tree_most);
    struct segment segments[] = {
        whole_file("/kexec/kernel", kernel_at),
        {tree, bytes, tree_at, (bytes + page - 1) & -(size_t)page},
        {stub, sizeof stub, stub_at, page},
        whole_file("/kexec/initrd", initrd_at),
    };
    set_property(tree, "linux,initrd-start", initrd_at);
    set_property(tree, "linux,initrd-end", initrd_at + segments[3].bytes);
    if (call(sys_kexec_load, stub_at, sizeof segments / sizeof *segments, (long)segments, 0, 0,
             0) != 0) {
        failed("kexec_load");
    }
    call(sys_reboot, (long)reboot_magic, reboot_magic2, reboot_kexec, 0, 0, 0);
    failed("reboot");
}
