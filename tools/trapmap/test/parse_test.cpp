// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "samples.hpp"
#include "trapmap/dump.hpp"

namespace {

using namespace trapeze::trapmap;
using namespace trapeze::trapmap::samples;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(Parse, TakesEveryFieldOfEveryLine) {
    const Dump d = good();
    EXPECT_EQ(d.kind, Kind::end);
    EXPECT_EQ(d.sequence, 7U);
    EXPECT_EQ(d.ticks_per_second, 1000000U);
    EXPECT_EQ(d.now, 5000000U);
    EXPECT_EQ(d.ram_bytes, 268435456U);
    EXPECT_EQ(d.layout, "straight");
    EXPECT_TRUE(d.profile);
    EXPECT_THAT((std::vector{d.total, d.guest, d.vmm, d.idle}),
                ElementsAre(4000000, 1500000, 500000, 2000000));
    EXPECT_EQ(d.site_table.lost_count, 34U);
    EXPECT_EQ(d.site_table.lost_ticks, 1000U);
    EXPECT_EQ(d.page_table.evicted, 2U);
    ASSERT_THAT(d.causes, SizeIs(3));
    EXPECT_EQ(d.causes[1].name, "dtlb_shadow");
    EXPECT_EQ(d.causes[1].lost, 20U);
    ASSERT_THAT(d.instructions, SizeIs(2));
    EXPECT_EQ(d.instructions[0].count, 660U);
    ASSERT_THAT(d.sites, SizeIs(4));
    const Site& s = d.sites[1];
    EXPECT_THAT(
        (std::vector<std::uint64_t>{s.ea, s.gpa, s.word, s.pid, s.count, s.ticks, s.max, s.first,
                                    s.last, s.rate, s.id}),
        ElementsAre(0xc0012350, 0x12350, 0x7c000146, 0, 300, 15000, 900, 1000, 2000, 70, 1));
    EXPECT_TRUE(s.space);
    EXPECT_FALSE(d.sites[0].space);
    EXPECT_EQ(d.sites[2].pid, 3U);
    ASSERT_THAT(d.pages, SizeIs(3));
    EXPECT_TRUE(d.pages[1].user);
    EXPECT_EQ(d.pages[2].cause, "syscall");
    ASSERT_THAT(d.symbols, SizeIs(2));
    EXPECT_EQ(d.symbols[0].start, 0xc0012300U);
    EXPECT_THAT(d.spans.causes, ElementsAre("privileged", "syscall"));
    EXPECT_THAT(d.spans.counts, ElementsAre(ElementsAre(700, 2), ElementsAre(300, 3)));
    EXPECT_THAT(d.remarks, IsEmpty());
}

TEST(Parse, KnowsBothModesInBothSpacesAndPhysicalAddressesOf36Bits) {
    const auto with = [](std::string_view site) {
        return parse_dump(dump(replaced(body(), "site c0012344 12344 7d2000a6 0 k", site)), 0, "x")
            .sites[0];
    };
    for (const auto& [letter, user, space] :
         {std::tuple('k', false, false), std::tuple('K', false, true), std::tuple('u', true, false),
          std::tuple('U', true, true)}) {
        const Site site = with(std::string("site c0012344 F12344678 7d2000a6 0 ") + letter);
        EXPECT_EQ(site.user, user) << letter;
        EXPECT_EQ(site.space, space) << letter;
        EXPECT_EQ(site.gpa, 0xf12344678U);
    }
}

TEST(Parse, DropsCarriageReturnsFromLineAndChecksum) {
    std::string text = dump(body());
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
        text.replace(at, 1, "\r\n");
    }
    EXPECT_THAT(parse_dump(text, 0, "sample").sites, SizeIs(4));
}

TEST(Parse, SkipsUnknownLinesAndFurtherFields) {
    std::string later = body();
    for (std::size_t at = 0; (at = later.find('\n', at)) != std::string::npos; at += 3) {
        // A further name on `spans` would be a further column.
        const std::size_t start = later.rfind('\n', at - 1) + 1;
        const bool spans = later.compare(start, 6, "spans ") == 0;
        later.replace(at, 1, spans ? "\n" : " 9\n");
        if (spans) at -= 2;
    }
    const Dump d = parse_dump(dump("weather fine\n" + later + "future 1 2 3\n"), 0, "sample");
    EXPECT_THAT(d.sites, SizeIs(4));
    EXPECT_EQ(d.sites[0].id, 0U);
    EXPECT_THAT(d.spans.counts, ElementsAre(ElementsAre(700, 2), ElementsAre(300, 3)));
}

TEST(Parse, TakesTheLastCompleteDumpOfAConsole) {
    const std::string console = "[vmm    0.0] Trapeze\n" + dump(body(), "periodic", 1) +
                                "[vmm    1.0] goes on\n" + dump(body(), "request", 2) +
                                dump("clock 1 1\n", "live", 3) + "[vmm    2.0] bye\n";
    const Dump d = parse_dump(console, 0, "sample");
    EXPECT_EQ(d.sequence, 2U);
    EXPECT_EQ(d.kind, Kind::request);
    EXPECT_THAT(d.remarks, IsEmpty());
    EXPECT_EQ(parse_dump(console, 1, "sample").sequence, 1U);
    EXPECT_THAT(refused(console, 3), HasSubstr("no dump 3: it holds 2"));
}

TEST(Parse, FallsBackToTheDumpBeforeADamagedOneAndSaysSo) {
    const std::string whole = dump(body(), "periodic", 1);
    const std::string cut = dump(body(), "end", 2).substr(0, 300);
    const Dump d = parse_dump(whole + cut, 0, "sample");
    EXPECT_EQ(d.sequence, 1U);
    ASSERT_THAT(d.remarks, SizeIs(1));
    EXPECT_THAT(d.remarks[0], HasSubstr("truncated"));
    EXPECT_THAT(refused(whole + cut, 2), HasSubstr("truncated"));
}

TEST(Parse, ADumpThatABeginLineInterruptsIsTruncated) {
    const std::string cut = dump(body(), "periodic", 1).substr(0, 300) + "\n";
    EXPECT_EQ(parse_dump(cut + dump(body(), "end", 2), 0, "sample").sequence, 2U);
    EXPECT_THAT(refused(cut + dump(body(), "end", 2), 1), HasSubstr("truncated"));
}

TEST(Parse, RefusesWhatHoldsNoDump) {
    EXPECT_THAT(refused(""), HasSubstr("empty"));
    EXPECT_THAT(refused("[vmm 0.0] hello\nx @@trapeze-dump 1 end 1\n"),
                HasSubstr("holds no trap dump"));
    EXPECT_THAT(refused(std::string("\x7f"
                                    "ELF\1\2\0\0",
                                    8)),
                HasSubstr("binary"));
    EXPECT_THAT(refused(dump(body(), "live")), HasSubstr("live dumps only"));
}

TEST(Parse, RefusesEveryTruncation) {
    const std::string whole = dump(body());
    for (std::size_t size = whole.find('\n') + 1; size < whole.size(); ++size) {
        EXPECT_THAT(refused(whole.substr(0, size)), HasSubstr("truncated")) << size;
    }
}

TEST(Parse, RefusesAChangedByteByItsChecksum) {
    EXPECT_THAT(refused(replaced(dump(body()), "k 600 ", "k 601 ")), HasSubstr("checksum"));
    EXPECT_THAT(refused(replaced(dump(body()), "mfmsr", "mtmsr")), HasSubstr("checksum"));
}

TEST(Parse, RefusesAMissingLineByTheirNumber) {
    EXPECT_THAT(refused(replaced(dump(body()), "insn mfmsr 660\n", "")),
                HasSubstr("22 lines were written, 21 are here"));
}

TEST(Parse, RefusesAnEndOfAnotherNumber) {
    EXPECT_THAT(refused(replaced(dump(body()), "dump-end 7", "dump-end 8")),
                HasSubstr("begins as number 7 and ends as number 8"));
}

TEST(Parse, RefusesOtherVersionsAndSaysWhichItKnows) {
    EXPECT_THAT(refused(dump("moon full\n", "end", 1, 2)), HasSubstr("version 2"));
    EXPECT_THAT(refused(dump(body(), "weekly")), HasSubstr("unknown kind"));
    EXPECT_THAT(refused(replaced(dump(body()), "dump 1", "dump x")), HasSubstr("version"));
}

TEST(Parse, RefusesLinesWithAMissingOrWrongFieldAndNamesTheLine) {
    struct Case {
        std::string_view from, to;
    };
    for (const Case& c : {
             Case{"clock 1000000 5000000", "clock 1000000"},
             {"clock 1000000 5000000", "clock 0 5000000"},
             {"straight on", "straight perhaps"},
             {"time 4000000 1500000", "time 4000000 -1500000"},
             {"privileged 1000", "privileged 0x1000"},
             {"insn mfmsr 660", "insn mfmsr"},
             {"site c0012344", "site 1c0012344"},
             {"7d2000a6 0 k", "7d2000a6 0 s"},
             {"7d2000a6 0 k 600", "7d2000a6 0 k 18446744073709551616"},
             {"1000 2000 55 0\n", "1000 2000 55\n"},
             {"page c0012000 k", "page c0012000 x"},
             {"page c0012000 k dtlb_shadow 20", "page c0012000 k dtlb_shadow twenty"},
             {"symbol c0012300 prepare_to_wait", "symbol c0012300"},
             {"spans 1000000 2", "spans 0 2"},
             {"span 700 2", "span 700"},
             {"span 300 3\n", "span 300 3\nspans 1000000 0 mmio\n"},
         }) {
        const std::string said = refused(dump(replaced(body(), c.from, c.to)));
        EXPECT_THAT(said, HasSubstr("lacks a field or has a wrong one")) << c.to;
        EXPECT_THAT(said, HasSubstr("sample: line ")) << c.to;
    }
    EXPECT_THAT(refused("noise\n" + dump(replaced(body(), "insn mfmsr 660", "insn mfmsr"))),
                HasSubstr("line 11:"));
}

TEST(Parse, PutsSymbolsInOrder) {
    const std::string turned = "symbol c0020000 second\nsymbol c0012300 first\n";
    const Dump d = parse_dump(dump(replaced(body(), symbols, turned)), 0, "sample");
    ASSERT_THAT(d.symbols, SizeIs(2));
    EXPECT_EQ(d.symbols[0].name, "first");
    EXPECT_EQ(d.symbols[1].name, "second");
}

TEST(Parse, RefusesWhatATerminalWouldObey) {
    EXPECT_THAT(refused(dump(replaced(body(), "prepare_to_wait", "prep\x1b[2Jare"))),
                HasSubstr("no text"));
}

TEST(Parse, NeedsClockGuestAndTime) {
    EXPECT_THAT(refused(dump(replaced(body(), "clock ", "klock "))), HasSubstr("no line 'clock'"));
    EXPECT_THAT(refused(dump(replaced(body(), "time ", "tyme "))), HasSubstr("no line 'time'"));
}

TEST(Parse, BelievesNoNumberThatPromisesMore) {
    const std::string body =
        "clock 1 1\nguest 0 straight on\ntime 0 0 0 0\n"
        "sites 18446744073709551615 18446744073709551615 0 0 0\n"
        "pages 18446744073709551615 18446744073709551615 0\n"
        "spans 1 18446744073709551615\n";
    const Dump d = parse_dump(dump(body), 0, "sample");
    EXPECT_THAT(d.sites, IsEmpty());
    EXPECT_THAT(d.spans.counts, IsEmpty());
}

TEST(Parse, TakesWhatPatchingHasComeTo) {
    const Dump d = patched();
    const Patching& p = d.patching;
    EXPECT_TRUE(p.known() && p.on());
    EXPECT_EQ(p.mode, "hot");
    EXPECT_EQ(p.net, -250000);
    EXPECT_THAT((std::vector{p.threshold, p.patched, p.saved, p.faults, p.made, p.dropped, p.back,
                             p.stolen, p.mirrored, p.window}),
                ElementsAre(16, 1, 9000, 3, 4, 1, 1, 2, 120, 62500));
    ASSERT_THAT(d.costs, SizeIs(2));
    EXPECT_EQ(d.costs[1].name, "fault");
    EXPECT_EQ(d.costs[1].milliticks, 600000U);
    ASSERT_THAT(d.stolen, SizeIs(1));
    EXPECT_THAT((std::vector<std::uint64_t>{d.stolen[0].ea, d.stolen[0].stubs, d.stolen[0].free,
                                            d.stolen[0].faults}),
                ElementsAre(0xc0040000, 2, 3968, 2));
    ASSERT_THAT(d.traced, SizeIs(2));
    EXPECT_THAT((std::vector<std::uint64_t>{d.traced[0].ea, d.traced[0].gpa, d.traced[0].patches,
                                            d.traced[0].faults}),
                ElementsAre(0xc0012000, 0xf00012000, 1, 3));
    EXPECT_EQ(d.sites[0].state, State::patched);
    EXPECT_EQ(d.sites[0].reason, "pays");
    EXPECT_EQ(d.sites[0].saved, 8500U);
    EXPECT_EQ(d.sites[1].reason, "no-mapping");
    EXPECT_EQ(d.sites[2].state, State::back);
    EXPECT_EQ(d.sites[3].state, State::cold);
}

TEST(Parse, DumpsFromBeforePatchingSayNothingOfIt) {
    const Dump d = good();
    EXPECT_FALSE(d.patching.known());
    EXPECT_FALSE(d.patching.on());
    EXPECT_EQ(d.sites[0].state, State::unknown);
    EXPECT_EQ(d.sites[0].reason, "");
    EXPECT_EQ(
        parse_dump(dump(replaced(patched_body(), "patched pays 8500", "molten so what")), 0, "s")
            .sites[0]
            .state,
        State::unknown)
        << "fields of a later format are skipped";
}

TEST(Parse, RefusesWrongLinesAboutPatching) {
    struct Case {
        std::string_view from, to;
    };
    for (const Case& c : {
             Case{"patch hot", "patch lukewarm"},
             {"patch hot 16 1 9000 3 -250000", "patch hot 16 1 9000 3 --250000"},
             {"patch hot 16", "patch hot -16"},
             {"120 62500\n", "120\n"},
             {"cost fault 600000", "cost fault"},
             {"stolen c0040000 2 3968 2", "stolen c0040000 2 3968"},
             {"traced c0012000 F00012000", "traced c0012000 -1"},
             {"patched pays 8500", "patched pays"},
             {"patched pays 8500", "patched pays -8500"},
             {"hot no-mapping 0", "hot"},
         }) {
        EXPECT_THAT(refused(dump(replaced(patched_body(), c.from, c.to))),
                    HasSubstr("lacks a field or has a wrong one"))
            << c.to;
    }
}

TEST(Parse, ReadsADumpWithoutAProfile) {
    const Dump d =
        parse_dump(dump("clock 10 5\nguest 4096 crossed off\ntime 5 1 1 3\n" + causes), 0, "s");
    EXPECT_FALSE(d.profile);
    EXPECT_EQ(d.layout, "crossed");
    EXPECT_THAT(d.sites, IsEmpty());
}

}  // namespace
