// SPDX-License-Identifier: Apache-2.0
// Feeds arbitrary bytes to trapmap as a console log, as the lines of a dump whose frame and
// checksum are right, and as a stream. Error is the one right answer to a bad one; anything else
// that escapes, and every sanitizer report, is a defect.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "trapmap/annotate.hpp"
#include "trapmap/diff.hpp"
#include "trapmap/json.hpp"
#include "trapmap/stream.hpp"
#include "trapmap/text_formats.hpp"
#include "trapmap/view.hpp"

namespace {

using namespace trapeze::trapmap;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

/// A fuzzer does not guess checksums.
std::string framed(std::string_view lines, bool live) {
    std::string block = fmt::format("@@trapeze-dump 1 {} 1\n{}\n", live ? "live" : "end", lines);
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(block.data()), block.size());
    const auto count = std::count(block.begin(), block.end(), '\n') - 1;
    return block + fmt::format("@@trapeze-dump-end 1 {} {:08x}\n", count, crc);
}

void show(const Dump& dump) {
    const Model model(dump);
    const Style style{.width = 80, .colour = false};
    require(model.sites().size() == dump.sites.size());
    static_cast<void>(header(model, style));
    for (const By by : {By::site, By::function, By::instruction, By::page}) {
        for (const Sort sort : {Sort::count, Sort::ticks, Sort::rate, Sort::max, Sort::saved}) {
            static_cast<void>(hottest(model, {by, sort, 3}, style));
        }
        static_cast<void>(to_csv(model, {by, Sort::count, 0}));
        if (by != By::page) {
            static_cast<void>(differences(model, model, {by, Sort::rate, 3}, style));
        }
    }
    static_cast<void>(to_folded(model));
    static_cast<void>(to_json(model).dump());
    if (!model.sites().empty() && !model.sites().front().function.empty()) {
        static_cast<void>(annotate(model, model.sites().front().function, style));
    }
}

/// The whole stream in pieces of `size`; what is damaged is said and skipped.
void follow(std::string_view text, std::size_t size) {
    DumpStream stream;
    Live live;
    while (!text.empty()) {
        const std::string_view piece = text.substr(0, size);
        text.remove_prefix(piece.size());
        stream.feed(piece);
        for (bool more = true; more;) {
            try {
                std::optional<Dump> dump = stream.next();
                more = dump.has_value();
                if (more) live.take(std::move(*dump));
            } catch (const Error&) {
                continue;
            }
        }
    }
    if (!live.empty()) show(live.dump());
}

void run(unsigned what, std::string_view text) {
    switch (what) {
        case 0:
            show(parse_dump(text, 0, "input"));
            break;
        case 1:
            show(parse_dump(text, 1, "input"));
            break;
        case 2:
            show(parse_dump(framed(text, false), 0, "input"));
            break;
        default: {
            const std::size_t half = text.find('\f');
            const std::string_view second =
                half == std::string_view::npos ? "" : text.substr(half + 1);
            follow(framed(text.substr(0, half), false) + framed(second, true), 1 + text.size() / 3);
            break;
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    constexpr unsigned ways = 4;
    try {
        run(data[0] % ways, {reinterpret_cast<const char*>(data) + 1, size - 1});
    } catch (const Error&) {
        return 0;
    }
    return 0;
}
