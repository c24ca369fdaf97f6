// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/guest/guest.hpp"
#include "hv/para/virtio_net.hpp"

// virtio devices in a guest: a page of registers for each handle that is one, from window_base on.
namespace trapeze::para {

// On the board nothing is there. The page of a handle that is no virtio device reads as zero.
inline constexpr u64 window_base = 0xf'ea00'0000;
inline constexpr u32 page_bytes = 0x1000;
inline constexpr u64 register_page(unsigned handle) {
    return window_base + u64{page_bytes} * handle;
}

// A device of a guest's. It stays when the guest is made anew.
struct Device {
    vcpu::Vcpu* vcpu;
    unsigned number;    // of the handle,
    unsigned source;    // and of its interrupt
    unsigned failures;  // that the log has told of
    char name[32];
    Net net;
};

// The guest has been made, and has its handle `number`: as if never used. `name` is what
// the guest calls it, up to 31 characters. False: there is no room in its memory map.
bool attach(guest::Guest& g, Device& device, unsigned number, unsigned source, const char* name);

// Switch::Wake; a port's owner is its Device.
void wake(void* sender, unsigned guest, unsigned handle);

}  // namespace trapeze::para
