// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/para/switch.hpp"
#include "hv/para/virtio_mmio.hpp"

// A virtio network device (virtio 1.2, 5.1) at a port of a virtual switch.
namespace trapeze::para {

struct Net {
    // What one exit does at most, in each direction; the rest goes on after the guest has had the
    // core for a moment.
    static constexpr unsigned most_frames = 8, most_descriptors = 64;

    Port* port;
    u64 (*now)();  // VMM's clock
    Frame frame;   // the one that is being sent
    Transport transport;

    // The guest's, when it is made.
    void start(const Place& place);
    // There may be frames for the guest.
    void receive();
};

}  // namespace trapeze::para
