// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pack/image.hpp"

namespace trapeze::pack {

/// True when the file starts with the ELF magic, of whatever class and machine.
bool is_elf(ByteView data);

/// A linked 32-bit big-endian PowerPC program, loaded by physical addresses. An entry that is a
/// virtual address (vmlinux) becomes its physical one. Throws InputError; see parse_kernel.
Kernel parse_elf(ByteView data, const std::string& name, std::uint64_t mem);

/// The code symbols of an ELF file of that kind, sorted by address. Throws InputError.
std::vector<Symbol> elf_symbols(ByteView data, const std::string& name);

}  // namespace trapeze::pack
