// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// The VMM's own effective addresses, in address space 0 of the core (docs/mmu.md), wherever the
// board has what stands there. The linker script and the assembly have them from here
// (exit/offsets.cpp).
namespace trapeze::own_map {

// The hole that a guest sees there.
inline constexpr std::uint32_t base = 0xf400'0000;
inline constexpr std::uint32_t size = 0x200'0000;

// The image, its stacks and .bss, and the guest's symbols behind it; loaded at physical 0.
inline constexpr std::uint32_t image_base = base;
inline constexpr std::uint32_t image_size = 0x100'0000;
// The board's device registers (CCSR).
inline constexpr std::uint32_t io_base = image_base + image_size;
inline constexpr std::uint32_t io_size = 0x10'0000;
// Pages that show any other: for copies, guest memory and devices (core/cpu.cpp).
inline constexpr std::uint32_t window_base = base + 0x140'0000;
inline constexpr std::uint32_t window_size = 0x2000;
// The guest kernel's text, for exits to read (vcpu/text_window.hpp).
inline constexpr std::uint32_t text_base = base + 0x180'0000;
inline constexpr std::uint32_t text_size = 0x40'0000;

static_assert(image_base % image_size == 0 && io_base % io_size == 0, "one entry each");
static_assert(io_base + io_size <= window_base && window_base + window_size <= text_base);
static_assert(text_base % text_size == 0 && text_base + text_size <= base + size);

}  // namespace trapeze::own_map
