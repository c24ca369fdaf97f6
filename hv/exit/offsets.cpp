// SPDX-License-Identifier: Apache-2.0
// Compiled to assembly, never linked: cmake/offsets.cmake turns its "@define" lines into
// offsets.h, so that the assembly and the linker script have no hand-written number.
#include <cstddef>

#include "dbt/page_table.hpp"
#include "dbt/site_table.hpp"
#include "hv/core/own_map.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/vcpu/vcpu.hpp"

using trapeze::dbt::PageCount;
using trapeze::dbt::PageTable;
using trapeze::dbt::Site;
using trapeze::dbt::SiteTable;
using trapeze::mmu::ShadowTlb;
using trapeze::vcpu::Cause;
using trapeze::vcpu::Counter;
using trapeze::vcpu::ExitRecord;
using trapeze::vcpu::ExitStats;
using trapeze::vcpu::RegisterPage;
using trapeze::vcpu::Vcpu;
namespace msr = trapeze::e500::msr;
namespace own_map = trapeze::own_map;

#define DEFINE(name, value) \
    asm volatile("@define " #name " %0" ::"i"(static_cast<long long>(value)))

namespace {
constexpr std::size_t stats_of(Cause cause) {
    return offsetof(Vcpu, exits) + sizeof(ExitStats) * static_cast<unsigned>(cause);
}
}  // namespace

extern "C" void offsets();
static_assert(sizeof(ExitRecord) == 32, "fast.inc masks the offset into 32 of them");
static_assert(ExitRecord::user_mode == msr::pr >> 6 && msr::pr == 0x4000, "and moves MSR[PR]");
static_assert(SiteTable::bucket_mask == 0x1fffc, "fast.inc masks the EA into a bucket's offset");
static_assert(sizeof(PageCount) * PageTable::ways == 64 && PageTable::sets == 2048,
              "fast.inc masks the page number into a set's offset");
static_assert(sizeof(ShadowTlb::Ready) == 16 && ShadowTlb::ready_slots == 2048,
              "miss.inc masks the page number into a slot's offset");
static_assert(offsetof(Site, limit) == 28, "the exits of a known site touch one cache line");
void offsets() {
    DEFINE(HV_BASE, own_map::image_base);
    DEFINE(HV_SIZE, own_map::image_size);
    DEFINE(VCPU_REGS_MSR, offsetof(Vcpu, regs) + offsetof(RegisterPage, msr));
    DEFINE(VCPU_REGS_PENDING, offsetof(Vcpu, regs) + offsetof(RegisterPage, pending));
    DEFINE(VCPU_REGS_NOTES, offsetof(Vcpu, regs) + offsetof(RegisterPage, notes));
    DEFINE(NOTE_SPRGS, trapeze::vcpu::note::sprgs);
    DEFINE(VCPU_REGS_ESR, offsetof(Vcpu, regs) + offsetof(RegisterPage, esr));
    DEFINE(VCPU_REGS_SRR0, offsetof(Vcpu, regs) + offsetof(RegisterPage, srr0));
    DEFINE(VCPU_REGS_SRR1, offsetof(Vcpu, regs) + offsetof(RegisterPage, srr1));
    DEFINE(VCPU_REGS_SPRG, offsetof(Vcpu, regs) + offsetof(RegisterPage, sprg));
    DEFINE(VCPU_GPR, offsetof(Vcpu, gpr));
    DEFINE(VCPU_CR, offsetof(Vcpu, cr));
    DEFINE(VCPU_XER, offsetof(Vcpu, xer));
    DEFINE(VCPU_CTR, offsetof(Vcpu, ctr));
    DEFINE(VCPU_LR, offsetof(Vcpu, lr));
    DEFINE(VCPU_NIP, offsetof(Vcpu, nip));
    DEFINE(VCPU_EXIT_TIME, offsetof(Vcpu, exit_time));
    DEFINE(VCPU_ENTRY_MSR, offsetof(Vcpu, entry_msr));
    DEFINE(VCPU_REAL_MSR_KERNEL, offsetof(Vcpu, real_msr_kernel));
    DEFINE(VCPU_REAL_MSR_USER, offsetof(Vcpu, real_msr_user));
    DEFINE(VCPU_HV_MSR, offsetof(Vcpu, hv_msr));
    DEFINE(VCPU_FETCH_MSR, offsetof(Vcpu, fetch_msr));
    DEFINE(VCPU_FETCH_MSR_USER, offsetof(Vcpu, fetch_msr_user));
    DEFINE(VCPU_SLOW_RFI, offsetof(Vcpu, slow_rfi));
    DEFINE(VCPU_VECTOR, offsetof(Vcpu, vector));
    DEFINE(VCPU_COUNTERS, offsetof(Vcpu, counters));
    DEFINE(VCPU_TRACE_HEAD, offsetof(Vcpu, trace_head));
    DEFINE(VCPU_TRACED, offsetof(Vcpu, traced));
    DEFINE(VCPU_SITE, offsetof(Vcpu, site));
    DEFINE(VCPU_SITE_BUCKETS, offsetof(Vcpu, site_buckets));
    DEFINE(VCPU_PAGE_SLOTS, offsetof(Vcpu, page_slots));
    DEFINE(SITE_MATCH, offsetof(Site, match));
    DEFINE(SITE_WORD, offsetof(Site, word));
    DEFINE(SITE_NEXT, offsetof(Site, next));
    DEFINE(SITE_COUNT, offsetof(Site, count));
    DEFINE(SITE_LIMIT, offsetof(Site, limit));
    DEFINE(SITE_ASKS, Site::asks);
    DEFINE(SITE_TICKS, offsetof(Site, ticks));
    DEFINE(SITE_MAX, offsetof(Site, max));
    DEFINE(PAGE_KEY, offsetof(PageCount, key));
    DEFINE(PAGE_COUNT, offsetof(PageCount, count));
    DEFINE(PAGE_SIZE, sizeof(PageCount));
    DEFINE(PAGE_SALT_HIGH, PageTable::salt >> 16);
    DEFINE(RECORD_NIP, offsetof(ExitRecord, nip));
    DEFINE(RECORD_WORD, offsetof(ExitRecord, word));
    DEFINE(RECORD_SITE, offsetof(ExitRecord, site));
    DEFINE(RECORD_INFO, offsetof(ExitRecord, info));
    DEFINE(RECORD_USER, ExitRecord::user_mode);
    DEFINE(RECORD_SIZE, sizeof(ExitRecord));
    DEFINE(VCPU_READY, offsetof(Vcpu, shadow) + ShadowTlb::ready_offset());
    DEFINE(VCPU_READY_GENERATION, offsetof(Vcpu, shadow) + ShadowTlb::generation_offset());
    DEFINE(VCPU_REPLAYED, offsetof(Vcpu, shadow) + ShadowTlb::replayed_offset());
    DEFINE(READY_KEY, offsetof(ShadowTlb::Ready, key));
    DEFINE(READY_MAS1, offsetof(ShadowTlb::Ready, mas1));
    DEFINE(READY_MAS2, offsetof(ShadowTlb::Ready, mas2));
    DEFINE(READY_MAS3, offsetof(ShadowTlb::Ready, mas3));
    DEFINE(CAUSE_PRIVILEGED, static_cast<unsigned>(Cause::privileged));
    DEFINE(CAUSE_SYSCALL, static_cast<unsigned>(Cause::syscall));
    DEFINE(CAUSE_PROGRAM, static_cast<unsigned>(Cause::program));
    DEFINE(CAUSE_DTLB_SHADOW, static_cast<unsigned>(Cause::dtlb_shadow));
    DEFINE(CAUSE_ITLB_SHADOW, static_cast<unsigned>(Cause::itlb_shadow));
    DEFINE(VCPU_EXIT_DTLB_SHADOW, stats_of(Cause::dtlb_shadow));
    DEFINE(VCPU_EXIT_ITLB_SHADOW, stats_of(Cause::itlb_shadow));
    DEFINE(VCPU_EXIT_PRIVILEGED, stats_of(Cause::privileged));
    DEFINE(VCPU_EXIT_SYSCALL, stats_of(Cause::syscall));
    DEFINE(VCPU_EXIT_PROGRAM, stats_of(Cause::program));
    DEFINE(STATS_COUNT, offsetof(ExitStats, count));
    DEFINE(STATS_TICKS, offsetof(ExitStats, ticks));
    DEFINE(STATS_MIN, offsetof(ExitStats, min));
    DEFINE(STATS_MAX, offsetof(ExitStats, max));
    DEFINE(COUNTER_MFMSR, static_cast<unsigned>(Counter::mfmsr));
    DEFINE(COUNTER_MTMSR, static_cast<unsigned>(Counter::mtmsr));
    DEFINE(COUNTER_WRTEE, static_cast<unsigned>(Counter::wrtee));
    DEFINE(COUNTER_WRTEEI, static_cast<unsigned>(Counter::wrteei));
    DEFINE(COUNTER_RFI, static_cast<unsigned>(Counter::rfi));
    DEFINE(COUNTER_MFSPR, static_cast<unsigned>(Counter::mfspr));
    DEFINE(COUNTER_MTSPR, static_cast<unsigned>(Counter::mtspr));
    DEFINE(COUNTER_TLBSYNC, static_cast<unsigned>(Counter::tlbsync));
    DEFINE(COUNTER_TLBWE, static_cast<unsigned>(Counter::tlbwe));
    DEFINE(MSR_IMPLEMENTED_NO_WE, msr::implemented & ~msr::we);
    DEFINE(MSR_PASSED_THROUGH, msr::passed_through);
    DEFINE(ESR_PIL, trapeze::e500::esr::pil);
    DEFINE(MSR_KEPT, msr::kept_by_noncritical);
    DEFINE(CALIBRATE_AT, trapeze::patch::calibrate_at);
    DEFINE(CALIBRATE_TURNS, trapeze::patch::calibrate_turns);
    DEFINE(CALIBRATE_WARM, trapeze::patch::calibrate_warm);
    DEFINE(CALIBRATE_PATCH, trapeze::patch::calibrate_patch);
    DEFINE(CALIBRATE_FAULTS, trapeze::patch::calibrate_faults);
}
