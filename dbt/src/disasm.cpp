// SPDX-License-Identifier: Apache-2.0
#include "dbt/disasm.hpp"

#include "dbt/decode.hpp"
#include "dbt/spr.hpp"

namespace trapeze::dbt {
namespace {

/// The caller's buffer; what does not fit is dropped.
class Text {
  public:
    Text(char* out, std::size_t size) : out_(out), size_(size) {}

    void put(char c) {
        if (length_ + 1 < size_) {
            out_[length_] = c;
            ++length_;
        }
    }

    void put(const char* s) {
        for (; *s != '\0'; ++s) {
            put(*s);
        }
    }

    void put_decimal(std::uint32_t n) {
        if (n >= 10) {
            put_decimal(n / 10);
        }
        put(static_cast<char>('0' + n % 10));
    }

    void put_signed(std::int32_t n) {
        const auto u = static_cast<std::uint32_t>(n);
        if (n < 0) {
            put('-');
        }
        put_decimal(n < 0 ? 0 - u : u);
    }

    /// All eight digits, so that addresses line up.
    void put_hex(std::uint32_t n) {
        put("0x");
        for (unsigned shift = 32; shift != 0; shift -= 4) {
            put("0123456789abcdef"[n >> (shift - 4U) & 15U]);
        }
    }

    void put_gpr(unsigned n) {
        put('r');
        put_decimal(n);
    }

    std::size_t finish() {
        if (size_ != 0) {
            out_[length_] = '\0';
        }
        return length_;
    }

  private:
    char* out_;
    std::size_t size_;
    std::size_t length_ = 0;
};

void put_spr(Text& text, unsigned number) {
    if (const SprInfo* spr = find_spr(number)) {
        text.put(spr->name);
    } else {
        text.put_decimal(number);
    }
}

/// A bit of the condition register: `eq` in cr0, else `4*cr1+eq`.
void put_cr_bit(Text& text, unsigned bit) {
    constexpr const char* names[] = {"lt", "gt", "eq", "so"};
    if (bit >= 4) {
        text.put("4*cr");
        text.put_decimal(bit / 4);
        text.put('+');
    }
    text.put(names[bit % 4]);
}

void put_target(Text& text, Insn insn, std::uint32_t address, std::int32_t displacement) {
    text.put_hex((insn.aa() ? 0 : address) + static_cast<std::uint32_t>(displacement));
}

/// One letter of OpInfo::operands, in the letters of `fields`; others stand for themselves.
void put_operand(Text& text, Insn insn, std::uint32_t address, char letter) {
    switch (letter) {
        case 't':
            return text.put_gpr(insn.rt());
        case 's':
            return text.put_gpr(insn.rs());
        case 'a':
            return text.put_gpr(insn.ra());
        case 'z':
            return insn.ra() == 0 ? text.put('0') : text.put_gpr(insn.ra());
        case 'b':
            return text.put_gpr(insn.rb());
        case 'd':
        case 'u':
            return text.put_signed(letter == 'd' ? insn.d() : displacement(insn));
        case 'n':
            return text.put_decimal(insn.nb());
        case 'p':
            return put_spr(text, insn.spr());
        case 'q':
            return text.put_decimal(insn.pmr());
        case 'y':
            return text.put_decimal(insn.dcr());
        case 'E':
            return text.put_decimal(insn.e() ? 1 : 0);
        case 'c':
            return text.put_decimal(insn.ct());
        case 'm':
            return text.put_decimal(insn.mo());
        case 'o':
            return text.put_decimal(insn.to());
        case 'v':
            return text.put_decimal(insn.lev());
        case 'i':
            return put_target(text, insn, address, insn.li());
        case 'k':
            return put_target(text, insn, address, insn.bd());
        case 'O':
            return text.put_decimal(insn.bo());
        case 'I':
            return put_cr_bit(text, insn.bi());
        case 'h':
            return text.put_decimal(insn.bh());
        default:
            return text.put(letter);
    }
}

}  // namespace

std::size_t disassemble(Insn insn, std::uint32_t address, char* out, std::size_t size) {
    Text text(out, size);
    const OpInfo& op = info(insn.op);
    text.put(op.mnemonic);
    if (insn.op == Op::invalid) {
        text.put(' ');
        text.put_hex(insn.word);
        return text.finish();
    }
    if (op.kind == Kind::branch) {
        text.put(insn.lk() ? "l" : "");
        // b and bc alone have AA.
        text.put((insn.op == Op::b || insn.op == Op::bc) && insn.aa() ? "a" : "");
    }
    const char* letter = op.operands;
    if (*letter != '\0') {
        text.put(' ');
    }
    for (; *letter != '\0'; ++letter) {
        put_operand(text, insn, address, *letter);
    }
    return text.finish();
}

}  // namespace trapeze::dbt
