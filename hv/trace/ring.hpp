// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/core.hpp"
#include "hv/core/e500.hpp"

// What happened on a core, the latest of it (docs/trace.md): Core::trace_ring. Whoever adds looks
// first whether there is one.
namespace trapeze::trace {

using e500::u32;
using e500::u64;
using e500::u8;

enum class What : u8 {
    exit,     // of a guest: `cause`, nip, word, data; `ticks` long
    runs,     // from now on the guest has the core,
    ready,    // or would, and another one has it,
    waits,    // or it has nothing to do
    started,  // the guest's life begins,
    restarted,
    paused,
    resumed,
    powered_off,  // or is over: the guest did that,
    reset,
    died,
    stopped,    // or somebody else
    interrupt,  // it was given one as it got the core: `number` is its IVOR's
    sends,      // the core sends a message to core `number`,
    message,    // got one,
    asked,      // which was about this guest: `number` is guest::Ask's bits
    count
};

// Times are of the VMM's clock. What a record has no use for is 0.
struct alignas(32) Record {
    u64 time;   // when it began
    u32 ticks;  // how long it took
    What what;
    u8 guest;  // number
    u8 cause;  // vcpu::Cause
    u8 flags;
    u32 nip;
    u32 word;    // the instruction, if it was fetched
    u32 data;    // the address of an access
    u32 number;  // with `interrupted`: the vector that the exit has led to, an IVOR's number

    static constexpr u8 user = 1;         // the guest was in user mode
    static constexpr u8 interrupted = 2;  // it was given an interrupt
};

// Records in their order, of which the oldest go. Only its core touches it.
class Ring {
  public:
    // Memory for `count` records, at least one.
    void use(Record* records, u32 count) {
        records_ = records;
        capacity_ = count;
        next_ = 0;
        written_ = 0;
    }
    void add(const Record& record) {
        records_[next_] = record;
        next_ = next_ + 1 == capacity_ ? 0 : next_ + 1;
        ++written_;
    }
    u32 held() const { return written_ < capacity_ ? static_cast<u32>(written_) : capacity_; }
    u64 lost() const { return written_ - held(); }
    // The oldest is 0; `i` is below held().
    const Record& at(u32 i) const {
        if (written_ < capacity_) return records_[i];
        const u32 behind = capacity_ - next_;
        return records_[i < behind ? next_ + i : i - behind];
    }

  private:
    Record* records_ = nullptr;
    u32 capacity_ = 0, next_ = 0;
    u64 written_ = 0;
};

// Something that has no length and no cause.
inline void add(const core::Core& c, What what, unsigned guest, u64 time, u32 number = 0) {
    if (c.trace_ring == nullptr) return;
    c.trace_ring->add({time, 0, what, static_cast<u8>(guest), 0, 0, 0, 0, 0, number});
}

}  // namespace trapeze::trace
