// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace trapeze::trapmap {

/// The heatmap as one HTML page that needs no other file and no network. `now` and `before` are
/// documents of trapmap's JSON schema 1; with `before` (null for none) the page compares the two.
/// Text in them and in `title` may be anything: bytes that are not UTF-8 become U+FFFD, and
/// nothing is taken for markup.
std::string html_page(const nlohmann::ordered_json& now, const nlohmann::ordered_json* before,
                      std::string_view title);

}  // namespace trapeze::trapmap
