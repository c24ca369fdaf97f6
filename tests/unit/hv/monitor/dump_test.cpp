// SPDX-License-Identifier: Apache-2.0
// Dump and summary: what trapmap and the front door read of them is what there was.
#include "trapmap/dump.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "hv/core/clock.hpp"
#include "hv/exit/run.hpp"
#include "hv/sched/run.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "monitored_guest.hpp"

namespace trapeze::test {
namespace {

using monitor::Dump;
using vcpu::Cause;
namespace map = trapmap;

class DumpTest : public MonitorTest {
  protected:
    // As trapmap has it, which checks lines, figures and the checksum.
    map::Dump taken(Dump kind, u64 now) {
        monitor::dump(v, kind, now);
        const std::string text = sent();
        const auto blocks = map::find_blocks(text);
        EXPECT_EQ(blocks.size(), 1U);
        return map::parse_block(blocks.at(0), "dump");
    }
    map::Dump taken(Dump kind = Dump::end) { return taken(kind, core::now()); }
    // Patches and faults of the pages that are told of.
    using Traced = std::vector<std::pair<u64, u64>>;
    static Traced traced(const map::Dump& dump) {
        Traced all;
        for (const auto& page : dump.traced) all.emplace_back(page.patches, page.faults);
        return all;
    }
    void charge(Cause cause, u32 ea, bool user, u32 ticks) {
        pass(ticks);
        vcpu::charge_page(v, cause, ea, user, ticks);
    }
    // A site that has trapped `times` times, a tick each.
    void site(u32 ea, unsigned times, u32 word = mfspr(3, 22)) {
        put(ea, word);
        for (unsigned i = 0; i < times; ++i) {
            pass(1);
            v.nip = ea;
            vcpu::find_site(v, word);
            vcpu::charge_site(v, 1);
        }
    }
};

TEST_F(DumpTest, SaysWhatThereWas) {
    site(site_ea, 7);
    charge(Cause::dtlb_shadow, 0x0030'0123, false, 11);
    charge(Cause::syscall, 0x0040'0000, true, 5);
    charge(Cause::syscall, 0x0040'0000, true, 9);
    pass(1000);
    v.idle_ticks = 300;
    const u64 now = core::now(), total = now - v.start_time;
    u64 number = 0;
    for (const Dump kind : {Dump::request, Dump::periodic, Dump::end}) {
        const map::Dump d = taken(kind, now);
        EXPECT_EQ(map::name_of(d.kind), kind == Dump::request    ? "request"
                                        : kind == Dump::periodic ? "periodic"
                                                                 : "end");
        EXPECT_EQ(d.sequence, ++number);
        EXPECT_EQ(d.ticks_per_second, frequency);
        EXPECT_EQ(d.now, total);
        EXPECT_EQ(d.ram_bytes, u64{64} << 20U);
        EXPECT_EQ(d.layout, "straight");
        EXPECT_TRUE(d.profile);
        EXPECT_EQ(d.total, total);
        EXPECT_EQ(d.vmm, 7 + 11 + 5 + 9U);
        EXPECT_EQ(d.idle, 300U);
        EXPECT_EQ(d.guest, total - d.vmm - 300);
        ASSERT_EQ(d.causes.size(), 3U) << "those that were";
        EXPECT_EQ(d.causes[1].name, "syscall");
        EXPECT_EQ(d.causes[1].count, 2U);
        EXPECT_EQ(d.causes[1].ticks, 14U);
        EXPECT_EQ(d.causes[1].min, 5U);
        EXPECT_EQ(d.causes[1].max, 9U);
        ASSERT_EQ(d.sites.size(), 1U);
        EXPECT_EQ(d.sites[0].ea, site_ea);
        EXPECT_EQ(d.sites[0].gpa, site_ea);
        EXPECT_EQ(d.sites[0].count, 7U);
        EXPECT_EQ(d.sites[0].ticks, 7U);
        EXPECT_EQ(d.sites[0].max, 1U);
        EXPECT_FALSE(d.sites[0].user || d.sites[0].space);
        ASSERT_EQ(d.pages.size(), 2U);
        for (const map::Page& page : d.pages) {
            const bool user = page.cause == "syscall";
            EXPECT_EQ(page.user, user);
            EXPECT_EQ(page.ea, user ? 0x0040'0000U : 0x0030'0000U);
            EXPECT_EQ(page.count, user ? 2U : 1U);
        }
        EXPECT_EQ(d.instructions.size(), 1U);
        ASSERT_FALSE(d.spans.counts.empty());
        u64 calls = 0;
        for (const auto& span : d.spans.counts) {
            calls += span.at(static_cast<unsigned>(Cause::syscall));
        }
        EXPECT_EQ(calls, 2U);
    }
}

// What a user-mode program, or one in the guest's address space 1, has trapped with.
TEST_F(DumpTest, SitesHaveTheirMode) {
    const u32 states[] = {0, e500::msr::pr, e500::msr::is | e500::msr::ds,
                          e500::msr::pr | e500::msr::is | e500::msr::ds};
    for (unsigned i = 0; i < 4; ++i) {
        vcpu::set_msr(v, states[i]);
        site(site_ea + 4 * i, 1);
    }
    const map::Dump d = taken();
    ASSERT_EQ(d.sites.size(), 4U);
    for (unsigned i = 0; i < 4; ++i) {
        EXPECT_EQ(d.sites[i].ea, site_ea + 4 * i) << "by address";
        EXPECT_EQ(d.sites[i].user, i % 2 == 1);
        EXPECT_EQ(d.sites[i].space, i >= 2);
    }
}

TEST_F(DumpTest, WithoutAProfileThereIsTheRest) {
    patch::start(v, nullptr, {});
    vcpu::start_profile(v, nullptr);
    auto& stats = v.exits[static_cast<unsigned>(Cause::mmio)];
    stats.add(3);
    v.counters[static_cast<unsigned>(vcpu::Counter::rfi)] = 4;
    const map::Dump d = taken();
    EXPECT_FALSE(d.profile);
    EXPECT_FALSE(d.patching.known());
    EXPECT_TRUE(d.sites.empty() && d.pages.empty() && d.spans.counts.empty());
    ASSERT_EQ(d.causes.size(), 1U);
    EXPECT_EQ(d.causes[0].name, "mmio");
    ASSERT_EQ(d.instructions.size(), 1U);
    EXPECT_EQ(d.instructions[0].name, "rfi");
    EXPECT_EQ(d.instructions[0].count, 4U);
}

TEST_F(DumpTest, PatchesAndTheirPages) {
    heat(site_ea, mfmsr(3));
    heat(site_ea + 8, wrteei(true));
    heat(site_page + 0x2000, mfmsr(3));
    load(site_ea);
    load(site_page + 0x3000);
    const map::Dump d = taken();
    EXPECT_EQ(d.patching.mode, "hot");
    EXPECT_EQ(d.patching.threshold, threshold);
    EXPECT_EQ(d.patching.patched, 3U);
    EXPECT_EQ(d.patching.made, 3U);
    EXPECT_EQ(d.patching.faults, 2U);
    EXPECT_EQ(d.patching.dropped, 0U);
    EXPECT_EQ(d.patching.stolen, patcher->overlay.cache.pages());
    EXPECT_EQ(d.patching.mirrored, patcher->overlay.mirror.mirrored());
    EXPECT_LT(d.patching.net, 0) << "so far it has only cost";
    EXPECT_EQ(d.stolen.size(), patcher->overlay.cache.pages());
    u64 stubs = 0;
    for (const map::Stolen& page : d.stolen) {
        stubs += page.stubs;
        EXPECT_TRUE(patcher->overlay.stolen(page.ea));
    }
    EXPECT_EQ(stubs, 1U);
    // Those with patches, or with faults.
    ASSERT_EQ(traced(d), (Traced{{2, 1}, {1, 0}, {0, 1}}));
    EXPECT_EQ(d.traced[0].ea, site_page);
    EXPECT_EQ(d.traced[0].gpa, site_page);
    EXPECT_EQ(map::name_of(d.sites.at(0).state), "patched");
    EXPECT_EQ(d.sites.at(0).reason, "pays");
    EXPECT_EQ(d.costs.size(), 6U);
    access(stw, site_ea, 0x6000'0000);
    access(lwarx, site_ea);
    const map::Dump after = taken();
    EXPECT_EQ(after.patching.dropped, 1U);
    EXPECT_EQ(after.patching.back, 1U);
    EXPECT_EQ(map::name_of(after.sites.at(0).state), "dropped");
    ASSERT_EQ(after.traced.size(), 3U);
    EXPECT_EQ(after.traced[0].patches, 0U) << "it is the guest's own again";
}

// A live dump is short, has the hottest each time, and in turn all that has changed.
TEST_F(DumpTest, LiveOnesComeRoundToAll) {
    constexpr unsigned sites = 400, pages = 300, most = 64;
    taken(Dump::live);
    constexpr unsigned hot = 8, first_hot = sites - hot;  // by address the last ones
    for (unsigned i = 0; i < sites; ++i) site(site_page + 4 * i, i >= first_hot ? 50 : 1 + i % 2);
    for (unsigned i = 0; i < pages; ++i) charge(Cause::isi, 0x0100'0000 + 0x1000 * i, false, 1);
    std::set<u32> seen, seen_pages;
    unsigned rounds = 0;
    for (; rounds < 40; ++rounds) {
        const map::Dump d = taken(Dump::live);
        EXPECT_EQ(map::name_of(d.kind), "live");
        EXPECT_LE(d.sites.size(), most);
        EXPECT_LE(d.pages.size(), most);
        EXPECT_TRUE(d.spans.counts.empty());
        if (d.sites.empty() && d.pages.empty()) break;
        if (rounds == 0) {
            for (u32 i = 0; i < hot; ++i) {
                EXPECT_EQ(d.sites.at(d.sites.size() - hot + i).ea, site_page + 4 * (first_hot + i));
            }
        }
        for (const auto& one : d.sites) EXPECT_TRUE(seen.insert(one.ea).second) << "no news";
        for (const auto& page : d.pages) EXPECT_TRUE(seen_pages.insert(page.ea).second);
    }
    EXPECT_EQ(seen.size(), sites);
    EXPECT_EQ(seen_pages.size(), pages);
    EXPECT_LE(rounds, 20U);
    site(site_page + 4 * 77, 1);
    const map::Dump d = taken(Dump::live);
    ASSERT_EQ(d.sites.size(), 1U);
    EXPECT_EQ(d.sites[0].ea, site_page + 4 * 77);
    EXPECT_EQ(taken(Dump::request).sites.size(), sites) << "a full one has all";
}

// However often others change, each has its turn.
TEST_F(DumpTest, LiveOnesAreFair) {
    constexpr unsigned sites = 300, pages = 300, busy = 150;
    const auto change = [this](unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            site(site_page + 4 * i, 1);
            charge(Cause::isi, 0x0100'0000 + 0x1000 * i, false, 1);
        }
    };
    taken(Dump::live);
    change(sites);
    std::set<u32> seen, seen_pages;
    for (unsigned round = 0; round < 30; ++round) {
        const map::Dump d = taken(Dump::live);
        for (const auto& one : d.sites) seen.insert(one.ea);
        for (const auto& page : d.pages) seen_pages.insert(page.ea);
        change(busy);
    }
    EXPECT_EQ(seen.size(), sites);
    EXPECT_EQ(seen_pages.size(), pages);
}

class SummaryTest : public DumpTest {
  protected:
    nlohmann::json summarized() {
        monitor::summary(v, core::now());
        const auto found = lines(sent(), "@@trapeze-summary ");
        EXPECT_EQ(found.size(), 1U);
        return nlohmann::json::parse(found.at(0));
    }
};

TEST_F(SummaryTest, SaysWhatThereWas) {
    v.reason = "because";
    heat(site_ea, mfmsr(3));
    site(site_ea + 0x40, 3);
    charge(Cause::mmio, 0x0030'0000, false, 21);
    pass(500);
    v.idle_ticks = 100;
    const auto s = summarized();
    EXPECT_EQ(s["schema"], 1);
    EXPECT_EQ(s["reason"], "because");
    EXPECT_EQ(s["ticks_per_second"], frequency);
    const u64 total = core::now() - v.start_time;
    EXPECT_EQ(s["ticks"]["total"], total);
    EXPECT_EQ(s["ticks"]["vmm"], 24);
    EXPECT_EQ(s["ticks"]["idle"], 100);
    EXPECT_EQ(s["ticks"]["guest"], total - 124);
    ASSERT_EQ(s["exits"].size(), 2U);
    EXPECT_EQ(s["exits"][1]["cause"], "mmio");
    EXPECT_EQ(s["exits"][1]["count"], 1);
    EXPECT_EQ(s["exits"][1]["min_ticks"], 21);
    EXPECT_EQ(s["exits"][1]["max_ticks"], 21);
    EXPECT_EQ(s["exits"][1]["total_ticks"], 21);
    EXPECT_EQ(s["instructions"].size(), 2U);
    EXPECT_EQ(s["tlb"]["virtual_tlb0_entries"], 512);
    EXPECT_EQ(s["patch"]["mode"], "hot");
    EXPECT_EQ(s["patch"]["mapping"], "straight");
    EXPECT_EQ(s["patch"]["patched"], 1);
    EXPECT_EQ(s["patch"]["made"], 1);
    EXPECT_LE(s["patch"]["net_ticks"], 0);
}

TEST_F(SummaryTest, WithoutPatchesHasTheSameFields) {
    v.reason = "x";
    const auto with = summarized();
    patch::start(v, nullptr, {});
    const auto without = summarized();
    EXPECT_EQ(without["patch"]["mode"], "off");
    std::set<std::string> fields, others;
    for (const auto& [name, value] : with["patch"].items()) fields.insert(name);
    for (const auto& [name, value] : without["patch"].items()) others.insert(name);
    EXPECT_EQ(fields, others);
}

TEST_F(SummaryTest, EachEndHasItsNameAndItsWay) {
    using vcpu::End;
    struct Row {
        End end;
        const char *name, *how;
    };
    for (const Row& row :
         {Row{End::poweroff, "poweroff", "power off"}, Row{End::reset, "reset", "reset"},
          Row{End::guest_died, "guest-died", "power off"},
          Row{End::stopped, "stopped", "power off"},
          Row{End::vmm_failed, "vmm-failed", "power off"}}) {
        v.end = row.end;
        v.guest->life = guest::Life::runs;
        sched::expect(1);
        v.reason = "the reason";
        try {
            monitor::conclude(v);
            FAIL();
        } catch (const Ended& ended) {
            EXPECT_STREQ(ended.what(), row.how);
        }
        const std::string text = sent();
        const auto found = lines(text, "@@trapeze-summary ");
        ASSERT_EQ(found.size(), 1U);
        EXPECT_EQ(nlohmann::json::parse(found[0])["end"], row.name);
        EXPECT_EQ(map::parse_dump(text, 0, "dump").sequence, v.guest->watch.dumps);
        EXPECT_EQ(lines(text, "---- the guest died").size(), row.end == End::guest_died);
        EXPECT_EQ(lines(text, "the reason").size(), row.end != End::guest_died);
    }
}

}  // namespace
}  // namespace trapeze::test
