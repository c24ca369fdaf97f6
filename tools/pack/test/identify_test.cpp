// SPDX-License-Identifier: Apache-2.0
#include "pack/identify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples.hpp"

namespace {

using namespace trapeze::pack;
using samples::bytes_of;
using samples::kernel_refusal;
using samples::mem;
using testing::HasSubstr;

Bytes blob_with(std::size_t at, std::string_view magic) {
    Bytes data(0x9000, std::byte{0x91});
    const Bytes text = bytes_of(magic);
    std::copy(text.begin(), text.end(), data.begin() + static_cast<std::ptrdiff_t>(at));
    return data;
}

TEST(Identify, ForeignFilesAreRefusedByName) {
    EXPECT_THAT(kernel_refusal(blob_with(0x202, "HdrS")), HasSubstr("bzImage"));
    EXPECT_THAT(kernel_refusal(blob_with(0, "MZ")), HasSubstr("Windows or EFI"));
    EXPECT_THAT(kernel_refusal(blob_with(0, "PK\x03\x04")), HasSubstr("zip"));
    EXPECT_THAT(kernel_refusal(blob_with(0, "\x1f\x8b")), HasSubstr("gzip"));
    EXPECT_THAT(kernel_refusal(blob_with(0, "070701")), HasSubstr("--initrd"));
    EXPECT_THAT(kernel_refusal(blob_with(0x438, "\x53\xef")), HasSubstr("--drive"));
    EXPECT_THAT(kernel_refusal(blob_with(0, "\xd0\x0d\xfe\xed")), HasSubstr("--dtb"));
    EXPECT_THAT(kernel_refusal(blob_with(56, "ARM\x64")), HasSubstr("AArch64"));
    EXPECT_THAT(kernel_refusal(bytes_of("#!/bin/sh\nexit\n")), HasSubstr("script"));
    EXPECT_THAT(kernel_refusal(bytes_of("c0000000 T _start\n")), HasSubstr("text file"));
    EXPECT_THAT(kernel_refusal(Bytes(64)), HasSubstr("zeros"));
    EXPECT_THAT(kernel_refusal({}), HasSubstr("empty"));
}

TEST(Identify, MachineCodeIsRaw) {
    const Bytes code = blob_with(0, "\x60\x01\x02\x03");
    const Kernel kernel = parse_kernel(code, "k", mem, false);
    EXPECT_EQ(kernel.kind, Kind::raw);
    EXPECT_EQ(kernel.entry, 0U);
    ASSERT_EQ(kernel.segments.size(), 1U);
    EXPECT_EQ(kernel.segments[0].load, 0U);
    EXPECT_EQ(kernel.segments[0].data, code);
}

TEST(Identify, RawTakesEverythingThatFits) {
    const Bytes script = bytes_of("#!/bin/sh\n..");
    EXPECT_EQ(parse_kernel(script, "k", mem, true).segments.at(0).data, script);
    EXPECT_THAT(kernel_refusal(blob_with(0, "\x60\x01\x02\x03"), 0x8000), HasSubstr("--mem"));
}

TEST(Input, ReadsNothingBeyondTheEnd) {
    const Bytes three(3, std::byte{0xff});
    EXPECT_EQ(be32_at(three, 0), 0U);
    EXPECT_EQ(be16_at(three, 1), 0xffffU);
    EXPECT_EQ(be16_at(three, 2), 0U);
    EXPECT_TRUE(slice(three, ~0ULL, 2).empty());
    EXPECT_TRUE(slice(three, 2, ~0ULL).empty());
    EXPECT_EQ(slice(three, 1, 2).size(), 2U);
}

TEST(Input, FilesAreReadOrRefused) {
    EXPECT_THAT(samples::refusal([] { read_file("/no/such/file", 1); }), HasSubstr("no such file"));
    EXPECT_THAT(samples::refusal([] { read_file("/", 1); }), HasSubstr("not a file"));
    EXPECT_THAT(samples::refusal([] { read_file("/proc/self/exe", 16); }), HasSubstr("too large"));
}

}  // namespace
