// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whose the core's 16 entries of TLB1 are (manual 12.3.2: entry 15 is the last). Nobody writes one
// that is not named here as its own.
namespace trapeze::core::slot {

// The shadow TLB's, for the guest that has the core (mmu/shadow_tlb.cpp). Until there is one, boot
// shows itself the memory through them (boot/host.cpp).
inline constexpr unsigned shadow_count = 11;  // from 0 on
// What exits read of the text of the guest that has the core (vcpu/text_window.cpp).
inline constexpr unsigned text = 11;
// The register page and the stubs of the guest that has the core (patch/stolen.cpp).
inline constexpr unsigned registers = 12, stubs = 13;
// The VMM's own, for good: the board's devices and its image (core/own_map.hpp).
inline constexpr unsigned io = 14, image = 15;

inline constexpr unsigned count = 16;
static_assert(shadow_count == text && text + 1 == registers && image + 1 == count);

}  // namespace trapeze::core::slot
