// SPDX-License-Identifier: Apache-2.0
//
// Path lengths: what each kind of exit and each kind of privileged instruction costs, in
// instructions, in and out. Meant for --icount, where an instruction is a nanosecond and a tick of
// the time base is 2.5 of them. docs/paths.md says what each path is; bench/paths.json bounds it.
#include "bare.hpp"
#include "dbt/plan.hpp"
#include "insn.hpp"
#include "table.hpp"
#include "tlb.hpp"

extern "C" char vectors[], isa_return_handler[], isa_refill_handler[], bare_on_any[],
    bare_on_user[], bare_on_decrementer[], bare_on_external[], bare_on_i2c[], bare_on_debug[];

namespace {

using namespace bare;
using namespace isa;

constexpr const char* workload = "paths";

// SPRs that have no name in the support library.
namespace spr {
constexpr u32 dec = 22, srr0 = 26, srr1 = 27, pid = 48, decar = 54, csrr0 = 58, csrr1 = 59,
              sprg0 = 272, sprg4 = 276, pvr = 287, dbcr0 = 308, tsr = 336, tcr = 340, ivor0 = 400,
              mas4 = 628, l1csr1 = 1011, mmucsr0 = 1012, bucsr = 1013;
}

// Physical memory the paths play with, and pages of it that only some paths have.
constexpr u32 data_page = 0x20'0000;
constexpr u32 page_ea = 0x4000'0000, absent_ea = 0x5000'0000, fresh_ea = 0x6000'0000;

// MPIC registers in CCSR (MPC8548 manual 10.3).
constexpr u32 mpic = ccsr + 0x4'0000;
constexpr u32 task_priority = mpic + 0x2'0080, acknowledge = mpic + 0x2'00a0,
              end_of_interrupt = mpic + 0x2'00b0;

// Points an IVOR to a handler of start.S or vectors.S while it lives.
template <Vector vector>
class Handler {
    static constexpr auto n = static_cast<unsigned>(vector);
    static constexpr unsigned number = n < 16 ? 400 + n : 528 + n - 16;

  public:
    explicit Handler(const char* to) {
        const auto offset = static_cast<u32>(to - vectors);
        if (offset >= 0x1'0000) failed(workload, "a handler is out of reach of IVPR");
        mtspr<number>(offset);
    }
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;
    ~Handler() { mtspr<number>(16 * n); }
};

// Not inlined, all of these: loops are large, and their stack frames would add up.
[[gnu::noinline]] void msr_instructions(Table& t) {
    using namespace insn;
    t.privileged("mfmsr", {mfmsr(6)});
    t.privileged("mtmsr_ee", {insn::mtmsr(5), insn::mtmsr(4)}, msr::ee, 2);
    t.privileged("wrtee", {wrtee(5), wrtee(4)}, msr::ee, 2);
    t.privileged("wrteei", {insn::wrteei(1), insn::wrteei(0)}, 0, 2);
    const Handler<Vector::system_call> back(bare_on_any);
    t.path("mtmsr_pr", "privileged", {.body = {insn::mtmsr(5), sc}, .r5 = msr::pr}, {.body = {sc}});
}

// EE goes on while the decrementer's interrupt waits: delivered in the same exit.
[[gnu::noinline]] void delivery(Table& t) {
    mtspr<spr::tcr>(tcr::die);
    mtspr<spr::dec>(1000);
    while (!(mfspr<spr::tsr>() & tsr::dis)) {
    }
    {
        const Handler<Vector::decrementer> handler(bare_on_any);
        t.privileged("wrteei_deliver", {insn::wrteei(1)});
    }
    mtspr<spr::tcr>(0);
    mtspr<spr::tsr>(tsr::dis);
}

[[gnu::noinline]] void special_registers(Table& t) {
    const auto read = [&](const char* name, u32 number) {
        t.privileged(name, {insn::mfspr(6, number)});
    };
    const auto write = [&](const char* name, u32 number, u32 value = 0) {
        t.privileged(name, {insn::mtspr(5, number)}, value);
    };
    read("mfspr_kept", spr::sprg0);
    write("mtspr_kept", spr::sprg0);
    write("mtspr_sprg4", spr::sprg4);
    read("mfspr_pvr", spr::pvr);
    read("mfspr_dec", spr::dec);
    write("mtspr_dec", spr::dec, 0x7fff'ffff);
    read("mfspr_tsr", spr::tsr);
    write("mtspr_tsr", spr::tsr);
    read("mfspr_tcr", spr::tcr);
    write("mtspr_tcr", spr::tcr);
    read("mfspr_pid", spr::pid);
    write("mtspr_pid", spr::pid);
    t.privileged("mtspr_pid_switch", {insn::mtspr(5, spr::pid), insn::mtspr(4, spr::pid)}, 1, 2);
    read("mfspr_mmucsr0", spr::mmucsr0);
    write("mtspr_mmucsr0", spr::mmucsr0, mmucsr0::tlb0_fi);
    read("mfspr_ivor", spr::ivor0);
    write("mtspr_ivor", spr::ivor0);
    read("mfspr_bucsr", spr::bucsr);
    write("mtspr_bucsr", spr::bucsr);
    write("mtspr_l1csr1", spr::l1csr1);
}

[[gnu::noinline]] void returns(Table& t) {
    using namespace insn;
    const auto path = [&](const char* name, u32 word, u32 nip, u32 state) {
        const Words before = {mtspr(28, nip), mtspr(4, state)};
        t.path(name, "privileged", {.body = {word}, .before = before}, {.before = before});
    };
    path("rfi", rfi, spr::srr0, spr::srr1);
    // QEMU 7.2 ends at an rfci of its own under -icount ("Bad icount read").
    if (t.counters().present()) path("rfci", rfci, spr::csrr0, spr::csrr1);
}

[[gnu::noinline]] void tlb_instructions(Table& t) {
    using namespace insn;
    const auto select = [](u32 tlb, u32 entry, u32 tsize) {
        mtspr<624>(mas0::make(tlb, entry));
        mtspr<625>(mas1::v | tsize << 8);
        mtspr<626>(page_ea);
        mtspr<627>((tlb == 0 ? data_page : 0) | mas3::permissions);
        mtspr<944>(0);
    };
    select(0, 0, 1);
    t.privileged("tlbwe_tlb0", {insn::tlbwe});
    t.privileged("tlbre", {insn::tlbre});
    mtspr<630>(0);  // MAS6: PID 0, space 0
    t.privileged("tlbsx_hit", {insn::tlbsx(0, 5)}, page_ea);
    t.privileged("tlbsx_miss", {insn::tlbsx(0, 5)}, absent_ea);
    select(0, 0, 1);
    t.path("tlbwe_tlbivax", "privileged",
           {.body = {insn::tlbwe, insn::tlbivax(0, 5)}, .r5 = page_ea}, {}, 2);
    t.privileged("tlbivax_absent", {insn::tlbivax(0, 5)}, absent_ea);
    t.privileged("tlbivax_all", {insn::tlbivax(0, 5)}, 4);
    select(1, 5, 7);
    t.privileged("tlbwe_tlb1", {insn::tlbwe});
    mtspr<625>(0);
    asm volatile("isync; tlbwe; isync" : : : "memory");
    t.privileged("tlbsync", {insn::tlbsync});
    t.privileged("dcbi", {insn::x(470, 0, 0, 5)}, data_page);
}

// Interrupts that the guest causes itself and gets. The handler returns with blr, not rfi.
[[gnu::noinline]] void reflected(Table& t) {
    using namespace insn;
    {
        const Handler<Vector::system_call> handler(bare_on_any);
        t.path("syscall", "syscall", {sc});
    }
    {
        const Handler<Vector::system_call> handler(isa_return_handler);
        t.path("syscall_rfi", "syscall", {.body = {sc}, .msr = msr::pr}, {.msr = msr::pr});
    }
    constexpr u32 illegal = 0;
    {
        const Handler<Vector::program> handler(bare_on_any);
        t.path("program_kernel", "program", {.body = {illegal}, .ends_with_sc = true},
               {.ends_with_sc = true});
    }
    {
        const Handler<Vector::program> handler(bare_on_user);
        t.path("program_user", "program", {.body = {illegal}, .msr = msr::pr, .ends_with_sc = true},
               {.msr = msr::pr, .ends_with_sc = true});
    }
    {
        const Handler<Vector::alignment> handler(bare_on_any);
        t.path("alignment", "alignment", {x(20, 6, 0, 5)}, data_page + 1);  // lwarx
    }
    const Handler<Vector::spe_unavailable> handler(bare_on_any);
    t.path("unavailable", "unavailable", {d(4, 6, 0, 0x200)});  // evaddw
}

[[gnu::noinline]] void storage(Table& t) {
    using namespace insn;
    const Page page = {.ea = page_ea, .pa = data_page};
    const Words load = {lwz(6, 5, 0)};
    {
        const Handler<Vector::data_storage> handler(bare_on_any);
        Page read_only = page;
        read_only.permissions = mas3::sr;
        isa::tlbwe(0, 0, read_only);
        t.path("dsi", "dsi", {.body = {lwz(6, 5, 0), stw(4, 5, 0)}, .r5 = page_ea},
               {.body = load, .r5 = page_ea});
    }
    {
        const Handler<Vector::instruction_storage> handler(bare_on_any);
        constexpr u32 bctr = 0x4e800420;
        Page no_execute = page;
        no_execute.permissions = mas3::sr | mas3::sw;
        isa::tlbwe(0, 0, no_execute);
        t.path("isi", "isi", {.body = {lwz(6, 5, 0), bctr}, .r5 = page_ea, .ctr = page_ea},
               {.body = load, .r5 = page_ea});
    }
    flush_all();
}

[[gnu::noinline]] void misses(Table& t) {
    using namespace insn;
    constexpr u32 bctr = 0x4e800420, mtctr_r5 = 0x7ca903a6;
    {
        const Handler<Vector::data_tlb> handler(bare_on_any);
        t.path("dtlb_guest", "dtlb_guest", {lwz(6, 5, 0)}, absent_ea);
    }
    {
        const Handler<Vector::instruction_tlb> handler(bare_on_any);
        t.path("itlb_guest", "itlb_guest", {.body = {bctr}, .ctr = absent_ea}, {});
    }
    {
        // Always a page that was not there, in the place of one that was.
        const Handler<Vector::data_tlb> handler(isa_refill_handler);
        mtspr<spr::mas4>(1u << 8);  // TLB0, 4 KiB
        const auto loop = [](const Words& body) {
            return Loop{.body = body, .r5 = fresh_ea, .r27 = data_page | mas3::permissions};
        };
        t.path("dtlb_refill", "dtlb_guest", loop({addi(5, 5, 4096), lwz(6, 5, 0)}),
               loop({addi(5, 5, 4096)}), 1, 4096);
        flush_all();
    }
    if (!t.counters().present()) return;  // what follows is about the VMM's TLB, not the guest's
    // Eight pages of one set of the core's TLB0, which has four ways; the guest's has more sets.
    constexpr u32 pages = 8, stride_high = 8;
    *reinterpret_cast<volatile u32*>(data_page) = blr;
    flush_code(data_page, 4);
    for (u32 i = 0; i < pages; ++i) {
        isa::tlbwe(0, i / 4, {.ea = page_ea + i * (stride_high << 16), .pa = data_page});
    }
    const u32 next = d(15, 5, 5, stride_high);                              // addis
    const u32 wrap = 21u << 26 | 5u << 21 | 5u << 16 | 10u << 6 | 8u << 1;  // without 4 MiB
    // The core takes the ways in turn for all sets: another miss between, and one page may stay.
    t.path("dtlb_shadow", "dtlb_shadow", {.body = {next, wrap, lwz(6, 5, 0)}, .r5 = page_ea},
           {.body = {next, wrap}, .r5 = page_ea}, 1, warm, 2);
    t.path("itlb_shadow", "itlb_shadow", {.body = {next, wrap, mtctr_r5, bctr}, .r5 = page_ea},
           {.body = {next, wrap, mtctr_r5}, .r5 = page_ea}, 1, warm, 2);
    flush_all();
}

[[gnu::noinline]] void devices(Table& t) {
    using namespace insn;
    t.path("mmio_load_mpic", "mmio", {lwz(6, 5, 0)}, task_priority);
    t.path("mmio_store_mpic", "mmio", {stw(4, 5, 0)}, task_priority);
    t.path("mmio_load_uart", "mmio", {d(34, 6, 5, 0)}, ccsr + 0x4505);
}

// The I2C controller, which the guest reaches without an exit, asks when a byte has come from the
// clock behind it: at each load of its data register.
[[gnu::noinline]] void inputs(Table& t) {
    using namespace insn;
    constexpr u32 global_configuration = 0x4'1020, source = 0x5'0000 + 43 * 0x20;
    constexpr u32 i2c = 0x3000, control = 8, status = 12, data = 16;
    constexpr u8 enabled_master = 0xe0, transmits = 0x10, read_clock = 0xd1;
    io32(global_configuration) = 0x2000'0000;  // mixed mode
    io32(source) = 0x0080'0000 | 8u << 16 | 0x50;
    io32(source + 0x10) = 1;
    io32(task_priority - ccsr) = 0;
    io8(i2c + control) = enabled_master | transmits;
    io8(i2c + data) = read_clock;
    io8(i2c + control) = enabled_master;
    io8(i2c + status) = 0;
    const u32 ask = d(34, 6, 7, data), look = d(34, 6, 7, status), quiet = d(38, 4, 7, status);
    const auto loop = [](const Words& body) {
        return Loop{.body = body,
                    .r5 = msr::ce,
                    .r7 = ccsr + i2c,
                    .r8 = acknowledge,
                    .r9 = end_of_interrupt};
    };
    {
        const Handler<Vector::external> handler(bare_on_external);
        // Both do what the handler does; without has nobody who asks.
        t.path("external", "external", loop({insn::wrteei(1), ask}),
               loop({insn::wrteei(1), look, lwz(6, 8, 0), quiet, stw(4, 9, 0)}));
    }
    {
        const Handler<Vector::critical> handler(bare_on_i2c);
        io32(source + 0x18) = 1;  // this source is a critical input
        t.path("critical", "external", loop({insn::mtmsr(5), ask}),
               loop({insn::mtmsr(5), look, quiet}));
        io32(source + 0x18) = 0;
    }
    io8(i2c + control) = 0;
    io32(source) = 0x8080'0000;
}

[[gnu::noinline]] void core_interrupts(Table& t) {
    using namespace insn;
    {
        constexpr u32 spins = 300'000, period = 4000;
        const Handler<Vector::decrementer> handler(bare_on_decrementer);
        // Only while the loop runs: an interrupt that is held outside it is an exit too.
        const auto spin = [](u32 enable) {
            return Loop{.before = {insn::mtspr(5, spr::dec), insn::mtspr(26, spr::tsr),
                                   insn::mtspr(6, spr::tcr)},
                        .after = {insn::mtspr(4, spr::tcr)},
                        .msr = msr::ee,
                        .r5 = period,
                        .r6 = enable,
                        .r26 = tsr::dis};
        };
        mtspr<spr::decar>(period);
        const Measured without = t.undisturbed(spin(0), spins, warm);
        // Every 10 ms the VMM also brings its profile up to date here: not in each of three times.
        Measured with = t.undisturbed(spin(tcr::die | tcr::are), spins, warm);
        for (unsigned again = 0; again < 2; ++again) {
            const Measured m = t.undisturbed(spin(tcr::die | tcr::are), spins, warm);
            if (m.ticks < with.ticks) with = m;
        }
        mtspr<spr::tsr>(tsr::dis);
        // At the edges of the loop the clock may run out without an interrupt that is counted.
        t.row("decrementer", "decrementer", with, without, with.r25, 2);
    }
    {
        const Handler<Vector::debug> handler(bare_on_debug);
        mtspr<spr::dbcr0>(dbcr0::idm | dbcr0::icmp);
        t.path("debug", "debug", {.body = {insn::mtmsr(5), nop}, .r5 = msr::de, .r26 = dbsr::icmp},
               {});
        mtspr<spr::dbcr0>(0);
    }
}

// What a patched site takes, run by the guest itself, as a guest whose sites are patched would: the
// register page is a page of its own memory here.
[[gnu::noinline]] void patches(Table& t) {
    using namespace trapeze::dbt;
    static std::uint16_t registers[1024];
    for (auto& offset : registers) offset = 8;
    constexpr std::int32_t page = 0x7000;
    const RegisterMap map{page, 0, 4, {0xf00, 0xf04}, registers, registers};
    for (u32 offset = 0; offset < 0x1000; offset += 4) {
        *reinterpret_cast<volatile u32*>(static_cast<u32>(page) + offset) = 0;
    }
    const auto replaced = [&](const char* name, u32 word) {
        const Plan p = plan(word, map);
        if (p.kind != PatchKind::stub) {
            t.patched(name, {p.word}, {});
            return;
        }
        // The site, the instruction behind it, which leaves, and the stub.
        constexpr u32 site = 0, at = 8;
        u32 stub[max_stub_words];
        const auto length = static_cast<u32>(emit_stub(p.stub, p.source, at, site, map, stub));
        Words body = {branch(site, at), branch(site + 4, at + 4 * length)};
        for (u32 i = 0; i < length; ++i) body.word[body.count++] = stub[i];
        t.patched(name, body, {branch(0, 4)});
    };
    replaced("patch_load", insn::mfmsr(6));
    replaced("patch_store", insn::mtspr(5, spr::srr0));
    replaced("patch_nop", insn::tlbsync);
    replaced("patch_wrteei_0", insn::wrteei(0));
    replaced("patch_wrteei_1", insn::wrteei(1));
    replaced("patch_wrtee", insn::wrtee(4));
    replaced("patch_mtmsr", insn::mtmsr(4));
}

// The VMM's own tick, against the instructions of the loop that it interrupts.
[[gnu::noinline]] void heartbeat(Table& t) {
    if (!t.counters().present()) return;
    constexpr u32 spins = 100'000'000;  // 200 million instructions, 80 million ticks
    const Measured m = measure(t.counters(), workload, {}, spins, warm);
    Measured spin{};
    spin.ticks = spins / 5 * 4;
    const unsigned i = t.counters().find("heartbeat");
    t.row("heartbeat", "heartbeat", m, spin, static_cast<u32>(m.exits.count[i]));
}

}  // namespace

void isa_main() {
    Table t{workload};
    msr_instructions(t);
    delivery(t);
    special_registers(t);
    returns(t);
    tlb_instructions(t);
    reflected(t);
    storage(t);
    misses(t);
    devices(t);
    inputs(t);
    core_interrupts(t);
    heartbeat(t);
    patches(t);
}
