// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

namespace trapeze::fuzz {

/// Ends the fuzzer with a report: what was promised does not hold for this input.
inline void require(bool condition, const char* file = __builtin_FILE(),
                    int line = __builtin_LINE()) {
    if (condition) return;
    std::fprintf(stderr, "%s:%d: does not hold\n", file, line);
    std::abort();
}

/// A fuzzer's input as decisions: each takes bytes from its front, and zeroes behind its end.
class Source {
  public:
    Source(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

    bool empty() const { return left_.empty(); }
    std::uint8_t byte() {
        if (left_.empty()) return 0;
        const std::uint8_t first = left_.front();
        left_ = left_.subspan(1);
        return first;
    }
    std::uint32_t word() {
        std::uint32_t value = 0;
        for (unsigned i = 0; i < 4; ++i) value = value << 8U | byte();
        return value;
    }
    std::uint64_t wide() { return std::uint64_t{word()} << 32U | word(); }
    /// 0 to limit - 1.
    unsigned below(unsigned limit) { return byte() % limit; }
    /// True once in `often`, and never behind the end.
    bool rarely(unsigned often) { return byte() % often == often - 1; }
    template <typename T, std::size_t n>
    const T& one_of(const T (&choices)[n]) {
        return choices[byte() % n];
    }
    /// Up to `most` bytes.
    std::string text(unsigned most) {
        std::string out(byte() % (most + 1), 0);
        for (auto& c : out) c = static_cast<char>(byte());
        return out;
    }

  private:
    std::span<const std::uint8_t> left_;
};

}  // namespace trapeze::fuzz
