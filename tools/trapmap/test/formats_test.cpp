// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "samples.hpp"
#include "trapmap/json.hpp"
#include "trapmap/text_formats.hpp"

namespace {

using namespace trapeze::trapmap;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

using Json = nlohmann::ordered_json;

std::vector<std::string> keys(const Json& object) {
    std::vector<std::string> out;
    for (const auto& [key, value] : object.items()) {
        out.push_back(key);
    }
    return out;
}

TEST(Csv, QuotesWhatHasCommasQuotesOrLineEnds) {
    EXPECT_EQ(csv_field("plain text"), "plain text");
    EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
    EXPECT_EQ(csv_field("say \"so\""), "\"say \"\"so\"\"\"");
    EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
    EXPECT_EQ(csv_line({"a", "", "c,d"}), "a,,\"c,d\"\n");
}

TEST(Csv, SitesHaveALineOfHeadsAndAllFields) {
    const Model model(samples::good());
    const std::string text = to_csv(model, {By::site, Sort::count, 0});
    EXPECT_THAT(text,
                StartsWith("ea,gpa,word,pid,mode,space,count,ticks,max,first,last,rate,id,"
                           "function,offset,instruction,disassembly,source,state,reason,saved\n"
                           "0xc0012344,0x00012344,0x7d2000a6,0,kernel,0,600,12000,400,1000,"
                           "2000,55,0,prepare_to_wait,68,mfmsr,mfmsr r9,,,,0\n"));
    EXPECT_EQ(std::ranges::count(text, '\n'), 5);
    EXPECT_THAT(text, HasSubstr(",,,mtspr 976,\"mtspr 976,r3\",,,,0\n")) << "without a function";
}

TEST(Csv, RowsFollowTheSelection) {
    const Model model(samples::good());
    EXPECT_EQ(to_csv(model, {By::function, Sort::ticks, 1}),
              "function,sites,count,ticks,max,rate,patched,saved\n"
              "prepare_to_wait,2,900,27000,900,125,0,0\n");
    EXPECT_EQ(to_csv(model, {By::page, Sort::count, 1}),
              "page,mode,cause,count\n0xc0012000,kernel,privileged,900\n"
              "0xc0012000,kernel,dtlb_shadow,20\n");
}

TEST(Csv, SaysWhatBecameOfSites) {
    const Model model(samples::patched());
    EXPECT_THAT(to_csv(model, {By::site, Sort::saved, 2}),
                testing::AllOf(HasSubstr(",mfmsr r9,,patched,pays,8500\n"),
                               HasSubstr(",mfmsr r9,,back,waiting,500\n")));
    EXPECT_THAT(to_csv(model, {By::instruction, Sort::saved, 1}),
                HasSubstr("\nmfmsr,2,660,13500,400,55,1,9000\n"));
}

TEST(Folded, HasAStackForEverySiteAndPage) {
    const Model model(samples::good());
    const std::string text = to_folded(model);
    EXPECT_THAT(text, StartsWith("guest kernel;prepare_to_wait;mfmsr@+0x44 600\n"));
    EXPECT_THAT(text, HasSubstr("guest kernel;hot:loop;mfmsr@+0x10 60\n"))
        << "a semicolon would be a frame";
    EXPECT_THAT(text, HasSubstr("guest kernel;[unknown];mtspr 976@0x00000020 6\n"));
    EXPECT_THAT(text, HasSubstr("guest user;syscall;10012000 5\n"));
    EXPECT_THAT(text, HasSubstr("guest;privileged;[no site or page] 34\n"));
    EXPECT_THAT(text, HasSubstr("guest;dtlb_shadow;[no site or page] 20\n"));
}

TEST(Folded, AddsUpToAllExits) {
    Dump dump = samples::good();
    dump.causes.push_back({"heartbeat", 9});  // which is on no page
    const Model model(std::move(dump));
    std::istringstream lines(to_folded(model));
    std::uint64_t sum = 0;
    for (std::string line; std::getline(lines, line);) {
        sum += std::stoull(line.substr(line.rfind(' ') + 1));
    }
    EXPECT_EQ(sum, model.exits());
}

TEST(Json, HasTheShapeOfSchemaOne) {
    const Json j = to_json(Model(samples::good()));
    EXPECT_THAT(keys(j),
                ElementsAre("schema", "dump", "clock", "guest", "time", "tables", "causes",
                            "instructions", "sites", "pages", "functions", "spans", "patching"));
    EXPECT_TRUE(j["patching"].is_null());
    EXPECT_EQ(j["schema"], 1);
    EXPECT_EQ(j["dump"], Json::parse(R"({"version":1,"kind":"end","sequence":7})"));
    EXPECT_EQ(j["clock"], Json::parse(R"({"ticks_per_second":1000000,"now":5000000})"));
    EXPECT_EQ(j["guest"],
              Json::parse(R"({"ram_bytes":268435456,"layout":"straight","profile":true})"));
    EXPECT_EQ(j["time"],
              Json::parse(R"({"total":4000000,"guest":1500000,"vmm":500000,"idle":2000000})"));
    EXPECT_EQ(j["tables"],
              Json::parse(R"({"sites":{"capacity":4096,"used":4,"evicted":3,"lost_count":34,
                              "lost_ticks":1000},"pages":{"capacity":4096,"used":3,"evicted":2}})"));
    EXPECT_EQ(j["causes"][1], Json::parse(R"({"name":"dtlb_shadow","count":50,"ticks":5000,
                                              "min":90,"max":800,"lost":20})"));
    EXPECT_EQ(j["instructions"][0], Json::parse(R"({"name":"mfmsr","count":660})"));
    EXPECT_EQ(j["pages"][1],
              Json::parse(R"({"ea":268509184,"mode":"user","cause":"dtlb_shadow","count":10})"));
    EXPECT_EQ(j["functions"],
              Json::parse(R"([{"name":"prepare_to_wait","count":900,"ticks":27000,"sites":2,
                                "patched":0,"saved":0},
                              {"name":"hot;loop","count":60,"ticks":1500,"sites":1,
                                "patched":0,"saved":0}])"));
    EXPECT_EQ(j["spans"], Json::parse(R"({"ticks":1000000,"causes":["privileged","syscall"],
                                          "counts":[[700,2],[300,3]]})"));
}

TEST(Json, SitesAreHottestFirstWithNullForWhatIsUnknown) {
    const Json sites = to_json(Model(samples::good()))["sites"];
    ASSERT_EQ(sites.size(), 4U);
    EXPECT_EQ(sites[1], Json::parse(R"({"ea":3221300048,"gpa":74576,"word":2080375110,"pid":0,
        "mode":"kernel","space":1,"count":300,"ticks":15000,"max":900,"first":1000,"last":2000,
        "rate":70,"id":1,"state":null,"reason":null,"saved":0,"instruction":"wrteei","disassembly":"wrteei 0",
        "function":"prepare_to_wait","offset":80,"source":null})"));
    EXPECT_TRUE(sites[3]["function"].is_null());
    EXPECT_TRUE(sites[3]["offset"].is_null());
}

TEST(Json, TellsOfPatching) {
    const Json j = to_json(Model(samples::patched()));
    EXPECT_EQ(j["patching"], Json::parse(R"({"mode":"hot","threshold":16,"patched":1,"saved":9000,
        "faults":3,"net_ticks":-250000,"made":4,"dropped":1,"back":1,"stolen_pages":2,
        "mirrored_pages":120,"window_ticks":62500,
        "cost_milliticks":{"exit":34000,"fault":600000},
        "stolen":[{"ea":3221487616,"stubs":2,"free":3968,"faults":2}],
        "traced":[{"ea":3221299200,"gpa":64424583168,"patches":1,"faults":3},
                  {"ea":3221356544,"gpa":131072,"patches":0,"faults":0}]})"));
    EXPECT_EQ(j["sites"][0]["state"], "patched");
    EXPECT_EQ(j["sites"][0]["reason"], "pays");
    EXPECT_EQ(j["sites"][0]["saved"], 8500);
    EXPECT_EQ(j["functions"][0]["patched"], 1);
    EXPECT_EQ(j["functions"][0]["saved"], 8500);
}

TEST(Json, ListsStayListsWhenEmpty) {
    const Json j = to_json(Model(Dump{}));
    for (const char* key : {"causes", "instructions", "sites", "pages", "functions"}) {
        EXPECT_TRUE(j[key].is_array()) << key;
    }
    EXPECT_TRUE(j["spans"]["causes"].is_array());
    EXPECT_TRUE(j["spans"]["counts"].is_array());
}

}  // namespace
