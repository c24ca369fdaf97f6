// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "dbt/decode.hpp"
#include "dbt/disasm.hpp"

namespace {

using namespace trapeze::dbt;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

/// What decode() must say, the slow way: the one row whose fixed bits match.
Op search_rows(std::uint32_t word) {
    Op found = Op::invalid;
    for (std::size_t i = 1; i < op_count; ++i) {
        if ((word & detail::patterns[i].mask) == detail::patterns[i].value) {
            require(found == Op::invalid);
            found = static_cast<Op>(i);
        }
    }
    return found;
}

/// Into a buffer of exactly `size` bytes, so that the sanitizer sees every byte too far.
void check_text(Insn insn, std::uint32_t address, std::size_t size) {
    const std::unique_ptr<char[]> out(new char[size]);
    const std::size_t length = disassemble(insn, address, out.get(), size);
    require(size == 0 ? length == 0 : length < size && std::strlen(out.get()) == length);
    require(size != 64 || length < 63);  // 64 bytes are promised to hold everything
}

void check_word(std::uint32_t word, std::uint32_t address, std::size_t size) {
    const Insn insn = decode(word);
    require(insn.word == word);
    require(insn.op == search_rows(word));
    require(!info(insn.op).has(flag::privileged) || is_privileged(insn));
    const std::int32_t offset = displacement(insn);
    require(offset >= -32768 && offset <= 32767);
    check_text(insn, address, size);
    check_text(insn, address, 64);
}

std::uint32_t big_endian(const std::uint8_t* bytes) {
    std::uint32_t word = 0;
    for (unsigned i = 0; i < 4; ++i) {
        word = word << 8U | bytes[i];
    }
    return word;
}

}  // namespace

/// Input: a byte for the size of the text buffer, an address, then instruction words.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t header = 5;
    if (size < header) {
        return 0;
    }
    std::uint32_t address = big_endian(data + 1);
    for (std::size_t at = header; at + 4 <= size; at += 4, address += 4) {
        check_word(big_endian(data + at), address, data[0] % 70U);
    }
    return 0;
}
