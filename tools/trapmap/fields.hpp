// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace trapeze::trapmap {

inline constexpr std::string_view begin_mark = "@@trapeze-dump ";
inline constexpr std::string_view end_mark = "@@trapeze-dump-end ";
/// What a client of a running guest gets instead of dumps, with the reason behind it.
inline constexpr std::string_view refused_mark = "@@trapeze-refused ";

/// The line at `at`, without its line feed and a carriage return before that; moves `at` to the
/// next one, or to the end of `text`.
inline std::string_view next_line(std::string_view text, std::size_t& at) {
    const std::size_t feed = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, feed - at);
    at = std::min(feed + 1, text.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

/// Takes a line apart at its blanks.
class Fields {
  public:
    explicit Fields(std::string_view line) : rest_(line) {}

    /// The next field, empty when there is none.
    std::string_view next() {
        const std::size_t start = std::min(rest_.find_first_not_of(' '), rest_.size());
        rest_.remove_prefix(start);
        const std::string_view field = rest_.substr(0, rest_.find(' '));
        rest_.remove_prefix(field.size());
        return field;
    }

    void skip(unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            static_cast<void>(next());
        }
    }

    /// The next field as an unsigned number that fits T; false when it is missing or is not one.
    template <typename T>
    bool number(T& value, int base = 10) {
        const std::string_view field = next();
        const char* end = field.data() + field.size();
        const auto [stop, error] = std::from_chars(field.data(), end, value, base);
        return !field.empty() && error == std::errc{} && stop == end;
    }

  private:
    std::string_view rest_;
};

}  // namespace trapeze::trapmap
