// SPDX-License-Identifier: Apache-2.0
// The VMM's command line.
#include "hv/boot/boot.hpp"
#include "monitored_guest.hpp"

namespace trapeze::boot {
namespace {

bool refused(const std::string& text) {
    try {
        parse_options(text.c_str());
    } catch (const test::Rejected& rejected) {
        // What is wrong stands at the end.
        EXPECT_TRUE(std::string(rejected.what()).ends_with("from: " + text)) << rejected.what();
        return true;
    }
    return false;
}

TEST(Options, WithoutAnyAreAsDocumented) {
    for (const char* const text : {"", " ", "   "}) {
        const guest::Options o = parse_options(text);
        EXPECT_EQ(o.memory, 0U);
        EXPECT_EQ(o.watchdog, 0U);
        EXPECT_TRUE(o.profile && o.crossed);
        EXPECT_FALSE(o.exits_device || o.debug_as_manual);
        EXPECT_EQ(o.patch, patch::Mode::hot);
        EXPECT_EQ(o.dump_every, 0U);
        EXPECT_EQ(o.threshold, 0U);
        EXPECT_EQ(o.churn, 0U);
        EXPECT_EQ(o.trace_kib, 0U);
        EXPECT_EQ(o.mirror_mib, 16U);
        EXPECT_EQ(o.tlb0_entries, 2048U);
    }
}

TEST(Options, EachIsTaken) {
    const guest::Options o = parse_options(
        " mem=192M watchdog=30 tlb0=512 profile=off dump-every=7 exits-device=on patch=eager "
        "threshold=99  mapping=straight mirror-mb=48 debug=manual churn=250 trace=64 ");
    EXPECT_EQ(o.trace_kib, 64U);
    EXPECT_EQ(o.churn, 250U);
    EXPECT_EQ(o.memory, 192U << 20U);
    EXPECT_EQ(o.watchdog, 30U);
    EXPECT_EQ(o.tlb0_entries, 512U);
    EXPECT_FALSE(o.profile || o.crossed);
    EXPECT_EQ(o.dump_every, 7U);
    EXPECT_TRUE(o.exits_device && o.debug_as_manual);
    EXPECT_EQ(o.patch, patch::Mode::eager);
    EXPECT_EQ(o.threshold, 99U);
    EXPECT_EQ(o.mirror_mib, 48U);
    const guest::Options back = parse_options(
        "profile=off profile=on exits-device=on exits-device=off patch=eager patch=off "
        "mapping=straight mapping=crossed debug=manual debug=core patch=hot");
    EXPECT_TRUE(back.profile && back.crossed) << "the last one counts";
    EXPECT_FALSE(back.exits_device || back.debug_as_manual);
    EXPECT_EQ(back.patch, patch::Mode::hot);
    EXPECT_EQ(parse_options("patch=hot patch=off").patch, patch::Mode::off);
}

TEST(Options, SizesHaveUnits) {
    EXPECT_EQ(parse_options("mem=4096").memory, 4096U);
    EXPECT_EQ(parse_options("mem=3K").memory, 3U << 10U);
    EXPECT_EQ(parse_options("mem=1G").memory, 1U << 30U);
    EXPECT_EQ(parse_options("mem=0").memory, 0U);
    for (const char* const text :
         {"mem=", "mem=M", "mem=1k", "mem=1MB", "mem=-1", "mem=99999999999999999999999"}) {
        EXPECT_TRUE(refused(text)) << text;
    }
}

TEST(Options, NumbersAreOf64Bits) {
    EXPECT_EQ(parse_options("mem=18446744073709551615").memory, ~u64{0});
    EXPECT_EQ(parse_options("mem=17179869183G").memory, 17179869183U * (u64{1} << 30U));
    for (const char* const text : {"mem=18446744073709551616", "mem=17179869184G",
                                   "mem=17592186044416M", "mem=18014398509481984K"}) {
        EXPECT_TRUE(refused(text)) << text;
    }
}

TEST(Options, OneThatIsWrongMakesNoOtherOfItsEnd) {
    for (const char* const text : {"watchdog=1000000patch=off", "mem=1xprofile=off",
                                   "tlb0=100mapping=straight", "threshold=9999999debug=manual"}) {
        EXPECT_TRUE(refused(text)) << text;
    }
}

TEST(Options, BoundsAreTheDocumentedOnes) {
    for (const char* const text :
         {"watchdog=999999", "dump-every=999999", "threshold=1000000", "threshold=0",
          "churn=1000000", "mirror-mb=4", "mirror-mb=48", "mirror-mb=44", "trace=4096", "tlb0=512",
          "tlb0=1024", "tlb0=2048"}) {
        EXPECT_FALSE(refused(text)) << text;
    }
    for (const char* const text : {"watchdog=1000000",
                                   "dump-every=1000000",
                                   "threshold=1000001",
                                   "churn=1000001",
                                   "trace=4097",
                                   "mirror-mb=0",
                                   "mirror-mb=52",
                                   "mirror-mb=6",
                                   "mirror-mb=3",
                                   "tlb0=256",
                                   "tlb0=513",
                                   "tlb0=4096",
                                   "profile=onn",
                                   "profile=",
                                   "patch=hotter",
                                   "patch",
                                   "mapping=cross",
                                   "debug=cores",
                                   "exits-device=of",
                                   "exits-device=onwards",
                                   "Mem=4M",
                                   "nonsense",
                                   "=",
                                   "mem"}) {
        EXPECT_TRUE(refused(text)) << text;
    }
}

}  // namespace
}  // namespace trapeze::boot
