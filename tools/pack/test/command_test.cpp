// SPDX-License-Identifier: Apache-2.0
// trapeze-pack as a command: what it says where, its status, what it leaves.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class Command : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = fs::temp_directory_path() / "trapeze-pack-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
        std::string branches;  // each to itself
        while (branches.size() < 256) branches.append("\x48\0\0\0", 4);
        write("kernel", branches);
    }
    void TearDown() override { fs::remove_all(folder_); }

    fs::path path(const std::string& name) const { return folder_ / name; }
    void write(const std::string& name, const std::string& data) const {
        std::ofstream(path(name), std::ios::binary) << data;
    }
    // The usual options, and more.
    std::vector<std::string> options(std::vector<std::string> more) const {
        more.insert(more.begin(), {"--mem", "67108864", "--kernel", path("kernel")});
        return more;
    }

    // The wait status; what it prints is in `out` and `err`. `spoil` is called in its process.
    int run(const std::vector<std::string>& arguments, const std::function<void()>& spoil = {}) {
        const pid_t child = fork();
        if (child == 0) {
            for (const int number : {STDOUT_FILENO, STDERR_FILENO}) {
                const int file = open(path(std::to_string(number)).c_str(),
                                      O_CREAT | O_TRUNC | O_WRONLY, S_IRUSR | S_IWUSR);
                dup2(file, number);
                close(file);
            }
            if (spoil) spoil();
            std::vector<std::string> words{TRAPEZE_PACK};
            words.insert(words.end(), arguments.begin(), arguments.end());
            std::vector<char*> pointers;
            pointers.reserve(words.size() + 1);
            for (std::string& word : words) pointers.push_back(word.data());
            pointers.push_back(nullptr);
            execv(TRAPEZE_PACK, pointers.data());
            _exit(127);
        }
        int status = 0;
        waitpid(child, &status, 0);
        out = content(path("1"));
        err = content(path("2"));
        return status;
    }
    void expect_exit(int status, int wanted) const {
        ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
        EXPECT_EQ(WEXITSTATUS(status), wanted) << err;
    }

    std::string out, err;

  private:
    fs::path folder_;
};

void put_in_place_of(int number, const char* path, int flags) {
    const int file = open(path, flags);
    dup2(file, number);
    close(file);
}

TEST_F(Command, PacksAndTells) {
    expect_exit(run(options({"--output", path("fit"), "--describe"})), 0);
    EXPECT_EQ(out.rfind("kind: raw", 0), 0U) << out;
    EXPECT_EQ(err, "");
    EXPECT_EQ(content(path("fit")).substr(0, 4), "\xd0\x0d\xfe\xed");
}

TEST_F(Command, SaysWhatIsWrongInALine) {
    write("empty", "");
    write("tree", "no tree");
    struct Wrong {
        std::vector<std::string> more;
        const char* says;
    };
    for (const Wrong& wrong :
         {Wrong{{}, "nothing to do: give --output or --describe"},
          Wrong{{"--describe", "--initrd", path("empty")}, "is empty (--initrd)"},
          Wrong{{"--describe", "--dtb", path("tree")}, "(--dtb)"},
          Wrong{{"--describe", "--load", path("none").string() + "@0x100"}, "(--load)"},
          Wrong{{"--describe", "--symbols", path("none")}, "(--symbols)"},
          Wrong{{"--describe", "--load", path("kernel").string() + "@0x10"}, "overlap"},
          Wrong{{"--nonsense"}, "(see --help)"}}) {
        expect_exit(run(options(wrong.more)), 2);
        EXPECT_EQ(err.rfind("trapeze-pack: ", 0), 0U) << err;
        EXPECT_NE(err.find(wrong.says), std::string::npos) << err;
        EXPECT_EQ(err.find('\n'), err.size() - 1) << err;
        EXPECT_EQ(out, "");
    }
}

TEST_F(Command, TakesNoFileOfMoreThanAGiB) {
    write("large", "H");
    fs::resize_file(path("large"), (1ULL << 30U) + 1);  // a hole
    expect_exit(run({"--mem", "67108864", "--describe", "--kernel", path("large")}), 2);
    EXPECT_NE(err.find("is too large"), std::string::npos) << err;
}

TEST_F(Command, LeavesNoImageInPart) {
    // A file may have 64 bytes, and no signal ends the program.
    const auto small = [] {
        const rlimit limit{64, 64};
        setrlimit(RLIMIT_FSIZE, &limit);
    };
    write("fit", "of before");
    expect_exit(run(options({"--output", path("fit")}),
                    [&] {
                        put_in_place_of(STDERR_FILENO, "/dev/null", O_WRONLY);
                        small();
                    }),
                2);
    EXPECT_FALSE(fs::exists(path("fit")));
}

TEST_F(Command, ADeviceThatIsFullStays) {
    // Only the last of what is written tells that there was no room.
    fs::create_symlink("/dev/full", path("full"));
    expect_exit(run(options({"--output", path("full")})), 2);
    EXPECT_NE(err.find("cannot be written"), std::string::npos) << err;
    EXPECT_TRUE(fs::is_symlink(path("full")));
}

TEST_F(Command, AStreamThatIsClosedIsNoneOfItsFiles) {
    expect_exit(run(options({"--output", path("fit"), "--describe"}), [] { close(STDOUT_FILENO); }),
                2);
    EXPECT_NE(err.find("standard output"), std::string::npos) << err;
    const std::string first = content(path("fit"));
    EXPECT_EQ(first.substr(0, 4), "\xd0\x0d\xfe\xed");
    EXPECT_EQ(first.find("kind: raw"), std::string::npos);
    // What is wrong has nowhere to go, and the status says it.
    expect_exit(run({"--nonsense"}, [] { close(STDERR_FILENO); }), 2);
    expect_exit(
        run(options({"--describe"}), [] { put_in_place_of(STDOUT_FILENO, "/dev/full", O_WRONLY); }),
        2);
    EXPECT_NE(err.find("standard output: No space"), std::string::npos) << err;
}

TEST_F(Command, WhatGetsThereInPartIsAFault) {
    const auto small = [] {
        const rlimit limit{16, 16};
        setrlimit(RLIMIT_FSIZE, &limit);
    };
    expect_exit(run(options({"--describe"}), small), 2);
    EXPECT_EQ(out.size(), 16U);
    EXPECT_EQ(err, "trapeze-pack: st");
}

TEST_F(Command, AReaderThatLeavesIsNoFault) {
    expect_exit(run(options({"--describe"}),
                    [] {
                        std::array<int, 2> ends{};
                        if (pipe(ends.data()) != 0) _exit(126);
                        close(ends[0]);
                        dup2(ends[1], STDOUT_FILENO);
                        close(ends[1]);
                    }),
                141);
    EXPECT_EQ(err, "");
}

TEST_F(Command, ALongTextGoesWholeThroughAPipe) {
    // More than a pipe that does not block, and nobody reads yet, could take at once.
    std::vector<std::string> more{"--describe"};
    for (unsigned i = 0; i < 2000; ++i) {
        more.push_back("--load=" + path("kernel").string() + "@" +
                       std::to_string(0x100000 + i * 0x1000));
    }
    expect_exit(run(options(more)), 0);
    const std::string all = out;
    ASSERT_GT(all.size(), 1U << 16U);
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    const pid_t reader = fork();
    if (reader == 0) {
        close(ends[1]);
        std::array<char, 100> some{};
        std::ofstream copy(path("copy"), std::ios::binary);
        for (ssize_t got = 0; (got = read(ends[0], some.data(), some.size())) > 0;) {
            copy.write(some.data(), got);
        }
        copy.close();
        _exit(0);
    }
    expect_exit(run(options(more),
                    [&] {
                        dup2(ends[1], STDOUT_FILENO);
                        close(ends[1]);
                        close(ends[0]);
                    }),
                0);
    close(ends[0]);
    close(ends[1]);
    int status = 0;
    waitpid(reader, &status, 0);
    EXPECT_EQ(content(path("copy")), all);
}

}  // namespace
