// SPDX-License-Identifier: Apache-2.0
// The shell: lines, words, numbers, and what each command says or refuses.
#include <gmock/gmock.h>

#include "hv/board/ppce500.hpp"
#include "hv/core/clock.hpp"
#include "hv/monitor/commands.hpp"
#include "hv/sched/run.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "several_guests.hpp"

namespace trapeze::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ShellTest : public SeveralTest {
  protected:
    // It is refused by this one line.
    void refuses(const std::string& command, const std::string& words) {
        const Answer found = ask(command);
        EXPECT_EQ(found.status, 1) << command;
        EXPECT_THAT(found.lines, ElementsAre(HasSubstr(words))) << command;
        EXPECT_EQ(found.rest, "") << command;
    }
    // It is done, and this is a part of its answer.
    std::vector<std::string> does(const std::string& command, const std::string& words = "") {
        const Answer found = ask(command);
        EXPECT_EQ(found.status, 0) << command << ": " << found.text();
        EXPECT_THAT(found.text(), HasSubstr(words)) << command;
        return found.lines;
    }
};

TEST_F(ShellTest, LinesAndTheirEnds) {
    does("version", "Trapeze");
    does("  \t version \t", "Trapeze");
    EXPECT_EQ(hear(":version\r").status, 0);
    EXPECT_EQ(hear("\n").status, -1) << "what follows the end is nothing";
    EXPECT_EQ(hear("version\n").status, -1) << "no ':', no command";
    refuses("", "no command");
    refuses("   ", "no command");
    refuses("Version", "no such command: Version");
    refuses("versions", "no such command: versions");
    refuses("vers", "no such command: vers");
    refuses("a\x1b[2Jb", "no such command: a?[2Jb");
}

TEST_F(ShellTest, LinesAreBounded) {
    does("help" + std::string(122, ' '), "help");
    refuses("help" + std::string(123, ' '), "longer than 126 bytes");
    refuses(std::string(5000, 'x'), "longer than 126 bytes");
    does("help");
    EXPECT_EQ(v.end, vcpu::End::running);
}

TEST_F(ShellTest, LinesInPieces) {
    EXPECT_EQ(hear(":ver").status, -1);
    pass(700'000'000);
    EXPECT_EQ(hear("si").status, -1);
    pass(700'000'000);
    EXPECT_EQ(hear("").status, -1) << "it waits";
    pass(100'000'000);
    EXPECT_EQ(hear("on\n").status, 0);
    EXPECT_EQ(hear(":q").status, -1);
    pass(800'000'001);
    const Answer lost = hear("");
    EXPECT_EQ(lost.status, 1);
    EXPECT_THAT(lost.lines, ElementsAre(HasSubstr("no end")));
    EXPECT_EQ(v.end, vcpu::End::running) << "what was in the line is no request";
    does("version");
}

TEST_F(ShellTest, AnswersAreNoLogLines) {
    does("version");
    console::log("the log goes on");
    EXPECT_THAT(sent(), testing::MatchesRegex("\\[vmm +[0-9.]+\\] the log goes on\n"));
    for (const std::string& line : does("log")) EXPECT_THAT(line, HasSubstr("[vmm "));
    does("log", "the log goes on");
}

TEST_F(ShellTest, EachCommandHasItsWords) {
    ASSERT_EQ(monitor::command_count, 16U);
    for (unsigned i = 0; i < monitor::command_count; ++i) {
        const monitor::Command& c = monitor::commands[i];
        const std::string name = c.name, usage = "usage: " + name + " " + c.arguments;
        const bool named = c.about != monitor::About::machine;
        const std::string typed = named ? name + " a" : name;
        std::string more;
        for (unsigned n = 0; n <= c.most; ++n) more += " 1";
        refuses(typed + more, usage);
        refuses(typed + more + " 1 1 1 1 1 1", usage);
        if (c.least != 0) refuses(typed, usage);
        if (c.about == monitor::About::one) refuses(name, "which guest? usage: " + name);
        if (named) refuses(name + " c", "no such guest: c; there are a b");
        if (named) refuses(name + " ab", "no such guest: ab; there are a b");
        EXPECT_NE(std::string(c.help), "");
    }
}

TEST_F(ShellTest, HelpHasAllOfThem) {
    const auto rows = does("help");
    ASSERT_EQ(rows.size(), monitor::command_count);
    for (unsigned i = 0; i < monitor::command_count; ++i) {
        EXPECT_THAT(rows[i], testing::StartsWith(std::string(monitor::commands[i].name) + " "));
        EXPECT_THAT(rows[i], testing::EndsWith(monitor::commands[i].help));
    }
}

TEST_F(ShellTest, AnOnlyGuestNeedsNoName) {
    guest::machine.count = 1;
    a.name = nullptr;
    const std::string all = ask("stats").text();
    EXPECT_THAT(all, HasSubstr("guest: runs"));
    EXPECT_EQ(ask("stats guest").text(), all);
    EXPECT_EQ(ask("tlb").text(), ask("tlb guest").text());
    EXPECT_EQ(does("memory 0 4"), does("memory guest 0 4"));
    EXPECT_EQ(does("memory 0 4").size(), 1U);
    refuses("stats a", "no such guest: a; there is guest");
    refuses("memory", "usage: memory");
    refuses("memory guest", "usage: memory");
    refuses("pause x", "no such guest: x");
}

TEST_F(ShellTest, GuestsSayTheirState) {
    b.vcpu.reason = "because";
    struct Row {
        Life life;
        const char* words;
    };
    for (const Row& row :
         {Row{Life::runs, "runs"}, Row{Life::waits, "waits for `start`"},
          Row{Life::starts, "starts"}, Row{Life::paused, "paused"}, Row{Life::over, "over"}}) {
        bring(row.life);
        const auto all = does("guests");
        ASSERT_EQ(all.size(), 3U);
        EXPECT_THAT(all[1], testing::MatchesRegex("a +runs +0 +1 +[0-9]+ MiB +1"));
        EXPECT_THAT(all[2],
                    testing::MatchesRegex("b +" + std::string(row.words) + " +0 +1 +64 MiB +1" +
                                          (row.life == Life::over ? "  because" : "")));
        EXPECT_EQ(does("guests b").size(), 2U);
    }
    bring(Life::runs);
    b.vcpu.end = vcpu::End::stopped;
    does("guests b", "ends");
}

TEST_F(ShellTest, StatsAddUp) {
    b.vcpu.exits[static_cast<unsigned>(vcpu::Cause::mmio)].add(400'000);
    pass(4'000'000);
    const auto all = does("stats b");
    ASSERT_EQ(all.size(), 5U);
    EXPECT_EQ(all[0], "b: runs, 10 ms since its start");
    EXPECT_EQ(all[1], "  ran 0 ms, of it 1 ms the VMM's in its exits; stolen 10 ms, slept 0 ms");
    EXPECT_THAT(all[2], HasSubstr("switches 0, preemptions 0"));
    EXPECT_THAT(all[4], testing::MatchesRegex("  mmio +1 +400000 +400000 +400000"));
    bring(Life::waits);
    EXPECT_THAT(does("stats b"), ElementsAre("b: waits for `start`"));
    bring(Life::over);
    b.vcpu.since = b.vcpu.start_time + 2'000'000;
    pass(40'000'000);
    does("stats b", "b: over, 5 ms since its start");
}

TEST_F(ShellTest, NumbersOfEachForm) {
    core::write_ram(ram_hpa + 0x20, 4, 0x4142'0043);
    for (const char* number : {"32", "0x20", "0X20", "gpa:0x20", "gpa:32", "0x0000000000000020"}) {
        EXPECT_THAT(does(std::string("memory a ") + number + " 4"),
                    ElementsAre("gpa 00000020  41420043  AB.C"))
            << number;
    }
    for (const char* number : {"0x", "x20", "-1", "+1", "2a", "0x2g", "18446744073709551616",
                               "0x10000000000000000", "gpa:", "ea:", "1.5", "ea:gpa:1"}) {
        refuses(std::string("memory a ") + number, std::string("no address: ") + number);
    }
    for (const char* bytes : {"0", "1025", "x", "-1", "18446744073709551616"}) {
        refuses(std::string("memory a 0 ") + bytes, std::string("BYTES is 1 to 1024: ") + bytes);
    }
}

TEST_F(ShellTest, MemoryByRows) {
    for (u32 i = 0; i < 64; i += 4) core::write_ram(ram_hpa + 0x40 + i, 4, 0x3030'3030 + i);
    EXPECT_EQ(does("memory a 0x40").size(), 4U) << "64 bytes";
    EXPECT_EQ(does("memory a 0x40 1024").size(), 64U);
    EXPECT_THAT(does("memory a 0x4e 3"),
                ElementsAre("gpa 0000004e  303c  0<", "gpa 00000050  30  0"));
    // Up to the end of RAM, and not over it.
    EXPECT_EQ(does("memory a 0x3fffff0 16").size(), 1U);
    const Answer over = ask("memory a 0x3fffff0 17");
    EXPECT_EQ(over.status, 1);
    EXPECT_EQ(over.lines.size(), 2U);
    EXPECT_THAT(over.lines[1],
                HasSubstr("4000000 is not RAM: the guest has that from 0 to 4000000"));
    refuses("memory a 0xe0000000", "is not RAM");
    refuses("memory a 0xffffffffffffffff 1", "behind the last address");
    refuses("memory a 0xfffffffffffffff0 16", "behind the last address");
    // b's is b's.
    core::write_ram(0x8000'0040, 4, 0x6262'6262);
    does("memory b 0x40 4", "62626262  bbbb");
}

TEST_F(ShellTest, EffectiveAddresses) {
    map_page(v, 2, 0x7000'0000, 0x0012'3000);
    core::write_ram(ram_hpa + 0x12'3004, 4, 0x5a5a'0000);
    EXPECT_THAT(does("memory a ea:0x70000004 4"),
                ElementsAre("ea 70000004 = gpa 00123004  5a5a0000  ZZ.."));
    EXPECT_EQ(does("memory a ea:0x70000ff8 8").size(), 1U);
    const Answer over = ask("memory a ea:0x70000ff8 9");
    EXPECT_EQ(over.status, 1);
    EXPECT_THAT(over.lines.back(), HasSubstr("effective 70001000: no TLB entry"));
    refuses("memory a ea:0x170000004", "no TLB entry");
    refuses("memory b ea:0x70000004", "no TLB entry");
    map_page(v, 3, 0x7000'1000, 0xe000'0000);
    refuses("memory a ea:0x70001000 4", "guest-physical e0000000 is not RAM");
}

TEST_F(ShellTest, TlbIsBounded) {
    EXPECT_THAT(does("tlb a").back(), HasSubstr("a: 2 entries of TLB1, 0 of TLB0"));
    for (u32 i = 0; i < 64; ++i) map(0x2000'0000 + 0x1000 * i, u64{0x1000} * i);
    EXPECT_EQ(does("tlb a").size(), 2U + 64 + 1);
    EXPECT_THAT(does("tlb a").back(), testing::EndsWith("64 of TLB0"));
    map(0x2004'0000, 0);
    EXPECT_EQ(does("tlb a").size(), 2U + 64 + 1);
    EXPECT_THAT(does("tlb a").back(), HasSubstr("65 of TLB0, of which the first 64 are shown"));
}

TEST_F(ShellTest, LogIsTheLastOfIt) {
    for (unsigned n = 1; n <= 200; ++n) console::log("line {} of the log", n);
    sent();
    const auto all = does("log");
    EXPECT_THAT(all.back(), testing::EndsWith("line 200 of the log"));
    EXPECT_THAT(all.front(), testing::MatchesRegex("\\[vmm .*line [0-9]+ of the log"));
    u64 bytes = 0;
    for (const std::string& line : all) bytes += line.size() + 1;
    EXPECT_LE(bytes, 4096U);
    EXPECT_GT(bytes, 4096U - 100);
    EXPECT_EQ(does("log"), all) << "answers are no part of it";
}

TEST_F(ShellTest, ReportsAndDumpsAreTheGuests) {
    v.nip = 0x1234'5678;
    b.vcpu.nip = 0x0bad'0000;
    const auto report = does("report b", "---- state of the guest");
    EXPECT_THAT(ask("report b").text(), HasSubstr("0bad0000"));
    EXPECT_EQ(v.core->current, &v) << "the core is a's again";
    const Answer dump = ask("dump b");
    EXPECT_EQ(dump.status, 0);
    EXPECT_THAT(dump.lines, ElementsAre("b: the dump is sent"));
    EXPECT_THAT(dump.rest, HasSubstr("@@trapeze-dump 1 request 1\n"));
    EXPECT_THAT(dump.rest, HasSubstr("\nname b "));
    EXPECT_EQ(v.core->current, &v);
}

TEST_F(ShellTest, WithoutATraceItSaysSo) { refuses("trace", "nothing is traced"); }

// One of another core is asked, and nothing of it is touched.
TEST_F(ShellTest, GuestsOfAnotherCoreAreAsked) {
    struct Row {
        const char* command;
        Life life;
        u32 ask;
    };
    constexpr u64 messages = board::ccsr_base + board::mpic_offset + 0x40;
    for (const Row& row :
         {Row{"stop b", Life::runs, guest::ask_stop}, Row{"stop b", Life::waits, guest::ask_stop},
          Row{"pause b", Life::runs, guest::ask_pause},
          Row{"resume b", Life::paused, guest::ask_resume},
          Row{"start b", Life::waits, guest::ask_start},
          Row{"start b", Life::over, guest::ask_start},
          Row{"restart b", Life::runs, guest::ask_restart},
          Row{"restart b", Life::over, guest::ask_start},
          Row{"report b", Life::runs, guest::ask_report},
          Row{"dump b", Life::paused, guest::ask_dump}}) {
        bring(row.life);
        move_away();
        the_core().io[messages] = 0;
        does(row.command, row.ask == guest::ask_report || row.ask == guest::ask_dump
                              ? "core 1 is asked"
                              : "b: ");
        EXPECT_EQ(b.life, row.life) << row.command;
        EXPECT_EQ(b.vcpu.end, vcpu::End::running) << row.command;
        EXPECT_EQ(b.vcpu.asked, row.ask) << row.command;
        EXPECT_EQ(the_core().io[messages], 2U) << row.command;
        b.vcpu.asked = 0;
        b.vcpu.core = b.devices.board->homes[1] = v.core;
        b.vcpu.entity = 1;
    }
}

}  // namespace
}  // namespace trapeze::test
