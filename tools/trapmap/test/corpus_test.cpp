// SPDX-License-Identifier: Apache-2.0
// What the fuzzer found worth keeping goes through the fuzzer's own code once more, without clang.
// A defect ends the test by an exception or abort().
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trapmap/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

TEST(Corpus, EveryFileIsTakenOrRefused) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(FUZZ_CORPUS)) {
        SCOPED_TRACE(entry.path().string());
        const std::string text = trapeze::trapmap::read_input(entry.path().string());
        const std::vector<std::uint8_t> bytes(text.begin(), text.end());
        ASSERT_NO_THROW(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()));
        ++files;
    }
    EXPECT_GE(files, 50U) << "the corpus is missing";
}

}  // namespace
