// SPDX-License-Identifier: Apache-2.0
#include "pack/elf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples.hpp"

namespace {

using namespace trapeze::pack;
using samples::elf;
using samples::kernel_refusal;
using samples::mem;
using testing::HasSubstr;

constexpr std::size_t row = samples::elf_program_header;

Bytes with16(std::size_t at, std::uint32_t value) {
    Bytes file = elf();
    samples::put16(file, at, value);
    return file;
}

Bytes with32(std::size_t at, std::uint32_t value) {
    Bytes file = elf();
    samples::put32(file, at, value);
    return file;
}

TEST(Elf, IsLoadedPhysicallyAndEnteredPhysically) {
    const Kernel kernel = parse_kernel(elf(), "k", mem, false);
    EXPECT_EQ(kernel.kind, Kind::elf);
    EXPECT_EQ(kernel.entry, 0x100000U) << "its e_entry is the virtual address";
    ASSERT_EQ(kernel.segments.size(), 1U);
    EXPECT_EQ(kernel.segments[0].load, 0x100000U);
    EXPECT_EQ(kernel.segments[0].mem_size, 32U);
    EXPECT_EQ(kernel.segments[0].data.size(), 16U);
    EXPECT_EQ(kernel.segments[0].data[0], std::byte{0x60});
}

TEST(Elf, PhysicalEntryIsKept) {
    EXPECT_EQ(parse_kernel(with32(24, 0x100004), "k", mem, false).entry, 0x100004U);
}

TEST(Elf, OtherMachinesAndKindsAreRefusedByName) {
    EXPECT_THAT(kernel_refusal(with16(18, EM_ARM)), HasSubstr("ARM"));
    EXPECT_THAT(kernel_refusal(with16(18, 0xbeef)), HasSubstr("number 48879"));
    EXPECT_THAT(kernel_refusal(with16(16, ET_REL)), HasSubstr("link it first"));
    EXPECT_THAT(kernel_refusal(with16(16, ET_DYN)), HasSubstr("position-independent"));
    EXPECT_THAT(kernel_refusal(with16(16, ET_CORE)), HasSubstr("not a program"));
    EXPECT_THAT(kernel_refusal(with32(row, PT_NOTE)), HasSubstr("nothing to load"));
    EXPECT_THAT(kernel_refusal(with32(row, PT_INTERP)), HasSubstr("operating system"));
}

TEST(Elf, EveryShorterFileIsRefused) {
    const Bytes file = elf();
    for (std::size_t size = 4; size < file.size(); ++size) {
        kernel_refusal(Bytes(file.data(), file.data() + size));
    }
}

TEST(Elf, LyingSizesAreRefused) {
    EXPECT_THAT(kernel_refusal(with32(row + 4, 0xfffffff0)), HasSubstr("truncated"));
    EXPECT_THAT(kernel_refusal(with32(row + 16, 33)), HasSubstr("corrupt"));
    EXPECT_THAT(kernel_refusal(with32(row + 20, 0xfffffff0)), HasSubstr("--mem"));
    EXPECT_THAT(kernel_refusal(with32(row + 12, 0xfffffff0)), HasSubstr("link it lower"));
    EXPECT_THAT(kernel_refusal(with32(24, 0x200000)), HasSubstr("outside of what is loaded"));
    EXPECT_FALSE(kernel_refusal(with32(28, 0x7fffffff)).empty());
    EXPECT_FALSE(kernel_refusal(with16(44, 0xfff0)).empty());
}

TEST(Elf, OverlappingSegmentsAreRefused) {
    Bytes file = elf();
    const Bytes header(file.begin() + row, file.begin() + row + 32);
    file.insert(file.begin() + row + 32, header.begin(), header.end());
    samples::put16(file, 44, 2);
    for (const std::size_t at : {row, row + 32}) {
        samples::put32(file, at + 4, samples::elf_data + 32);
    }
    samples::put32(file, row + 32 + 12, 0x100010);
    EXPECT_THAT(kernel_refusal(file), HasSubstr("overlap at 0x100010"));
    samples::put32(file, row + 32 + 12, 0x100020);
    Guest guest;
    guest.kernel = parse_kernel(file, "k", mem, false);
    EXPECT_NO_THROW(check_layout(guest, "k", mem));
}

}  // namespace
