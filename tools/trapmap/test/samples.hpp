// SPDX-License-Identifier: Apache-2.0
// Dumps made by hand, right in every byte, for tests to break one thing at a time.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "trapmap/dump.hpp"

namespace trapeze::trapmap::samples {

/// zlib's checksum as the end line has it.
inline std::string crc(std::string_view text) {
    return fmt::format("{:08x}",
                       crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

/// The lines in `body`, each ended by a line feed, as a dump.
inline std::string dump(std::string_view body, std::string_view kind = "end", int number = 7,
                        int version = 1) {
    std::string text = fmt::format("@@trapeze-dump {} {} {}\n{}", version, kind, number, body);
    const auto lines = std::ranges::count(body, '\n');
    const std::string sum = crc(text);
    return text + fmt::format("@@trapeze-dump-end {} {} {}\n", number, lines, sum);
}

// Site 0 is in two processes' hot_loop; 3 in a function that nobody names.
inline const std::string frame =
    "clock 1000000 5000000\n"
    "guest 268435456 straight on\n"
    "time 4000000 1500000 500000 2000000\n"
    "sites 4096 4 3 34 1000\n"
    "pages 4096 3 2\n";
inline const std::string causes =
    "cause privileged 1000 30000 20 900 0\n"
    "cause dtlb_shadow 50 5000 90 800 20\n"
    "cause syscall 5 900 90 800 0\n";
inline const std::string sites =
    "site c0012344 12344 7d2000a6 0 k 600 12000 400 1000 2000 55 0\n"
    "site c0012350 12350 7c000146 0 K 300 15000 900 1000 2000 70 1\n"
    "site c0020010 20010 7d2000a6 3 k 60 1500 90 1500 2000 0 2\n"
    "site 00000020 20 7c70f3a6 0 k 6 500 90 1000 1000 0 3\n";
inline const std::string pages =
    "page c0012000 k dtlb_shadow 20\n"
    "page 10012000 u dtlb_shadow 10\n"
    "page 10012000 u syscall 5\n";
inline const std::string symbols =
    "symbol c0012300 prepare_to_wait\n"
    "symbol c0020000 hot;loop\n";
inline const std::string spans =
    "spans 1000000 2 privileged syscall\n"
    "span 700 2\n"
    "span 300 3\n";
inline const std::string insns =
    "insn mfmsr 660\n"
    "insn wrteei 300\n";

// The same guest, patched: two of its sites have patches, one of them was given back.
inline const std::string patch =
    "patch hot 16 1 9000 3 -250000 4 1 1 2 120 62500\n"
    "cost exit 34000\n"
    "cost fault 600000\n"
    "stolen c0040000 2 3968 2\n"
    "traced c0012000 F00012000 1 3\n"
    "traced c0020000 20000 0 0\n";
inline const std::string patched_sites =
    "site c0012344 12344 7d2000a6 0 k 600 12000 400 1000 2000 55 0 patched pays 8500\n"
    "site c0012350 12350 7c000146 0 K 300 15000 900 1000 2000 70 1 hot no-mapping 0\n"
    "site c0020010 20010 7d2000a6 3 k 60 1500 90 1500 2000 0 2 back waiting 500\n"
    "site 00000020 20 7c70f3a6 0 k 6 500 90 1000 1000 0 3 cold - 0\n";

inline std::string body() { return frame + causes + insns + sites + pages + symbols + spans; }

inline std::string patched_body() {
    return frame + patch + causes + insns + patched_sites + pages + symbols + spans;
}

inline Dump patched() { return parse_dump(dump(patched_body()), 0, "sample"); }

inline Dump good() { return parse_dump(dump(body()), 0, "sample"); }

/// What trapmap says of a bad input; the test fails if it takes it.
template <typename Action>
std::string refusal(Action&& action) {
    try {
        action();
    } catch (const Error& error) {
        std::string text = error.what();
        EXPECT_EQ(text.find('\n'), std::string::npos) << "more than one line: " << text;
        return text;
    }
    ADD_FAILURE() << "was accepted";
    return {};
}

inline std::string refused(std::string_view console, std::uint64_t which = 0) {
    return refusal([&] { static_cast<void>(parse_dump(console, which, "sample")); });
}

}  // namespace trapeze::trapmap::samples
