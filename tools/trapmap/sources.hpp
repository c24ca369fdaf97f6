// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace trapeze::trapmap {

/// Source lines out of an ELF file's debug information (elfutils' libdw). The file is opened when
/// the first line is asked for.
class Sources {
  public:
    explicit Sources(std::string path);
    ~Sources();
    Sources(const Sources&) = delete;
    Sources& operator=(const Sources&) = delete;

    /// "kernel/fork.c:12" for the linked address `ea`: relative to the folder that all sources
    /// share. Empty when there is no debug information for it.
    std::string line(std::uint32_t ea);

    /// What stands in that line, without the blanks at its start, if the source file is there.
    std::string text(std::uint32_t ea);

    /// The line in the function itself: for code of inlined functions, where the outermost of them
    /// is called. A macro or inline function of a header says little about who traps.
    std::string statement(std::uint32_t ea);

    struct State;

  private:
    std::unique_ptr<State> state_;
};

}  // namespace trapeze::trapmap
