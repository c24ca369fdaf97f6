// SPDX-License-Identifier: Apache-2.0
// FH_PARTITION_GET_DTPROP and SET_DTPROP: properties of a managed guest's tree, whatever that is.
#include <random>

#include "managing_guest.hpp"

namespace trapeze::test {
namespace {

using para::Status;

constexpr u32 get_call = para::token(para::freescale, 2),
              set_call = para::token(para::freescale, 3);
constexpr u32 path_gpa = 0x2'0000, name_gpa = 0x2'1000, value_gpa = 0x2'2ff0;

// A flattened tree (Devicetree Specification 5), as far as it is read.
class Tree {
  public:
    Tree& open(const std::string& name) {
        word(1);
        return text(name);
    }
    Tree& close() { return word(2); }
    Tree& property(const std::string& name, const std::string& value) {
        word(3);
        word(static_cast<u32>(value.size()));
        word(static_cast<u32>(strings_.size()));
        strings_ += name + '\0';
        structure_ += value;
        return align();
    }
    std::string blob() {
        word(9);
        const u32 begins = 40, strings = begins + static_cast<u32>(structure_.size());
        const std::string body = structure_;
        structure_.clear();
        for (const u32 head : {0xd00d'feedU, strings + static_cast<u32>(strings_.size()), begins,
                               strings, 16U, 17U, 16U, 0U, 0U, 0U}) {
            word(head);
        }
        return structure_ + body + strings_;
    }

  private:
    Tree& word(u32 value) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            structure_.push_back(static_cast<char>(value >> static_cast<unsigned>(shift)));
        }
        return *this;
    }
    Tree& text(const std::string& value) {
        structure_ += value + '\0';
        return align();
    }
    Tree& align() {
        while (structure_.size() % 4 != 0) structure_.push_back('\0');
        return *this;
    }
    std::string structure_, strings_;
};

class TreeTest : public ManagingTest {
  protected:
    TreeTest() {
        Tree tree;
        tree.open("").property("model", std::string("board\0", 6));
        for (int n = 0; n < 200; ++n) {
            tree.open("filler@" + std::to_string(n)).property("a", "b").close();
        }
        tree.open("cpus").open("cpu@0").property("reg", std::string(4, '\0')).close().close();
        tree.open("chosen").property("bootargs", std::string("quiet\0", 6)).property("empty", "");
        tree.property("large", std::string(5000, 'x')).property("page", std::string(4096, 'y'));
        tree.open("below").property("deep", "1").close().close();
        tree.open("soc").open("serial@4500").property("reg", "uart0").close();
        tree.open("serial@4600").property("reg", "uart1").close().close().close();
        use(tree.blob());
    }
    void use(const std::string& blob) {
        memory_.assign(blob.begin(), blob.end());
        partition.tree = memory_.data();
        partition.tree_room = partition.tree_bytes = static_cast<u32>(memory_.size());
    }
    Status ask(u32 token, const std::string& path, const std::string& name, u32 bytes) {
        put_own(path_gpa, path + '\0');
        put_own(name_gpa, name + '\0');
        return call(token, {handle, 0, path_gpa, 0, name_gpa, 0, value_gpa, bytes});
    }
    Status get(const std::string& path, const std::string& name, u32 room = 0x1000) {
        return ask(get_call, path, name, room);
    }
    Status set(const std::string& path, const std::string& name, const std::string& value) {
        put_own(value_gpa, value);
        return ask(set_call, path, name, static_cast<u32>(value.size()));
    }
    std::string value() { return own_bytes(value_gpa, v.gpr[4]); }
    // What is expected of a property that is there.
    void has(const std::string& path, const std::string& name, const std::string& wanted) {
        ASSERT_EQ(get(path, name), Status::success) << path << " " << name;
        EXPECT_EQ(value(), wanted) << path << " " << name;
    }
    std::vector<e500::u8> memory_;
};

TEST_F(TreeTest, PropertiesAreFound) {
    has("/", "model", std::string("board\0", 6));
    has("/chosen", "bootargs", std::string("quiet\0", 6));
    has("/chosen/", "bootargs", std::string("quiet\0", 6));
    has("/chosen", "empty", "");
    has("/chosen/below", "deep", "1");
    has("/chosen", "page", std::string(4096, 'y'));
    has("/cpus/cpu@0", "reg", std::string(4, '\0'));
    has("//cpus/cpu", "reg", std::string(4, '\0'));
    has("/soc/serial", "reg", "uart0");
    has("/soc/serial@4600", "reg", "uart1");
    has("/filler@199", "a", "b");
    EXPECT_GT(executions, 10U) << "so much at once holds interrupts back";
}

TEST_F(TreeTest, WhatIsNotThereIsNotFound) {
    for (const auto& [path, name] :
         std::vector<std::pair<std::string, std::string>>{{"/", "deep"},
                                                          {"/chosen", "deep"},
                                                          {"/chosen", "boot"},
                                                          {"/chosen", "bootargss"},
                                                          {"/chose", "bootargs"},
                                                          {"/chosens", "bootargs"},
                                                          {"/chosen/deep", "deep"},
                                                          {"/soc/serial@4700", "reg"},
                                                          {"/soc/chosen", "bootargs"},
                                                          {"/cpus/cpu@0/cpu@0", "reg"}}) {
        EXPECT_EQ(get(path, name), Status::no_entry) << path << " " << name;
    }
}

TEST_F(TreeTest, ABufferThatIsTooSmallIsLeftAlone) {
    put_own(value_gpa, "before");
    EXPECT_EQ(get("/chosen", "bootargs", 5), Status::overflow);
    EXPECT_EQ(v.gpr[4], 6U);
    EXPECT_EQ(own_bytes(value_gpa, 6), "before");
    EXPECT_EQ(get("/chosen", "bootargs", 6), Status::success);
    EXPECT_EQ(get("/chosen", "large", ~0U), Status::overflow);
    EXPECT_EQ(v.gpr[4], 5000U);
}

TEST_F(TreeTest, ArgumentsAreChecked) {
    EXPECT_EQ(get("chosen", "bootargs"), Status::invalid);
    EXPECT_EQ(get("", "bootargs"), Status::invalid);
    EXPECT_EQ(get("/chosen", ""), Status::invalid);
    EXPECT_EQ(get("/" + std::string(200, 'a'), "b"), Status::bad_address);
    EXPECT_EQ(get("/chosen", std::string(32, 'b')), Status::bad_address);
    put_own(path_gpa, std::string("/chosen\0", 8));
    put_own(name_gpa, std::string("bootargs\0", 9));
    const u32 end = 64U << 20U;
    for (const u32 wrong : {device_ea, end, ~0U}) {
        EXPECT_EQ(call(get_call, {handle, 0, wrong, 0, name_gpa, 0, value_gpa, 64}),
                  Status::bad_address);
        EXPECT_EQ(call(get_call, {handle, 0, path_gpa, 0, wrong, 0, value_gpa, 64}),
                  Status::bad_address);
        EXPECT_EQ(call(get_call, {handle, 0, path_gpa, 0, name_gpa, 0, wrong, 64}),
                  Status::bad_address);
        EXPECT_EQ(call(set_call, {handle, 0, path_gpa, 0, name_gpa, 0, wrong, 64}),
                  Status::bad_address);
    }
    EXPECT_EQ(call(get_call, {handle, 0, path_gpa, 0, name_gpa, 0, end - 3, 64}),
              Status::bad_address);
    for (const u32 high : {1U, ~0U}) {
        EXPECT_EQ(call(get_call, {handle, high, path_gpa, 0, name_gpa, 0, value_gpa, 64}),
                  Status::bad_address);
        EXPECT_EQ(call(get_call, {handle, 0, path_gpa, high, name_gpa, 0, value_gpa, 64}),
                  Status::bad_address);
        EXPECT_EQ(call(get_call, {handle, 0, path_gpa, 0, name_gpa, high, value_gpa, 64}),
                  Status::bad_address);
    }
    EXPECT_TRUE(fake_device().writes.empty() && fake_device().reads.empty());
}

TEST_F(TreeTest, WhatIsSetIsRead) {
    EXPECT_EQ(set("/nowhere", "a", "1"), Status::no_entry);
    ASSERT_EQ(set("/chosen", "bootargs", "new"), Status::success);
    has("/chosen", "bootargs", "new");
    ASSERT_EQ(set("/chosen", "bootargs", "newer"), Status::success);
    has("/chosen", "bootargs", "newer");
    ASSERT_EQ(set("/chosen/below", "another", ""), Status::success);
    has("/chosen/below", "another", "");
    has("/soc/serial", "reg", "uart0");
    EXPECT_EQ(set("/chosen", "long", std::string(513, 'z')), Status::overflow);
    for (unsigned n = 2; n < para::Partition::most_settings; ++n) {
        ASSERT_EQ(set("/chosen", "more" + std::to_string(n), std::string(512, 'z')),
                  Status::success);
    }
    EXPECT_EQ(set("/chosen", "one", "1"), Status::no_memory);
    EXPECT_EQ(set("/chosen", "bootargs", "newest"), Status::success);
}

TEST_F(TreeTest, OneThatChangesIsNotRead) {
    partition.version = 1;
    EXPECT_EQ(get("/chosen", "bootargs"), Status::again);
    partition.version = 2;
    EXPECT_EQ(get("/chosen", "bootargs"), Status::success);
    bring(Life::starts);
    EXPECT_EQ(get("/chosen", "bootargs"), Status::invalid_state);
    partition.tree_bytes = 0;
    bring(Life::runs);
    EXPECT_EQ(get("/chosen", "bootargs"), Status::no_entry);
}

// Whatever the copy holds, and wherever a guest says that a walk is: it ends, and reads nothing
// else.
TEST_F(TreeTest, NoTreeAndNoPlaceMisleads) {
    std::mt19937 random(15);
    const auto few = [&] { return static_cast<u32>(random() % 5); };
    const std::vector<e500::u8> good = memory_;
    put_own(path_gpa, std::string("/soc/serial@4600\0", 17));
    put_own(name_gpa, std::string("reg\0", 4));
    for (unsigned round = 0; round < 2000; ++round) {
        memory_ = good;
        for (unsigned n = random() % 8; n-- != 0;) {
            const u32 at = random() % (n % 2 != 0 ? 64 : static_cast<u32>(memory_.size()));
            memory_[at] = static_cast<e500::u8>(random());
        }
        memory_.resize(round % 3 == 0 ? random() % good.size() : good.size());
        memory_.shrink_to_fit();
        partition.tree = memory_.data();
        partition.tree_bytes = partition.tree_room = static_cast<u32>(memory_.size());
        call(get_call, {handle, 0, path_gpa, 0, name_gpa, 0, value_gpa, 64});
        const u32 place = random() % 2 != 0
                              ? static_cast<u32>(random())
                              : static_cast<u32>(random()) % static_cast<u32>(good.size());
        call(para::get_goes_on, {handle, place, path_gpa, few(), name_gpa, few(), value_gpa, 64});
    }
}

}  // namespace
}  // namespace trapeze::test
