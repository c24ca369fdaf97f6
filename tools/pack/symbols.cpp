// SPDX-License-Identifier: Apache-2.0
#include "pack/symbols.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "pack/elf.hpp"

namespace trapeze::pack {

namespace {

void put_be32(Bytes& out, std::uint32_t value) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        out.push_back(static_cast<std::byte>(value >> shift & 0xffU));
    }
}

/// "c0000000 T _stext" -> a symbol; false when the line is of another form.
bool parse_line(std::string_view line, Symbol& symbol, bool& code) {
    const char* end = line.data() + line.size();
    const auto [rest, error] = std::from_chars(line.data(), end, symbol.address, 16);
    constexpr std::ptrdiff_t shortest = 4;  // " T x"
    if (error != std::errc{} || end - rest < shortest || rest[0] != ' ' || rest[2] != ' ') {
        return false;
    }
    code = rest[1] == 'T' || rest[1] == 't' || rest[1] == 'W' || rest[1] == 'w';
    symbol.name.assign(rest + 3, end);
    return true;
}

}  // namespace

void tidy_symbols(std::vector<Symbol>& symbols) {
    std::erase_if(symbols, [](const Symbol& symbol) {
        return symbol.name.empty() || symbol.name.front() == '$' ||
               symbol.name.compare(0, 2, ".L") == 0;
    });
    for (Symbol& symbol : symbols) {
        constexpr std::size_t longest = 255;
        symbol.name.resize(std::min(symbol.name.size(), longest));
        std::ranges::replace_if(
            symbol.name, [](char c) { return c <= ' ' || c > '~'; }, '?');
    }
    std::sort(symbols.begin(), symbols.end(), [](const Symbol& a, const Symbol& b) {
        return std::tie(a.address, a.name) < std::tie(b.address, b.name);
    });
    const auto same = [](const Symbol& a, const Symbol& b) { return a.address == b.address; };
    symbols.erase(std::unique(symbols.begin(), symbols.end(), same), symbols.end());
}

std::vector<Symbol> parse_symbols(ByteView data, const std::string& name) {
    if (is_elf(data)) {
        return elf_symbols(data, name);
    }
    std::vector<Symbol> result;
    std::string_view text = as_text(data);
    std::size_t number = 0;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        ++number;
        if (line.empty()) {
            continue;
        }
        Symbol symbol;
        bool code = false;
        if (!parse_line(line, symbol, code)) {
            throw InputError(fmt::format(
                "{}: line {} is not 'address type name': give a System.map or an ELF file", name,
                number));
        }
        if (code) {
            result.push_back(std::move(symbol));
        }
        if (result.size() > max_symbols) {
            throw InputError(fmt::format("{}: has more than {} symbols", name, max_symbols));
        }
    }
    tidy_symbols(result);
    return result;
}

Bytes encode_symbols(const std::vector<Symbol>& symbols) {
    Bytes out;
    put_be32(out, static_cast<std::uint32_t>(symbols.size()));
    std::uint32_t offset = 0;
    for (const Symbol& symbol : symbols) {
        put_be32(out, symbol.address);
        put_be32(out, offset);
        offset += static_cast<std::uint32_t>(symbol.name.size() + 1);
    }
    for (const Symbol& symbol : symbols) {
        for (const char c : symbol.name) {
            out.push_back(static_cast<std::byte>(c));
        }
        out.push_back(std::byte{0});
    }
    return out;
}

}  // namespace trapeze::pack
