// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pack/image.hpp"

namespace trapeze::pack {

/// Guest as a flattened image tree, the file that the VMM is given; docs name its nodes.
/// The same guest always gives the same bytes. Throws InputError when it exceeds what a flattened
/// tree can hold (2 GiB).
Bytes make_fit(const Guest& guest);

}  // namespace trapeze::pack
