// SPDX-License-Identifier: Apache-2.0
#include "trapmap/html.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

namespace trapeze::trapmap {
namespace {

using Json = nlohmann::ordered_json;

/// What stands between two marks, the first occurrence.
std::string between(const std::string& text, const std::string& from, const std::string& to) {
    const std::size_t begin = text.find(from);
    if (begin == std::string::npos) return {};
    const std::size_t end = text.find(to, begin + from.size());
    return text.substr(begin + from.size(), end - begin - from.size());
}

std::string data_of(const std::string& page) {
    return between(page, R"(<script type="application/json" id="data">)", "</script>");
}

Json document(const std::string& function) {
    Json now;
    now["schema"] = 1;
    now["sites"] = Json::array({{{"ea", 3221225472U}, {"function", function}}});
    return now;
}

TEST(Html, DataComesBackAsItWas) {
    const std::string name =
        "</script><script>alert(1)</script>&amp;<!--\xE2\x80\xA8\xE2\x80\xA9\"'\\";
    const Json now = document(name);
    const Json before = document("@@script@@");
    const Json read = Json::parse(data_of(html_page(now, &before, name)));
    EXPECT_EQ(read["now"], now);
    EXPECT_EQ(read["before"], before);
    EXPECT_EQ(read["title"], name);
}

TEST(Html, WithoutBeforeItIsNull) {
    const Json read = Json::parse(data_of(html_page(document("f"), nullptr, "t")));
    ASSERT_TRUE(read.contains("before"));
    EXPECT_TRUE(read["before"].is_null());
}

TEST(Html, DataIsInertText) {
    const std::string data =
        data_of(html_page(document("a<b>&\xE2\x80\xA8\xC3\xA9</SCRIPT >"), nullptr, "t"));
    EXPECT_EQ(data.find_first_of("<>&"), std::string::npos);
    for (const char letter : data) EXPECT_TRUE(letter >= ' ' && letter <= '~');
}

TEST(Html, TitleIsText) {
    const std::string page = html_page(document("f"), nullptr, "</title><b>&\xFF");
    EXPECT_EQ(between(page, "<title>", "\n"), "&lt;/title&gt;&lt;b&gt;&amp;\xEF\xBF\xBD</title>");
}

TEST(Html, BytesThatAreNoUtf8BecomeReplacements) {
    const Json read = Json::parse(data_of(html_page(document("a\xC0z"), nullptr, "t")));
    EXPECT_EQ(read["now"]["sites"][0]["function"], "a\xEF\xBF\xBDz");
}

TEST(Html, EverythingIsFilledInAndNothingIsLoaded) {
    const std::string page = html_page(document("f"), nullptr, "t");
    EXPECT_EQ(page.find("@@"), std::string::npos);
    for (const char* outside : {"src=", "href=\"http", "@import", "url(", "fetch(", "import("}) {
        EXPECT_EQ(page.find(outside), std::string::npos) << outside;
    }
    // 32 bytes are 43 letters and one sign.
    const std::string hash = between(page, "'sha256-", "'");
    EXPECT_EQ(hash.size(), 44U);
    EXPECT_EQ(hash.find('='), 43U);
    for (const char* inside : {"function openZoom(", ".strip-rows {", "id=\"timeline-plot\""}) {
        EXPECT_NE(page.find(inside), std::string::npos) << inside;
    }
}

}  // namespace
}  // namespace trapeze::trapmap
