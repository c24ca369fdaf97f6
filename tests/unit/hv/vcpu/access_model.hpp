// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "dbt/decode.hpp"
#include "hv/vcpu/access.hpp"

namespace trapeze::test {

using e500::u32;
using e500::u64;
using e500::u8;

/// What stands behind a page of the memory that the emulator's accesses go to here.
struct MemoryPage {
    bool load = true, store = true;  ///< what is allowed; else a data storage interrupt
    bool refused = false;            ///< the port cannot do it
    std::vector<u8> bytes = std::vector<u8>(4096);
};
using Memory = std::map<u32, MemoryPage>;  ///< by EA of the page; others do not exist

/// The memory behind memory_port, and the pieces that went through it.
struct Piece {
    u32 ea;
    unsigned size;
    bool store;
    bool operator==(const Piece&) const = default;
};
struct PortMemory {
    Memory pages;
    std::vector<Piece> pieces;
    std::size_t most = ~std::size_t{0};  ///< pieces; the one after them ends the guest
};
PortMemory& port_memory();
const vcpu::Port& memory_port();

/// Whether the emulator of accesses executes it; the model takes any form, also what the core takes
/// for an illegal instruction.
bool is_emulated(dbt::Op op);

/// An e500v2's registers and memory, and its loads, stores and cache instructions as the manuals
/// write them down, a byte at a time. Shares nothing with the VMM.
struct Model {
    std::array<u64, 32> gpr{};
    u32 cr = 0, xer = 0;
    Memory pages;

    enum class End : u8 { done, storage, refused, unknown };
    /// Executes `word`. Unless done nothing changes but `dear` and `stores`.
    End run(u32 word);
    u32 dear = 0;
    bool stores = false;

  private:
    struct Stop {
        End end;
    };
    void execute(u32 word);
    void integer(u32 word, u32 opcode, u32 ea);
    void extended(u32 word);
    void vector(u32 word);
    void string(u32 word, u32 ea, unsigned bytes, bool store);
    void touch(u32 ea, unsigned bytes, bool store);
    u64 load(u32 ea, unsigned bytes);
    void store(u32 ea, unsigned bytes, u64 value);
    void put(unsigned r, u64 low) { gpr.at(r) = gpr.at(r) >> 32U << 32U | (low & 0xffffffffU); }
    u32 get(unsigned r) const { return static_cast<u32>(gpr.at(r)); }
};

}  // namespace trapeze::test
