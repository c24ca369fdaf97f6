// SPDX-License-Identifier: Apache-2.0
// trapeze-torture SEED FIRST COUNT: writes the sequences FIRST to FIRST + COUNT - 1 to stdout.
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "generate.hpp"

namespace {

using torture::Sequence;
using torture::u32;

// Big-endian, as the target reads them.
template <typename T>
bool write(const T& record) {
    u32 words[sizeof(T) / 4];
    std::memcpy(words, &record, sizeof record);
    if constexpr (std::endian::native == std::endian::little) {
        for (u32& word : words) word = __builtin_bswap32(word);
    }
    return std::fwrite(words, sizeof words, 1, stdout) == 1;
}

bool number(const char* text, unsigned long long& value) {
    char* end = nullptr;
    errno = 0;
    value = std::strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == 0;
}

}  // namespace

int main(int argc, char** argv) {
    constexpr unsigned long long most =
        (torture::most_bytes - sizeof(torture::Header)) / sizeof(Sequence);
    unsigned long long seed = 0, first = 0, count = 0;
    if (argc != 4 || !number(argv[1], seed) || !number(argv[2], first) || !number(argv[3], count) ||
        first > 0xffff'ffff || count > most) {
        std::fprintf(stderr, "usage: trapeze-torture SEED FIRST COUNT (at most %llu at once)\n",
                     most);
        return 2;
    }
    bool good =
        write(torture::Header{torture::magic, static_cast<u32>(count), static_cast<u32>(count)});
    for (unsigned long long i = 0; i < count && good; ++i) {
        good = write(torture::generate(seed, static_cast<u32>(first + i)));
    }
    if (!good || std::fflush(stdout) != 0) {
        std::fprintf(stderr, "trapeze-torture: cannot write: %s\n", std::strerror(errno));
        return 3;
    }
    return 0;
}
