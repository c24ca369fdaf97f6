// SPDX-License-Identifier: Apache-2.0
#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"
#include "hv/boot/tree.hpp"
#include "hv/dev/devices.hpp"

namespace trapeze::boot {

namespace {

// What the VMM must look after is trapped; mapped is only what can neither reach memory by itself
// nor another device.
class MapBuilder {
  public:
    MapBuilder(mmu::MemoryMap& map, dev::DeviceTable& devices)
        : map_(map), devices_(devices), absent_(devices.add(dev::absent)) {}

    void ram(u64 hpa, u64 size) { add({0, size, hpa, mmu::RegionKind::ram, 0}); }
    void direct(u64 at, u64 size) { add({at, size, at, mmu::RegionKind::direct, 0}); }
    void trapped(u64 at, u64 size, const dev::Device& device) {
        add_trapped(at, size, devices_.add(device));
    }
    // Reads as zero, like the board where it has no device.
    void absent(u64 from, u64 to) {
        if (from != to) add_trapped(from, to - from, absent_);
    }
    bool fits() const { return fits_; }

  private:
    void add_trapped(u64 at, u64 size, unsigned device) {
        add({at, size, 0, mmu::RegionKind::trapped, static_cast<e500::u8>(device)});
    }
    void add(const mmu::Region& region) { fits_ = map_.add(region) && fits_; }

    mmu::MemoryMap& map_;
    dev::DeviceTable& devices_;
    unsigned absent_;
    bool fits_ = true;
};

void add_ccsr(MapBuilder& map, bool exits_device, bool owner) {
    struct Row {
        u32 offset, size;
        const dev::Device* device;  // null: the guest's own
    };
    // Ascending; the gaps are empty on the board, or have what a guest must not (docs/devices.md).
    const Row rows[] = {{board::i2c_offset, 0x1000, nullptr},
                        {board::uart_page, 0x1000, &dev::uart_page},
                        {board::pci_offset, 0x1000, &dev::pci_bridge},
                        {board::mpic_offset, board::mpic_size, &dev::mpic},
                        {board::guts_offset, 0x1000, &dev::guts},
                        {board::exits_offset, 0x1000, &dev::exit_counters},
                        {board::gpio_offset, 0x1000, &dev::gpio}};
    // What is looked up often comes first, what nobody asks for last.
    u64 next = board::ccsr_base;
    for (const bool gaps : {false, true}) {
        for (const auto& row : rows) {
            if (row.device == &dev::exit_counters && !exits_device) continue;
            const bool owned = row.device == nullptr || row.device == &dev::pci_bridge;
            if (owned && !owner) continue;
            const u64 at = board::ccsr_base + row.offset;
            if (gaps) {
                map.absent(next, at);
                next = at + row.size;
            } else if (row.device == nullptr) {
                map.direct(at, row.size);
            } else {
                map.trapped(at, row.size, *row.device);
            }
        }
    }
    map.absent(next, board::ccsr_base + board::ccsr_size);
}

// Flash is the guest's; other devices there are masters of the bus (boot/tree.hpp).
void add_platform_bus(MapBuilder& map, const void* tree) {
    u64 next = board::platform_bus_base;
    const u64 end = board::platform_bus_base + board::platform_bus_size;
    for (u64 at = 0, size = 0; next_flash(tree, next, at, size) && at < end && size <= end - at;
         next = at + size) {
        map.absent(next, at);
        map.direct(at, size);
    }
    map.absent(next, end);
}

}  // namespace

void build_memory_map(mmu::MemoryMap& memory, dev::DeviceTable& devices, const void* tree,
                      u64 ram_hpa, u64 ram_size, bool exits_device, bool owner) {
    MapBuilder map(memory, devices);
    map.ram(ram_hpa, ram_size);
    add_ccsr(map, exits_device, owner);
    if (!owner) {
        if (!map.fits()) reject("guest memory overlaps the board's devices");
        return;
    }
    map.direct(board::pci_memory_base, board::pci_memory_size);
    map.direct(board::pci_io_base, board::pci_io_size);
    add_platform_bus(map, tree);
    if (!map.fits()) reject("guest memory overlaps the board's devices");
}

}  // namespace trapeze::boot
