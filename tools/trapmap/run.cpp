// SPDX-License-Identifier: Apache-2.0
#include "trapmap/run.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <utility>

#include "trapmap/input.hpp"
#include "trapmap/program.hpp"

namespace trapeze::trapmap {

namespace {

Dump read_dump(const std::string& path, std::uint64_t which) {
    return parse_dump(read_input(path), which, input_name(path));
}

void say_remarks(const Model& model) {
    for (const std::string& remark : model.remarks()) {
        fmt::print(stderr, "trapmap: {}\n", remark);
    }
}

}  // namespace

void run(const Options& options) {
    std::shared_ptr<const Program> program;
    if (!options.elf.empty()) program = std::make_shared<const Program>(options.elf);
    const Model model(read_dump(options.dump, options.which), program);
    say_remarks(model);
    write_output("-", header(model, options.style) + "\n" +
                          hottest(model, options.selection, options.style));
}

}  // namespace trapeze::trapmap
