// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace trapeze::trapmap {

/// Binutils' disassembler (libopcodes) for the e500, with the SPR names it lacks added.
class Disassembler {
  public:
    /// Gives a branch's target its text, such as "c0012340 <memcpy+0x40>".
    using AddressText = std::function<std::string(std::uint32_t)>;

    Disassembler();
    ~Disassembler();
    Disassembler(const Disassembler&) = delete;
    Disassembler& operator=(const Disassembler&) = delete;

    /// The text for `word` at `ea`: one blank after the mnemonic. Unknown words are `.long 0x...`.
    std::string text(std::uint32_t word, std::uint32_t ea);

    /// How targets are written from now on; without one, as eight hexadecimal digits.
    void set_address_text(AddressText text);

    struct State;  ///< Only the callbacks of libopcodes look inside.

  private:
    std::unique_ptr<State> state_;
};

/// What a disassembled instruction is grouped by: the mnemonic, and for accesses to SPRs the
/// register: "mfmsr", "mtspr MAS0", "mfsprg 3".
std::string kind_of(std::string_view disassembly);

}  // namespace trapeze::trapmap
