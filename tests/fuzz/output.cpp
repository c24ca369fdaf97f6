// SPDX-License-Identifier: Apache-2.0
#include "output.hpp"

#include "core.hpp"
#include "hv/board/ppce500.hpp"
#include "source.hpp"

namespace trapeze::fuzz {

namespace {

constexpr e500::u64 uart = board::ccsr_base + board::uart1_offset;

/// A value of JSON at the front of `text`, taken off it (RFC 8259).
void take_value(std::string_view& text);

void take(std::string_view& text, char c) {
    require(!text.empty() && text.front() == c);
    text.remove_prefix(1);
}

void take_string(std::string_view& text) {
    take(text, '"');
    while (!text.empty() && text.front() != '"') {
        require(static_cast<unsigned char>(text.front()) >= 0x20);
        if (text.front() == '\\') {
            text.remove_prefix(1);
            require(!text.empty() && (text.front() == '"' || text.front() == '\\'));
        }
        text.remove_prefix(1);
    }
    take(text, '"');
}

void take_members(std::string_view& text, char open, char close) {
    take(text, open);
    while (!text.empty() && text.front() != close) {
        if (open == '{') {
            take_string(text);
            take(text, ':');
        }
        take_value(text);
        if (!text.empty() && text.front() == ',') {
            take(text, ',');
            require(!text.empty() && text.front() != close);
        } else {
            require(!text.empty() && text.front() == close);
        }
    }
    take(text, close);
}

void take_value(std::string_view& text) {
    require(!text.empty());
    if (text.front() == '{') return take_members(text, '{', '}');
    if (text.front() == '[') return take_members(text, '[', ']');
    if (text.front() == '"') return take_string(text);
    if (text.front() == '-') text.remove_prefix(1);
    const std::size_t digits = text.find_first_not_of("0123456789");
    require(digits != 0 && digits != std::string_view::npos);
    text.remove_prefix(digits);
}

}  // namespace

std::string uart_output() {
    std::string out;
    for (const auto& write : test::the_core().io_writes) {
        if (write.hpa == uart) out.push_back(static_cast<char>(write.value));
    }
    return out;
}

void prepare_uart(std::string_view input) {
    constexpr e500::u32 line_status = 5, ready = 1, empty = 0x20, all_empty = 0x40;
    auto& io = test::the_core().io;
    io[board::ccsr_base + board::uart0_offset + line_status] = empty | all_empty;
    io[uart + line_status] = empty | (input.empty() ? 0 : ready);
    io[uart] = input.empty() ? 0 : static_cast<unsigned char>(input.front());
}

std::string check_lines(std::string_view output) {
    constexpr std::string_view summary = "@@trapeze-summary ";
    std::string found;
    while (!output.empty()) {
        const std::size_t end = output.find('\n');
        require(end != std::string_view::npos);
        const std::string_view line = output.substr(0, end);
        output.remove_prefix(end + 1);
        for (const char c : line) {
            require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
        }
        if (line.substr(0, summary.size()) == summary) {
            require(found.empty());
            found = line.substr(summary.size());
        } else {
            require(line.substr(0, 5) == "[vmm ");
        }
    }
    return found;
}

void check_json(std::string_view text) {
    require(!text.empty() && text.front() == '{');
    take_value(text);
    require(text.empty());
}

}  // namespace trapeze::fuzz
