// SPDX-License-Identifier: Apache-2.0
// trapmap: the command line around the library beside it.
#include <exception>
#include <string>

#include "streams.hpp"
#include "trapmap/dump.hpp"
#include "trapmap/input.hpp"
#include "trapmap/options.hpp"
#include "trapmap/run.hpp"

namespace {

constexpr int status_input = 2;
constexpr int status_internal = 3;

}  // namespace

int main(int argc, char** argv) {
    using namespace trapeze::trapmap;
    // (A reader that leaves is an error of the write, and the screen is put right before we leave.)
    trapeze::streams::claim();
    try {
        const ParseResult result = parse_options(argc, argv);
        if (result.help) {
            write_output("-", *result.help);
            return 0;
        }
        run(result.options);
        return 0;
    } catch (const BrokenPipe&) {
        return trapeze::streams::status_reader_gone;
    } catch (const Error& error) {
        trapeze::streams::complain(std::string("trapmap: ") + error.what());
    } catch (const std::exception& error) {
        trapeze::streams::complain(std::string("trapmap: internal error: ") + error.what());
        return status_internal;
    }
    return status_input;
}
