// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// The files of this folder, put into the program by cmake/embed.cmake.
namespace trapeze::trapmap::embedded {

extern const std::string_view page;
extern const std::string_view style;
extern const std::string_view script;
/// Of `script`, in lower-case hexadecimal.
extern const std::string_view script_sha256;

}  // namespace trapeze::trapmap::embedded
