// SPDX-License-Identifier: Apache-2.0
#include "trapmap/disasm.hpp"

// bfd.h refuses to be included without the configure macros of a GNU package.
#define PACKAGE         "trapeze"
#define PACKAGE_VERSION "0"
#include <dis-asm.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "dbt/spr.hpp"

namespace trapeze::trapmap {

struct Disassembler::State {
    disassemble_info info{};
    disassembler_ftype print_insn = nullptr;
    std::array<bfd_byte, 4> bytes{};
    bfd_vma address = 0;
    std::string text;
    AddressText address_text;
};

namespace {

using Piece = std::array<char, 128>;

/// Appends with every run of blanks as one.
void append(void* stream, std::string_view piece) {
    std::string& text = static_cast<Disassembler::State*>(stream)->text;
    for (const char c : piece) {
        const bool blank = c == ' ' || c == '\t';
        if (!blank) {
            text += c;
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
    append(stream, piece.data());
    return length;
}

int print_styled(void* stream, disassembler_style /*style*/, const char* format, ...) {
    Piece piece{};
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(piece.data(), piece.size(), format, arguments);
    va_end(arguments);
    append(stream, piece.data());
    return length;
}

void print_target(bfd_vma address, disassemble_info* info) {
    const auto* state = static_cast<const Disassembler::State*>(info->stream);
    const auto ea = static_cast<std::uint32_t>(address);
    append(info->stream, state->address_text ? state->address_text(ea) : fmt::format("{:08x}", ea));
}

int read_word(bfd_vma address, bfd_byte* out, unsigned length, disassemble_info* info) {
    const auto* state = static_cast<const Disassembler::State*>(info->stream);
    if (address != state->address || length != state->bytes.size()) return -1;
    std::memcpy(out, state->bytes.data(), length);
    return 0;
}

/// The manual's name for the SPR written as a number at `at` in `text`, in its place.
void name_spr(std::string& text, std::size_t at) {
    unsigned number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + at, end, number);
    const dbt::SprInfo* spr = error == std::errc{} ? dbt::find_spr(number) : nullptr;
    if (spr != nullptr) {
        text.replace(at, static_cast<std::size_t>(rest - text.data()) - at, spr->name);
    }
}

}  // namespace

Disassembler::Disassembler() : state_(std::make_unique<State>()) {
    State& s = *state_;
    init_disassemble_info(&s.info, &s, print, print_styled);
    s.info.arch = bfd_arch_powerpc;
    s.info.mach = bfd_mach_ppc_e500;
    s.info.endian = BFD_ENDIAN_BIG;
    s.info.endian_code = BFD_ENDIAN_BIG;
    s.info.disassembler_options = "e500";
    s.info.read_memory_func = read_word;
    s.info.print_address_func = print_target;
    disassemble_init_for_target(&s.info);
    s.print_insn = disassembler(bfd_arch_powerpc, true, bfd_mach_ppc_e500, nullptr);
    if (s.print_insn == nullptr) {
        throw std::runtime_error("this libopcodes does not know powerpc");
    }
}

Disassembler::~Disassembler() { disassemble_free_target(&state_->info); }

void Disassembler::set_address_text(AddressText text) { state_->address_text = std::move(text); }

std::string Disassembler::text(std::uint32_t word, std::uint32_t ea) {
    State& s = *state_;
    for (unsigned i = 0; i < s.bytes.size(); ++i) {
        s.bytes[i] = static_cast<bfd_byte>(word >> (24U - 8U * i));
    }
    s.address = ea;
    s.text.clear();
    s.print_insn(ea, &s.info);
    while (!s.text.empty() && s.text.back() == ' ') {
        s.text.pop_back();
    }
    std::string text = s.text;
    if (text.starts_with("mtspr ")) {
        name_spr(text, std::strlen("mtspr "));
    } else if (text.starts_with("mfspr ")) {
        const std::size_t comma = text.find(',');
        if (comma != std::string::npos) name_spr(text, comma + 1);
    }
    return text;
}

std::string kind_of(std::string_view disassembly) {
    const std::size_t blank = std::min(disassembly.find(' '), disassembly.size());
    const std::string_view mnemonic = disassembly.substr(0, blank);
    std::string_view operands = disassembly.substr(std::min(blank + 1, disassembly.size()));
    if (mnemonic == "mtspr" || mnemonic == "mtsprg") {
        operands = operands.substr(0, operands.find(','));
    } else if (mnemonic == "mfspr" || mnemonic == "mfsprg") {
        operands.remove_prefix(std::min(operands.find(',') + 1, operands.size()));
    } else {
        return std::string(mnemonic);
    }
    return fmt::format("{} {}", mnemonic, operands);
}

}  // namespace trapeze::trapmap
