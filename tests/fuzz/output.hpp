// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace trapeze::fuzz {

/// What the VMM has put into its UART on the fake core since the last reset_core().
std::string uart_output();
/// After reset_core(): the UART takes what it is given, and hears `input`.
void prepare_uart(std::string_view input);

/// Aborts unless every line can be shown as it is, and no text in it has made a line of its own:
/// all begin as the VMM's own lines do. Returns the text behind "@@trapeze-summary ", or "".
std::string check_lines(std::string_view output);
/// Aborts unless `text` is one JSON object.
void check_json(std::string_view text);

}  // namespace trapeze::fuzz
