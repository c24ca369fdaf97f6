// SPDX-License-Identifier: Apache-2.0
// The C library functions that libfdt and the compiler call.
#include <cstddef>

using std::size_t;

extern "C" {

void* memcpy(void* to, const void* from, size_t n) {
    auto* d = static_cast<unsigned char*>(to);
    const auto* s = static_cast<const unsigned char*>(from);
    if (((reinterpret_cast<size_t>(d) ^ reinterpret_cast<size_t>(s)) & 3) == 0) {
        for (; n != 0 && (reinterpret_cast<size_t>(d) & 3) != 0; --n) *d++ = *s++;
        auto* dw = reinterpret_cast<unsigned*>(d);
        const auto* sw = reinterpret_cast<const unsigned*>(s);
        for (; n >= 16; n -= 16, dw += 4, sw += 4) {
            dw[0] = sw[0];
            dw[1] = sw[1];
            dw[2] = sw[2];
            dw[3] = sw[3];
        }
        for (; n >= 4; n -= 4) *dw++ = *sw++;
        d = reinterpret_cast<unsigned char*>(dw);
        s = reinterpret_cast<const unsigned char*>(sw);
    }
    for (; n != 0; --n) *d++ = *s++;
    return to;
}

void* memmove(void* to, const void* from, size_t n) {
    auto* d = static_cast<unsigned char*>(to);
    const auto* s = static_cast<const unsigned char*>(from);
    if (d <= s || d >= s + n) return memcpy(to, from, n);
    while (n-- != 0) d[n] = s[n];
    return to;
}

void* memset(void* to, int value, size_t n) {
    auto* d = static_cast<unsigned char*>(to);
    const auto byte = static_cast<unsigned char>(value);
    for (; n != 0 && (reinterpret_cast<size_t>(d) & 3) != 0; --n) *d++ = byte;
    // All of a guest's RAM is cleared when it starts again.
    const unsigned word = byte * 0x0101'0101u;
    auto* dw = reinterpret_cast<unsigned*>(d);
    for (; n >= 16; n -= 16, dw += 4) {
        dw[0] = word;
        dw[1] = word;
        dw[2] = word;
        dw[3] = word;
    }
    d = reinterpret_cast<unsigned char*>(dw);
    for (; n != 0; --n) *d++ = byte;
    return to;
}

int memcmp(const void* a, const void* b, size_t n) {
    const auto* x = static_cast<const unsigned char*>(a);
    const auto* y = static_cast<const unsigned char*>(b);
    for (; n != 0; --n, ++x, ++y) {
        if (*x != *y) return *x < *y ? -1 : 1;
    }
    return 0;
}

void* memchr(const void* in, int value, size_t n) {
    const auto* s = static_cast<const unsigned char*>(in);
    for (; n != 0; --n, ++s) {
        if (*s == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(s);
    }
    return nullptr;
}

size_t strnlen(const char* s, size_t n) {
    size_t i = 0;
    while (i < n && s[i] != 0) ++i;
    return i;
}

size_t strlen(const char* s) { return strnlen(s, ~size_t{0}); }

int strcmp(const char* a, const char* b) {
    while (*a != 0 && *a == *b) ++a, ++b;
    return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

char* strchr(const char* s, int c) {
    for (;; ++s) {
        if (*s == static_cast<char>(c)) return const_cast<char*>(s);
        if (*s == 0) return nullptr;
    }
}

char* strrchr(const char* s, int c) {
    const char* found = nullptr;
    for (;; ++s) {
        if (*s == static_cast<char>(c)) found = s;
        if (*s == 0) return const_cast<char*>(found);
    }
}

}  // extern "C"
