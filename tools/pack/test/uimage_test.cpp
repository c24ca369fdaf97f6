// SPDX-License-Identifier: Apache-2.0
#include "pack/uimage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples.hpp"

namespace {

using namespace trapeze::pack;
using samples::kernel_refusal;
using samples::mem;
using samples::uimage;
using testing::HasSubstr;

const Bytes payload(4096, std::byte{0x60});

TEST(Uimage, PlainIsLoadedWhereItSays) {
    const Bytes image = uimage(payload, {.load = 0x10000, .entry = 0x10100});
    const Kernel kernel = parse_kernel(image, "k", mem, false);
    EXPECT_EQ(kernel.kind, Kind::uimage);
    EXPECT_EQ(kernel.title, "sample");
    EXPECT_EQ(kernel.entry, 0x10100U);
    ASSERT_EQ(kernel.segments.size(), 1U);
    EXPECT_EQ(kernel.segments[0].load, 0x10000U);
    EXPECT_EQ(kernel.segments[0].mem_size, payload.size());
    EXPECT_EQ(kernel.segments[0].data, payload);
}

TEST(Uimage, GzipIsUnpacked) {
    const Bytes image = uimage(samples::gzip(payload), {.compression = 1});
    EXPECT_EQ(parse_kernel(image, "k", mem, false).segments.at(0).data, payload);
}

TEST(Uimage, EveryShorterFileIsRefused) {
    const Bytes image = uimage(payload);
    for (std::size_t size = 4; size < image.size(); size += 61) {
        const std::string text = kernel_refusal(Bytes(image.data(), image.data() + size));
        EXPECT_THAT(text, testing::AnyOf(HasSubstr("truncated"), HasSubstr("cut off")));
    }
}

TEST(Uimage, EveryFlippedHeaderByteIsRefused) {
    for (std::size_t at = 4; at < 64; ++at) {
        Bytes image = uimage(payload);
        image[at] ^= std::byte{0x01};
        EXPECT_THAT(kernel_refusal(image), HasSubstr("corrupt header")) << at;
    }
}

TEST(Uimage, FlippedContentsAreRefused) {
    Bytes image = uimage(payload);
    image.back() ^= std::byte{0x80};
    EXPECT_THAT(kernel_refusal(image), HasSubstr("corrupt contents"));
}

TEST(Uimage, ForeignKindsAreRefusedByName) {
    EXPECT_THAT(kernel_refusal(uimage(payload, {.arch = 2})), HasSubstr("ARM"));
    EXPECT_THAT(kernel_refusal(uimage(payload, {.arch = 200})), HasSubstr("number 200"));
    EXPECT_THAT(kernel_refusal(uimage(payload, {.type = 3})), HasSubstr("--initrd"));
    EXPECT_THAT(kernel_refusal(uimage(payload, {.type = 6})), HasSubstr("a script"));
    EXPECT_THAT(kernel_refusal(uimage(payload, {.compression = 3})), HasSubstr("lzma"));
}

TEST(Uimage, GzipThatIsNoneOrTooLargeIsRefused) {
    EXPECT_THAT(kernel_refusal(uimage(payload, {.compression = 1})), HasSubstr("gzip data"));
    const Bytes packed = samples::gzip(payload);
    const Bytes half(packed.data(), packed.data() + packed.size() / 2);
    EXPECT_THAT(kernel_refusal(uimage(half, {.compression = 1})), HasSubstr("truncated"));
    EXPECT_THAT(kernel_refusal(uimage(packed, {.compression = 1}), 1024), HasSubstr("--mem"));
}

TEST(Uimage, OutsideOfMemoryIsRefused) {
    const Bytes high = uimage(payload, {.load = 0xfffff000, .entry = 0xfffff000});
    EXPECT_THAT(kernel_refusal(high), HasSubstr("--mem"));
    const Bytes entry = uimage(payload, {.load = 0, .entry = 0x8000});
    EXPECT_THAT(kernel_refusal(entry), HasSubstr("outside of what is loaded"));
    const Bytes odd = uimage(payload, {.load = 0, .entry = 2});
    EXPECT_THAT(kernel_refusal(odd), HasSubstr("multiple of 4"));
}

}  // namespace
