// SPDX-License-Identifier: Apache-2.0
#include "hv/para/virtio_mmio.hpp"

namespace trapeze::para {

namespace {

// Registers (virtio 1.2, 4.2.2).
enum : u32 {
    magic = 0x00,
    version = 0x04,
    device_id = 0x08,
    vendor_id = 0x0c,
    device_features = 0x10,
    device_features_select = 0x14,
    driver_features = 0x20,
    driver_features_select = 0x24,
    queue_select = 0x30,
    queue_size_most = 0x34,
    queue_size = 0x38,
    queue_ready = 0x44,
    queue_notify = 0x50,
    interrupt_status = 0x60,
    interrupt_acknowledge = 0x64,
    status = 0x70,
    queue_descriptors = 0x80,
    queue_driver = 0x90,
    queue_device = 0xa0,
    shared_length_low = 0xb0,  // of shared memory, of which there is none
    shared_length_high = 0xb4,
    config_generation = 0xfc,
    config = 0x100,
};
constexpr u32 magic_value = 0x7472'6976, version_value = 2, vendor_value = 0x5a50'5254;
constexpr u32 used_buffer = 1, config_change = 2;

}  // namespace

void Transport::start(const Kind& kind, const Place& place, void* device) {
    *this = {};
    kind_ = &kind;
    place_ = place;
    device_ = device;
}

void Transport::reset() {
    kind_->stopped(*this);
    const bool up = interrupts_ != 0;
    status_ = interrupts_ = select_ = device_select_ = driver_select_ = due_ = 0;
    driver_features_ = 0;
    for (Virtqueue& queue : queues_) queue.stop();
    if (up) place_.line(place_.memory.owner, false);
}

u32 Transport::read(u32 offset, unsigned size) const {
    if (offset < config) return size == 4 ? __builtin_bswap32(read_register(offset)) : 0;
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) {
        const u32 at = offset - config + i;
        value = value << 8 | (at < kind_->config_bytes ? kind_->config(*this, at) : 0);
    }
    return value;
}

void Transport::write(u32 offset, unsigned size, u32 value) {
    if (offset < config && size == 4) write_register(offset, __builtin_bswap32(value));
}

u32 Transport::read_register(u32 offset) const {
    switch (offset) {
        case magic:
            return magic_value;
        case version:
            return version_value;
        case device_id:
            return kind_->id;
        case vendor_id:
            return vendor_value;
        case device_features: {
            const u64 offered = kind_->features | version_1 | event_index;
            if (device_select_ > 1) return 0;
            return static_cast<u32>(offered >> 32 * device_select_);
        }
        case queue_size_most:
            return select_ < kind_->queues ? Virtqueue::most : 0;
        case queue_ready:
            return select_ < kind_->queues && queues_[select_].ready() ? 1 : 0;
        case interrupt_status:
            return interrupts_;
        case status:
            return status_;
        case shared_length_low:
        case shared_length_high:
            return ~0u;
        default:  // config_generation too: the configuration never changes
            return 0;
    }
}

void Transport::write_register(u32 offset, u32 value) {
    switch (offset) {
        case device_features_select:
            device_select_ = value;
            return;
        case driver_features_select:
            driver_select_ = value;
            return;
        case driver_features:
            if ((status_ & features_ok) != 0 || driver_select_ > 1) return;
            driver_features_ &= driver_select_ == 0 ? ~u64{0} << 32 : 0xffff'ffff;
            driver_features_ |= u64{value} << 32 * driver_select_;
            return;
        case queue_select:
            select_ = value;
            return;
        case queue_size:
            if (select_ < kind_->queues && !queues_[select_].ready()) queues_[select_].size = value;
            return;
        case queue_ready:
            if (select_ < kind_->queues) make_ready((value & 1) != 0);
            return;
        case queue_notify:
            if (runs() && value < kind_->queues && queues_[value].ready()) {
                kind_->notified(*this, value);
            }
            return;
        case interrupt_acknowledge:
            if (interrupts_ == 0) return;
            interrupts_ &= ~value;
            if (interrupts_ == 0) place_.line(place_.memory.owner, false);
            return;
        case status:
            write_status(value);
            return;
        default:
            break;
    }
    if (select_ >= kind_->queues || queues_[select_].ready()) return;
    Virtqueue& queue = queues_[select_];
    switch (offset & ~4u) {
        case queue_descriptors:
            write_address(queue.descriptors, offset, value);
            return;
        case queue_driver:
            write_address(queue.driver, offset, value);
            return;
        case queue_device:
            write_address(queue.device, offset, value);
            return;
        default:
            return;
    }
}

void Transport::write_address(u64& address, u32 offset, u32 value) {
    const bool high = (offset & 4) != 0;
    address &= high ? 0xffff'ffff : ~u64{0} << 32;
    address |= u64{value} << (high ? 32 : 0);
}

void Transport::make_ready(bool ready) {
    Virtqueue& queue = queues_[select_];
    if (ready == queue.ready()) return;
    if (!ready) {
        queue.stop();
        return;
    }
    const Fault fault = queue.start(place_.memory, agreed(event_index));
    if (fault != Fault::none) fail(fault);
}

void Transport::write_status(u32 value) {
    if (value == 0) {
        reset();
        return;
    }
    // Bits are not taken back but by a reset.
    u32 next = status_ | (value & of_driver);
    const u64 offered = kind_->features | version_1 | event_index;
    const bool agrees = (driver_features_ & ~offered) == 0 && agreed(version_1);
    if ((status_ & features_ok) == 0 && !agrees) next &= ~u32{features_ok};
    const bool ran = runs();
    const u32 before = status_;
    status_ = next;
    if ((next & driver_ok) != 0 && (next & features_ok) == 0) {
        fail(Fault::features);
        return;
    }
    if (ran && !runs()) kind_->stopped(*this);
    if ((before & driver_ok) == 0 && runs()) kind_->started(*this);
}

const Chain* Transport::pop(unsigned queue) {
    if (!runs() || !queues_[queue].ready()) return nullptr;
    const Fault fault = queues_[queue].pop(place_.memory, chain_);
    if (fault != Fault::none) fail(fault);
    return fault == Fault::none && chain_.count != 0 ? &chain_ : nullptr;
}

void Transport::publish(unsigned queue) {
    if (queues_[queue].ready() && queues_[queue].publish(place_.memory)) interrupt(used_buffer);
}

void Transport::interrupt(u32 why) {
    const u32 before = interrupts_;
    interrupts_ |= why;
    if (before == 0) place_.line(place_.memory.owner, true);
}

void Transport::fail(Fault fault) {
    if ((status_ & needs_reset) != 0) return;
    const bool ran = runs();
    status_ |= needs_reset;
    place_.fails(place_.memory.owner, name(fault));
    if (ran) kind_->stopped(*this);
    if ((status_ & driver_ok) != 0) interrupt(config_change);
}

void Transport::resume() {
    for (unsigned n = 0; n < most_queues; ++n) {
        if ((due_ >> n & 1) == 0) continue;
        due_ &= ~(1u << n);
        if (runs() && queues_[n].ready()) kind_->notified(*this, n);
    }
}

}  // namespace trapeze::para
