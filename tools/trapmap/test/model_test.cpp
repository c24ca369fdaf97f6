// SPDX-License-Identifier: Apache-2.0
#include "trapmap/model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples.hpp"
#include "trapmap/disasm.hpp"

namespace {

using namespace trapeze::trapmap;
using testing::ElementsAre;
using testing::Pair;

std::vector<std::string> names(const std::vector<Row>& rows) {
    std::vector<std::string> out;
    out.reserve(rows.size());
    for (const Row& row : rows) {
        out.push_back(row.name);
    }
    return out;
}

TEST(Model, NamesSitesByTheDumpsSymbols) {
    const Model model(samples::good());
    ASSERT_EQ(model.sites().size(), 4U);
    EXPECT_EQ(model.sites()[0].function, "prepare_to_wait");
    EXPECT_EQ(model.sites()[0].offset, 0x44U);
    EXPECT_EQ(model.sites()[0].disassembly, "mfmsr r9");
    EXPECT_EQ(model.sites()[2].function, "hot;loop");
    EXPECT_EQ(model.sites()[3].function, "") << "below every symbol";
    EXPECT_EQ(model.source(model.sites()[0]), "");
}

TEST(Model, ASymbolNamesNothingFarBehindIt) {
    Dump dump = samples::good();
    dump.sites[0].ea = 0xf0012344;
    const Model model(dump);
    EXPECT_EQ(model.sites()[0].function, "");
}

TEST(Model, SitesComeHottestFirst) {
    const Model model(samples::good());
    std::vector<std::uint64_t> counts;
    for (const NamedSite& site : model.sites()) {
        counts.push_back(site.site.count);
    }
    EXPECT_THAT(counts, ElementsAre(600, 300, 60, 6));
}

TEST(Model, TotalsCountWhatTheTablesLost) {
    const Model model(samples::good());
    EXPECT_EQ(model.exits(), 1055U);
    EXPECT_EQ(model.site_exits(), 1000U) << "as cause privileged";
    EXPECT_EQ(model.site_ticks(), 30000U);
    ASSERT_NE(model.cause("syscall"), nullptr);
    EXPECT_EQ(model.cause("syscall")->count, 5U);
    EXPECT_EQ(model.cause("weather"), nullptr);
}

TEST(Group, FunctionsAddUpTheirSites) {
    const Model model(samples::good());
    const auto rows = group(model, By::function, Sort::count);
    EXPECT_THAT(names(rows), ElementsAre("prepare_to_wait", "hot;loop", "[unknown]"));
    EXPECT_EQ(rows[0].sites, 2U);
    EXPECT_EQ(rows[0].count, 900U);
    EXPECT_EQ(rows[0].ticks, 27000U);
    EXPECT_EQ(rows[0].max, 900U);
    EXPECT_EQ(rows[0].rate, 125U);
    EXPECT_EQ(rows[0].site->site.id, 0U) << "its hottest";
}

TEST(Group, InstructionsAreToldApartByTheirRegister) {
    const Model model(samples::good());
    const auto rows = group(model, By::instruction, Sort::count);
    EXPECT_THAT(names(rows), ElementsAre("mfmsr", "wrteei", "mtspr 976"));
    EXPECT_EQ(rows[0].count, 660U);
    EXPECT_EQ(rows[0].max, 400U) << "the longest, not the last";
    EXPECT_EQ(rows[0].sites, 2U);
}

TEST(Group, PagesJoinSitesAndOtherExits) {
    const Model model(samples::good());
    const auto rows = group(model, By::page, Sort::count);
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(rows[0].ea, 0xc0012000U);
    EXPECT_FALSE(rows[0].user);
    EXPECT_EQ(rows[0].count, 920U);
    EXPECT_THAT(rows[0].causes, ElementsAre(Pair("privileged", 900), Pair("dtlb_shadow", 20)));
    EXPECT_EQ(rows[2].ea, 0x10012000U);
    EXPECT_TRUE(rows[2].user);
    EXPECT_EQ(rows[2].site, nullptr);
    EXPECT_THAT(rows[2].causes, ElementsAre(Pair("dtlb_shadow", 10), Pair("syscall", 5)));
}

TEST(Group, EveryWayOfGroupingKeepsTheSum) {
    const Model model(samples::good());
    for (const By by : {By::site, By::function, By::instruction}) {
        std::uint64_t count = 0;
        std::uint64_t ticks = 0;
        for (const Row& row : group(model, by, Sort::count)) {
            count += row.count;
            ticks += row.ticks;
        }
        EXPECT_EQ(count + 34, model.site_exits());
        EXPECT_EQ(ticks + 1000, model.site_ticks());
    }
}

TEST(Group, SortsByWhatIsAskedFor) {
    const Model model(samples::good());
    const auto ids = [&](Sort sort) {
        std::vector<std::uint64_t> out;
        for (const Row& row : group(model, By::site, sort)) {
            out.push_back(row.site->site.id);
        }
        return out;
    };
    EXPECT_THAT(ids(Sort::count), ElementsAre(0, 1, 2, 3));
    EXPECT_THAT(ids(Sort::ticks), ElementsAre(1, 0, 2, 3));
    EXPECT_THAT(ids(Sort::rate), ElementsAre(1, 0, 2, 3));
    EXPECT_THAT(ids(Sort::max), ElementsAre(1, 0, 2, 3));
}

TEST(Disassembler, NamesTheRegistersThatLibopcodesDoesNot) {
    Disassembler disassembler;
    EXPECT_EQ(disassembler.text(0x7c709ba6, 0), "mtspr MAS0,r3");
    EXPECT_EQ(disassembler.text(0x7c769aa6, 0), "mfspr r3,MAS6");
    EXPECT_EQ(disassembler.text(0x4bfffffc, 0xc0000008), "b c0000004");
    EXPECT_EQ(disassembler.text(0, 0), ".long 0x0");
}

TEST(Disassembler, KindsAreMnemonicsAndRegisters) {
    EXPECT_EQ(kind_of("mfmsr r9"), "mfmsr");
    EXPECT_EQ(kind_of("rfi"), "rfi");
    EXPECT_EQ(kind_of("mtspr MAS0,r3"), "mtspr MAS0");
    EXPECT_EQ(kind_of("mfspr r3,MAS6"), "mfspr MAS6");
    EXPECT_EQ(kind_of("mfsprg r4,3"), "mfsprg 3");
    EXPECT_EQ(kind_of("mtsprg 2,r4"), "mtsprg 2");
    EXPECT_EQ(kind_of(""), "");
}

}  // namespace
