// SPDX-License-Identifier: Apache-2.0
#include "trapmap/follow.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "streams.hpp"
#include "trapmap/input.hpp"
#include "trapmap/program.hpp"
#include "trapmap/screen.hpp"

namespace trapeze::trapmap {

namespace {

Sort after(Sort sort) {
    switch (sort) {
        case Sort::rate:
            return Sort::count;
        case Sort::count:
            return Sort::ticks;
        case Sort::ticks:
            return Sort::max;
        case Sort::max:
            return Sort::saved;
        case Sort::saved:
            break;
    }
    return Sort::rate;
}

By after(By by) {
    switch (by) {
        case By::site:
            return By::function;
        case By::function:
            return By::instruction;
        case By::instruction:
            return By::page;
        case By::page:
            break;
    }
    return By::site;
}

/// One run of --follow.
class Follower {
  public:
    Follower(const Options& options, std::shared_ptr<const Program> program)
        : program_(std::move(program)), style_(options.style) {
        watch_.selection = options.selection;
        if (isatty(STDOUT_FILENO) != 0) {
            screen_.emplace();
            if (!options.top_given) watch_.selection.top = 0;
        }
    }

    void run() {
        while (!left_ && !stream_ended_ && !Screen::ended()) {
            std::array<pollfd, 2> sources = {
                pollfd{STDIN_FILENO, POLLIN, 0},
                pollfd{screen_ ? screen_->keys() : -1, POLLIN, 0},
            };
            const int ready = ::poll(sources.data(), sources.size(), -1);
            if (ready < 0 && errno != EINTR) {
                throw Error(fmt::format("standard input: {}", std::strerror(errno)));
            }
            if (Screen::resized() && screen_) {
                style_.width = terminal_width();
                redraw();
            }
            if (ready <= 0) continue;
            if (sources[1].revents != 0) take_keys();
            if (sources[0].revents != 0) take_stream();
        }
        finish();
    }

  private:
    void take_keys() {
        for (char key = 0; (key = screen_->key()) != 0;) {
            switch (key) {
                case 'q':
                case 'Q':
                    left_ = true;
                    return;
                case 's':
                    watch_.selection.sort = after(watch_.selection.sort);
                    break;
                case 'b':
                    watch_.selection.by = after(watch_.selection.by);
                    break;
                case 'p':
                    watch_.paused = !watch_.paused;
                    if (!watch_.paused) shown_ = live_;
                    break;
                case 'h':
                case '?':
                    watch_.help = !watch_.help;
                    break;
                default:
                    break;
            }
        }
        redraw();
    }

    void take_stream() {
        std::array<char, std::size_t{1} << 16U> piece{};
        const ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
        // A guest that is killed may reset the socket: that is an end as well.
        if (got <= 0) {
            stream_ended_ = true;
            return;
        }
        stream_.feed({piece.data(), static_cast<std::size_t>(got)});
        for (bool more = true; more;) {
            try {
                std::optional<Dump> dump = stream_.next();
                more = dump.has_value();
                if (more) take(std::move(*dump));
            } catch (const OutputError&) {
                throw;
            } catch (const Error& error) {
                watch_.trouble = fmt::format("left out: {}", error.what());
                if (!screen_) streams::complain("trapmap: " + watch_.trouble);
            }
        }
    }

    void take(Dump dump) {
        ended_well_ = dump.kind == Kind::end;
        live_.take(std::move(dump));
        if (watch_.paused) return;
        shown_ = live_;
        watch_.trouble.clear();
        redraw();
    }

    void redraw() {
        if (screen_) {
            screen_->draw(text(Screen::height()));
        } else if (!shown_.empty()) {
            write_output("-", text(0) + "\n");
        }
    }

    std::string text(std::size_t rows) const {
        if (shown_.empty()) return "waiting for the guest's first dump; q leaves\n";
        return draw_live(shown_, program_, watch_, style_, rows);
    }

    void finish() {
        left_ = left_ || Screen::ended();
        const bool had_screen = screen_.has_value();
        const std::size_t rows = had_screen ? Screen::height() : 0;
        screen_.reset();
        if (live_.empty() && !left_ && !stream_.refusal().empty()) {
            throw Error(fmt::format("no dumps: {}", stream_.refusal()));
        }
        if (live_.empty() && !left_) {
            throw Error(stream_.inside() ? "standard input: ended inside its first dump"
                                         : "standard input: ended without a dump");
        }
        if (live_.empty()) return;
        shown_ = live_;
        // Nothing is hot now any more.
        Sort& sort = watch_.selection.sort;
        if (ended_well_ && sort == Sort::rate) sort = Sort::count;
        // The screen that was left is gone from the terminal: it is what the user wants to keep.
        if (had_screen) write_output("-", text(rows > 1 ? rows - 1 : 0));
        if (left_) return;
        write_output("-", ended_well_
                              ? "the guest ended\n"
                              : "the stream ended: the guest, or whoever ran it, is gone\n");
    }

    std::shared_ptr<const Program> program_;
    Style style_;
    Watch watch_;
    DumpStream stream_;
    Live live_;
    Live shown_;
    std::optional<Screen> screen_;
    bool left_ = false;
    bool stream_ended_ = false;
    bool ended_well_ = false;
};

}  // namespace

void follow(const Options& options, const std::shared_ptr<const Program>& program) {
    Follower(options, program).run();
}

}  // namespace trapeze::trapmap
