// SPDX-License-Identifier: Apache-2.0
#include "trapmap/view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "samples.hpp"

namespace {

using namespace trapeze::trapmap;
using testing::HasSubstr;
using testing::Not;

constexpr Style wide{.width = 140, .colour = false};

TEST(Table, BarsGrowByEighthsAndNeverOutgrowTheirCells) {
    EXPECT_EQ(bar(0, 4), "    ");
    EXPECT_EQ(bar(1, 4), "████");
    EXPECT_EQ(bar(2, 4), "████");
    EXPECT_EQ(bar(0.5, 4), "██  ");
    EXPECT_EQ(bar(1.0 / 32, 4), "▏   ");
    EXPECT_EQ(bar(1e-9, 4), "▏   ") << "what is there is seen";
}

TEST(Table, CutsCharactersNotBytes) {
    EXPECT_EQ(cut_end("abcdef", 4), "abc…");
    EXPECT_EQ(cut_start("abcdef", 4), "…def");
    EXPECT_EQ(cut_end("██████", 3), "██…");
    EXPECT_EQ(cut_start("ab", 4), "ab");
    EXPECT_EQ(cut_end("ab", 0), "");
}

TEST(Table, ShortensThenDropsColumns) {
    TextTable table({{.head = "a"},
                     {.head = "number", .right = true, .drop = 1},
                     {.head = "text", .cut = Cut::end, .least = 4},
                     {.head = "none"}});
    table.add({{"x"}, {"12"}, {"long enough"}, {""}});
    EXPECT_EQ(table.text({.width = 40}), "a number text\nx     12 long enough\n");
    EXPECT_EQ(table.text({.width = 14}), "a number text\nx     12 long…\n");
    EXPECT_EQ(table.text({.width = 10}), "a text\nx long en…\n");
}

TEST(Table, NumbersAreBrief) {
    EXPECT_EQ(brief(0), "0.00");
    EXPECT_EQ(brief(12.34), "12.3");
    EXPECT_EQ(brief(9999), "9999");
    EXPECT_EQ(brief(12345), "12.3k");
    EXPECT_EQ(brief(1234567), "1.23M");
    EXPECT_EQ(brief(1e30), "1000000000000000P");
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(1234567), "1,234,567");
    EXPECT_EQ(percent(1, 3), "33.3");
    EXPECT_EQ(percent(1, 0), "0.0");
}

TEST(View, HeaderSaysTimeExitsAndLoss) {
    const Model model(samples::good());
    const std::string text = header(model, wide);
    EXPECT_THAT(text, HasSubstr("256 MiB, straight layout; dump 7, at the guest's end"));
    EXPECT_THAT(text, HasSubstr("4.00 s: guest 1.50 s (37.5%), VMM 0.500 s (12.5%), idle 2.00 s "
                                "(50.0%)"));
    EXPECT_THAT(text, HasSubstr("1,055, 528 a second of busy time: privileged 94.8 %"));
    EXPECT_THAT(text, HasSubstr("3 made way, with 34 exits (3.4 %)"));
    EXPECT_THAT(text, HasSubstr("2 entries made way, with 20 exits"));
}

TEST(View, HeaderIsSilentOfLossWhenThereIsNone) {
    Dump dump = samples::good();
    dump.site_table.evicted = 0;
    dump.page_table.evicted = 0;
    EXPECT_THAT(header(Model(std::move(dump)), wide), Not(HasSubstr("made way")));
}

TEST(View, HeaderSaysThatTheProfileWasOff) {
    Dump dump = samples::good();
    dump.profile = false;
    dump.sites.clear();
    dump.pages.clear();
    const Model model(std::move(dump));
    EXPECT_THAT(header(model, wide), HasSubstr("the profile is off"));
    EXPECT_EQ(hottest(model, {}, wide), "");
}

TEST(View, RowsHaveHeatSharesTimesAndNames) {
    const Model model(samples::good());
    std::istringstream lines(hottest(model, {}, wide));
    std::string head, first, second;
    std::getline(lines, head);
    std::getline(lines, first);
    std::getline(lines, second);
    EXPECT_EQ(head,
              "heat     share% cum% count ticks% mean us max us rate/s address        function"
              "             instruction");
    // 12000 ticks of 1 MHz for 600 exits: 20 us each.
    EXPECT_EQ(first,
              "████████   60.0 60.0   600   40.0    20.0    400   55.0 c0012344       "
              "prepare_to_wait+0x44 mfmsr r9");
    EXPECT_EQ(second,
              "████       30.0 90.0   300   50.0    50.0    900   70.0 c0012350 AS1   "
              "prepare_to_wait+0x50 wrteei 0");
}

TEST(View, HeaderSaysWhatPatchingHasComeTo) {
    const std::string text = header(Model(samples::patched()), wide);
    EXPECT_THAT(text, HasSubstr("patch  1 sites patched, 9,000 exits saved (90.0 %), 3 tracing "
                                "faults, net -250.0 ms\n"));
    EXPECT_THAT(text, HasSubstr("       hot from 16 exits, straight, 1 cold, 1 hot (1 no-mapping), "
                                "1 back (1 waiting); 2 pages stolen, 120 mirrored\n"));
    Dump crossed = samples::patched();
    crossed.layout = "crossed";
    crossed.causes.push_back({.name = "text_write", .count = 1234, .ticks = 5000});
    const std::string other = header(Model(std::move(crossed)), wide);
    EXPECT_THAT(other, HasSubstr("3 tracing faults, net -250.0 ms, 1,234 text writes\n"));
    EXPECT_THAT(other, HasSubstr("hot from 16 exits, crossed, "));
    Dump off = samples::patched();
    off.patching.mode = "off";
    EXPECT_THAT(header(Model(std::move(off)), wide), HasSubstr("patch  off: no site is patched\n"));
    EXPECT_THAT(header(Model(samples::good()), wide), Not(HasSubstr("patch")));
}

TEST(View, RowsSayWhatBecameOfSites) {
    const std::string text = hottest(Model(samples::patched()), {}, wide);
    EXPECT_THAT(text, HasSubstr("rate/s saved state           address"));
    EXPECT_THAT(text, HasSubstr(" 55.0  8500 patched         c0012344"));
    EXPECT_THAT(text, HasSubstr(" 70.0       hot: no-mapping c0012350"));
    EXPECT_THAT(text, HasSubstr("500 back: waiting"));
    EXPECT_THAT(text, HasSubstr("     cold            00000020"));
    const std::string groups =
        hottest(Model(samples::patched()), {By::function, Sort::saved, 0}, wide);
    EXPECT_THAT(groups, HasSubstr("saved patched sites function"));
    EXPECT_THAT(groups, HasSubstr(" 8500       1     2 prepare_to_wait"));
    Dump off = samples::patched();
    off.patching.mode = "off";
    EXPECT_THAT(hottest(Model(std::move(off)), {}, wide),
                testing::AllOf(Not(HasSubstr("state")), Not(HasSubstr("saved"))));
}

TEST(View, SortsByExitsSaved) {
    const Model model(samples::patched());
    const std::vector<Row> rows = group(model, By::site, Sort::saved);
    EXPECT_EQ(rows[0].ea, 0xc0012344U);
    EXPECT_EQ(rows[1].ea, 0xc0020010U) << "saved less, though it has fewer exits than others";
    EXPECT_THAT(hottest(model, {By::site, Sort::saved, 2}, wide), HasSubstr("\n▌        "));
}

TEST(View, TopSaysWhatItLeavesOut) {
    const Model model(samples::good());
    EXPECT_THAT(hottest(model, {By::site, Sort::count, 1}, wide),
                HasSubstr("... 3 more sites with 36.6 % of the exits; --top 0 shows all\n"));
    EXPECT_THAT(hottest(model, {By::site, Sort::count, 0}, wide), Not(HasSubstr("more sites")));
}

TEST(View, HeatIsOfWhatTheRowsAreSortedBy) {
    const Model model(samples::good());
    const std::string text = hottest(model, {By::site, Sort::max, 1}, wide);
    EXPECT_THAT(text, HasSubstr("████████   30.0"));
}

TEST(View, FitsAnyWidth) {
    Dump dump = samples::good();
    dump.symbols[0].name = std::string(200, 'n');
    dump.patching = samples::patched().patching;
    dump.sites = samples::patched().sites;
    const Model model(std::move(dump));
    for (const std::size_t width : {40U, 60U, 80U, 100U, 120U}) {
        for (const By by : {By::site, By::function, By::instruction, By::page}) {
            std::istringstream lines(header(model, {.width = width}) +
                                     hottest(model, {by, Sort::count, 2}, {.width = width}));
            for (std::string line; std::getline(lines, line);) {
                if (line.starts_with("...")) continue;
                EXPECT_LE(columns_of(line), width) << line;
            }
        }
    }
}

TEST(View, ColoursOnlyWhenAskedTo) {
    const Model model(samples::good());
    EXPECT_THAT(hottest(model, {}, wide), Not(HasSubstr("\x1b")));
    EXPECT_THAT(hottest(model, {}, {.width = 140, .colour = true}), HasSubstr("\x1b[1;31m████"));
}

}  // namespace
