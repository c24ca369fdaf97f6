// SPDX-License-Identifier: Apache-2.0
// trapmap-page TITLE NOW.json [BEFORE.json]: the HTML page of trapmap's JSON, on stdout.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "trapmap/html.hpp"

namespace {

nlohmann::ordered_json read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(fmt::format("{}: cannot be read", path));
    return nlohmann::ordered_json::parse(file);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc < 3 || argc > 4) {
            fmt::print(stderr, "usage: trapmap-page TITLE NOW.json [BEFORE.json]\n");
            return 2;
        }
        const nlohmann::ordered_json now = read(argv[2]);
        nlohmann::ordered_json before;
        if (argc == 4) before = read(argv[3]);
        fmt::print("{}", trapeze::trapmap::html_page(now, argc == 4 ? &before : nullptr, argv[1]));
        return 0;
    } catch (const std::exception& error) {
        fmt::print(stderr, "trapmap-page: {}\n", error.what());
        return 2;
    }
}
