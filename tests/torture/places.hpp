// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "random.hpp"

// Addresses that a sequence has in its pointers. `number` is the sequence's, `text_ea` that of its
// first text page: both say where its text and what is near it stands.
namespace torture {

// Plain, small, large, missing and text pages, the VMM's hole, and pages as below.
u32 pointer(Random& random, u32 number, u32 text_ea);

// A page where stubs may be: hv/patch/stolen.cpp looks in this order. Not the register page, which
// a guest kernel sees (docs/limits.md).
u32 taken_page(Random& random, u32 number, u32 text_ea);

}  // namespace torture
