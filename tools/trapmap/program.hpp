// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trapeze::trapmap {

/// A function in an ELF file; `size` in bytes.
struct Function {
    std::uint32_t start = 0;
    std::uint32_t size = 0;
    std::string name;
};

/// The ELF file a guest was made from: code, function names and, with debug information, source
/// lines. Addresses are the linked ones.
class Program {
  public:
    /// Throws Error when the file is missing, or no big-endian 32-bit PowerPC ELF.
    explicit Program(const std::string& path);
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    const std::string& path() const;

    /// The instruction at `ea`, if it lies in code of the file.
    std::optional<std::uint32_t> word(std::uint32_t ea) const;

    /// The linked address of what is loaded at guest-physical `gpa`, if it is code of the file.
    std::optional<std::uint32_t> linked(std::uint64_t gpa) const;

    /// The function around `ea`, null when none is known.
    const Function* function(std::uint32_t ea) const;

    /// All functions of that name; static ones may share it.
    std::vector<const Function*> find(std::string_view name) const;

    /// All functions, ascending and without overlap.
    const std::vector<Function>& functions() const;

    /// "kernel/fork.c:12", or empty: the line of the code at `ea`, of an inlined function perhaps.
    /// The first call reads the debug information's index.
    std::string source(std::uint32_t ea) const;

    /// What stands in the line of source(), if the source file is there; else empty.
    std::string source_text(std::uint32_t ea) const;

    /// As source(), but in the function around it: where the outermost inlined function is called.
    std::string statement(std::uint32_t ea) const;

    struct State;

  private:
    std::unique_ptr<State> state_;
};

}  // namespace trapeze::trapmap
