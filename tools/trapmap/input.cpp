// SPDX-License-Identifier: Apache-2.0
#include "trapmap/input.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "streams.hpp"

namespace trapeze::trapmap {

namespace {

/// A dump has some hundred KiB, a console log with thousands of them less than this.
constexpr std::size_t input_limit = std::size_t{1} << 30U;

/// A file descriptor that closes itself, unless it is a standard one.
class File {
  public:
    explicit File(int number) : number_(number) {}
    ~File() {
        if (number_ > STDERR_FILENO) ::close(number_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int number() const { return number_; }

  private:
    int number_;
};

Error failed(const std::string& path) {
    Error error(fmt::format("{}: {}", path, std::strerror(errno)));
    return error;
}

}  // namespace

std::string input_name(const std::string& path) { return path == "-" ? "standard input" : path; }

std::string read_input(const std::string& path) {
    const std::string name = input_name(path);
    const File file(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.number() < 0) throw failed(name);
    struct stat status {};
    if (fstat(file.number(), &status) != 0) throw failed(name);
    if (S_ISDIR(status.st_mode)) {
        throw Error(fmt::format("{}: is a folder; a dump is a file such as guest.trap", name));
    }
    std::string text;
    std::array<char, std::size_t{1} << 16U> piece{};
    for (;;) {
        const ssize_t got = ::read(file.number(), piece.data(), piece.size());
        if (got == 0) return text;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw failed(name);
        text.append(piece.data(), static_cast<std::size_t>(got));
        if (text.size() > input_limit) {
            throw Error(fmt::format("{}: is larger than any dump: {} MiB are read at most", name,
                                    input_limit >> 20U));
        }
    }
}

void write_output(const std::string& path, std::string_view text) {
    constexpr mode_t mode = 0666;
    const bool standard = path == "-";
    const std::string name = standard ? "standard output" : path;
    const File file(standard
                        ? STDOUT_FILENO
                        : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (file.number() < 0) throw failed(name);
    if (streams::write_all(file.number(), text)) return;
    const int why = errno;
    if (why == EPIPE) throw BrokenPipe();
    // Half a file would be taken for a whole one. A device has nothing to cut off.
    const bool whole = standard || ftruncate(file.number(), 0) == 0;
    static_cast<void>(whole);
    throw OutputError(fmt::format("{}: {}", name, why == EBADF ? "is closed" : std::strerror(why)));
}

}  // namespace trapeze::trapmap
