// SPDX-License-Identifier: Apache-2.0
#include "witness.hpp"

// bfd.h refuses to be included without the configure macros of a GNU package.
#define PACKAGE         "trapeze"
#define PACKAGE_VERSION "0"
#include <dis-asm.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace trapeze::test {

struct Witness::State {
    disassemble_info info{};
    disassembler_ftype print_insn = nullptr;
    std::string options;
    std::array<bfd_byte, 4> bytes{};
    bfd_vma address = 0;
    std::string text;
};

namespace {

using Piece = std::array<char, 128>;

/// Appends with every run of blanks as one space.
void append(void* stream, const Piece& piece) {
    std::string& text = static_cast<Witness::State*>(stream)->text;
    for (const char* c = piece.data(); *c != '\0'; ++c) {
        const bool blank = *c == ' ' || *c == '\t';
        if (!blank) {
            text += *c;
        } else if (!text.empty() && text.back() != ' ') {
            text += ' ';
        }
    }
}

int print(void* stream, const char* format, ...) {
    Piece piece{};
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(piece.data(), piece.size(), format, arguments);
    va_end(arguments);
    append(stream, piece);
    return length;
}

int print_styled(void* stream, disassembler_style /*style*/, const char* format, ...) {
    Piece piece{};
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(piece.data(), piece.size(), format, arguments);
    va_end(arguments);
    append(stream, piece);
    return length;
}

void print_target(bfd_vma address, disassemble_info* info) {
    print(info->stream, "0x%08x", static_cast<unsigned>(address));
}

int read_word(bfd_vma address, bfd_byte* out, unsigned length, disassemble_info* info) {
    const auto* state = static_cast<const Witness::State*>(info->stream);
    if (address != state->address || length != state->bytes.size()) {
        return -1;
    }
    std::memcpy(out, state->bytes.data(), length);
    return 0;
}

}  // namespace

Witness::Witness(const std::string& dialect) : state_(std::make_unique<State>()) {
    State& s = *state_;
    s.options = dialect;
    init_disassemble_info(&s.info, &s, print, print_styled);
    s.info.arch = bfd_arch_powerpc;
    s.info.mach = bfd_mach_ppc;
    s.info.endian = BFD_ENDIAN_BIG;
    s.info.endian_code = BFD_ENDIAN_BIG;
    s.info.disassembler_options = s.options.c_str();
    s.info.read_memory_func = read_word;
    s.info.print_address_func = print_target;
    disassemble_init_for_target(&s.info);
    s.print_insn = disassembler(bfd_arch_powerpc, true, bfd_mach_ppc, nullptr);
    if (s.print_insn == nullptr) {
        throw std::runtime_error("this libopcodes does not know powerpc");
    }
}

Witness::~Witness() { disassemble_free_target(&state_->info); }

const std::string& Witness::text(std::uint32_t word, std::uint32_t address) {
    State& s = *state_;
    for (unsigned i = 0; i < s.bytes.size(); ++i) {
        s.bytes[i] = static_cast<bfd_byte>(word >> (24U - 8U * i));
    }
    s.address = address;
    s.text.clear();
    s.print_insn(address, &s.info);
    while (!s.text.empty() && s.text.back() == ' ') {
        s.text.pop_back();
    }
    return s.text;
}

std::string Witness::mnemonic(std::uint32_t word) {
    const std::string& all = text(word);
    return all.substr(0, all.find(' '));
}

}  // namespace trapeze::test
