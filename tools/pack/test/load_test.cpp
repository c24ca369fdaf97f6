// SPDX-License-Identifier: Apache-2.0
// Files that the user puts at an address: --load.
#include <gtest/gtest.h>

#include "pack/image.hpp"

namespace {

using namespace trapeze::pack;

constexpr std::uint64_t mem = 64U << 20U;

std::string refusal(const Guest& guest) {
    try {
        check_layout(guest, "kernel", mem);
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

Guest with(std::uint64_t address, std::size_t size) {
    Guest guest;
    guest.kernel.entry = 0x10000;
    guest.kernel.segments = {{0x10000, 0x1000, Bytes(0x800)}};
    guest.loads = {{"file", address, Bytes(size)}};
    return guest;
}

TEST(Load, IsAFileAndAnAddress) {
    EXPECT_EQ(parse_load("uImage@0x2000000"), std::make_pair(std::string("uImage"), 0x2000000UL));
    EXPECT_EQ(parse_load("a@b@4096"), std::make_pair(std::string("a@b"), 4096UL));
    for (const char* text : {"uImage", "uImage@", "@0x100", "uImage@0x", "uImage@12x", "uImage@-1",
                             "uImage@0x10000000000000000", "uImage@ 5", ""}) {
        EXPECT_THROW(parse_load(text), InputError) << text;
    }
}

TEST(Load, StaysInMemoryAndOffTheKernelAndOthers) {
    EXPECT_EQ(refusal(with(0x11000, 16)), "");
    EXPECT_EQ(refusal(with(0xfff0, 16)), "");
    EXPECT_EQ(refusal(with(mem - 16, 16)), "");
    EXPECT_NE(refusal(with(mem - 16, 17)).find("give more --mem"), std::string::npos);
    EXPECT_NE(refusal(with(~std::uint64_t{0}, 17)).find("give more --mem"), std::string::npos);
    EXPECT_NE(refusal(with(0xfff0, 17)).find("file and kernel overlap at 0x10000"),
              std::string::npos);
    // What a segment has behind its data counts.
    EXPECT_NE(refusal(with(0x10fff, 1)).find("kernel and file overlap at 0x10fff"),
              std::string::npos);
    Guest guest = with(0x20000, 16);
    guest.loads.push_back({"other", 0x2000f, Bytes(1)});
    EXPECT_NE(refusal(guest).find("file and other overlap at 0x2000f"), std::string::npos);
    guest.loads[1].address = 0x20010;
    EXPECT_EQ(refusal(guest), "");
}

}  // namespace
