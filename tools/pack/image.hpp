// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pack/input.hpp"

namespace trapeze::pack {

/// A piece of the guest's memory as it is when the guest is entered.
struct Segment {
    std::uint64_t load = 0;      ///< guest-physical address of its first byte
    std::uint64_t mem_size = 0;  ///< bytes in memory; those past `data` are zero
    Bytes data;
};

struct Symbol {
    std::uint32_t address = 0;  ///< effective address
    std::string name;
};

enum class Kind : std::uint8_t { uimage, elf, raw };

/// The name of a Kind in guest.fit.
std::string_view name_of(Kind kind);

/// A kernel or bare-metal program, ready to be placed.
struct Kernel {
    Kind kind = Kind::raw;
    std::string title;        ///< what it calls itself, may be empty
    std::uint64_t entry = 0;  ///< guest-physical
    std::vector<Segment> segments;
    std::vector<Symbol> symbols;  ///< sorted by address
};

/// A file that the user puts at an address of the guest's memory.
struct Load {
    std::string name;  ///< for messages
    std::uint64_t address = 0;
    Bytes data;
};

/// All that guest.fit says.
struct Guest {
    Kernel kernel;
    std::optional<Bytes> initrd;
    std::optional<Bytes> dtb;
    std::string bootargs;
    std::vector<Load> loads;
};

/// Reads a kernel of whichever kind `data` is. `name` is for messages, `mem` the guest's memory
/// in bytes; `force_raw` takes anything as raw. Throws InputError.
Kernel parse_kernel(ByteView data, const std::string& name, std::uint64_t mem, bool force_raw);

/// "FILE@ADDRESS", the address in hex with 0x or decimal, as the file's name and where it goes.
/// Throws InputError.
std::pair<std::string, std::uint64_t> parse_load(const std::string& text);

/// Throws InputError unless the parts lie in `mem` bytes, apart from each other, with the entry
/// inside one of them, and leave room for the parts that the VMM places. `name` is the kernel's.
void check_layout(const Guest& guest, const std::string& name, std::uint64_t mem);

}  // namespace trapeze::pack
