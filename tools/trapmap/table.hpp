// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trapeze::trapmap {

/// How a view is drawn: columns of the terminal, and whether colour is welcome.
struct Style {
    std::size_t width = 100;
    bool colour = false;

    /// The text in an SGR attribute such as "1" (bold); as it is without colour.
    std::string paint(std::string_view sgr, std::string_view text) const;
};

inline constexpr std::string_view bold = "1";
inline constexpr std::string_view dim = "2";

/// The colour of heat: `part` is 0 (cold) to 1 (the hottest of the view).
std::string_view heat_colour(double part);

/// A bar of unicode blocks of `part` (0 to 1) of `cells` columns, padded to them with blanks.
std::string bar(double part, std::size_t cells);

/// The columns that `text` (UTF-8, no control characters) takes.
std::size_t columns_of(std::string_view text);

/// `text` in at most `columns`, with an ellipsis where something was cut.
std::string cut_end(std::string_view text, std::size_t columns);
std::string cut_start(std::string_view text, std::size_t columns);

struct Cell {
    std::string text;
    std::string_view sgr = {};  ///< none when empty
};

enum class Cut : std::uint8_t { never, start, end };

struct Column {
    std::string head;
    bool right = false;     ///< numbers
    Cut cut = Cut::never;   ///< how to shorten what is too long
    std::size_t least = 0;  ///< columns it keeps when shortened
    int drop = 0;           ///< narrow terminals lose the column of the highest number; 0 stays
};

/// Text in columns. What does not fit the width is shortened, from the last column to the first;
/// where that is not enough, columns are dropped.
class TextTable {
  public:
    explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }

    /// Lines, each ended by a line feed, none longer than `style.width`.
    std::string text(const Style& style) const;

  private:
    std::vector<std::size_t> widths(std::size_t width) const;

    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

/// "33.4", of 100; 0 when `whole` is 0.
std::string percent(std::uint64_t part, std::uint64_t whole);

/// `part` of `whole`, 0 to 1; 0 when `whole` is 0.
double ratio(std::uint64_t part, std::uint64_t whole);

/// 1234567 as "1,234,567".
std::string grouped(std::uint64_t number);

/// A value that is not below 0, in three or four figures: "0.25", "12.3", "4567", "1.2M".
std::string brief(double value);

}  // namespace trapeze::trapmap
