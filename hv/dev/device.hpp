// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/arch/e500.hpp"

namespace trapeze::vcpu {
struct Vcpu;
}

namespace trapeze::dev {

using e500::u32;
using e500::u64;
using e500::u8;

// A device the VMM stands in front of. `offset` counts from the region's start; `size` is 1, 2
// or 4 bytes; values are right-aligned, as a big-endian register is read.
struct Device {
    const char* name;
    u32 (*read)(vcpu::Vcpu& v, u32 offset, unsigned size);
    void (*write)(vcpu::Vcpu& v, u32 offset, unsigned size, u32 value);
};

class DeviceTable {
  public:
    static constexpr unsigned capacity = 16;

    // The index for mmu::Region::device; `capacity` when the table is full.
    unsigned add(const Device& device) {
        if (count_ == capacity) return capacity;
        devices_[count_] = device;
        return count_++;
    }
    u32 read(vcpu::Vcpu& v, unsigned index, u32 offset, unsigned size) const {
        return devices_[index].read(v, offset, size);
    }
    void write(vcpu::Vcpu& v, unsigned index, u32 offset, unsigned size, u32 value) const {
        devices_[index].write(v, offset, size, value);
    }
    const Device& operator[](unsigned i) const { return devices_[i]; }

  private:
    Device devices_[capacity] = {};
    unsigned count_ = 0;
};

}  // namespace trapeze::dev
