// SPDX-License-Identifier: Apache-2.0
// Each message says who sent it, and its bytes follow from that: which of the sender's lives, which
// message of it, and how many there will be.
#include "torture.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MOST 2048u

struct message {
    uint32_t life, number, count;
    unsigned char rest[MOST];
};
enum { head = 12 };

static uint32_t make(struct message* m, uint32_t life, uint32_t number, uint32_t count,
                     uint32_t most) {
    uint32_t random = life * 2654435761u + number * 40503u + 1;
    m->life = life;
    m->number = number;
    m->count = count;
    random = random * 1664525u + 1013904223u;
    const uint32_t bytes = (random >> 16) % (most - head + 1);
    for (uint32_t i = 0; i < bytes; ++i) {
        random = random * 1664525u + 1013904223u;
        m->rest[i] = (unsigned char)(random >> 24);
    }
    return head + bytes;
}

struct account {
    uint32_t received, lost, torn, twice, lives;
    uint32_t life, number;
    int over;
};

static void look(struct account* a, const struct message* m, uint32_t length, uint32_t most) {
    static struct message right;
    ++a->received;
    if (length < head || make(&right, m->life, m->number, m->count, most) != length ||
        memcmp(m, &right, length) != 0) {
        ++a->torn;
        return;
    }
    // What this side's life before had received is not known.
    const int known = a->lives != 0;
    if (a->life != m->life) {
        ++a->lives;
        a->life = m->life;
        if (known) a->lost += m->number - 1;
    } else if (m->number <= a->number) {
        ++a->twice;
    } else {
        a->lost += m->number - a->number - 1;
    }
    a->number = m->number;
    a->over = m->number == m->count;
}

void pause_a_while(unsigned* idle) {
    const struct timespec moment = {0, 100000};
    if (++*idle < 50) {
        sched_yield();
    } else {
        nanosleep(&moment, NULL);
    }
}

int torture(struct trapeze_ring* ring, uint32_t count) {
    static struct message out, in;
    struct account a = {0};
    const uint32_t life = ring->own[trapeze_ring_opens_];
    const uint32_t most =
        trapeze_ring_most(ring) / 3 < sizeof out ? trapeze_ring_most(ring) / 3 : sizeof out;
    uint32_t sent = 0, broken = 0, peer = 0, restarts = 0;
    for (unsigned idle = 0; sent < count || !a.over;) {
        int busy = 0;
        if (sent < count) {
            const uint32_t length = make(&out, life, sent + 1, count, most);
            const int result = trapeze_ring_send(ring, &out, length);
            sent += result == TRAPEZE_RING_OK;
            broken += result == TRAPEZE_RING_BROKEN;
            busy = result == TRAPEZE_RING_OK;
        }
        uint32_t length = 0;
        const int result = trapeze_ring_receive(ring, &in, sizeof in, &length);
        broken += result == TRAPEZE_RING_BROKEN;
        if (result == TRAPEZE_RING_OK || result == TRAPEZE_RING_TRUNCATED) {
            look(&a, &in, length, most);
            busy = 1;
        }
        const uint32_t opens = trapeze_ring_peer_opens(ring);
        restarts += peer != 0 && opens != peer;
        peer = opens;
        if (busy) idle = 0;
        if (!busy) pause_a_while(&idle);
    }
    printf("sent %u received %u lost %u torn %u twice %u broken %u peer restarts %u\n",
           (unsigned)sent, (unsigned)a.received, (unsigned)a.lost, (unsigned)a.torn,
           (unsigned)a.twice, (unsigned)broken, (unsigned)restarts);
    return a.lost + a.torn + a.twice + broken != 0;
}
