// SPDX-License-Identifier: Apache-2.0
#include "trapmap/stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples.hpp"
#include "trapmap/follow.hpp"

namespace {

using namespace trapeze::trapmap;
using testing::HasSubstr;
using testing::SizeIs;

const std::string later =
    "clock 1000000 7000000\n"
    "guest 268435456 straight on\n"
    "time 6000000 2500000 1000000 2500000\n"
    "sites 4096 4 4 40 1100\n"
    "pages 4096 4 2\n"
    "cause privileged 3000 90000 20 900 0\n"
    "cause dtlb_shadow 50 5000 90 800 20\n"
    "cause syscall 25 900 90 800 0\n"
    "site c0012344 12344 7d2000a6 0 k 1600 12000 400 1000 2000 99 0\n"
    "site c0030000 30000 4c000064 0 k 40 500 90 1000 1000 7 3\n"
    "page 10012000 u syscall 25\n"
    "page c0030000 k itlb_shadow 2\n"
    "symbol c0030000 added\n";

Live followed() {
    Live live;
    live.take(samples::good());
    live.take(parse_dump(samples::dump(later, "live", 8) + samples::dump(later, "end", 9), 1, "s"));
    return live;
}

TEST(Stream, GivesDumpsAsTheirLastByteComes) {
    const std::string text = "noise\n" + samples::dump(samples::body(), "request", 1) + "noise\n" +
                             samples::dump(later, "live", 2);
    DumpStream stream;
    std::vector<std::uint64_t> sequences;
    for (const char c : text) {
        stream.feed({&c, 1});
        while (const auto dump = stream.next()) {
            sequences.push_back(dump->sequence);
        }
    }
    EXPECT_THAT(sequences, testing::ElementsAre(1, 2));
    EXPECT_FALSE(stream.inside());
}

TEST(Stream, GoesOnBehindADamagedDump) {
    std::string bad = samples::dump(samples::body(), "request", 1);
    bad[bad.find("600")] = '7';
    DumpStream stream;
    stream.feed(bad + samples::dump(later, "live", 2) + "@@trapeze-dump 1 live 3\n");
    EXPECT_THAT(samples::refusal([&] { static_cast<void>(stream.next()); }), HasSubstr("checksum"));
    const auto dump = stream.next();
    ASSERT_TRUE(dump);
    EXPECT_EQ(dump->sequence, 2U);
    EXPECT_FALSE(stream.next());
    EXPECT_TRUE(stream.inside());
}

TEST(Stream, RefusesToCollectWithoutEnd) {
    DumpStream stream;
    stream.feed("@@trapeze-dump 1 live 3\n");
    const std::string line = std::string(1U << 20U, 'x') + "\n";
    EXPECT_THAT(samples::refusal([&] {
                    for (int i = 0; i < 100; ++i) {
                        stream.feed(line);
                        static_cast<void>(stream.next());
                    }
                }),
                HasSubstr("larger than 64 MiB"));
}

TEST(Live, MergesWhatChangedIntoWhatWasKnown) {
    const Live live = followed();
    // The live dump, for a Live that has no full one yet: taken as it is.
    const Dump& d = live.dump();
    EXPECT_EQ(d.now, 7000000U);
    EXPECT_EQ(d.site_table.lost_count, 40U);
    ASSERT_THAT(d.causes, SizeIs(3));
    EXPECT_EQ(d.causes[0].count, 3000U);
}

TEST(Live, KeepsUnchangedSitesAndReplacesSlots) {
    Live live;
    live.take(samples::good());
    DumpStream stream;
    stream.feed(samples::dump(later, "live", 8));
    live.take(*stream.next());
    const Dump& d = live.dump();
    ASSERT_THAT(d.sites, SizeIs(4));
    EXPECT_EQ(d.sites[0].count, 1600U);
    EXPECT_EQ(d.sites[1].count, 300U) << "not in the live dump";
    EXPECT_EQ(d.sites[3].ea, 0xc0030000U) << "slot 3 took in another site";
    ASSERT_THAT(d.pages, SizeIs(4));
    EXPECT_EQ(d.pages[2].count, 25U);
    ASSERT_THAT(d.symbols, SizeIs(3));
    EXPECT_EQ(d.symbols[1].name, "hot;loop");
    EXPECT_EQ(d.symbols[2].name, "added") << "in order";
    EXPECT_THAT(d.spans.counts, SizeIs(2)) << "live dumps have none";
}

TEST(Live, MeasuresRatesSinceTheDumpBefore) {
    Live live;
    live.take(samples::good());
    EXPECT_EQ(live.dump().sites[0].rate, 55U) << "the VMM's own";
    EXPECT_DOUBLE_EQ(live.rates()[0].per_second, 200) << "since the start: 1000 in 5 s";
    DumpStream stream;
    stream.feed(samples::dump(later, "live", 8));
    live.take(*stream.next());
    EXPECT_EQ(live.rates()[0].name, "privileged");
    EXPECT_DOUBLE_EQ(live.rates()[0].per_second, 1000) << "2000 in 2 s";
    EXPECT_EQ(live.rates()[1].name, "syscall");
    EXPECT_DOUBLE_EQ(live.rates()[1].per_second, 10);
    EXPECT_EQ(live.dump().sites[0].rate, 500U) << "1000 in 2 s";
    EXPECT_EQ(live.dump().sites[1].rate, 0U);
    EXPECT_EQ(live.dump().sites[3].rate, 20U) << "another site than before: all 40 are new";
    EXPECT_EQ(live.total(), 2000000U);
    EXPECT_EQ(live.guest(), 1000000U);
    EXPECT_EQ(live.vmm(), 500000U);
    EXPECT_EQ(live.idle(), 500000U);
}

TEST(Live, TakesWhatIsLessThanBeforeForNothing) {
    Live live;
    live.take(samples::good());
    DumpStream stream;
    stream.feed(samples::dump(later, "live", 8) + samples::dump(samples::body(), "request", 9));
    live.take(*stream.next());
    live.take(*stream.next());
    EXPECT_EQ(live.total(), 0U);
    EXPECT_EQ(live.guest(), 0U);
    EXPECT_DOUBLE_EQ(live.rates()[0].per_second, 0);
    EXPECT_EQ(live.dump().sites[0].rate, 0U);
}

TEST(Live, FollowsPatching) {
    Live live;
    live.take(samples::patched());
    EXPECT_DOUBLE_EQ(live.saved_rate(), 1800) << "since the start: 9000 in 5 s";
    const std::string more =
        "patch hot 16 2 13000 7 400000 5 1 1 2 121 70000\n"
        "site c0012344 12344 7d2000a6 0 k 610 12000 400 1000 2000 99 0 dropped written 8600\n";
    std::string text = later;
    text.erase(text.find("site c0012344"), text.find("site c0030000") - text.find("site c0012344"));
    DumpStream stream;
    stream.feed(samples::dump(text + more, "live", 8));
    live.take(*stream.next());
    EXPECT_DOUBLE_EQ(live.saved_rate(), 2000) << "4000 in 2 s";
    EXPECT_DOUBLE_EQ(live.fault_rate(), 2);
    EXPECT_EQ(live.dump().sites[0].state, State::dropped);
    EXPECT_EQ(live.dump().sites[1].state, State::hot) << "not in the live dump";
    const Watch watch;
    const std::string screen = draw_live(live, nullptr, watch, {.width = 120}, 0);
    EXPECT_THAT(screen, HasSubstr("patch   2 sites patched, 13,000 exits saved (81.2 %, now "
                                  "2000/s), 7 faults (now 2.00/s)\n"));
    EXPECT_THAT(screen, HasSubstr(" sites, straight layout"));
    Live old;
    old.take(samples::good());
    EXPECT_THAT(draw_live(old, nullptr, watch, {.width = 120}, 0),
                testing::Not(HasSubstr("patch")));
}

TEST(Live, AFullDumpReplacesAll) {
    Live live;
    live.take(samples::good());
    live.take(parse_dump(samples::dump(later, "request", 9), 0, "s"));
    EXPECT_THAT(live.dump().sites, SizeIs(2));
    EXPECT_THAT(live.dump().pages, SizeIs(2));
}

TEST(Live, ScreenFitsTheTerminal) {
    Live live;
    live.take(samples::good());
    Watch watch;
    watch.selection = {By::site, Sort::rate, 0};
    for (const std::size_t rows : {8U, 24U}) {
        for (const bool help : {false, true}) {
            watch.help = help;
            const std::string text = draw_live(live, nullptr, watch, {.width = 80}, rows);
            const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n'));
            EXPECT_LE(lines, help ? std::max(rows, std::size_t{10}) : rows) << text;
            EXPECT_THAT(text, HasSubstr("exits/s"));
            EXPECT_THAT(text, HasSubstr("prepare_to_wait"));
        }
    }
}

}  // namespace
