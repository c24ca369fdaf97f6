// SPDX-License-Identifier: Apache-2.0
// Compiled to assembly, never linked: cmake/offsets.cmake turns its "@define" lines into
// offsets.h, so that the assembly and the linker script have no hand-written number.
#include <bit>
#include <cstddef>

#include "dbt/decode.hpp"
#include "dbt/page_table.hpp"
#include "dbt/site_table.hpp"
#include "dbt/spr.hpp"
#include "hv/core/own_map.hpp"
#include "hv/core/slots.hpp"
#include "hv/para/hypercall.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/vcpu/vcpu.hpp"

using trapeze::dbt::field_of;
using trapeze::dbt::PageCount;
using trapeze::dbt::PageTable;
using trapeze::dbt::Site;
using trapeze::dbt::SiteTable;
using trapeze::e500::Vector;
using trapeze::mmu::ShadowTlb;
using trapeze::vcpu::Cause;
using trapeze::vcpu::Counter;
using trapeze::vcpu::ExitRecord;
using trapeze::vcpu::ExitStats;
using trapeze::vcpu::RegisterPage;
using trapeze::vcpu::Vcpu;
namespace esr = trapeze::e500::esr;
namespace mas0 = trapeze::e500::mas0;
namespace mas1 = trapeze::e500::mas1;
namespace mas2 = trapeze::e500::mas2;
namespace mas3 = trapeze::e500::mas3;
namespace msr = trapeze::e500::msr;
namespace own_map = trapeze::own_map;

#define DEFINE(name, value) \
    asm volatile("@define " #name " %0" ::"i"(static_cast<long long>(value)))
// The first and the last bit of an instruction's field, as the manual numbers them.
#define FIELD(name, first, last) \
    asm volatile("@define FIELD_" #name " %0, %1" ::"i"(first), "i"(last))
#define VECTOR(name) DEFINE(VECTOR_##name, static_cast<unsigned>(Vector::name))

namespace {
constexpr std::size_t stats_of(Cause cause) {
    return offsetof(Vcpu, exits) + sizeof(ExitStats) * static_cast<unsigned>(cause);
}
constexpr unsigned page_shift = 12;
constexpr std::size_t set_bytes = sizeof(PageCount) * PageTable::ways;
constexpr std::size_t ready_bytes = sizeof(ShadowTlb::Ready) * ShadowTlb::ready_slots;

// For rlwinm: a page number times `bytes`, out of an EA.
consteval int scale_page(std::size_t bytes) {
    return 32 - static_cast<int>(page_shift) + std::countr_zero(bytes);
}

// The TLB1 entry of the image, which lies at physical 0.
constexpr auto image_mas0 = mas0::make(1, trapeze::core::slot::image);
constexpr auto image_mas1 = mas1::v | mas1::iprot | mas1::tsize_for(own_map::image_size);
constexpr auto image_mas2 = own_map::image_base | mas2::m;
constexpr auto image_mas3 = mas3::sx | mas3::sw | mas3::sr;
}  // namespace

extern "C" void offsets();
static_assert(std::has_single_bit(sizeof(Vcpu::traced)), "fast.S masks the offset into the ring");
static_assert(field_of('E').first == std::countl_zero(msr::ee), "fast.inc copies E to MSR[EE]");
static_assert(std::has_single_bit(ready_bytes) && std::has_single_bit(set_bytes * PageTable::sets),
              "the assembly masks page numbers");
static_assert((image_mas0 & 0xffff) == 0 && image_mas3 < 0x8000, "start.S loads half of them");
static_assert(2 * trapeze::e500::cache_block == 16 * sizeof(trapeze::e500::u32),
              "as copy.S copies");
static_assert(offsetof(Site, limit) == 28, "the exits of a known site touch one cache line");
void offsets() {
    DEFINE(HV_BASE, own_map::image_base);
    DEFINE(HV_SIZE, own_map::image_size);
    DEFINE(IMAGE_MAS0, image_mas0);
    DEFINE(IMAGE_MAS1, image_mas1);
    DEFINE(IMAGE_MAS2, image_mas2);
    DEFINE(IMAGE_MAS3, image_mas3);
#define SPR(number, name, ...) DEFINE(SPR_##name, number);
#include "dbt/spr_rows.inc"
#undef SPR
#define INSN(bits, name, ...) DEFINE(INSN_##name, trapeze::dbt::word_of(trapeze::dbt::Op::name));
#define INSN_DOT(bits, name, ...) \
    DEFINE(INSN_##name##_DOT, trapeze::dbt::word_of(trapeze::dbt::Op::name##_));
#include "dbt/insn_rows.inc"
#undef INSN_DOT
#undef INSN
    FIELD(OPCODE, 0, 5);
    FIELD(XO, 21, 30);
    FIELD(RT, field_of('t').first, field_of('t').last);
    FIELD(RS, field_of('s').first, field_of('s').last);
    FIELD(RA, field_of('a').first, field_of('a').last);
    FIELD(RB, field_of('b').first, field_of('b').last);
    FIELD(SPR, field_of('p').first, field_of('p').last);
    FIELD(SPR_LOW, field_of('p').first, field_of('p').last - 5);  // the number's low half
    DEFINE(MSR_SPE, msr::spe);
    DEFINE(MSR_CE, msr::ce);
    DEFINE(MSR_EE, msr::ee);
    DEFINE(MSR_PR, msr::pr);
    DEFINE(MSR_ME, msr::me);
    DEFINE(MSR_DE, msr::de);
    DEFINE(MSR_IS, msr::is);
    DEFINE(MSR_DS, msr::ds);
    DEFINE(MSR_RI, msr::ri);
    DEFINE(MSR_PR_SHIFT, std::countr_zero(msr::pr));
    DEFINE(ESR_PPR, esr::ppr);
    DEFINE(ESR_PIL, esr::pil);
    DEFINE(MAS1_TID, mas1::tid_mask);
    DEFINE(PAGE_MASK, mas2::epn_mask);
    DEFINE(PAGE_BYTES, 1U << page_shift);
    DEFINE(CACHE_BLOCK, trapeze::e500::cache_block);
    VECTOR(critical);
    VECTOR(machine_check);
    VECTOR(data_storage);
    VECTOR(instruction_storage);
    VECTOR(external);
    VECTOR(alignment);
    VECTOR(program);
    VECTOR(fp_unavailable);
    VECTOR(system_call);
    VECTOR(ap_unavailable);
    VECTOR(decrementer);
    VECTOR(fixed_interval);
    VECTOR(watchdog);
    VECTOR(data_tlb);
    VECTOR(instruction_tlb);
    VECTOR(debug);
    VECTOR(spe_unavailable);
    VECTOR(spe_data);
    VECTOR(spe_round);
    VECTOR(performance);
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
    DEFINE(VCPU_STACK, offsetof(Vcpu, stack));
    DEFINE(VCPU_REAL_MSR_KERNEL, offsetof(Vcpu, real_msr_kernel));
    DEFINE(VCPU_REAL_MSR_USER, offsetof(Vcpu, real_msr_user));
    DEFINE(VCPU_HV_MSR, offsetof(Vcpu, hv_msr));
    DEFINE(VCPU_FETCH_MSR, offsetof(Vcpu, fetch_msr));
    DEFINE(VCPU_TEXT_EA, offsetof(Vcpu, text_ea));
    DEFINE(TEXT_BASE, own_map::text_base);
    DEFINE(NOT_OF_TEXT, ~(own_map::text_size - sizeof(trapeze::e500::u32)));
    DEFINE(VCPU_FETCH_MSR_USER, offsetof(Vcpu, fetch_msr_user));
    DEFINE(VCPU_SLOW_RFI, offsetof(Vcpu, slow_rfi));
    DEFINE(VCPU_SLOW_SC, offsetof(Vcpu, slow_sc));
    DEFINE(MSR_NO_BIT, Vcpu::slow_sc_always);
    DEFINE(VCPU_VECTOR, offsetof(Vcpu, vector));
    DEFINE(VCPU_COUNTERS, offsetof(Vcpu, counters));
    DEFINE(VCPU_TRACE_HEAD, offsetof(Vcpu, trace_head));
    DEFINE(VCPU_TRACED, offsetof(Vcpu, traced));
    DEFINE(VCPU_SITE, offsetof(Vcpu, site));
    DEFINE(VCPU_SITE_BUCKETS, offsetof(Vcpu, site_buckets));
    DEFINE(VCPU_PAGE_SLOTS, offsetof(Vcpu, page_slots));
    DEFINE(SITE_BUCKET_MASK, SiteTable::bucket_mask);
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
    DEFINE(PAGE_SET_MASK, (PageTable::sets - 1) * set_bytes);
    DEFINE(PAGE_SET_ROTATE, scale_page(set_bytes));
    DEFINE(PAGE_USER, PageTable::key(0, 0, true));
    DEFINE(PAGE_CAUSE_SHIFT, std::countr_zero(PageTable::key(0, 1, false)));
    DEFINE(RECORD_NIP, offsetof(ExitRecord, nip));
    DEFINE(RECORD_WORD, offsetof(ExitRecord, word));
    DEFINE(RECORD_SITE, offsetof(ExitRecord, site));
    DEFINE(RECORD_INFO, offsetof(ExitRecord, info));
    DEFINE(RECORD_USER, ExitRecord::user_mode);
    DEFINE(RECORD_USER_ROTATE,
           32 - std::countr_zero(msr::pr) + std::countr_zero(ExitRecord::user_mode));
    DEFINE(RECORD_SIZE, sizeof(ExitRecord));
    DEFINE(RECORD_RING, sizeof(Vcpu::traced) - sizeof(ExitRecord));
    DEFINE(VCPU_READY, offsetof(Vcpu, shadow) + ShadowTlb::ready_offset());
    DEFINE(VCPU_READY_GENERATION, offsetof(Vcpu, shadow) + ShadowTlb::generation_offset());
    DEFINE(VCPU_REPLAYED, offsetof(Vcpu, shadow) + ShadowTlb::replayed_offset());
    DEFINE(READY_MASK, ready_bytes - sizeof(ShadowTlb::Ready));
    DEFINE(READY_ROTATE, scale_page(sizeof(ShadowTlb::Ready)));
    DEFINE(READY_SPACE, ready_bytes);
    DEFINE(READY_SPACE_ROTATE, std::countr_zero(ready_bytes) - std::countr_zero(mas1::ts));
    DEFINE(READY_KEY, offsetof(ShadowTlb::Ready, key));
    DEFINE(READY_MAS1, offsetof(ShadowTlb::Ready, mas1));
    DEFINE(READY_MAS2, offsetof(ShadowTlb::Ready, mas2));
    DEFINE(READY_MAS3, offsetof(ShadowTlb::Ready, mas3));
    DEFINE(CAUSE_PRIVILEGED, static_cast<unsigned>(Cause::privileged));
    DEFINE(CAUSE_SYSCALL, static_cast<unsigned>(Cause::syscall));
    DEFINE(CAUSE_HYPERCALL, static_cast<unsigned>(Cause::hypercall));
    DEFINE(CAUSE_PROGRAM, static_cast<unsigned>(Cause::program));
    DEFINE(CAUSE_DTLB_SHADOW, static_cast<unsigned>(Cause::dtlb_shadow));
    DEFINE(CAUSE_ITLB_SHADOW, static_cast<unsigned>(Cause::itlb_shadow));
    DEFINE(VCPU_EXIT_DTLB_SHADOW, stats_of(Cause::dtlb_shadow));
    DEFINE(VCPU_EXIT_ITLB_SHADOW, stats_of(Cause::itlb_shadow));
    DEFINE(VCPU_EXIT_PRIVILEGED, stats_of(Cause::privileged));
    DEFINE(VCPU_EXIT_SYSCALL, stats_of(Cause::syscall));
    DEFINE(VCPU_EXIT_HYPERCALL, stats_of(Cause::hypercall));
    DEFINE(HYPERCALL_WORD, trapeze::para::instruction);
    DEFINE(HYPERCALL_EPAPR, trapeze::para::epapr);
    DEFINE(HYPERCALL_FREESCALE, trapeze::para::freescale);
    DEFINE(HYPERCALL_NUMBERS, trapeze::para::numbers);
    DEFINE(HYPERCALL_UNIMPLEMENTED, trapeze::para::Status::unimplemented);
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
    DEFINE(MSR_KEPT, msr::kept_by_noncritical);
    DEFINE(CALIBRATE_AT, trapeze::patch::calibrate_at);
    DEFINE(CALIBRATE_TURNS, trapeze::patch::calibrate_turns);
    DEFINE(CALIBRATE_WARM, trapeze::patch::calibrate_warm);
    DEFINE(CALIBRATE_PATCH, trapeze::patch::calibrate_patch);
    DEFINE(CALIBRATE_FAULTS, trapeze::patch::calibrate_faults);
}
