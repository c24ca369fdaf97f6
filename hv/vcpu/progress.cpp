// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/progress.hpp"

namespace trapeze::vcpu {

namespace {

// Exits after which the guest begins the same instruction again, or that have nothing to do with
// what it executes. Behind each of the others an instruction is over, or a handler has begun.
bool tries_again(Cause cause) {
    using enum Cause;
    return cause == dtlb_shadow || cause == itlb_shadow || cause == dsi || cause == isi ||
           cause == tracing || cause == text_write || cause == external || cause == decrementer ||
           cause == critical || cause == heartbeat;
}

}  // namespace

// True if single step was asked for at the last look, and nothing was completed since.
bool Progress::stalls(const Look& now, bool same) {
    u64 most = 0, sum = 0;
    for (unsigned i = 0; i < cause_count; ++i) {
        const u64 grown = now.exits[i] - exits_[i];
        const auto cause = static_cast<Cause>(i);
        if (cause == Cause::heartbeat) continue;
        sum += grown;
        if (grown > most) {
            most = grown;
            cause_ = cause;
        }
    }
    const bool stalled = asked_ && same && sum >= many;
    repeats_ = same ? repeats_ + sum : 0;
    asked_ = same && sum >= many;
    return stalled;
}

Verdict Progress::look(const Look& now, u64 limit) {
    bool own_exits = false;
    for (unsigned i = 0; i < cause_count; ++i) {
        own_exits = own_exits || (!tries_again(static_cast<Cause>(i)) && now.exits[i] != exits_[i]);
    }
    const bool signs = now.signs != signs_;
    const bool same = !own_exits && !signs && now.nip == nip_ && now.state == state_ && !now.waits;
    const bool spins = same && now.branches_to_self && !now.expects;
    const bool alive = !spins && (signs || now.enabled || now.user || now.waits);
    const bool stalled = stalls(now, same);

    const u64 gap = now.now - seen_;
    quiet_ = alive ? 0 : quiet_ + (gap < longest_gap ? gap : longest_gap);
    looks_ = alive ? 0 : looks_ + 1;
    seen_ = now.now;
    signs_ = now.signs;
    nip_ = now.nip;
    state_ = now.state;
    for (unsigned i = 0; i < cause_count; ++i) exits_[i] = now.exits[i];

    if (stalled) return Verdict::stalled;
    if (limit != 0 && quiet_ > limit && looks_ >= fewest_looks) {
        return spins ? Verdict::spins : Verdict::masked;
    }
    if (asked_) return Verdict::step;
    return alive ? Verdict::alive : Verdict::quiet;
}

u32 digest(const u32* words, unsigned count, u32 seed) {
    u32 sum = seed;
    for (unsigned i = 0; i < count; ++i) sum = (sum << 5 | sum >> 27) * 0x9e37'79b1u + words[i];
    return sum;
}

namespace {

// Text that grows in a buffer and keeps its zero byte.
struct Text {
    char* at;
    char* end;  // of the zero byte

    void put(char c) {
        if (at == end) return;
        *at++ = c;
        *at = 0;
    }
    void put(const char* s) {
        while (*s != 0) put(*s++);
    }
    void hex(u32 value) {
        for (unsigned shift = 32; shift != 0; shift -= 4) {
            put("0123456789abcdef"[value >> (shift - 4) & 15]);
        }
    }
    void decimal(u64 value) {
        if (value >= 10) decimal(value / 10);
        put(static_cast<char>('0' + value % 10));
    }
};

}  // namespace

void describe_stall(char* text, unsigned size, Cause cause, u32 nip, u64 repeats) {
    *text = 0;
    Text out{text, text + size - 1};
    out.put("no progress: ");
    out.put(name(cause));
    out.put(" at ");
    out.hex(nip);
    out.put(" repeated ");
    out.decimal(repeats);
    out.put(" times, and the guest completes no instruction");
}

}  // namespace trapeze::vcpu
