// SPDX-License-Identifier: Apache-2.0
#include "pack/initrd.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples.hpp"

namespace {

using namespace trapeze::pack;
using samples::bytes_of;
using samples::gzip;
using samples::mem;
using samples::refusal;
using testing::HasSubstr;

std::string bad(const Bytes& data, std::uint64_t size = mem) {
    return refusal([&] { parse_initrd(data, "i", size); });
}

TEST(Initrd, CpioAndGzipPassUnchanged) {
    const Bytes cpio = bytes_of("070701 and so on");
    EXPECT_EQ(parse_initrd(cpio, "i", mem), cpio);
    const Bytes packed = gzip(cpio);
    EXPECT_EQ(parse_initrd(packed, "i", mem), packed);
}

TEST(Initrd, ArchiveBehindGzipIsKept) {
    Bytes both = gzip(bytes_of("070701"));
    const Bytes more = bytes_of("070701 more");
    both.insert(both.end(), more.begin(), more.end());
    EXPECT_EQ(parse_initrd(both, "i", mem), both);
}

TEST(Initrd, UimageIsUnwrapped) {
    const Bytes cpio = bytes_of("070701 and so on");
    EXPECT_EQ(parse_initrd(samples::uimage(cpio, {.type = 3}), "i", mem), cpio);
    EXPECT_THAT(bad(samples::uimage(cpio)), HasSubstr("a kernel"));
}

TEST(Initrd, DamagedGzipIsRefused) {
    const Bytes packed = gzip(Bytes(100000, std::byte{7}));
    EXPECT_THAT(bad(Bytes(packed.begin(), packed.end() - 9)), HasSubstr("truncated"));
    Bytes flipped = packed;
    flipped.at(packed.size() - 6) ^= std::byte{1};
    EXPECT_THAT(bad(flipped), HasSubstr("corrupt"));
    EXPECT_THAT(bad(packed, 99999), HasSubstr("--mem"));
}

TEST(Initrd, OthersAreRefusedByName) {
    EXPECT_THAT(bad(samples::elf()), HasSubstr("ELF"));
    EXPECT_THAT(bad(bytes_of("hello\n")), HasSubstr("text file"));
    EXPECT_THAT(bad(bytes_of("\x01\x02\x03\x04")), HasSubstr("no format"));
    EXPECT_THAT(bad({}), HasSubstr("empty"));
    EXPECT_THAT(bad(bytes_of("070701 long"), 4), HasSubstr("--mem"));
}

}  // namespace
