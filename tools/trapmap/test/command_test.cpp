// SPDX-License-Identifier: Apache-2.0
// The program itself: statuses, what goes to which output, options that do not go together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "samples.hpp"

namespace {

using namespace trapeze::trapmap;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Result {
    int status = -1;
    std::string output;
};

/// Runs a shell command in which $T is trapmap. Its standard output; stderr only if redirected.
Result shell(const std::string& command) {
    const std::string line = "export T='" TRAPMAP "' COLUMNS=100; " + command;
    FILE* pipe = popen(line.c_str(), "r");
    Result result;
    std::array<char, 4096> piece{};
    for (std::size_t got = 0; (got = fread(piece.data(), 1, piece.size(), pipe)) != 0;) {
        result.output.append(piece.data(), got);
    }
    const int status = pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return result;
}

/// A folder of the test's own with a good dump in it.
class Command : public testing::Test {
  public:
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;

  protected:
    Command() { write("good.trap", samples::dump(samples::body())); }
    ~Command() override { std::filesystem::remove_all(folder_); }

    std::string path(const std::string& name) const { return folder_ / name; }

    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(folder_);
        std::ofstream(path(name), std::ios::binary) << text;
    }

    std::string good() const { return path("good.trap"); }

  private:
    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() /
        fmt::format("trapmap-{}-{}", testing::UnitTest::GetInstance()->current_test_info()->name(),
                    getpid());
};

TEST_F(Command, BadInputsGetOneLineAndStatusTwo) {
    const std::string whole = samples::dump(samples::body());
    write("empty", "");
    write("cut", whole.substr(0, whole.size() / 2));
    write("console", "[vmm    0.0] nothing here\n");
    write("binary", std::string("\0\1\2\3", 4));
    write("changed", std::string(whole).replace(whole.find("600"), 1, "7"));
    write("future", samples::dump("x\n", "end", 1, 2));
    for (const std::string name :
         {"empty", "cut", "console", "binary", "changed", "future", "missing", "."}) {
        const Result r = shell("$T " + path(name) + " 2>&1 >/dev/null");
        EXPECT_EQ(r.status, 2) << name;
        EXPECT_THAT(r.output, StartsWith("trapmap: " + path(name) + ": ")) << name;
        EXPECT_EQ(std::ranges::count(r.output, '\n'), 1) << r.output;
    }
}

TEST_F(Command, OptionsThatDoNotGoTogetherGetOneLineAndStatusTwo) {
    for (const std::string options :
         {"", "--json --csv", "--annotate f --json", "--follow --json", "--top -1", "--by weather",
          "--which 0", "--nonsense", "--diff", "--elf /nowhere"}) {
        const std::string dump = options.empty() || options == "--diff" ? "" : good() + " ";
        const Result r = shell(
            std::string("$T ").append(dump).append(options).append(" 2>&1 >/dev/null </dev/null"));
        EXPECT_EQ(r.status, 2) << options;
        EXPECT_EQ(std::ranges::count(r.output, '\n'), 1) << r.output;
    }
}

TEST_F(Command, ShowsADumpFromAFileAndFromStandardInput) {
    const Result file = shell("$T " + good());
    EXPECT_EQ(file.status, 0);
    EXPECT_THAT(file.output, HasSubstr("prepare_to_wait+0x44"));
    EXPECT_EQ(shell("cat " + good() + " | $T -").output, file.output);
}

TEST_F(Command, WritesFilesOrStandardOutput) {
    EXPECT_EQ(shell("$T " + good() + " --csv=" + path("out.csv")).output, "");
    EXPECT_EQ(shell("cat " + path("out.csv")).output, shell("$T " + good() + " --csv").output);
    EXPECT_THAT(shell("$T " + good() + " --json").output, StartsWith("{\n \"schema\": 1,"));
    EXPECT_THAT(shell("$T " + good() + " --folded").output, StartsWith("guest kernel;"));
    EXPECT_EQ(shell("$T " + good() + " --json /nowhere/x 2>/dev/null").status, 2);
    EXPECT_EQ(shell("$T " + good() + " --json >/dev/full 2>/dev/null").status, 2);
}

TEST_F(Command, DifferencesTakeBothSpellings) {
    write("old.trap", samples::dump(samples::frame + samples::causes));
    const std::string two = shell("$T --diff " + path("old.trap") + " " + good()).output;
    EXPECT_THAT(two, HasSubstr("4 appeared, 0 vanished"));
    EXPECT_EQ(shell("$T " + good() + " --diff " + path("old.trap")).output, two);
}

TEST_F(Command, PicksADumpOfSeveral) {
    write("two",
          samples::dump(samples::body(), "periodic", 1) + samples::dump(samples::body(), "end", 2));
    EXPECT_THAT(shell("$T " + path("two")).output, HasSubstr("dump 2, at the guest's end"));
    EXPECT_THAT(shell("$T --which 1 " + path("two")).output, HasSubstr("dump 1, periodic"));
}

TEST_F(Command, SaysWhenALaterDumpIsDamaged) {
    const std::string whole = samples::dump(samples::body());
    write("damaged", whole + whole.substr(0, 200));
    const Result r = shell("$T " + path("damaged") + " 2>&1 >/dev/null");
    EXPECT_EQ(r.status, 0);
    EXPECT_THAT(r.output, HasSubstr("truncated"));
}

TEST_F(Command, ColoursOnlyWhereTheyAreWelcome) {
    EXPECT_THAT(shell("$T " + good()).output, Not(HasSubstr("\x1b")));
    EXPECT_THAT(shell("$T --color always " + good()).output, HasSubstr("\x1b["));
    const std::string tty = "script -qec \"$T " + good() + "\" /dev/null </dev/null";
    EXPECT_THAT(shell("export TERM=xterm; unset NO_COLOR; " + tty).output, HasSubstr("\x1b[1m"));
    EXPECT_THAT(shell("export TERM=xterm NO_COLOR=1; " + tty).output, Not(HasSubstr("\x1b[")));
}

TEST_F(Command, EndsQuietlyWhenNobodyReads) {
    const Result r = shell("( $T " + good() + " --json; echo $? >&2 ) 2>&1 >/dev/full | cat");
    EXPECT_THAT(r.output, HasSubstr("No space left"));
    // The reader is gone before trapmap writes.
    const Result quiet =
        shell("( ( sleep 0.3; $T " + good() + " --json; echo status $? >&3 ) | true ) 3>&1 2>&1");
    EXPECT_EQ(quiet.output, "status 141\n");
}

TEST_F(Command, FollowsAStreamAndSaysThatTheGuestEnded) {
    write("stream", samples::dump(samples::body(), "request", 1) +
                        samples::dump(samples::frame + samples::causes, "live", 2) +
                        samples::dump(samples::body(), "end", 3));
    const Result r = shell("$T --follow < " + path("stream"));
    EXPECT_EQ(r.status, 0);
    EXPECT_THAT(r.output, EndsWith("the guest ended\n"));
    std::size_t tables = 0;
    for (std::size_t at = 0; (at = r.output.find("exits/s", at)) != std::string::npos; ++at) {
        ++tables;
    }
    EXPECT_EQ(tables, 3U) << "one a dump";
    EXPECT_EQ(shell("$T --follow </dev/null 2>/dev/null").status, 2);
    const Result refused = shell("echo '@@trapeze-refused 16 others follow it' | $T --follow 2>&1");
    EXPECT_EQ(refused.status, 2);
    EXPECT_EQ(refused.output, "trapmap: no dumps: 16 others follow it\n");
}

TEST_F(Command, KeysSortPauseAndLeaveOnATerminal) {
    write("stream", samples::dump(samples::body(), "request", 1));
    const std::string stream = "( cat " + path("stream") + "; sleep 3 )";
    const Result r = shell(
        "export TERM=xterm; ( sleep 1; printf s; sleep 0.5; printf q ) | "
        "script -qec '" +
        stream + " | \"$T\" --follow' /dev/null");
    EXPECT_EQ(r.status, 0);
    EXPECT_THAT(r.output, HasSubstr("by exits a second"));
    EXPECT_THAT(r.output, HasSubstr("by exits since the start")) << "after s";
    const std::size_t left = r.output.find("\x1b[?1049l");
    ASSERT_NE(left, std::string::npos) << "the first screen is back";
    EXPECT_THAT(r.output.substr(left), HasSubstr("prepare_to_wait"));
    EXPECT_THAT(r.output, Not(HasSubstr("stream ended"))) << "q leaves before that";
}

TEST_F(Command, HelpNamesEveryOption) {
    const Result r = shell("$T --help");
    EXPECT_EQ(r.status, 0);
    for (const char* option :
         {"--elf", "--which", "--by", "--sort", "--top", "--annotate", "--json", "--csv",
          "--folded", "--html", "--before", "--diff", "--follow", "--color"}) {
        EXPECT_THAT(r.output, HasSubstr(option));
    }
}

}  // namespace
