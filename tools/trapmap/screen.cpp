// SPDX-License-Identifier: Apache-2.0
#include "trapmap/screen.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string>

#include "trapmap/input.hpp"

namespace trapeze::trapmap {

namespace {

// Signal handlers reach nothing else.
std::atomic<bool> resize_seen{false};
std::atomic<bool> end_seen{false};

void note(int signal) {
    (signal == SIGWINCH ? resize_seen : end_seen).store(true, std::memory_order_relaxed);
}

constexpr int watched[] = {SIGWINCH, SIGINT, SIGTERM, SIGHUP};

/// Without SA_RESTART: poll() is to return.
void watch(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    for (const int signal : watched) {
        sigaction(signal, &action, nullptr);
    }
}

constexpr std::string_view enter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view leave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view home = "\x1b[H";
constexpr std::string_view clear_line = "\x1b[K\r\n";
constexpr std::string_view clear_rest = "\x1b[J";

}  // namespace

Screen::Screen() {
    watch(note);
    keys_ = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (keys_ >= 0 && tcgetattr(keys_, &before_) == 0) {
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        tcsetattr(keys_, TCSANOW, &raw);
    }
    write_output("-", enter);
}

Screen::~Screen() {
    // Whoever read our output may have gone; the terminal is put right all the same.
    try {
        write_output("-", leave);
    } catch (const std::exception&) {
        end_seen = true;
    }
    if (keys_ >= 0) {
        tcsetattr(keys_, TCSANOW, &before_);
        ::close(keys_);
    }
    watch(SIG_DFL);
}

void Screen::draw(std::string_view lines) {
    std::string out(home);
    while (!lines.empty()) {
        const std::size_t feed = lines.find('\n');
        out += lines.substr(0, feed);
        // A line feed below the last line would scroll.
        const bool last = feed == std::string_view::npos || feed + 1 == lines.size();
        if (!last) out += clear_line;
        lines.remove_prefix(last ? lines.size() : feed + 1);
    }
    out += "\x1b[K";
    out += clear_rest;
    write_output("-", out);
}

char Screen::key() {
    char key = 0;
    if (keys_ < 0) return 0;
    const ssize_t got = ::read(keys_, &key, 1);
    if (got == 0) {
        // The terminal has gone.
        ::close(keys_);
        keys_ = -1;
        end_seen = true;
    }
    return got == 1 ? key : '\0';
}

std::size_t Screen::height() {
    constexpr std::size_t usual = 24;
    winsize size{};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row != 0 ? size.ws_row : usual;
}

bool Screen::resized() { return resize_seen.exchange(false); }

bool Screen::ended() { return end_seen.load(); }

}  // namespace trapeze::trapmap
