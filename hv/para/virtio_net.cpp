// SPDX-License-Identifier: Apache-2.0
#include "hv/para/virtio_net.hpp"

namespace trapeze::para {

namespace {

enum Queue : unsigned { receives, sends };

// Features (virtio 1.2, 5.1.3), the configuration (5.1.4) and what stands before each frame
// (5.1.6), of which nothing but the count of buffers is used.
constexpr u64 has_mtu = 1 << 3, has_address = 1 << 5, has_status = 1 << 16;
constexpr u32 address_bytes = 6, status_offset = 6, mtu_offset = 10, config_bytes = 12;
constexpr u32 link_up = 1, mtu = 1500;
constexpr u32 head_bytes = 12, buffers_offset = 10;

Net& net_of(const Transport& t) { return *static_cast<Net*>(t.device()); }

u8 config(const Transport& t, u32 offset) {
    if (offset < address_bytes) return net_of(t).port->address().byte[offset];
    switch (offset) {
        case status_offset:
            return link_up;
        case mtu_offset:
            return mtu & 0xff;
        case mtu_offset + 1:
            return mtu >> 8;
        default:
            return 0;
    }
}

void started(Transport& t) {
    Net& net = net_of(t);
    net.port->raise();
    if (t.queue(sends).ready()) t.queue(sends).ask(t.memory(), true);
    net.receive();
}

void stopped(Transport& t) { net_of(t).port->lower(); }

// Takes the frame of a buffer; false: the driver has done what none may.
bool take_frame(Transport& t, const Chain& chain) {
    Net& net = net_of(t);
    if (chain.readable != chain.count) {
        t.fail(Fault::direction);
        return false;
    }
    if (chain.readable_bytes < head_bytes + Frame::least) {
        net.port->refuse_malformed();
        return true;
    }
    const u32 bytes = chain.readable_bytes - head_bytes;
    if (bytes > Frame::most) {
        net.port->refuse_oversized();
        return true;
    }
    if (!chain.gather(t.memory(), head_bytes, net.frame.data, bytes)) return true;
    net.frame.bytes = bytes;
    net.port->send(net.frame, net.now());
    return true;
}

void send(Transport& t) {
    Virtqueue& queue = t.queue(sends);
    unsigned frames = 0, descriptors = 0;
    while (frames < Net::most_frames && descriptors < Net::most_descriptors) {
        const Chain* const chain = t.pop(sends);
        if (chain == nullptr) break;
        const u16 head = chain->head;
        if (!take_frame(t, *chain)) break;
        queue.push(t.memory(), head, 0);
        ++frames;
        descriptors += chain->count;
    }
    const bool more = t.runs() && queue.waits(t.memory());
    if (more) t.later(sends);
    if (t.runs()) queue.ask(t.memory(), !more);
    t.publish(sends);
}

// Puts a frame into a buffer; false: the driver has done what none may.
bool give_frame(Transport& t, const Chain& chain, const Frame& frame) {
    if (chain.readable != 0 || chain.writable_bytes < head_bytes + frame.bytes) {
        t.fail(chain.readable != 0 ? Fault::direction : Fault::small);
        return false;
    }
    u8 head[head_bytes] = {};
    head[buffers_offset] = 1;
    chain.scatter(t.memory(), 0, head, head_bytes);
    chain.scatter(t.memory(), head_bytes, frame.data, frame.bytes);
    return true;
}

void notified(Transport& t, unsigned queue) {
    if (queue == sends) {
        send(t);
    } else {
        net_of(t).receive();
    }
}

constexpr Kind kind{
    "virtio-net", 1,     has_mtu | has_address | has_status, 2, config_bytes, started, stopped,
    notified,     config};

}  // namespace

void Net::start(const Place& place) { transport.start(kind, place, this); }

void Net::receive() {
    Transport& t = transport;
    Virtqueue& queue = t.queue(receives);
    if (!t.runs() || !queue.ready()) return;
    unsigned frames = 0, descriptors = 0;
    const Frame* next = port->next();
    bool starves = false;
    while (next != nullptr && frames < most_frames && descriptors < most_descriptors) {
        const Chain* const chain = t.pop(receives);
        starves = chain == nullptr;
        if (starves || !give_frame(t, *chain, *next)) break;
        queue.push(t.memory(), chain->head, head_bytes + next->bytes);
        port->take();
        ++frames;
        descriptors += chain->count;
        next = port->next();
    }
    if (!t.runs()) return;
    // The driver tells of more buffers only while frames wait for them.
    queue.ask(t.memory(), starves);
    if (next != nullptr && !starves) t.later(receives);
    t.publish(receives);
}

}  // namespace trapeze::para
