// SPDX-License-Identifier: Apache-2.0
#include "pack/devicetree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libfdt.h>

#include "samples.hpp"

namespace {

using namespace trapeze::pack;
using samples::refusal;
using testing::HasSubstr;

Bytes tree(const char* child) {
    Bytes blob(1024);
    fdt_create(blob.data(), static_cast<int>(blob.size()));
    fdt_finish_reservemap(blob.data());
    fdt_begin_node(blob.data(), "");
    fdt_begin_node(blob.data(), child);
    fdt_property_u32(blob.data(), "reg", 1);
    fdt_end_node(blob.data());
    fdt_end_node(blob.data());
    fdt_finish(blob.data());
    blob.resize(fdt_totalsize(blob.data()));
    return blob;
}

std::string bad(const Bytes& data) {
    return refusal([&] { parse_device_tree(data, "d"); });
}

TEST(DeviceTree, GoodOnePasses) {
    const Bytes blob = tree("cpus");
    EXPECT_EQ(parse_device_tree(blob, "d"), blob);
}

TEST(DeviceTree, EveryShorterFileIsRefused) {
    const Bytes blob = tree("cpus");
    for (std::size_t size = 0; size < blob.size(); ++size) {
        bad(Bytes(blob.begin(), blob.begin() + static_cast<std::ptrdiff_t>(size)));
    }
}

TEST(DeviceTree, CorruptStructureIsRefused) {
    Bytes blob = tree("cpus");
    samples::put32(blob, fdt_off_dt_struct(blob.data()), 0x77);
    EXPECT_THAT(bad(blob), HasSubstr("corrupt"));
}

TEST(DeviceTree, OthersAreRefusedByName) {
    EXPECT_THAT(bad(samples::bytes_of("/dts-v1/;\n/ { };\n")), HasSubstr("compile it with dtc"));
    EXPECT_THAT(bad(tree("images")), HasSubstr("FIT"));
    EXPECT_THAT(bad(samples::elf()), HasSubstr("not a device tree"));
}

}  // namespace
