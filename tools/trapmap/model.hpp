// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trapmap/dump.hpp"

namespace trapeze::trapmap {

class Program;

/// The page that an address lies in.
constexpr std::uint32_t page_of(std::uint32_t ea) { return ea & ~0xfffU; }

/// A site with all that is known of its instruction.
struct NamedSite {
    Site site;
    std::string function;      ///< empty when unknown
    std::uint32_t offset = 0;  ///< from the function's start, bytes
    std::string instruction;   ///< what it is grouped by, such as "mfmsr" or "mtspr MAS0"
    std::string disassembly;
    std::uint32_t linked = 0;  ///< the address that the ELF file knows it by
};

/// A dump with names. Names come from the ELF file if there is one and it fits, else from the dump.
class Model {
  public:
    /// `program` may be null. One that is not what the guest ran is left out, with a remark.
    explicit Model(Dump dump, std::shared_ptr<const Program> program = nullptr);

    const Dump& dump() const { return dump_; }

    /// Most exits first.
    const std::vector<NamedSite>& sites() const { return sites_; }

    /// Null when there is none, or none that fits.
    const Program* program() const { return program_.get(); }

    /// "kernel/fork.c:12", or empty: the line in the site's function, not in one that is inlined
    /// there. Costs time: ask for what is shown only.
    std::string source(const NamedSite& site) const;

    /// What the user should know, a line each: the dump's remarks and one on the ELF file.
    const std::vector<std::string>& remarks() const { return dump_.remarks; }

    /// The cause of this name, null when the dump has none.
    const Cause* cause(std::string_view name) const;

    /// Exits of all causes.
    std::uint64_t exits() const;

    /// Exits and ticks of trap sites: those in the table and those lost from it.
    std::uint64_t site_exits() const;
    std::uint64_t site_ticks() const;

    /// Sites in a state, and how many of them have which reason, most first.
    std::size_t sites_in(State state) const;
    std::vector<std::pair<std::string, std::size_t>> reasons(State state) const;

  private:
    bool fits() const;
    void name(NamedSite& site) const;

    Dump dump_;
    std::shared_ptr<const Program> program_;
    std::vector<NamedSite> sites_;
};

enum class By : std::uint8_t { site, function, instruction, page };
enum class Sort : std::uint8_t { count, ticks, rate, max, saved };

/// One row of a table: a site, or sites (and on pages other exits) that have something in common.
struct Row {
    std::string name;                 ///< of the function or instruction
    std::uint32_t ea = 0;             ///< of the site or page
    bool user = false;                ///< a page of guest user mode
    const NamedSite* site = nullptr;  ///< the hottest in it, null when it has none
    std::size_t sites = 0;
    std::uint64_t count = 0;
    std::uint64_t ticks = 0;
    std::uint64_t max = 0;
    std::uint64_t rate = 0;
    std::size_t patched = 0;  ///< sites
    std::uint64_t saved = 0;
    std::vector<std::pair<std::string, std::uint64_t>> causes;  ///< of a page, most exits first
};

inline constexpr std::string_view unknown_function = "[unknown]";

/// The model's rows, most first. Rows refer to the model.
std::vector<Row> group(const Model& model, By by, Sort sort);

}  // namespace trapeze::trapmap
