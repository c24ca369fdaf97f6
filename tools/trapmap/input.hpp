// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "trapmap/dump.hpp"

namespace trapeze::trapmap {

/// Whoever read our output has gone: nothing to say, nothing left to do.
class BrokenPipe : public std::runtime_error {
  public:
    BrokenPipe() : std::runtime_error("broken pipe") {}
};

/// What is written does not get there.
class OutputError : public Error {
  public:
    using Error::Error;
};

/// All of a file, or of standard input for "-". Pipes are read to their end. Throws Error when it
/// is missing, unreadable, a directory, or larger than any console log.
std::string read_input(const std::string& path);

/// What messages call the input: the path, or "standard input" for "-".
std::string input_name(const std::string& path);

/// Replaces a file, or writes to standard output for "-". Throws OutputError, or
/// Error if it cannot be opened, or BrokenPipe.
void write_output(const std::string& path, std::string_view text);

}  // namespace trapeze::trapmap
