// SPDX-License-Identifier: Apache-2.0
#include "trapmap/sources.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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

/// 0 when the attribute is not there.
Dwarf_Word number_of(Dwarf_Die* die, unsigned attribute) {
    Dwarf_Attribute found{};
    Dwarf_Word value = 0;
    return dwarf_formudata(dwarf_attr(die, attribute, &found), &value) == 0 ? value : 0;
}

std::string normal(const std::filesystem::path& path) { return path.lexically_normal().string(); }

/// The name of a source file, which may be relative to the folder that the compiler ran in.
std::string full_name(const char* file, const char* folder) {
    std::filesystem::path source(file);
    if (source.is_relative() && folder != nullptr) source = folder / source;
    return normal(source);
}

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
    std::map<Dwarf_Off, std::vector<Dwarf_Die>> functions;  ///< by compilation unit
    std::map<std::string, std::vector<std::string>> texts;  ///< lines by name
    std::string root;  ///< what the sources share, with a slash at the end

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { dwfl_end(dwfl); }

    void open() {
        if (std::exchange(opened, true)) return;
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

    /// The functions of a compilation unit that have code.
    const std::vector<Dwarf_Die>& functions_of(Dwarf_Die* unit) {
        const auto [entry, fresh] = functions.try_emplace(dwarf_dieoffset(unit));
        Dwarf_Die die{};
        for (bool more = fresh && dwarf_child(unit, &die) == 0; more;
             more = dwarf_siblingof(&die, &die) == 0) {
            const bool code =
                dwarf_hasattr(&die, DW_AT_low_pc) != 0 || dwarf_hasattr(&die, DW_AT_ranges) != 0;
            if (dwarf_tag(&die) == DW_TAG_subprogram && code) entry->second.push_back(die);
        }
        return entry->second;
    }

    /// Where the code at `ea` is inlined into the function that it stands in, empty if it is not.
    std::string outermost_call(std::uint32_t ea) {
        Dwarf_Addr bias = 0;
        Dwarf_Die* unit = module == nullptr ? nullptr : dwfl_module_addrdie(module, ea, &bias);
        if (unit == nullptr) return {};
        Dwarf_Die die{};
        for (const Dwarf_Die& function : functions_of(unit)) {
            die = function;
            if (dwarf_haspc(&die, ea - bias) == 1) return call_in(unit, die, ea - bias);
        }
        return {};
    }

    /// Goes down from a function through its blocks; the first inlined one is the outermost.
    std::string call_in(Dwarf_Die* unit, const Dwarf_Die& function, Dwarf_Addr pc) const {
        Dwarf_Die at = function;
        Dwarf_Die child{};
        for (bool more = dwarf_child(&at, &child) == 0; more;) {
            const int tag = dwarf_tag(&child);
            const bool scope = tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine;
            if (!scope || dwarf_haspc(&child, pc) != 1) {
                more = dwarf_siblingof(&child, &child) == 0;
            } else if (tag == DW_TAG_inlined_subroutine) {
                return call_of(unit, &child);
            } else {
                at = child;
                more = dwarf_child(&at, &child) == 0;
            }
        }
        return {};
    }

    std::string call_of(Dwarf_Die* unit, Dwarf_Die* inlined) const {
        const Dwarf_Word file = number_of(inlined, DW_AT_call_file);
        const Dwarf_Word number = number_of(inlined, DW_AT_call_line);
        Dwarf_Files* files = nullptr;
        std::size_t most = 0;
        if (dwarf_getsrcfiles(unit, &files, &most) != 0 || file >= most) return {};
        const char* name = dwarf_filesrc(files, file, nullptr, nullptr);
        if (name == nullptr || number == 0) return {};
        return fmt::format("{}:{}", shortened(name, string_of(unit, DW_AT_comp_dir)), number);
    }

    /// Where a source file is. A build may leave out where it was made: then the sources are beside
    /// the ELF file, or in a folder there.
    std::filesystem::path find(const std::string& name) const {
        namespace fs = std::filesystem;
        std::error_code error;
        fs::path beside = fs::path(path).parent_path() / name;
        if (fs::is_regular_file(beside, error)) return beside;  // all there is to an absolute name
        if (fs::path(name).is_absolute()) return {};
        const fs::path folder = fs::path(path).parent_path();
        for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, error)) {
            fs::path inside = entry.path() / name;
            if (fs::is_regular_file(inside, error)) return inside;
        }
        return {};
    }

    /// The lines of a source file, empty when it is not there or is too large to be one.
    const std::vector<std::string>& lines_of(const std::string& name) {
        constexpr std::uintmax_t most = std::uintmax_t{16} << 20U;
        const auto [entry, fresh] = texts.try_emplace(name);
        if (!fresh) return entry->second;
        const std::filesystem::path place = find(name);
        std::error_code error;
        if (place.empty() || std::filesystem::file_size(place, error) > most) return entry->second;
        std::ifstream in(place);
        for (std::string line; std::getline(in, line);) {
            line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
            entry->second.push_back(std::move(line));
        }
        return entry->second;
    }

    std::string shortened(const char* file, const char* folder) const {
        std::string full = full_name(file, folder);
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
    s.open();
    Dwfl_Line* found = s.module == nullptr ? nullptr : dwfl_module_getsrc(s.module, ea);
    if (found == nullptr) return {};
    int number = 0;
    const char* file = dwfl_lineinfo(found, nullptr, &number, nullptr, nullptr, nullptr);
    if (file == nullptr || number <= 0) return {};
    return fmt::format("{}:{}", s.shortened(file, dwfl_line_comp_dir(found)), number);
}

std::string Sources::text(std::uint32_t ea) {
    State& s = *state_;
    s.open();
    Dwfl_Line* found = s.module == nullptr ? nullptr : dwfl_module_getsrc(s.module, ea);
    if (found == nullptr) return {};
    int number = 0;
    const char* file = dwfl_lineinfo(found, nullptr, &number, nullptr, nullptr, nullptr);
    if (file == nullptr || number <= 0) return {};
    const auto& lines = s.lines_of(full_name(file, dwfl_line_comp_dir(found)));
    const auto index = static_cast<std::size_t>(number) - 1;
    return index < lines.size() ? lines[index] : std::string();
}

std::string Sources::statement(std::uint32_t ea) {
    State& s = *state_;
    s.open();
    std::string call = s.outermost_call(ea);
    return call.empty() ? line(ea) : call;
}

}  // namespace trapeze::trapmap
