// SPDX-License-Identifier: Apache-2.0
// On an ELF file that the build makes from guest.c: linked at c0001000, loaded at 1000.
#include "trapmap/program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "samples.hpp"
#include "trapmap/annotate.hpp"
#include "trapmap/json.hpp"

namespace {

using namespace trapeze::trapmap;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr Style wide{.width = 120, .colour = false};

std::shared_ptr<const Program> guest() {
    static const auto program = std::make_shared<const Program>(GUEST_ELF);
    return program;
}

/// The address of the only instruction of that form in a function.
std::uint32_t find(std::string_view function, std::uint32_t mask, std::uint32_t value) {
    const auto found = guest()->find(function);
    EXPECT_THAT(found, SizeIs(1));
    const Function& f = *found.at(0);
    for (std::uint32_t ea = f.start; ea < f.start + f.size; ea += 4) {
        if ((guest()->word(ea).value_or(0) & mask) == value) return ea;
    }
    ADD_FAILURE() << "no such instruction in " << function;
    return 0;
}

std::uint32_t mfmsr() { return find("hot_function", 0xfc0007ff, 0x7c0000a6); }
std::uint32_t wrteei() { return find("cold_function", 0xffffffff, 0x7c000146); }

/// A dump of the guest with 900 exits at the mfmsr and 100 at the wrteei.
Dump trapped() {
    Dump dump;
    dump.profile = true;
    dump.ticks_per_second = 1000000;
    dump.causes.push_back({"privileged", 1000, 20000, 1, 9, 0});
    Site hot;
    hot.ea = mfmsr();
    hot.word = guest()->word(hot.ea).value();
    hot.count = 900;
    hot.ticks = 1800;
    Site cold;
    cold.ea = wrteei();
    cold.word = guest()->word(cold.ea).value();
    cold.count = 100;
    dump.sites = {cold, hot};
    return dump;
}

TEST(Program, KnowsFunctionsAndCode) {
    const auto found = guest()->find("hot_function");
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_GE(found[0]->start, 0xc0001000U);
    EXPECT_EQ(guest()->function(found[0]->start), found[0]);
    EXPECT_EQ(guest()->function(found[0]->start + found[0]->size - 4), found[0]);
    EXPECT_EQ(guest()->function(0x1000), nullptr);
    EXPECT_FALSE(guest()->word(0xc0000ffc));
    EXPECT_FALSE(guest()->word(0xffffffff));
    EXPECT_THAT(guest()->find("no_such"), IsEmpty());
}

TEST(Program, FindsCodeByWhereItIsLoaded) {
    EXPECT_EQ(guest()->linked(mfmsr() - 0xc0000000), mfmsr());
    EXPECT_FALSE(guest()->linked(0x10));
}

TEST(Program, SourceIsTheLineAndStatementIsTheCallOfWhatIsInlined) {
    EXPECT_EQ(guest()->source(wrteei()), "guest.c:14");
    EXPECT_EQ(guest()->statement(wrteei()), "guest.c:14");
    EXPECT_EQ(guest()->source(mfmsr()), "guest.c:5");
    EXPECT_EQ(guest()->statement(mfmsr()), "guest.c:10");
    EXPECT_EQ(guest()->source(0x10), "");
    EXPECT_EQ(guest()->statement(0x10), "");
}

TEST(Program, RefusesWhatIsNoGuest) {
    const auto said = [](const std::string& path) {
        return samples::refusal([&] { const Program program(path); });
    };
    EXPECT_THAT(said("/nowhere/vmlinux"), HasSubstr("No such file"));
    EXPECT_THAT(said("/tmp"), HasSubstr("is not a file"));
    EXPECT_THAT(said("/proc/self/exe"), HasSubstr("not a 32-bit big-endian PowerPC"));
    EXPECT_THAT(said(GUEST_SOURCE), HasSubstr("is not an ELF file"));
}

TEST(NamedModel, TakesNamesAndLinesFromTheProgram) {
    const Model model(trapped(), guest());
    EXPECT_EQ(model.sites()[0].function, "hot_function");
    EXPECT_EQ(model.source(model.sites()[0]), "guest.c:10");
    const auto json = to_json(model);
    EXPECT_EQ(json["sites"][0]["source"], "guest.c:10");
    EXPECT_EQ(json["sites"][1]["function"], "cold_function");
    EXPECT_THAT(model.remarks(), IsEmpty());
}

TEST(NamedModel, NamesCodeThatRunsBeforeItIsMapped) {
    Dump dump = trapped();
    dump.sites[1].gpa = dump.sites[1].ea - 0xc0000000;
    dump.sites[1].ea = dump.sites[1].gpa;
    const Model model(std::move(dump), guest());
    EXPECT_EQ(model.sites()[0].function, "hot_function");
    EXPECT_EQ(model.source(model.sites()[0]), "guest.c:10");
}

TEST(NamedModel, LeavesOutAProgramThatIsNotTheGuests) {
    Dump dump = trapped();
    std::swap(dump.sites[0].word, dump.sites[1].word);
    dump.symbols = {{0xc0001000, "from_dump"}};
    const Model model(std::move(dump), guest());
    ASSERT_THAT(model.remarks(), SizeIs(1));
    EXPECT_THAT(model.remarks()[0], HasSubstr("does not match the dump"));
    EXPECT_EQ(model.sites()[0].function, "from_dump");
    EXPECT_EQ(model.program(), nullptr);
}

TEST(Annotate, ShowsAllCodeWithHeatAndLines) {
    const std::string text = annotate(Model(trapped(), guest()), "hot_function", wide);
    EXPECT_THAT(text, HasSubstr("900 exits (90.0 % of all sites') at 1 of its"));
    EXPECT_THAT(text, HasSubstr("guest.c:5  __asm__ volatile(\"mfmsr %0\" : \"=r\"(value));\n"));
    EXPECT_THAT(text, HasSubstr("guest.c:11  }\n"));
    EXPECT_THAT(text, HasSubstr(fmt::format("██████   90.0        900    2.00  {:08x}  {:08x}  "
                                            "mfmsr ",
                                            mfmsr(), guest()->word(mfmsr()).value())));
    EXPECT_THAT(text, HasSubstr("  blr\n")) << "what did not trap is shown as well";
    EXPECT_THAT(text, Not(HasSubstr("wrteei")));
}

TEST(Annotate, NamesTheTargetsOfBranches) {
    EXPECT_THAT(annotate(Model(trapped(), guest()), "_start", wide), HasSubstr("<hot_function>"));
}

TEST(Annotate, WithoutAProgramShowsWhatTrappedAndSaysSo) {
    Dump dump = trapped();
    dump.symbols = {{mfmsr() & ~0xfU, "hot"}};
    const std::string text = annotate(Model(dump), "hot", wide);
    EXPECT_THAT(text, HasSubstr("only what trapped is shown: give --elf"));
    EXPECT_THAT(text, HasSubstr("mfmsr "));
    EXPECT_THAT(text, Not(HasSubstr("blr")));
}

TEST(Annotate, UnknownFunctionGetsNamesThatAreNear) {
    const Model model(trapped(), guest());
    EXPECT_THAT(samples::refusal([&] { annotate(model, "hot_functoin", wide); }),
                EndsWith("there is no such function; did you mean hot_function?"));
    EXPECT_THAT(samples::refusal([&] { annotate(Model(trapped()), "zzz", wide); }),
                EndsWith("without --elf only functions that trapped are known"));
}

TEST(Similar, PartsAndTyposNearestFirst) {
    const std::vector<std::string> names = {"schedule", "schedule_idle", "shedule", "fork"};
    EXPECT_THAT(similar("schedul", names, 5), ElementsAre("schedule", "schedule_idle", "shedule"));
    EXPECT_THAT(similar("schedul", names, 1), ElementsAre("schedule"));
    EXPECT_THAT(similar("x", names, 5), IsEmpty());
}

}  // namespace
