// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "trapmap/annotate.hpp"

namespace trapeze::trapmap {

namespace {

/// Letters to insert, drop or change to get from one to the other.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t corner = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t change = corner + (a[i] == b[j] ? 0 : 1);
            corner = std::exchange(row[j + 1], std::min({row[j] + 1, row[j + 1] + 1, change}));
        }
    }
    return row.back();
}

}  // namespace

std::vector<std::string> similar(std::string_view name, const std::vector<std::string>& names,
                                 std::size_t most) {
    constexpr std::size_t shortest_part = 3;
    const std::size_t near = std::max<std::size_t>(name.size() / 3, 1);
    std::set<std::pair<std::size_t, std::string>> found;
    for (const std::string& other : names) {
        const std::size_t difference =
            other.size() > name.size() ? other.size() - name.size() : name.size() - other.size();
        const bool part = name.size() >= shortest_part && other.find(name) != std::string::npos;
        if (!part && difference > near) continue;
        const std::size_t far = part ? std::min(difference, near) : distance(name, other);
        if (far <= near) found.emplace(far, other);
        if (found.size() > most) found.erase(std::prev(found.end()));
    }
    std::vector<std::string> out;
    out.reserve(found.size());
    for (const auto& [far, other] : found) {
        out.push_back(other);
    }
    return out;
}

}  // namespace trapeze::trapmap
