// SPDX-License-Identifier: Apache-2.0
// trapmap: the command line around the library beside it.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "trapmap/dump.hpp"
#include "trapmap/input.hpp"
#include "trapmap/options.hpp"
#include "trapmap/run.hpp"

namespace {

constexpr int status_input = 2;
constexpr int status_internal = 3;

}  // namespace

// Should printing an error fail, nothing is left to do.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
    using namespace trapeze::trapmap;
    // Writing says EPIPE instead, and the screen is put right before we leave.
    std::signal(SIGPIPE, SIG_IGN);
    // And EFBIG, as a full disk says ENOSPC.
    std::signal(SIGXFSZ, SIG_IGN);
    try {
        const ParseResult result = parse_options(argc, argv);
        if (result.help) {
            write_output("-", *result.help);
            return 0;
        }
        run(result.options);
        return 0;
    } catch (const BrokenPipe&) {
        return 0;
    } catch (const Error& error) {
        fmt::print(stderr, "trapmap: {}\n", error.what());
    } catch (const std::exception& error) {
        fmt::print(stderr, "trapmap: internal error: {}\n", error.what());
        return status_internal;
    }
    return status_input;
}
