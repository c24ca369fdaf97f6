// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace trapeze::test {

/// Binutils' disassembler (libopcodes) as an independent witness of what a word means.
class Witness {
  public:
    /// `dialect`: the disassembler options, such as "e500" or "e500,raw". Raw is without extended
    /// mnemonics: `bc 12,eq,...` rather than `beq ...`.
    explicit Witness(const std::string& dialect);
    ~Witness();
    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;

    /// The text for `word` at `address`: one space after the mnemonic, none at the end, target
    /// addresses as 0x and eight digits. Words it does not know are `.long 0x...`.
    const std::string& text(std::uint32_t word, std::uint32_t address = 0);

    /// The first word of text(): the mnemonic, or `.long`.
    std::string mnemonic(std::uint32_t word);

    struct State;  ///< Only the callbacks of libopcodes look inside.

  private:
    std::unique_ptr<State> state_;
};

}  // namespace trapeze::test
