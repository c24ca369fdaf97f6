// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "trapmap/model.hpp"

namespace trapeze::trapmap {

/// The model as a document of schema 1, docs/trapmap.md. Looks up every site's source line.
nlohmann::ordered_json to_json(const Model& model);

}  // namespace trapeze::trapmap
