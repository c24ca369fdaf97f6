// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source.hpp"

namespace trapeze::fuzz {

/// Writes a flattened device tree (Devicetree Specification, chapter 5), as right or as wrong as it
/// is told to.
class TreeWriter {
  public:
    void open(std::string_view name);
    void close();
    void bytes(std::string_view name, std::string_view value);
    void cell(std::string_view name, std::uint32_t value);
    void wide(std::string_view name, std::uint64_t value);
    /// With its zero.
    void text(std::string_view name, std::string_view value);
    std::string finish();

  private:
    void tag(std::uint32_t value);
    std::string structure_, strings_;
};

std::string big_endian(std::uint64_t value, unsigned bytes);

/// What a whole boot of the VMM is given; `source` says how, and in what it is odd.
std::string board_tree(Source& source, std::uint64_t ram, std::uint64_t image,
                       std::uint64_t image_end, std::string_view options);
std::string own_tree(Source& source);
std::string guest_image(Source& source);
/// Of several guests, each with an image that is not looked into.
std::string machine_image(Source& source);
/// Some bytes of `blob`, from `from` on, become others; or it is cut.
void damage(Source& source, std::string& blob, std::size_t from);

}  // namespace trapeze::fuzz
