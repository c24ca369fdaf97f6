// SPDX-License-Identifier: Apache-2.0
#ifndef TRAPEZE_RING_H
#define TRAPEZE_RING_H

// Messages between two sides that share memory: a ring each way, without locks, for one sender and
// one receiver each. C11 or C++, GCC or Clang, nothing else. docs/shared-memory.md tells how two
// guests get the memory.
//
// Each side has a block, which it alone writes and the other one reads. So a block may be memory
// that the peer is not allowed to write, and nothing that the peer writes is trusted: an index is
// read once, checked, and used as it was read; no access leaves the two blocks.
//
// A block, 32-bit words in the order of bytes that both sides have (big-endian on e500), each line
// of 32 bytes to itself (offsets in bytes):
//
//     0  magic       TRAPEZE_RING_MAGIC, once the rest is right
//     4  version     1
//     8  size        bytes of data, a multiple of 4
//    12  generation  of what this side sends; another number: its ring has begun anew
//    16  opens       how often this side has opened it
//    32  head        where this side writes its next message: offset into its data
//    36  freed       up to where it knows the peer to have taken them: [freed, head) is whole
//    64  tail        where this side reads its next message: offset into the peer's data
//    68  seen        the peer's generation that `tail` belongs to
//    96  data        messages: a word with the length in bytes, and the bytes, padded to words;
//                    they go round at the end. head = freed: none; the last word stays free
//
// Memory that is all zeroes is a block that nobody has opened yet. It outlives whoever opened it. A
// side that starts anew goes on where it was: no message is lost, none is torn, and only the one
// that it was just receiving comes twice. If its block has been overwritten meanwhile, what it sent
// and the peer has not received is lost.

#include <stdint.h>

#define TRAPEZE_RING_MAGIC   0x54525a52u
#define TRAPEZE_RING_VERSION 1u
// Of a block, in front of its data.
#define TRAPEZE_RING_HEADER 96u

enum trapeze_ring_result {
    TRAPEZE_RING_OK = 0,
    TRAPEZE_RING_EMPTY = -1,      // nothing to receive, or no peer yet
    TRAPEZE_RING_FULL = -2,       // no room now
    TRAPEZE_RING_TOO_LONG = -3,   // no room ever: trapeze_ring_most()
    TRAPEZE_RING_TRUNCATED = -4,  // received; what did not fit is gone
    TRAPEZE_RING_BROKEN = -5,     // what the peer has written makes no sense
    TRAPEZE_RING_BAD = -6         // arguments of trapeze_ring_open()
};

// One side's own memory. The members are for the functions below alone.
struct trapeze_ring {
    uint32_t* own;
    const uint32_t* peer;
    uint32_t size, generation, head, freed, tail, seen;
};

#ifdef __cplusplus
#define TRAPEZE_RING_CAST_(type, value) reinterpret_cast<type>(value)
#else
#define TRAPEZE_RING_CAST_(type, value) ((type)(value))
#endif

// Words of a block.
enum {
    trapeze_ring_magic_ = 0,
    trapeze_ring_version_ = 1,
    trapeze_ring_size_ = 2,
    trapeze_ring_generation_ = 3,
    trapeze_ring_opens_ = 4,
    trapeze_ring_head_ = 8,
    trapeze_ring_freed_ = 9,
    trapeze_ring_tail_ = 16,
    trapeze_ring_seen_ = 17,
    trapeze_ring_data_ = 24
};

// All accesses to shared words are single loads and stores; this keeps those before it before those
// behind it. The e500v2 has no lwsync.
static inline void trapeze_ring_order_(void) {
#if defined(__powerpc__) || defined(__PPC__)
    __asm__ volatile("sync" ::: "memory");
#elif defined(__SANITIZE_THREAD__)
    __atomic_signal_fence(__ATOMIC_SEQ_CST);  // the sanitizer knows no fences; for x86
#else
    __atomic_thread_fence(__ATOMIC_ACQ_REL);
#endif
}
static inline uint32_t trapeze_ring_load_(const uint32_t* word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}
static inline void trapeze_ring_store_(uint32_t* word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

// Bytes from `from` on up to `to`, around the end.
static inline uint32_t trapeze_ring_between_(uint32_t size, uint32_t from, uint32_t to) {
    return to >= from ? to - from : size - from + to;
}
static inline int trapeze_ring_is_index_(uint32_t size, uint32_t index) {
    return index < size && index % 4 == 0;
}
static inline uint32_t trapeze_ring_on_(uint32_t size, uint32_t index, uint32_t bytes) {
    const uint32_t left = size - index;
    return bytes < left ? index + bytes : bytes - left;
}
// What a message of so many bytes takes; the caller has bounded them.
static inline uint32_t trapeze_ring_room_for_(uint32_t bytes) { return 4 + (bytes + 3) / 4 * 4; }

// The longest message in bytes.
static inline uint32_t trapeze_ring_most(const struct trapeze_ring* ring) { return ring->size - 8; }

// Opens one side, whose block is at `own` and the peer's at `peer`, each of `bytes` bytes, which
// both sides give alike: 128 to 2^30. All three are multiples of 4. Nobody else may have the side
// open. 0, or TRAPEZE_RING_BAD.
static inline int trapeze_ring_open(struct trapeze_ring* ring, void* own, const void* peer,
                                    uint32_t bytes) {
    uint32_t* const w = TRAPEZE_RING_CAST_(uint32_t*, own);
    const uint32_t size = bytes - TRAPEZE_RING_HEADER;
    uint32_t opens;
    if (bytes < 128 || bytes > 1u << 30 || bytes % 4 != 0 ||
        TRAPEZE_RING_CAST_(uintptr_t, own) % 4 != 0 ||
        TRAPEZE_RING_CAST_(uintptr_t, peer) % 4 != 0) {
        return TRAPEZE_RING_BAD;
    }
    ring->own = w;
    ring->peer = TRAPEZE_RING_CAST_(const uint32_t*, peer);
    ring->size = size;
    ring->generation = trapeze_ring_load_(w + trapeze_ring_generation_);
    ring->head = trapeze_ring_load_(w + trapeze_ring_head_);
    ring->freed = trapeze_ring_load_(w + trapeze_ring_freed_);
    ring->tail = trapeze_ring_load_(w + trapeze_ring_tail_);
    ring->seen = trapeze_ring_load_(w + trapeze_ring_seen_);
    opens = trapeze_ring_load_(w + trapeze_ring_opens_) + 1;
    if (trapeze_ring_load_(w + trapeze_ring_magic_) != TRAPEZE_RING_MAGIC ||
        trapeze_ring_load_(w + trapeze_ring_version_) != TRAPEZE_RING_VERSION ||
        trapeze_ring_load_(w + trapeze_ring_size_) != size || ring->generation == 0 ||
        !trapeze_ring_is_index_(size, ring->head) || !trapeze_ring_is_index_(size, ring->freed) ||
        !trapeze_ring_is_index_(size, ring->tail)) {
        // Who reads meanwhile sees another generation before anything that belongs to it.
        do {
            ++ring->generation;
        } while (ring->generation == 0 ||
                 ring->generation == trapeze_ring_load_(ring->peer + trapeze_ring_seen_));
        ring->head = ring->freed = ring->tail = ring->seen = 0;
        trapeze_ring_store_(w + trapeze_ring_magic_, 0);
        trapeze_ring_store_(w + trapeze_ring_generation_, ring->generation);
        trapeze_ring_store_(w + trapeze_ring_seen_, 0);
        trapeze_ring_order_();
        trapeze_ring_store_(w + trapeze_ring_version_, TRAPEZE_RING_VERSION);
        trapeze_ring_store_(w + trapeze_ring_size_, size);
        trapeze_ring_store_(w + trapeze_ring_head_, 0);
        trapeze_ring_store_(w + trapeze_ring_freed_, 0);
        trapeze_ring_store_(w + trapeze_ring_tail_, 0);
    }
    trapeze_ring_store_(w + trapeze_ring_opens_, opens != 0 ? opens : 1);
    trapeze_ring_order_();
    trapeze_ring_store_(w + trapeze_ring_magic_, TRAPEZE_RING_MAGIC);
    return TRAPEZE_RING_OK;
}

// The same where one piece of memory holds both blocks: side 0 has the first half, side 1 the
// second.
static inline int trapeze_ring_open_half(struct trapeze_ring* ring, void* memory, uint32_t bytes,
                                         unsigned side) {
    unsigned char* const first = TRAPEZE_RING_CAST_(unsigned char*, memory);
    unsigned char* const second = first + bytes / 2;
    return side == 0 ? trapeze_ring_open(ring, first, second, bytes / 2)
                     : trapeze_ring_open(ring, second, first, bytes / 2);
}

// Whether the peer has opened its block, and how both sides have agreed to.
static inline int trapeze_ring_peer_is_there_(const struct trapeze_ring* ring) {
    const uint32_t* const p = ring->peer;
    return trapeze_ring_load_(p + trapeze_ring_magic_) == TRAPEZE_RING_MAGIC &&
           trapeze_ring_load_(p + trapeze_ring_version_) == TRAPEZE_RING_VERSION &&
           trapeze_ring_load_(p + trapeze_ring_size_) == ring->size;
}

// How often the peer has opened its block: 0 before it has. Another number than before: it has been
// restarted.
static inline uint32_t trapeze_ring_peer_opens(const struct trapeze_ring* ring) {
    return trapeze_ring_peer_is_there_(ring) ? trapeze_ring_load_(ring->peer + trapeze_ring_opens_)
                                             : 0;
}

// Sends a message of `bytes` bytes, which may be none, and may be sent before the peer is there.
// FULL, TOO_LONG and BROKEN: nothing has been sent.
static inline int trapeze_ring_send(struct trapeze_ring* ring, const void* message,
                                    uint32_t bytes) {
    const uint32_t size = ring->size;
    const unsigned char* from = TRAPEZE_RING_CAST_(const unsigned char*, message);
    uint32_t at = ring->head, left = bytes, word;
    if (bytes > trapeze_ring_most(ring)) return TRAPEZE_RING_TOO_LONG;
    if (trapeze_ring_load_(ring->peer + trapeze_ring_seen_) == ring->generation &&
        trapeze_ring_peer_is_there_(ring)) {
        trapeze_ring_order_();
        const uint32_t tail = trapeze_ring_load_(ring->peer + trapeze_ring_tail_);
        trapeze_ring_order_();
        if (trapeze_ring_load_(ring->peer + trapeze_ring_seen_) == ring->generation) {
            if (!trapeze_ring_is_index_(size, tail) ||
                trapeze_ring_between_(size, ring->freed, tail) >
                    trapeze_ring_between_(size, ring->freed, at)) {
                return TRAPEZE_RING_BROKEN;
            }
            ring->freed = tail;
        }
    }
    if (trapeze_ring_room_for_(bytes) > size - 4 - trapeze_ring_between_(size, ring->freed, at)) {
        return TRAPEZE_RING_FULL;
    }
    // Who still reads what this overwrites finds that out.
    trapeze_ring_store_(ring->own + trapeze_ring_freed_, ring->freed);
    trapeze_ring_order_();
    trapeze_ring_store_(ring->own + trapeze_ring_data_ + at / 4, bytes);
    at = trapeze_ring_on_(size, at, 4);
    for (; left >= 4; left -= 4, from += 4) {
        __builtin_memcpy(&word, from, 4);
        trapeze_ring_store_(ring->own + trapeze_ring_data_ + at / 4, word);
        at = trapeze_ring_on_(size, at, 4);
    }
    if (left != 0) {
        unsigned char last[4] = {0, 0, 0, 0};
        uint32_t i;
        for (i = 0; i < left; ++i) last[i] = from[i];
        __builtin_memcpy(&word, last, 4);
        trapeze_ring_store_(ring->own + trapeze_ring_data_ + at / 4, word);
        at = trapeze_ring_on_(size, at, 4);
    }
    trapeze_ring_order_();
    ring->head = at;
    trapeze_ring_store_(ring->own + trapeze_ring_head_, at);
    return TRAPEZE_RING_OK;
}

// All up to `tail` has been taken.
static inline void trapeze_ring_take_(struct trapeze_ring* ring, uint32_t tail) {
    trapeze_ring_order_();
    ring->tail = tail;
    trapeze_ring_store_(ring->own + trapeze_ring_tail_, tail);
}

// Receives a message into `to`, of which at most `room` bytes are written, whatever comes back;
// `*bytes` is how long the message is, on OK and TRUNCATED. BROKEN: what the peer had sent so far
// is dropped.
static inline int trapeze_ring_receive(struct trapeze_ring* ring, void* to, uint32_t room,
                                       uint32_t* bytes) {
    const uint32_t size = ring->size;
    const uint32_t* const p = ring->peer;
    unsigned tries;
    for (tries = 0; tries < 4; ++tries) {
        unsigned char* out = TRAPEZE_RING_CAST_(unsigned char*, to);
        uint32_t generation, head, freed, length, used, at, left, word;
        if (!trapeze_ring_peer_is_there_(ring)) return TRAPEZE_RING_EMPTY;
        trapeze_ring_order_();
        generation = trapeze_ring_load_(p + trapeze_ring_generation_);
        trapeze_ring_order_();
        if (generation != ring->seen) {
            freed = trapeze_ring_load_(p + trapeze_ring_freed_);
            if (!trapeze_ring_is_index_(size, freed)) return TRAPEZE_RING_BROKEN;
            // Until both are there, the peer takes neither.
            trapeze_ring_store_(ring->own + trapeze_ring_seen_, 0);
            trapeze_ring_take_(ring, freed);
            trapeze_ring_order_();
            trapeze_ring_store_(ring->own + trapeze_ring_seen_, generation);
            ring->seen = generation;
        }
        head = trapeze_ring_load_(p + trapeze_ring_head_);
        if (head == ring->tail) return TRAPEZE_RING_EMPTY;
        trapeze_ring_order_();
        used =
            trapeze_ring_is_index_(size, head) ? trapeze_ring_between_(size, ring->tail, head) : 0;
        length = trapeze_ring_load_(p + trapeze_ring_data_ + ring->tail / 4);
        if (used < 4 || length > used - 4 || trapeze_ring_room_for_(length) > used) {
            length = size;  // of no message
        }
        at = trapeze_ring_on_(size, ring->tail, 4);
        left = length == size ? 0 : length < room ? length : room;
        for (; left >= 4; left -= 4, out += 4) {
            word = trapeze_ring_load_(p + trapeze_ring_data_ + at / 4);
            __builtin_memcpy(out, &word, 4);
            at = trapeze_ring_on_(size, at, 4);
        }
        if (left != 0) {
            unsigned char last[4];
            uint32_t i;
            word = trapeze_ring_load_(p + trapeze_ring_data_ + at / 4);
            __builtin_memcpy(last, &word, 4);
            for (i = 0; i < left; ++i) out[i] = last[i];
        }
        trapeze_ring_order_();
        // Had the peer begun anew, or written over what this has read?
        freed = trapeze_ring_load_(p + trapeze_ring_freed_);
        if (trapeze_ring_load_(p + trapeze_ring_generation_) != generation) continue;
        if (!trapeze_ring_is_index_(size, head) || !trapeze_ring_is_index_(size, freed) ||
            length == size ||
            trapeze_ring_between_(size, freed, ring->tail) >
                trapeze_ring_between_(size, freed, head)) {
            // What is there from now on begins at what is its head now.
            trapeze_ring_take_(ring, trapeze_ring_is_index_(size, head) ? head : 0);
            return TRAPEZE_RING_BROKEN;
        }
        trapeze_ring_take_(ring,
                           trapeze_ring_on_(size, ring->tail, trapeze_ring_room_for_(length)));
        *bytes = length;
        return length > room ? TRAPEZE_RING_TRUNCATED : TRAPEZE_RING_OK;
    }
    return TRAPEZE_RING_EMPTY;
}

#endif
