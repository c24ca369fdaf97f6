// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isa.hpp"

// Loads and stores of every size and kind at any address, for sweeps over registers. What needs
// the SPE has MSR[SPE] set by use_spe().
namespace isa {

inline void use_spe() { mtmsr(mfmsr() | msr::spe); }

enum class Form : u8 { byte, half, word, pair, multiple, reversed, count };
inline constexpr const char* form_names[] = {"byte",    "half",     "word",
                                             "8 bytes", "multiple", "reversed"};
// Bytes that a form touches: lmw and stmw of two registers. (The core has no string forms.)
inline constexpr u32 form_bytes[] = {1, 2, 4, 8, 8, 4};

// All that was loaded, in one number.
inline u32 load(Form form, u32 ea) {
    u32 low = 0, high = 0;
    switch (form) {
        case Form::byte:
            asm volatile("lbz %0, 0(%1)" : "=r"(low) : "b"(ea) : "memory");
            break;
        case Form::half:
            asm volatile("lhz %0, 0(%1)" : "=r"(low) : "b"(ea) : "memory");
            break;
        case Form::word:
            asm volatile("lwz %0, 0(%1)" : "=r"(low) : "b"(ea) : "memory");
            break;
        case Form::pair:
            asm volatile("evldd %0, 0(%2); evmergehi %1, %0, %0"
                         : "=&r"(low), "=r"(high)
                         : "b"(ea)
                         : "memory");
            break;
        case Form::multiple:
            asm volatile("lmw 30, 0(%2); mr %0, 31; mr %1, 30"
                         : "=r"(low), "=r"(high)
                         : "b"(ea)
                         : "memory", "r30", "r31");
            break;
        default:
            asm volatile("lwbrx %0, 0, %1" : "=r"(low) : "r"(ea) : "memory");
            break;
    }
    return low ^ (high << 5 | high >> 27);
}

inline void store(Form form, u32 ea, u32 value) {
    switch (form) {
        case Form::byte:
            asm volatile("stb %0, 0(%1)" : : "r"(value), "b"(ea) : "memory");
            break;
        case Form::half:
            asm volatile("sth %0, 0(%1)" : : "r"(value), "b"(ea) : "memory");
            break;
        case Form::word:
            asm volatile("stw %0, 0(%1)" : : "r"(value), "b"(ea) : "memory");
            break;
        case Form::pair:
            asm volatile("evmergelo 31, %0, %0; evstdd 31, 0(%1)"
                         :
                         : "r"(value), "b"(ea)
                         : "memory", "r31");
            break;
        case Form::multiple:
            asm volatile("mr 30, %0; mr 31, %0; stmw 30, 0(%1)"
                         :
                         : "r"(value), "b"(ea)
                         : "memory", "r30", "r31");
            break;
        default:
            asm volatile("stwbrx %0, 0, %1" : : "r"(value), "r"(ea) : "memory");
            break;
    }
}
inline void zero_block(u32 ea) { asm volatile("dcbz 0, %0" : : "r"(ea) : "memory"); }

template <typename Function>
void each_form(const Function& function) {
    for (u32 i = 0; i < static_cast<u32>(Form::count); ++i) function(static_cast<Form>(i));
}

}  // namespace isa
