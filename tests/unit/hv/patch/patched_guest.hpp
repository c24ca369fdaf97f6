// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "core.hpp"
#include "hv/patch/parts.hpp"
#include "hv/profile/profile.hpp"

// The fresh guest (core.hpp) with a profile and a patcher, for the tests of the patcher.
namespace trapeze::test {

using patch::Patcher;
using patch::Reason;
using patch::State;

inline constexpr u64 mirror_hpa = 0x8000'0000;
inline constexpr u32 site_page = 0x0010'0000,
                     site_ea = site_page + 0x100;  // in the guest's 256 MiB entry at 0
inline constexpr u32 alias_page = 0x4000'0000, alias_ea = alias_page + 0x100;
inline constexpr u32 threshold = 4;

class PatchTest : public testing::Test {
  protected:
    explicit PatchTest(const mmu::Layout& layout = mmu::straight)
        : v(fresh_guest(layout)), profile(std::make_unique<vcpu::Profile>()) {
        static const auto instance = std::make_unique<Patcher>();
        patcher = instance.get();
        begin(patch::Mode::hot, 3);
    }
    ~PatchTest() override {
        patch::start(v, nullptr, {});
        vcpu::start_profile(v, nullptr);
    }

    void begin(patch::Mode mode, unsigned frames) {
        vcpu::start_profile(v, profile.get());
        patch::Config config{};
        config.mode = mode;
        config.threshold = threshold;
        config.mirror_hpa = mirror_hpa;
        config.frames = frames;
        config.costs = {34'000, 400, 5'000, 1000 * fault_ticks, 1'200'000};
        patch::start(v, patcher, config);
    }

    // tlbwe by the guest: a page of TLB0, or of `tsize` in TLB1's entry 5 + `way`.
    void map(u32 ea, u64 gpa, u32 tsize = 0, u32 way = 0, u32 tid = 0, u32 flags = e500::mas1::v) {
        v.regs.mas0 = tsize == 0 ? way << 16 : 0x1000'0000 | (5 + way) << 16;
        v.regs.mas1 = flags | tid << 16 | tsize << 8;
        v.regs.mas2 = ea;
        v.regs.mas3 = static_cast<u32>(gpa) | e500::mas3::permissions;
        v.regs.mas7 = static_cast<u32>(gpa >> 32);
        run(v, tlbwe);
    }

    // The same, not to be executed by the kernel.
    void map_data(u32 ea, u64 gpa) {
        constexpr u32 data = e500::mas3::permissions & ~e500::mas3::sx;
        v.regs.mas0 = 0;
        v.regs.mas1 = e500::mas1::v;
        v.regs.mas2 = ea & ~0xfffU;
        v.regs.mas3 = static_cast<u32>(gpa) | data;
        v.regs.mas7 = 0;
        run(v, tlbwe);
    }

    // The guest's own word at a GPA, and the one that it executes there if its page is mirrored.
    static void put(u64 gpa, u32 word) { core::write_ram(ram_hpa + gpa, 4, word); }
    // As a store of the guest's has it.
    void write(u64 gpa, u32 word) {
        put(gpa, word);
        if (mirrored(gpa)) core::write_ram(patcher->overlay.text_hpa(gpa), 4, word);
    }
    static u32 own(u64 gpa) { return core::read_ram(ram_hpa + gpa, 4); }
    u32 copy(u64 gpa) const { return core::read_ram(patcher->overlay.text_hpa(gpa), 4); }
    bool mirrored(u64 gpa) const { return patcher->overlay.mirror.page(gpa) != nullptr; }

    // An exit for the instruction at `ea`, as hv/exit/run.cpp has it, but for its emulation.
    dbt::Site& exit(u32 ea, u32 word) {
        v.nip = ea;
        v.exit_time = static_cast<u32>(the_core().timebase);
        vcpu::find_site(v, word);
        if (v.site->due()) patch::consider(v);
        vcpu::charge_site(v, 0);
        return *v.site;
    }
    // As many as make the word at `ea` a patched site, if it can be one; it is put at `gpa`.
    dbt::Site& heat(u32 ea, u32 word, u64 gpa) {
        write(gpa, word);
        for (unsigned i = 1; i < threshold; ++i) exit(ea, word);
        exit(ea, word);
        return found(ea, word, gpa);
    }
    bool searches(u64 gpa) const {
        const auto* const frame = patcher->overlay.mirror.find(gpa);
        return frame != nullptr && patch::searches(*frame);
    }
    // As many more as a search for a page of stubs takes.
    dbt::Site& found(u32 ea, u32 word, u64 gpa) {
        constexpr unsigned most = 3000;
        for (unsigned i = 0; i < most && searches(gpa); ++i) exit(ea, word);
        EXPECT_FALSE(searches(gpa));
        return *profile->sites.find(ea, word);
    }
    dbt::Site& heat(u32 ea, u32 word) { return heat(ea, word, ea); }
    // One more exit when whoever was told to wait is asked again.
    dbt::Site& again(u32 ea, u32 word) {
        dbt::Site& site = exit(ea, word);
        site.arm(0);
        exit(ea, word);
        return found(ea, word, site.gpa);
    }
    static void expect(const dbt::Site& site, State state, Reason reason) {
        EXPECT_STREQ(patch::name(static_cast<State>(site.state)), patch::name(state));
        EXPECT_STREQ(patch::name(static_cast<Reason>(site.reason)), patch::name(reason));
    }

    // The stub that the word executed at `ea` branches to, or null.
    const tcache::Entry* stub_of(u32 ea) const {
        const u32 word = copy(ea);
        if (!dbt::is_branch(word)) return nullptr;
        return patcher->overlay.cache.find(dbt::branch_target(ea, word));
    }
    u32 stub_word(const tcache::Entry& entry, unsigned i) const {
        return patcher->stubs[entry.page][entry.ea % 4096 / 4 + i];
    }

    // A load or store of the guest kernel that the core has refused. r4 is the address, r3 the
    // data.
    void access(u32 word, u32 ea, u32 value = 0) {
        v.nip = 0x0020'0000;
        v.gpr[4] = ea;
        v.gpr[3] = value;
        v.exit_time = static_cast<u32>(the_core().timebase) - fault_ticks;
        const unsigned opcode = word >> 26U;
        const bool store = opcode >= 36 && opcode <= 39;
        patch::trace(v, word, ea, store);
    }
    static constexpr u32 lwz = d_form(32, 3, 4, 0), stw = d_form(36, 3, 4, 0);
    static constexpr u32 fault_ticks = 600;  // of each, as the costs say
    static constexpr u32 lwarx = x_form(20, 3, 0, 4), icbi = x_form(982, 0, 0, 4);
    u32 load(u32 ea) {
        access(lwz, ea);
        return v.gpr[3];
    }

    // What the core gets for an access, from nothing; the entry is empty if it gets none.
    mmu::Fill fill(u32 ea, mmu::Access access, bool user = false) {
        v.shadow.flush();
        const auto hit = v.tlb.find(ea, false, v.regs.pid);
        return v.shadow.fill(*v.memory, *hit.entry, ea, access, user);
    }
    static CoreEntry entry_for(u32 ea, bool space) {
        const auto found = the_core().matches(ea, space);
        return found.empty() ? CoreEntry{} : found.front();
    }
    static u32 permissions(const CoreEntry& entry) {
        using namespace e500::mas3;
        return entry.mas3 & (ux | ur | uw);
    }

    void pass(u64 ticks) { the_core().timebase += ticks; }
    u64 now() const { return the_core().timebase - v.start_time; }
    // At the beginning of an exit.
    void settle() {
        v.exit_time = static_cast<u32>(the_core().timebase);
        patch::settle(v, now());
    }
    // What the deadline of a window does: it begins, or its measuring, or it ends.
    void begin_or_end_window() {
        v.exit_time = static_cast<u32>(the_core().timebase);
        patch::sample(v, the_core().timebase);
    }

    vcpu::Vcpu& v;
    std::unique_ptr<vcpu::Profile> profile;
    Patcher* patcher;
};

}  // namespace trapeze::test
