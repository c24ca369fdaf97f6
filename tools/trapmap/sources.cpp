// SPDX-License-Identifier: Apache-2.0
#include "trapmap/sources.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

namespace trapeze::trapmap {

namespace {

constexpr Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    // Debug information is in the file itself or nowhere: a debuginfod server is not asked.
    .find_debuginfo = [](Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*,
                         GElf_Word, char**) { return -1; },
    .section_address = dwfl_offline_section_address,
    .debuginfo_path = nullptr,
};

const char* string_of(Dwarf_Die* die, unsigned attribute) {
    Dwarf_Attribute found{};
    return dwarf_formstring(dwarf_attr(die, attribute, &found));
}

std::string normal(const std::filesystem::path& path) { return path.lexically_normal().string(); }

/// `prefix` cut back to the folders that `path` is in as well.
void share(std::string& prefix, const std::string& path) {
    const auto differ = std::mismatch(prefix.begin(), prefix.end(), path.begin(), path.end());
    prefix.erase(differ.first, prefix.end());
    prefix.erase(prefix.rfind('/') + 1);
}

}  // namespace

struct Sources::State {
    std::string path;
    bool opened = false;
    Dwfl* dwfl = nullptr;
    Dwfl_Module* module = nullptr;
    std::string build;  ///< the folder that the compiler ran in, with a slash at the end
    std::string root;   ///< what the sources share, with a slash at the end

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { dwfl_end(dwfl); }

    void open() {
        opened = true;
        dwfl = dwfl_begin(&callbacks);
        if (dwfl == nullptr) return;
        module = dwfl_report_offline(dwfl, "guest", path.c_str(), -1);
        dwfl_report_end(dwfl, nullptr, nullptr);
        find_root();
    }

    /// Sources that were built in a folder of their own have long or absolute names.
    void find_root() {
        bool first = true;
        Dwarf_Addr bias = 0;
        for (Dwarf_Die* unit = nullptr;
             module != nullptr && (unit = dwfl_module_nextcu(module, unit, &bias)) != nullptr;) {
            const char* folder = string_of(unit, DW_AT_comp_dir);
            const char* name = string_of(unit, DW_AT_name);
            if (folder == nullptr || name == nullptr) continue;
            std::string full = normal(std::filesystem::path(folder) / name);
            build = normal(std::filesystem::path(folder) / "");
            // What a build generates is beside the point.
            if (full.starts_with(build) && !root.empty() && !root.starts_with(build)) continue;
            if (first || (root.starts_with(build) && !full.starts_with(build))) {
                root = full.substr(0, full.rfind('/') + 1);
            } else {
                share(root, full);
            }
            first = false;
        }
    }

    std::string shortened(const char* file, const char* folder) const {
        std::filesystem::path source(file);
        if (source.is_relative() && folder != nullptr) source = folder / source;
        const std::string full = normal(source);
        for (const std::string& prefix : {root, build}) {
            if (prefix.size() > 1 && full.starts_with(prefix)) return full.substr(prefix.size());
        }
        return full;
    }
};

Sources::Sources(std::string path) : state_(std::make_unique<State>()) {
    state_->path = std::move(path);
}

Sources::~Sources() = default;

std::string Sources::line(std::uint32_t ea) {
    State& s = *state_;
    if (!s.opened) s.open();
    Dwfl_Line* found = s.module == nullptr ? nullptr : dwfl_module_getsrc(s.module, ea);
    if (found == nullptr) return {};
    int number = 0;
    const char* file = dwfl_lineinfo(found, nullptr, &number, nullptr, nullptr, nullptr);
    if (file == nullptr || number <= 0) return {};
    return fmt::format("{}:{}", s.shortened(file, dwfl_line_comp_dir(found)), number);
}

}  // namespace trapeze::trapmap
