// SPDX-License-Identifier: Apache-2.0
// The standard streams of the tools: what a tool says when there may be no place left to say it.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>

namespace trapeze::streams {

/// What a shell says of a program whose reader has left: 128 and SIGPIPE.
inline constexpr int status_reader_gone = 141;

/// Call it first. What is closed of descriptors 0 to 2 is taken, or else a file that is opened
/// later gets the number and what is printed: stdin as an empty one, the others so that a write
/// to them fails as it does to what is closed. A reader that has left, and a file that may not
/// grow, are errors of the write too.
inline void claim() {
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(number, F_GETFD) >= 0) continue;
        // It gets this number, the lowest that is free.
        static_cast<void>(::open("/dev/null", O_RDONLY));
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

/// Writes all of `text`; false, and errno, if it does not get there.
inline bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t put = ::write(descriptor, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
}

/// One line on stderr. Whether it gets there is nobody's business any more: the status tells.
inline void complain(const std::string& line) {
    static_cast<void>(write_all(STDERR_FILENO, line + "\n"));
}

}  // namespace trapeze::streams
