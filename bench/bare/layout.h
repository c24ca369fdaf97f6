// SPDX-License-Identifier: Apache-2.0
// Where start.S keeps the device tree's address, and its noting handler the time: low memory that
// tests/isa/support leaves free.
#pragma once

#define BARE_DEVICE_TREE 0x2b00
#define BARE_NOTED       0x2b04
#define BARE_SAVED       0x2b08
