// SPDX-License-Identifier: Apache-2.0
#include <iterator>

#include "dbt/decode.hpp"
#include "dbt/disasm.hpp"
#include "hv/console/console.hpp"
#include "hv/core/cpu.hpp"
#include "hv/guest/guest.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/profile/profile.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/registers.hpp"
#include "hv/vcpu/timers.hpp"

namespace trapeze::monitor {

using console::begin_line;
using console::log;
using console::print;
using vcpu::Vcpu;
namespace msr = e500::msr;

namespace {

void print_msr(u32 value) {
    struct Bit {
        u32 mask;
        const char* name;
    };
    constexpr Bit bits[] = {{msr::ucle, "UCLE"}, {msr::spe, "SPE"}, {msr::we, "WE"},
                            {msr::ce, "CE"},     {msr::ee, "EE"},   {msr::pr, "PR"},
                            {msr::fp, "FP"},     {msr::me, "ME"},   {msr::de, "DE"},
                            {msr::is, "IS"},     {msr::ds, "DS"}};
    print("{:x} (", value);
    const char* separator = "";
    for (const auto& bit : bits) {
        if (value & bit.mask) {
            print("{}{}", separator, bit.name);
            separator = " ";
        }
    }
    print(")");
}

void print_location(const Vcpu& v, u32 address) {
    u32 offset = 0;
    print("{:x}", address);
    if (const char* const name = v.guest->symbols.find(address, offset)) {
        print(" <{}+0x{:X}>", name, offset);
    }
}

void print_instruction(u32 address, u32 word) {
    char text[64];
    dbt::disassemble(dbt::decode(word), address, text, sizeof text);
    print("{:x}  {}", word, text);
}

}  // namespace

void print_entry(const mmu::VirtualEntry& entry, unsigned tlb, unsigned index) {
    using namespace e500::mas3;
    print("TLB{} entry {}, {} KiB at EA {:x} -> GPA {:X}, AS{} TID {} ", tlb, index,
          entry.size() >> 10, entry.epn(), entry.gpa(entry.epn()), entry.space() ? 1 : 0,
          entry.tid());
    constexpr char letters[] = "xXwWrR";
    constexpr u32 bits[] = {ux, sx, uw, sw, ur, sr};
    for (unsigned i = 0; i < 6; ++i) console::put(entry.mas3 & bits[i] ? letters[i] : '-');
    print("\n");
}

namespace {

void report_translation(Vcpu& v, const char* what, u32 ea, bool space) {
    const auto hit = v.tlb.find(ea, space, v.regs.pid);
    if (hit.entry == nullptr) {
        log("  {} {:x}: no TLB entry of the guest maps it in AS{} with PID {}", what, ea,
            space ? 1 : 0, v.regs.pid[0]);
        return;
    }
    begin_line();
    print("  {} {:x}: ", what, ea);
    print_entry(*hit.entry, hit.tlb, hit.index);
    const u64 gpa = hit.entry->gpa(ea);
    const auto* const region = v.memory->find(gpa);
    if (region == nullptr) {
        log("  ...and guest-physical {:X} holds nothing: the guest has RAM from 0 to {:X}", gpa,
            v.memory->ram_bytes());
    }
}

// Four a line.
template <typename Wanted>
void print_rows(const vcpu::State& state, Wanted&& wanted) {
    const auto* const bytes = reinterpret_cast<const e500::u8*>(&state);
    unsigned column = 0;
    for (const vcpu::Register& r : vcpu::registers) {
        if (!wanted(r)) continue;
        for (unsigned i = 0; i < r.field.count; ++i) {
            if (column == 0) begin_line();
            char name[12] = {};
            unsigned length = 0;
            while (r.field.name[length] != 0) {
                name[length] = r.field.name[length];
                ++length;
            }
            if (const unsigned n = r.first + i; r.field.count > 1) {
                if (n >= 10) name[length++] = static_cast<char>('0' + n / 10);
                name[length++] = static_cast<char>('0' + n % 10);
            }
            print("  {:-8} {:x}", name, core::element(bytes, r.field, i));
            column = (column + 1) % 4;
            if (column == 0) print("\n");
        }
    }
    if (column != 0) print("\n");
}

void report_registers(Vcpu& v) {
    vcpu::settle(v);
    for (unsigned i = 0; i < 32; i += 8) {
        begin_line();
        print("  r{:-2} ", i);
        for (unsigned j = i; j < i + 8; ++j) print(" {:x}", v.gpr[j]);
        print("\n");
    }
    print_rows(v, [](const vcpu::Register& r) { return r.reported; });
}

void print_vector(u32 vector) {
    constexpr const char* names[e500::vector_count] = {"critical input",
                                                       "machine check",
                                                       "data storage",
                                                       "instruction storage",
                                                       "external input",
                                                       "alignment",
                                                       "program",
                                                       "FP unavailable",
                                                       "system call",
                                                       "AP unavailable",
                                                       "decrementer",
                                                       "fixed-interval timer",
                                                       "watchdog",
                                                       "data TLB miss",
                                                       "instruction TLB miss",
                                                       "debug",
                                                       "SPE unavailable",
                                                       "SPE data",
                                                       "SPE round",
                                                       "performance monitor"};
    print("IVOR{} ({})", vector < 16 ? vector : vector + 16,
          vector < e500::vector_count ? names[vector] : "?");
}

void report_interrupts(const Vcpu& v) {
    begin_line();
    if (v.storm_nip == vcpu::no_handler) {
        print("the guest was given no interrupt so far\n");
        return;
    }
    print("last interrupt given to the guest: ");
    print_vector(v.storm_vector);
    print(", handler at ");
    print_location(v, v.storm_nip);
    print("\n");
    if (v.storm_count == 0) return;
    begin_line();
    print("that handler failed at once, {} times; it all began with ", v.storm_count);
    print_vector(v.storm_first);
    print(" at ");
    print_location(v, v.storm_from);
    print("\n");
}

void report_exits(const Vcpu& v) {
    constexpr u32 records = sizeof v.traced / sizeof v.traced[0];
    log("the last {} exits, oldest first:", records);
    const u32 newest = v.trace_head / sizeof v.traced[0];
    for (u32 i = 1; i <= records; ++i) {
        const auto e = vcpu::settled(v.traced[(newest + i) % records]);
        if (e.nip == 0 && e.word == 0) continue;
        const auto cause = static_cast<vcpu::Cause>(e.info & 0xff);
        begin_line();
        print("  {:-12} {} ", vcpu::name(cause),
              e.info & vcpu::ExitRecord::user_mode ? "user  " : "kernel");
        print_location(v, e.nip);
        if (cause == vcpu::Cause::dsi || cause == vcpu::Cause::mmio) print(" at {:x}", e.dear);
        if (e.word != 0) {
            print("  ");
            print_instruction(e.nip, e.word);
        }
        print("\n");
    }
}

}  // namespace

void print_registers(Vcpu& v) {
    vcpu::settle(v);
    for (unsigned g = 0; g < std::size(vcpu::group_names); ++g) {
        log("{}:", vcpu::group_names[g]);
        print_rows(v, [g](const vcpu::Register& r) { return static_cast<unsigned>(r.group) == g; });
    }
}

void report(Vcpu& v, const char* headline) {
    const console::Turn turn;
    log("---- {}", headline);
    if (v.reason != nullptr) log("cause: {}", v.reason);
    begin_line();
    print("at ");
    print_location(v, v.nip);
    print(", {} mode, MSR ", v.user() ? "user" : "kernel");
    print_msr(v.regs.msr);
    print("\n");
    begin_line();
    print("called from (LR) ");
    print_location(v, v.lr);
    print("\n");
    u32 word = 0;
    if (core::load_guest_word(v.nip, v.shadow.layout().fetch_space(v.user()), word)) {
        begin_line();
        print("instruction: ");
        print_instruction(v.nip, patch::own_word(v, v.nip, word));
        print("\n");
    }
    report_interrupts(v);
    report_registers(v);
    log("translations that matter:");
    if (v.fatal_access) {
        const bool fetch = v.fatal_kind == mmu::Access::fetch;
        report_translation(v, "fault", v.fatal_ea, fetch ? v.virtual_is() : v.virtual_ds());
    }
    report_translation(v, "fetch", v.nip, v.virtual_is());
    report_translation(v, "DEAR ", v.regs.dear, v.virtual_ds());
    report_translation(v, "SRR0 ", v.regs.srr0, v.virtual_is());
    report_exits(v);
    log("----");
}

}  // namespace trapeze::monitor
