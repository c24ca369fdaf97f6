// SPDX-License-Identifier: Apache-2.0
#include "hv/para/virtio.hpp"

#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"

namespace trapeze::para {

using vcpu::Vcpu;

namespace {

Device& device_of(void* owner) { return *static_cast<Device*>(owner); }

// ---- The guest's memory. What is executed from a copy follows, as with the guest's own stores.

bool holds(void* owner, u64 gpa, u64 bytes) {
    u64 hpa = 0;
    return device_of(owner).vcpu->memory->ram_range(gpa, bytes, hpa);
}

bool load(void* owner, u64 gpa, void* to, u32 bytes) {
    u64 hpa = 0;
    if (!device_of(owner).vcpu->memory->ram_range(gpa, bytes, hpa)) return false;
    core::copy_from_ram(to, hpa, bytes);
    return true;
}

// Up to the end of a page, of which a copy is executed.
void store_text(Vcpu& v, u64 gpa, u64 hpa, const u8* from, u32 bytes) {
    for (u32 i = 0; i < bytes; ++i) v.store_ram(v, gpa + i, hpa + i, 1, from[i]);
}

bool store(void* owner, u64 gpa, const void* from, u32 bytes) {
    Vcpu& v = *device_of(owner).vcpu;
    u64 hpa = 0;
    if (!v.memory->ram_range(gpa, bytes, hpa)) return false;
    if (v.store_ram == nullptr) {
        core::copy_to_ram(hpa, from, bytes);
        return true;
    }
    const auto* at = static_cast<const u8*>(from);
    for (u32 piece; bytes != 0; bytes -= piece, at += piece, gpa += piece, hpa += piece) {
        const u32 left = page_bytes - static_cast<u32>(gpa % page_bytes);
        piece = bytes < left ? bytes : left;
        if (v.patcher->overlay.mirror.page(gpa) != nullptr) {
            store_text(v, gpa, hpa, at, piece);
        } else {
            core::copy_to_ram(hpa, at, piece);
        }
    }
    return true;
}

void line(void* owner, bool up) {
    const Device& device = device_of(owner);
    dev::set_line(*device.vcpu, device.source, up);
}

void later(void* owner) {
    const Device& device = device_of(owner);
    dev::tell_later(*device.vcpu, device.number);
}

// A guest that does nothing else does not fill the log.
void fails(void* owner, const char* why) {
    constexpr unsigned most_told = 4;
    Device& device = device_of(owner);
    if (device.failures++ >= most_told) return;
    const dev::Handle& handle = device.vcpu->devices->handles[device.number];
    console::log("{} '{}' waits for a reset by its driver: {}{}", handle.kind, handle.name, why,
                 device.failures == most_told ? "; more of these are not told" : "");
}

// ---- Accesses.

Transport* transport_at(Vcpu& v, u32 offset) {
    const dev::Handle& handle = v.devices->handles[offset / page_bytes];
    if (handle.in_turn && handle.state != nullptr) return &device_of(handle.state).net.transport;
    return nullptr;
}

u32 read(Vcpu& v, u32 offset, unsigned size) {
    const Transport* const transport = transport_at(v, offset);
    return transport != nullptr ? transport->read(offset % page_bytes, size) : 0;
}

void write(Vcpu& v, u32 offset, unsigned size, u32 value) {
    Transport* const transport = transport_at(v, offset);
    if (transport != nullptr) transport->write(offset % page_bytes, size, value);
}

constexpr dev::Device registers{"virtio", read, write};

// ---- The handle.

void told(Vcpu& v, unsigned number) {
    Net& net = device_of(v.devices->handles[number].state).net;
    net.transport.resume();
    net.receive();
}

void withdrawn(Vcpu& v, unsigned number) {
    device_of(v.devices->handles[number].state).net.transport.reset();
}

void counts(const dev::Handle& handle, dev::Handle::Each each, void* context) {
    const PortCounters& c = device_of(handle.state).net.port->counters();
    each(context, "received", c.received);
    each(context, "received_bytes", c.received_bytes);
    each(context, "sent", c.sent);
    each(context, "sent_bytes", c.sent_bytes);
    each(context, "dropped_full", c.full);
    each(context, "dropped_down", c.down);
    each(context, "dropped_malformed", c.malformed);
    each(context, "dropped_oversized", c.oversized);
    each(context, "dropped_foreign", c.foreign);
}

}  // namespace

bool attach(guest::Guest& g, Device& device, unsigned number, unsigned source, const char* name) {
    device.vcpu = &g.vcpu;
    device.number = number;
    device.source = source;
    device.failures = 0;
    for (unsigned i = 0; i + 1 < sizeof device.name && name[i] != 0; ++i) device.name[i] = name[i];
    device.net.now = core::now;
    device.net.start({{&device, holds, load, store}, line, later, fails});
    g.devices.handles[number] = {told, &device, true, withdrawn, counts, device.name, "virtio-net"};
    if (g.memory.find(window_base) != nullptr) return true;
    const unsigned index = g.devices.add(registers);
    return index != dev::DeviceTable::capacity &&
           g.memory.add({window_base, u64{page_bytes} * dev::DeviceTable::most_handles, 0,
                         mmu::RegionKind::trapped, static_cast<u8>(index)});
}

void wake(void* sender, unsigned guest, unsigned handle) {
    const Vcpu& v = *device_of(sender).vcpu;
    dev::signal(*v.devices->board, *v.core, guest, handle);
}

}  // namespace trapeze::para
