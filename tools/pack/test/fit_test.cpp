// SPDX-License-Identifier: Apache-2.0
#include "pack/fit.hpp"

#include <gtest/gtest.h>
#include <libfdt.h>

#include "pack/symbols.hpp"
#include "samples.hpp"

namespace {

using namespace trapeze::pack;

std::string text_at(const Bytes& fit, const char* path, const char* property) {
    int size = 0;
    const auto* value = static_cast<const char*>(
        fdt_getprop(fit.data(), fdt_path_offset(fit.data(), path), property, &size));
    return value != nullptr && size > 0 ? std::string(value, static_cast<std::size_t>(size) - 1)
                                        : std::string("(none)");
}

Bytes data_at(const Bytes& fit, const char* path, const char* property) {
    int size = 0;
    const auto* value = static_cast<const std::byte*>(
        fdt_getprop(fit.data(), fdt_path_offset(fit.data(), path), property, &size));
    return value == nullptr ? Bytes{} : Bytes(value, value + size);
}

std::uint64_t number_at(const Bytes& fit, const char* path, const char* property) {
    const Bytes data = data_at(fit, path, property);
    EXPECT_EQ(data.size(), 8U) << path << " " << property;
    return std::uint64_t{be32_at(data, 0)} << 32U | be32_at(data, 4);
}

Guest sample() {
    Guest guest;
    guest.kernel.kind = Kind::elf;
    guest.kernel.entry = 0x123400000;
    guest.kernel.segments = {{0x123400000, 32, Bytes(16, std::byte{1})},
                             {0x2000, 8, Bytes(8, std::byte{2})}};
    guest.kernel.symbols = {{0x100, "start"}};
    guest.initrd = Bytes(5, std::byte{3});
    guest.dtb = Bytes(7, std::byte{4});
    guest.bootargs = "console=ttyS0 \"quoted\"";
    guest.loads = {{"file", 0x2000000, Bytes(9, std::byte{5})}};
    return guest;
}

TEST(Fit, HoldsEverythingOfTheGuest) {
    const Guest guest = sample();
    const Bytes fit = make_fit(guest);
    ASSERT_EQ(fdt_check_full(fit.data(), fit.size()), 0);
    EXPECT_EQ(number_at(fit, "/images/segment-0", "load"), 0x123400000U);
    EXPECT_EQ(number_at(fit, "/images/segment-0", "mem-size"), 32U);
    EXPECT_EQ(data_at(fit, "/images/segment-0", "data"), guest.kernel.segments[0].data);
    EXPECT_EQ(data_at(fit, "/images/segment-1", "data"), guest.kernel.segments[1].data);
    EXPECT_LT(fdt_path_offset(fit.data(), "/images/segment-2"), 0);
    EXPECT_EQ(text_at(fit, "/images/load@2000000", "type"), "load");
    EXPECT_EQ(number_at(fit, "/images/load@2000000", "load"), 0x2000000U);
    EXPECT_EQ(number_at(fit, "/images/load@2000000", "mem-size"), 9U);
    EXPECT_EQ(data_at(fit, "/images/load@2000000", "data"), guest.loads[0].data);
    EXPECT_EQ(data_at(fit, "/images/ramdisk", "data"), *guest.initrd);
    EXPECT_EQ(text_at(fit, "/images/fdt", "type"), "flat_dt");
    EXPECT_EQ(data_at(fit, "/images/fdt", "data"), *guest.dtb);
    EXPECT_EQ(data_at(fit, "/images/symbols", "data"), encode_symbols(guest.kernel.symbols));
    EXPECT_EQ(text_at(fit, "/configurations", "default"), "guest");
    EXPECT_EQ(number_at(fit, "/configurations/guest", "entry"), 0x123400000U);
    EXPECT_EQ(text_at(fit, "/configurations/guest", "bootargs"), guest.bootargs);
    EXPECT_EQ(text_at(fit, "/configurations/guest", "kind"), "elf");
}

TEST(Fit, LeavesOutWhatIsNotThere) {
    Guest guest = sample();
    guest.initrd.reset();
    guest.dtb.reset();
    guest.kernel.symbols.clear();
    const Bytes fit = make_fit(guest);
    for (const char* path : {"/images/ramdisk", "/images/fdt", "/images/symbols"}) {
        EXPECT_LT(fdt_path_offset(fit.data(), path), 0) << path;
    }
}

TEST(Fit, IsTheSameEachTime) { EXPECT_EQ(make_fit(sample()), make_fit(sample())); }

TEST(Fit, ManySegmentsAndLongArgumentsFit) {
    Guest guest = sample();
    guest.bootargs.assign(5000, 'x');
    guest.kernel.segments.assign(300, {0x1000, 3, Bytes(3)});
    const Bytes fit = make_fit(guest);
    EXPECT_EQ(fdt_check_full(fit.data(), fit.size()), 0);
    EXPECT_GE(fdt_path_offset(fit.data(), "/images/segment-299"), 0);
}

TEST(Fit, LargeFilesFit) {
    for (const bool initrd : {true, false}) {
        Guest guest = sample();
        (initrd ? guest.initrd : guest.dtb) = Bytes(1'000'000);
        const Bytes fit = make_fit(guest);
        const char* const node = initrd ? "/images/ramdisk" : "/images/fdt";
        EXPECT_EQ(data_at(fit, node, "data").size(), 1'000'000U);
    }
}

TEST(Fit, ManySymbolsFit) {
    Guest guest = sample();
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        guest.kernel.symbols.push_back({0x1000 + i, "a_function_of_the_guest's_kernel"});
    }
    const Bytes fit = make_fit(guest);
    EXPECT_EQ(data_at(fit, "/images/symbols", "data"), encode_symbols(guest.kernel.symbols));
}

}  // namespace
