// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trapmap/options.hpp"

namespace trapeze::trapmap {

/// Does what the options ask for. Remarks on the inputs go to stderr, a line each. Throws Error
/// and BrokenPipe.
void run(const Options& options);

}  // namespace trapeze::trapmap
