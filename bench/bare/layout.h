// SPDX-License-Identifier: Apache-2.0
// Where start.S keeps the device tree's address: low memory that tests/isa/support leaves free.
#pragma once

#define BARE_DEVICE_TREE 0x2b00
