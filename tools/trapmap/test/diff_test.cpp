// SPDX-License-Identifier: Apache-2.0
#include "trapmap/diff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "samples.hpp"

namespace {

using namespace trapeze::trapmap;
using testing::HasSubstr;

Site site(std::uint32_t ea, std::uint64_t count, std::uint32_t pid = 0, bool space = false,
          std::uint32_t word = 0x7d2000a6) {
    Site s;
    s.ea = ea;
    s.word = word;
    s.pid = pid;
    s.space = space;
    s.count = count;
    s.ticks = 10 * count;
    return s;
}

/// `seconds` of guest and VMM, and as many again of idling.
Dump dump(std::uint64_t seconds, std::vector<Site> sites) {
    Dump d;
    d.ticks_per_second = 1000;
    d.guest = 600 * seconds;
    d.vmm = 400 * seconds;
    d.idle = 1000 * seconds;
    d.total = 2000 * seconds;
    d.sites = std::move(sites);
    d.symbols = {{0x1000, "f"}, {0x2000, "g"}};
    return d;
}

std::map<std::uint32_t, Difference> by_ea(const Model& before, const Model& after) {
    std::map<std::uint32_t, Difference> out;
    for (const Difference& d : compare(before, after, By::site, Sort::rate)) {
        out[d.site->site.ea] = d;
    }
    return out;
}

TEST(Diff, ComparesRatesOfBusyTimeNotCounts) {
    const Model before(dump(1, {site(0x1000, 100), site(0x1004, 100), site(0x1008, 100)}));
    // Ten times as long: 1000 is the same rate.
    const Model after(dump(10, {site(0x1000, 1000), site(0x1004, 2000), site(0x1008, 100)}));
    const auto d = by_ea(before, after);
    EXPECT_EQ(d.at(0x1000).change, Change::same);
    EXPECT_DOUBLE_EQ(d.at(0x1000).old_rate, 100);
    EXPECT_DOUBLE_EQ(d.at(0x1000).new_rate, 100);
    EXPECT_EQ(d.at(0x1000).new_count, 1000U);
    EXPECT_EQ(d.at(0x1004).change, Change::warmed);
    EXPECT_EQ(d.at(0x1008).change, Change::cooled);
}

// One that made way for a while and came back stands in two slots.
TEST(Diff, AddsUpASiteOfTwoSlots) {
    Site again = site(0x1000, 30);
    again.id = 7;
    again.saved = 2;
    const Model before(dump(1, {site(0x1000, 100), again}));
    const Model after(dump(1, {again, site(0x1000, 250)}));
    const auto d = by_ea(before, after);
    EXPECT_EQ(d.size(), 1U);
    EXPECT_EQ(d.at(0x1000).old_count, 130U);
    EXPECT_EQ(d.at(0x1000).new_count, 280U);
    EXPECT_EQ(d.at(0x1000).old_ticks, 1300U);
    EXPECT_EQ(d.at(0x1000).new_ticks, 2800U);
    EXPECT_EQ(d.at(0x1000).new_saved, 2U);
}

TEST(Diff, SaysWhatAppearedAndVanished) {
    const Model before(dump(1, {site(0x1000, 1)}));
    const Model after(dump(1, {site(0x2000, 1)}));
    const auto d = by_ea(before, after);
    EXPECT_EQ(d.at(0x1000).change, Change::vanished);
    EXPECT_EQ(d.at(0x1000).name, "f+0x0");
    EXPECT_EQ(d.at(0x2000).change, Change::appeared);
    EXPECT_EQ(d.at(0x2000).name, "g+0x0");
}

TEST(Diff, MatchesByAddressWordProcessAndSpace) {
    const Model before(dump(1, {site(0x1000, 1)}));
    const auto rows = [&](const Site& other) {
        const Model after(dump(1, {other}));
        return compare(before, after, By::site, Sort::rate).size();
    };
    EXPECT_EQ(rows(site(0x1000, 1)), 1U);
    EXPECT_EQ(rows(site(0x1004, 1)), 2U);
    EXPECT_EQ(rows(site(0x1000, 1, 5)), 2U);
    EXPECT_EQ(rows(site(0x1000, 1, 0, true)), 2U);
    EXPECT_EQ(rows(site(0x1000, 1, 0, false, 0x7c000146)), 2U);
}

TEST(Diff, SortsByChangeOfRateCountOrTicks) {
    Dump old = dump(1, {site(0x1000, 1000), site(0x1004, 10), site(0x1008, 500)});
    Dump now = dump(1, {site(0x1000, 1010), site(0x1004, 300), site(0x1008, 500)});
    now.sites[2].ticks = 90000;
    now.sites[2].max = 77;
    const Model before(std::move(old));
    const Model after(std::move(now));
    const auto first = [&](Sort sort) {
        return compare(before, after, By::site, sort).front().site->site.ea;
    };
    EXPECT_EQ(first(Sort::rate), 0x1004U);
    EXPECT_EQ(first(Sort::count), 0x1000U);
    EXPECT_EQ(first(Sort::ticks), 0x1008U);
    EXPECT_EQ(first(Sort::max), 0x1008U);
}

TEST(Diff, ComparesFunctionsThatMoved) {
    const Model before(dump(1, {site(0x1000, 70), site(0x1010, 30)}));
    const Model after(dump(1, {site(0x1020, 100)}));
    const auto rows = compare(before, after, By::function, Sort::rate);
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].name, "f");
    EXPECT_EQ(rows[0].old_count, 100U);
    EXPECT_EQ(rows[0].change, Change::same);
}

TEST(Diff, ShowsCountsOfBothAndTheTally) {
    const Model before(dump(1, {site(0x1000, 111)}));
    Dump now = dump(2, {site(0x1000, 999), site(0x2000, 5)});
    now.layout = "crossed";
    const Model after(std::move(now));
    const std::string text =
        differences(before, after, {By::site, Sort::rate, 1}, {.width = 100, .colour = false});
    EXPECT_THAT(text, HasSubstr("1 appeared, 0 vanished, 1 warmed, 0 cooled, 0 the same"));
    EXPECT_THAT(text, HasSubstr(", crossed: 1,004 exits at 2 sites"));
    EXPECT_THAT(text, HasSubstr("111"));
    EXPECT_THAT(text, HasSubstr("999"));
    EXPECT_THAT(text, HasSubstr("... 1 more"));
    EXPECT_THAT(differences_csv(before, after, {By::site, Sort::rate, 0}),
                HasSubstr("warmed,f+0x0,0x00001000,mfmsr,111,999,1110,9990,111.000,499.500,,,0,0,0,"
                          "0\n"));
}

TEST(Diff, SaysWhichSitesGotPatchedAndWhatThatSaved) {
    Dump old = dump(1, {site(0x1000, 500), site(0x1004, 400), site(0x2000, 300)});
    Dump now = dump(1, {site(0x1000, 16), site(0x1004, 390), site(0x2000, 310)});
    for (Site& s : old.sites) {
        s.state = State::cold;
    }
    old.sites[2].state = State::patched;
    old.sites[2].saved = 70;
    now.sites[0].state = State::patched;
    now.sites[0].saved = 484;
    now.sites[1].state = State::hot;
    now.sites[2].state = State::back;
    now.sites[2].saved = 70;
    old.patching.mode = now.patching.mode = "hot";
    old.patching.saved = 70;
    now.patching.saved = 1554;
    const Model before(std::move(old));
    const Model after(std::move(now));
    EXPECT_EQ(compare(before, after, By::site, Sort::saved).front().site->site.ea, 0x1000U);
    const std::string text = differences(before, after, {By::site, Sort::saved, 0}, {.width = 120});
    EXPECT_THAT(text, HasSubstr("1 got patched, 1 are patched no more; exits saved: 70 old, 1,554 "
                                "new\n"));
    EXPECT_THAT(text, HasSubstr(" +484 cold > patched f+0x0"));
    EXPECT_THAT(text, HasSubstr("cold > hot     f+0x4"));
    EXPECT_THAT(text, HasSubstr("+0.00 patched > back g+0x0"));
    EXPECT_THAT(differences_csv(before, after, {By::site, Sort::saved, 1}),
                HasSubstr("new_per_second,old_state,new_state,old_patched,new_patched,old_saved,"
                          "new_saved\ncooled,f+0x0,0x00001000,mfmsr,500,16,5000,160,500.000,"
                          "16.000,cold,patched,0,1,0,484\n"));
    const std::string functions =
        differences(before, after, {By::function, Sort::saved, 0}, {.width = 120});
    EXPECT_THAT(functions, HasSubstr("0 > 1"));
    EXPECT_THAT(functions, HasSubstr("1 > 0"));
}

TEST(Diff, WithAnOlderDumpTheStateBeforeIsUnknown) {
    Dump now = dump(1, {site(0x1000, 16)});
    now.sites[0].state = State::patched;
    now.sites[0].saved = 84;
    now.patching.mode = "eager";
    const Model before(dump(1, {site(0x1000, 100)}));
    const Model after(std::move(now));
    EXPECT_THAT(differences(before, after, {}, {.width = 120}), HasSubstr("- > patched"));
    EXPECT_THAT(differences(before, before, {}, {.width = 120}),
                testing::Not(HasSubstr("patched")));
}

TEST(Diff, DumpsWithoutTimeOrSitesAreCompared) {
    const Model empty{Dump{}};
    EXPECT_THAT(differences(empty, empty, {By::site, Sort::rate, 5}, {.width = 80}),
                HasSubstr("neither dump has a site"));
    const Model after(dump(0, {site(0x1000, 5)}));
    const auto rows = compare(empty, after, By::site, Sort::rate);
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].change, Change::appeared);
    EXPECT_EQ(rows[0].new_rate, 0);
}

}  // namespace
