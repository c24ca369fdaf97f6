// SPDX-License-Identifier: Apache-2.0
#include "dbt/spr.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string>

#include "witness.hpp"

namespace trapeze::dbt {
namespace {

static_assert(static_cast<unsigned>(Spr::SRR0) == 26);
static_assert(find_spr(26)->number == 26 && find_spr(1023)->number == 1023);

TEST(Spr, IsFoundByItsNumberAndNoOtherIs) {
    std::set<std::string> names;
    for (unsigned number = 0; number < 1024; ++number) {
        const auto* row = std::ranges::find(spr_rows, number, &SprInfo::number);
        const SprInfo* found = find_spr(number);
        EXPECT_EQ(found, row == std::end(spr_rows) ? nullptr : row) << number;
        if (found != nullptr) {
            EXPECT_TRUE(names.insert(found->name).second) << found->name << " comes twice";
        }
    }
    EXPECT_EQ(find_spr(1024), nullptr);
}

TEST(Spr, HasTheAccessThatItsNumberAllows) {
    for (const SprInfo& spr : spr_rows) {
        EXPECT_EQ(spr.user == Access::none, spr_is_supervisor(spr.number)) << spr.name;
        const auto user = static_cast<unsigned>(spr.user);
        const auto supervisor = static_cast<unsigned>(spr.supervisor);
        EXPECT_NE(supervisor, 0U) << spr.name;
        EXPECT_EQ(user & ~supervisor, 0U) << spr.name << ": user may, supervisor may not";
    }
}

/// What libopcodes calls `mfspr r3,number`, or mtspr.
std::string theirs(test::Witness& witness, unsigned number, bool write) {
    const std::uint32_t word = (number & 31U) << 16U | (number >> 5U) << 11U;
    return witness.text(word | (write ? 0x7c6003a6U : 0x7c6002a6U));
}

/// Where libopcodes has a name for a register it is ours, but for these spellings.
TEST(Spr, HasTheNameThatLibopcodesUses) {
    const std::map<std::string, std::string> respelled = {
        {"PID0", "pid"}, {"TBL", "tb"},   {"TBU", "tbu"}, {"TBLW", "tbl"}, {"TBUW", "tbu"},
        {"SPRG0", "0"},  {"SPRG1", "1"},  {"SPRG2", "2"}, {"SPRG3", "3"},  {"SPRG4", "4"},
        {"SPRG5", "5"},  {"SPRG6", "6"},  {"SPRG7", "7"}, {"SPRG4R", "4"}, {"SPRG5R", "5"},
        {"SPRG6R", "6"}, {"SPRG7R", "7"},
    };
    test::Witness witness("e500");
    unsigned named = 0;
    for (const SprInfo& spr : spr_rows) {
        std::string name = spr.name;
        if (const auto found = respelled.find(name); found != respelled.end()) {
            name = found->second;
        }
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
        const bool numbered = name.size() == 1;  // mfsprg r3,0 and mtsprg 0,r3
        const std::string number = std::to_string(spr.number);
        const std::string read = theirs(witness, spr.number, false);
        const std::string write = theirs(witness, spr.number, true);
        if (!read.starts_with("mfspr ")) {
            EXPECT_EQ(read, numbered ? "mfsprg r3," + name : "mf" + name + " r3") << spr.name;
            EXPECT_NE(spr.supervisor, Access::write) << spr.name << " is not readable";
            ++named;
        } else {
            EXPECT_EQ(read, "mfspr r3," + number);
        }
        if (!write.starts_with("mtspr ")) {
            EXPECT_EQ(write, numbered ? "mtsprg " + name + ",r3" : "mt" + name + " r3") << spr.name;
            EXPECT_NE(spr.supervisor, Access::read) << spr.name << " is not writable";
            ++named;
        } else {
            EXPECT_EQ(write, "mtspr " + number + ",r3");
        }
    }
    EXPECT_GT(named, 100U);
}

}  // namespace
}  // namespace trapeze::dbt
