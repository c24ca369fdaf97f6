// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "executive.hpp"
#include "guest-linux/include/trapeze/ring.h"

// Memory that this guest shares with another one, with a ring each way (docs/shared-memory.md).
namespace rt {

class Link {
  public:
    // Before run(): finds the memory that the device tree calls `name`, and opens this guest's
    // side. False: there is none, as on the bare machine.
    bool open(const char* name);
    [[nodiscard]] bool is_open() const { return open_; }

    // Neither waits. False: there is no message, or it is not a Message; or there is no room.
    template <typename Message>
    bool receive(Message& message) {
        u32 bytes = 0;
        return open_ &&
               trapeze_ring_receive(&ring_, &message, sizeof message, &bytes) == TRAPEZE_RING_OK &&
               bytes == sizeof message;
    }
    template <typename Message>
    bool send(const Message& message) {
        return open_ && trapeze_ring_send(&ring_, &message, sizeof message) == TRAPEZE_RING_OK;
    }

  private:
    bool open_ = false;
    trapeze_ring ring_ = {};
};

}  // namespace rt
