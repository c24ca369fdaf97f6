// SPDX-License-Identifier: Apache-2.0
#include "trapmap/html.hpp"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "trapmap/page/embedded.hpp"

namespace trapeze::trapmap {
namespace {

using Json = nlohmann::ordered_json;

/// JSON that can stand inside a script element and inside HTML text: ASCII, and without the
/// characters that begin markup. They occur in strings only, where an escape means the same.
std::string inert(const Json& value) {
    const std::string plain = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    std::string safe;
    safe.reserve(plain.size() + plain.size() / 16);
    for (const char letter : plain) {
        switch (letter) {
            case '<':
                safe += "\\u003c";
                break;
            case '>':
                safe += "\\u003e";
                break;
            case '&':
                safe += "\\u0026";
                break;
            default:
                safe += letter;
        }
    }
    return safe;
}

/// `text` with valid UTF-8 only and no markup.
std::string escaped(std::string_view text) {
    const std::string quoted = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    const std::string valid = Json::parse(quoted).get<std::string>();
    std::string safe;
    for (const char letter : valid) {
        switch (letter) {
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '&':
                safe += "&amp;";
                break;
            default:
                safe += letter;
        }
    }
    return safe;
}

/// Base64 of a SHA-256 given in hexadecimal, as a content security policy wants it.
std::string base64_of_hex(std::string_view hex) {
    constexpr std::string_view letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char digit : hex) {
        const int value = digit <= '9' ? digit - '0' : digit - 'a' + 10;
        bits = (bits << 4U) | static_cast<std::uint32_t>(value);
        held += 4;
        if (held >= 6) {
            held -= 6;
            text += letters[(bits >> held) & 0x3FU];
        }
    }
    if (held > 0) text += letters[(bits << (6 - held)) & 0x3FU];
    while (text.size() % 4 != 0) text += '=';
    return text;
}

/// What stands for the name between two pairs of at signs in page.html.
std::string part(std::string_view name, const Json& data, std::string_view title) {
    if (name == "title") return escaped(title);
    if (name == "style") return std::string(embedded::style);
    if (name == "script") return std::string(embedded::script);
    if (name == "hash") return base64_of_hex(embedded::script_sha256);
    if (name == "data") return inert(data);
    return {};
}

}  // namespace

std::string html_page(const Json& now, const Json* before, std::string_view title) {
    Json data;
    data["now"] = now;
    data["before"] = before != nullptr ? *before : Json(nullptr);
    data["title"] = std::string(title);

    std::string page;
    std::string_view rest = embedded::page;
    for (;;) {
        const std::size_t begin = rest.find("@@");
        const std::size_t end =
            begin == std::string_view::npos ? begin : rest.find("@@", begin + 2);
        if (end == std::string_view::npos) break;
        page += rest.substr(0, begin);
        page += part(rest.substr(begin + 2, end - begin - 2), data, title);
        rest.remove_prefix(end + 2);
    }
    page += rest;
    return page;
}

}  // namespace trapeze::trapmap
