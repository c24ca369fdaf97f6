// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <termios.h>

#include <cstddef>
#include <string_view>

namespace trapeze::trapmap {

/// A terminal that is redrawn: its second screen, keys without echo. Everything is as before when
/// this goes, also after Ctrl-C. One at a time.
class Screen {
  public:
    Screen();
    ~Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    /// Draws these lines over what was there.
    void draw(std::string_view lines);

    /// Where keys come from, for poll(); -1 when there is no terminal to ask.
    int keys() const { return keys_; }

    /// The next key that was pressed, 0 when there is none.
    char key();

    /// Rows of the terminal.
    static std::size_t height();

    /// True once after the terminal has changed its size.
    static bool resized();

    /// True after Ctrl-C, or when somebody asked us to end.
    static bool ended();

  private:
    int keys_ = -1;
    termios before_{};
};

}  // namespace trapeze::trapmap
