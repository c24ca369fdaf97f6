// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/spr.hpp"
#include "hv/core/e500.hpp"

// The core's own SPRs, by name.
namespace trapeze::core {

using dbt::Spr;

template <Spr spr>
e500::u32 get() {
    e500::u32 value;
    asm volatile("mfspr %0, %1" : "=r"(value) : "i"(static_cast<int>(spr)));
    return value;
}

template <Spr spr>
void put(e500::u32 value) {
    asm volatile("mtspr %0, %1" ::"i"(static_cast<int>(spr)), "r"(value) : "memory");
}

}  // namespace trapeze::core
