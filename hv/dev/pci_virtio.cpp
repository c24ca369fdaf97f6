// SPDX-License-Identifier: Apache-2.0
// Which functions on the PCI bus do DMA past the bridge's inbound windows: virtio devices that do
// not offer VIRTIO_F_ACCESS_PLATFORM. QEMU lets these use physical addresses, which are not the
// guest's. (virtio 1.1: PCI in section 4.1, the feature bit in section 6.)
#include "hv/board/ppce500.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"

namespace trapeze::dev {

namespace {

constexpr u64 config_address = board::ccsr_base + board::pci_offset,
              config_data = config_address + 4;
constexpr u32 enable = 1u << 31;

// One configuration cycle of the VMM's own; values are as the bus has them, little-endian.
u32 swap(u32 value, unsigned size) { return __builtin_bswap32(value) >> (32 - 8 * size); }
u32 read_config(u32 at, unsigned size) {
    core::write_io(config_address, 4, enable | (at & ~3u));
    return swap(core::read_io(config_data + (at & 3), size), size);
}
void write_config(u32 at, unsigned size, u32 value) {
    core::write_io(config_address, 4, enable | (at & ~3u));
    core::write_io(config_data + (at & 3), size, swap(value, size));
}

// A structure of a virtio device, as a capability tells; at = 0: there is none.
struct Capability {
    u32 at;  // the capability itself
    u32 bar, offset;
};
enum Structure : u8 { common = 1, config_access = 5 };

Capability find(u32 function, Structure wanted) {
    constexpr u32 capabilities_pointer = 0x34, vendor_specific = 9, most = 48;
    u32 at = read_config(function | capabilities_pointer, 1) & ~3u;
    for (u32 i = 0; i < most && at >= 0x40; ++i) {
        if (read_config(function | at, 1) == vendor_specific &&
            read_config(function | (at + 3), 1) == wanted) {
            return {at, read_config(function | (at + 4), 1), read_config(function | (at + 8), 4)};
        }
        at = read_config(function | (at + 1), 1) & ~3u;
    }
    return {};
}

// A window in configuration space onto the device's registers, which does not need its BARs. The
// guest may be using it, and finds it as it was.
class Access {
  public:
    Access(u32 function, const Capability& window, u32 bar)
        : at_(function | window.at),
          bar_(read_config(at_ + bar_field, 1)),
          offset_(read_config(at_ + offset_field, 4)),
          length_(read_config(at_ + length_field, 4)) {
        write_config(at_ + bar_field, 1, bar);
        write_config(at_ + length_field, 4, 4);
    }
    ~Access() {
        write_config(at_ + bar_field, 1, bar_);
        write_config(at_ + offset_field, 4, offset_);
        write_config(at_ + length_field, 4, length_);
    }
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;

    u32 read(u32 offset) const {
        write_config(at_ + offset_field, 4, offset);
        return read_config(at_ + data_field, 4);
    }
    void write(u32 offset, u32 value) const {
        write_config(at_ + offset_field, 4, offset);
        write_config(at_ + data_field, 4, value);
    }

  private:
    static constexpr u32 bar_field = 4, offset_field = 8, length_field = 12, data_field = 16;
    u32 at_, bar_, offset_, length_;
};

bool offers_platform_access(u32 function) {
    const Capability registers = find(function, common);
    const Capability window = find(function, config_access);
    if (registers.at == 0 || window.at == 0) return false;
    constexpr u32 feature_select = 0, feature = 4, access_platform = 1u << (33 - 32);
    const Access access(function, window, registers.bar);
    const u32 selected = access.read(registers.offset + feature_select);
    access.write(registers.offset + feature_select, 1);
    const bool offered = (access.read(registers.offset + feature) & access_platform) != 0;
    access.write(registers.offset + feature_select, selected);
    return offered;
}

}  // namespace

bool bypasses_windows(u32 function) {
    constexpr u32 virtio = 0x1af4, first = 0x1000, first_modern = 0x1040, last = 0x107f;
    const u32 guests = core::read_io(config_address, 4);
    const u32 id = read_config(function, 4);
    const u32 device = id >> 16;
    bool result = (id & 0xffff) == virtio && device >= first && device <= last;
    // What also speaks the legacy interface cannot offer it.
    if (result && device >= first_modern) result = !offers_platform_access(function);
    core::write_io(config_address, 4, guests);
    return result;
}

}  // namespace trapeze::dev
