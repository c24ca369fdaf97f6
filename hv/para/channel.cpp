// SPDX-License-Identifier: Apache-2.0
#include "hv/para/channel.hpp"

#include <bit>

#include "hv/dev/devices.hpp"
#include "hv/para/calls.hpp"

namespace trapeze::para {

using vcpu::Vcpu;

namespace {

// Wherever they lie: the core moves a misaligned word too (manual 3.3.3.1), as the host does.
void copy(u8* to, const u8* from, u32 bytes) {
    constexpr u32 word = sizeof(u32);
    for (; bytes >= word; bytes -= word, to += word, from += word) {
        __builtin_memcpy(to, from, word);
    }
    for (; bytes != 0; --bytes) *to++ = *from++;
}

// Of bytes from `at` on, those before the memory's end.
u32 before_the_end(u32 at, u32 bytes) {
    const u32 left = ByteQueue::capacity - at;
    return bytes < left ? bytes : left;
}

}  // namespace

// Whoever moves bytes says so first and then looks where the other one is, and the other one does
// the same: of two that meet one at least sees what the other has done.
ByteQueue::Moved ByteQueue::put(const u8* from, u32 count) {
    const u32 head = head_, room = capacity - (head - load(tail_));
    const u32 bytes = count < room ? count : room;
    const u32 at = head % capacity, first = before_the_end(at, bytes);
    copy(bytes_ + at, from, first);
    copy(bytes_, from + first, bytes - first);
    __atomic_store_n(&head_, head + bytes, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return {bytes, bytes != 0 && load(tail_) == head};
}

ByteQueue::Moved ByteQueue::take(u8* to, u32 count) {
    const u32 tail = tail_, used = load(head_) - tail;
    const u32 bytes = count < used ? count : used;
    if (to != nullptr) {
        const u32 at = tail % capacity, first = before_the_end(at, bytes);
        copy(to, bytes_ + at, first);
        copy(to + first, bytes_, bytes - first);
    }
    __atomic_store_n(&tail_, tail + bytes, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return {bytes, bytes != 0 && load(head_) - tail == capacity};
}

namespace {

// Linux and others pass up to so many bytes in four registers (ePAPR 1.1, 7.5.1).
constexpr u32 most_bytes = 16;
constexpr unsigned first_argument = 3, count_register = 4, data_register = 5;

void follow(Vcpu& v, u32 source, bool up) {
    if (up != v.devices->mpic.model.line(source)) dev::set_line(v, source, up);
}
void follow(Vcpu& v, const ChannelEnd& end) {
    follow(v, receive_source(end.number), end.in().used() != 0);
    follow(v, send_source(end.number), end.out().room() != 0);
}

const ChannelEnd& end_of(const void* state) { return *static_cast<const ChannelEnd*>(state); }

void tell(Vcpu& v, const ChannelEnd& end) {
    if (end.guest == ChannelEnd::console) return dev::serve_console(v);
    dev::signal(*v.devices->board, *v.core, end.guest, end.number);
}

// Handle::told, by which a handle's kind is known too.
void channel_moves(Vcpu& v, unsigned number) {
    follow(v, *static_cast<const ChannelEnd*>(v.devices->handles[number].state));
}
// Its guest has been made, and what was typed may wait for that.
void console_waits(Vcpu& v, unsigned /*number*/) { dev::serve_console(v); }
void rings(Vcpu& v, unsigned number) { dev::pulse(v, edge_source(number)); }
void sender_is_told(Vcpu& /*v*/, unsigned /*number*/) {}

// The state of what the first argument names, or null.
template <typename... Told>
void* named(const Vcpu& v, Told... told) {
    const u32 number = v.gpr[first_argument];
    if (number >= dev::DeviceTable::most_handles) return nullptr;
    const dev::Handle& handle = v.devices->handles[number];
    return ((handle.told == told) || ...) ? handle.state : nullptr;
}
ChannelEnd* named_end(const Vcpu& v) {
    return static_cast<ChannelEnd*>(named(v, channel_moves, console_waits));
}

// A register, and its bytes in memory, the first one its highest.
u32 big_endian(u32 word) {
    return std::endian::native == std::endian::big ? word : __builtin_bswap32(word);
}
// The bytes of a message, as they lie in registers.
struct Message {
    u32 words[most_bytes / 4] = {};
    u8* bytes() { return reinterpret_cast<u8*>(words); }
};

}  // namespace

Status send_bytes(Vcpu& v) {
    const ChannelEnd* const end = named_end(v);
    const u32 count = v.gpr[count_register];
    v.gpr[count_register] = 0;
    if (end == nullptr || count > most_bytes) return Status::invalid;
    Message message;
    u32* const registers = &v.gpr[data_register];
    for (u32 i = 0; i < most_bytes / 4; ++i) message.words[i] = big_endian(registers[i]);
    const ByteQueue::Moved moved = end->out().put(message.bytes(), count);
    if (moved.tell) tell(v, end->other());
    follow(v, send_source(end->number), end->out().room() != 0);
    v.gpr[count_register] = moved.bytes;
    return moved.bytes != 0 || count == 0 ? Status::success : Status::again;
}

Status receive_bytes(Vcpu& v) {
    const ChannelEnd* const end = named_end(v);
    const u32 count = v.gpr[count_register];
    v.gpr[count_register] = 0;
    if (end == nullptr || count > most_bytes) return Status::invalid;
    Message message;
    const ByteQueue::Moved moved = end->in().take(message.bytes(), count);
    if (moved.tell) tell(v, end->other());
    follow(v, receive_source(end->number), end->in().used() != 0);
    v.gpr[count_register] = moved.bytes;
    u32* const registers = &v.gpr[data_register];
    for (u32 i = 0; i < most_bytes / 4; ++i) registers[i] = big_endian(message.words[i]);
    return Status::success;
}

Status poll_bytes(Vcpu& v) {
    const ChannelEnd* const end = named_end(v);
    v.gpr[count_register] = end != nullptr ? end->in().used() : 0;
    v.gpr[data_register] = end != nullptr ? end->out().room() : 0;
    return end != nullptr ? Status::success : Status::invalid;
}

Status send_doorbell(Vcpu& v) {
    const auto* const bell = static_cast<Doorbell*>(named(v, sender_is_told));
    if (bell == nullptr) return Status::invalid;
    for (u32 i = 0; i < bell->count; ++i) {
        dev::signal(*v.devices->board, *v.core, bell->receivers[i].guest,
                    bell->receivers[i].number);
    }
    return Status::success;
}

void attach(Vcpu& v, ChannelEnd& end) {
    v.devices->handles[end.number].told = channel_moves;
    v.devices->handles[end.number].state = &end;
    if (end.in().drop().tell) tell(v, end.other());
    follow(v, end);
}

void attach_console(Vcpu& v, ChannelEnd& end) {
    v.devices->handles[end.number].told = console_waits;
    v.devices->handles[end.number].state = &end;
    end.in().drop();
    v.devices->console = {
        &end,
        [](const void* state) { return end_of(state).out().used() != 0; },
        [](void* state) {
            u8 byte = 0;
            end_of(state).out().take(&byte, 1);
            return byte;
        },
        [](const void* state) { return end_of(state).in().room() != 0; },
        [](void* state, u8 byte) { end_of(state).in().put(&byte, 1); },
        [](Vcpu& guest, const void* state) { follow(guest, end_of(state)); },
    };
    dev::tell_later(v, end.number);
}

void attach_receiver(Vcpu& v, u32 number, Doorbell& bell) {
    v.devices->handles[number].told = rings;
    v.devices->handles[number].state = &bell;
}

void attach_sender(Vcpu& v, u32 number, Doorbell& bell) {
    v.devices->handles[number].told = sender_is_told;
    v.devices->handles[number].state = &bell;
}

}  // namespace trapeze::para
