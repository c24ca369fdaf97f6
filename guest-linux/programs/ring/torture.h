// SPDX-License-Identifier: Apache-2.0
#ifndef TORTURE_H
#define TORTURE_H

#include <stdint.h>
#include <trapeze/ring.h>

// Sends `count` messages of random lengths and receives the peer's, both at once, until each side
// has its last one; prints what became of them. 0, or 1 if one was lost, torn or there twice.
int torture(struct trapeze_ring* ring, uint32_t count);

// Lets others run, the longer the more often it was called in a row: `*idle` counts.
void pause_a_while(unsigned* idle);

#endif
