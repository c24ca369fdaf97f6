// SPDX-License-Identifier: Apache-2.0
//
// Runs the sequences of its section .sequences and prints a line for each: its number and a digest
// of everything it could see. Natively and under the VMM the lines are the same; of those behind
// the first `quiet` ones they are the states themselves. Generator, rules and format: generate.cpp,
// rules.inc, sequence.hpp.
#include "rules.hpp"
#include "sequence.hpp"
#include "tlb.hpp"

extern "C" {
[[noreturn]] void isa_leave();
void* memset(void* to, int value, std::size_t size);
void torture_read_upper(std::uint32_t* to);
void torture_write_upper(std::uint32_t value);
}

namespace {

using namespace isa;
using torture::Sequence;
namespace flag = torture::flag;
namespace dbt = trapeze::dbt;

struct Input {
    torture::Header header;
    u8 records[torture::most_bytes - sizeof(torture::Header)];
};
__attribute__((section(".sequences"), used)) Input input = {{torture::magic, 0, 0}, {}};

constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22, dbsr_spr = 304, dbcr0_spr = 308;
constexpr u32 most_events = 1000, most_steps = 300;
constexpr u32 most_pulses = 12;
constexpr u32 tsize_64k = 3, tsize_64m = 8;

const Sequence* sequence;
bool verbose;
Frame result;
u32 digest, events, pulses, pulse_state;
bool ran_away;

u32 rotate(u32 value, u32 by) { return value << by | value >> (32 - by); }
void mix(u32 value) { digest = (rotate(digest, 5) ^ value) * 0x9e37'79b1u; }

u32 next_random(u32& state) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

// ---- Special-purpose registers by number.

u32 read_spr(dbt::Spr spr) {
    switch (spr) {
#define SPR(number, name, user, supervisor)                                                       \
    case dbt::Spr::name:                                                                          \
        if constexpr (torture::rule_of(dbt::Spr::name).compared != 0 && (supervisor)[0] == 'r') { \
            return mfspr<number>();                                                               \
        }                                                                                         \
        return 0;
#include "dbt/spr_rows.inc"
#undef SPR
    }
    return 0;
}

void write_spr(dbt::Spr spr, u32 value) {
    switch (spr) {
#define SPR(number, name, user, supervisor)                                            \
    case dbt::Spr::name:                                                               \
        if constexpr (torture::rule_of(dbt::Spr::name).write == torture::Write::any) { \
            mtspr<number>(value);                                                      \
        }                                                                              \
        return;
#include "dbt/spr_rows.inc"
#undef SPR
    }
}

// ---- Translations.

u32 text_at() {
    return torture::text + sequence->number % torture::text_slots * torture::text_bytes;
}

void map_small_text(u32 page, u32 space) {
    tlbwe(0, 1,
          {.ea = torture::small_text_ea + page * 0x1000,
           .pa = text_at() + page * 0x1000,
           .space = space != 0});
}
void map_small_data(u32 page, u32 space) {
    tlbwe(0, 0,
          {.ea = torture::small_data_ea + page * 0x1000,
           .pa = torture::data + page * 0x1000,
           .permissions = sequence->permissions[page],
           .space = space != 0});
}

// The guest takes an address for itself, for a page with code and data.
void map_taken(u32 ea, u32 space) {
    const u32 permissions = sequence->permissions[(ea >> 12) % torture::data_pages];
    tlbwe(
        0, 3,
        {.ea = ea & ~0xfffu, .pa = torture::code, .permissions = permissions, .space = space != 0});
}

void map_all() {
    mtspr<48>(0);
    mtspr<633>(0);
    mtspr<634>(0);
    flush_all();
    tlbwe(1, 3, {.ea = torture::large_data_ea, .pa = torture::data, .tsize = tsize_64k});
    for (u32 page = 0; page < torture::data_pages; ++page) map_small_data(page, 0);
    tlbwe(0, 2, {.ea = torture::hole_ea, .pa = torture::data + 0x2000});
    for (u32 page = 0; page < 2; ++page) map_small_text(page, 0);
}

// ---- Interrupts.

void leave(Frame& f) {
    f.nip = reinterpret_cast<u32>(&isa_leave);
    f.msr = 0;
}

u32 end_of_text() { return sequence->place + sequence->count * 4; }
bool in_text(u32 ea) { return ea - sequence->place <= sequence->count * 4; }

void note(const Frame& f) {
    const auto vector = static_cast<Vector>(f.vector);
    const bool data =
        vector == Vector::data_storage || vector == Vector::data_tlb || vector == Vector::alignment;
    const bool syndrome = data || vector == Vector::program ||
                          vector == Vector::instruction_storage ||
                          vector == Vector::spe_unavailable;
    // QEMU marks a trap in SRR1 where CE is.
    const bool trap = vector == Vector::program && (f.esr & esr::ptr);
    const u32 state = f.msr & (trap ? inside_mask : msr_mask);
    const u32 esr = syndrome ? f.esr : 0, dear = data ? f.dear : 0;
    // QEMU goes on to the end of what it has translated before it looks whether text is still
    // there.
    const bool missed = vector == Vector::instruction_tlb;
    const u32 at = missed && in_text(f.nip) ? f.nip & ~0xfffu : f.nip - sequence->place;
    for (const u32 value : {f.vector, at, state, esr, dear}) mix(value);
    for (const u32 value : f.gpr) mix(value);
    for (const u32 value : {f.cr, f.xer & 0xe000'007f, f.ctr, f.lr}) mix(value);
    if (verbose) {
        print("  {} +{x} msr={x} esr={x} dear={x}", {name(f.vector), at, state, esr, dear});
    }
}

// False if the sequence cannot go on.
bool refill(const Frame& f, u32 ea, u32 space) {
    const u32 text_page = (ea - torture::small_text_ea) >> 12;
    if (static_cast<Vector>(f.vector) == Vector::instruction_tlb) {
        if (text_page >= 2) return false;
        map_small_text(text_page, space);
        return true;
    }
    if (!(sequence->flags & flag::refill)) return false;
    const u32 page = (ea - torture::small_data_ea) >> 12;
    if (torture::may_be_taken(ea)) {
        map_taken(ea, space);
        return true;
    }
    if (page >= torture::data_pages) return false;
    map_small_data(page, space);
    return true;
}

void on_event(Frame& f) {
    const auto vector = static_cast<Vector>(f.vector);
    if (vector == Vector::system_call && f.nip == end_of_text() + 4) {
        result = f;
        leave(f);
        return;
    }
    // Jumped to where there may be a stub: back as by blr.
    const bool away = !in_text(f.nip);
    const bool comes_back = torture::may_be_taken(f.nip) && in_text(f.lr);
    const u32 most = sequence->flags & flag::step ? most_steps : most_events;
    if (++events > most || (away && !comes_back)) {
        ran_away = true;
        result = f;
        leave(f);
        return;
    }
    note(f);
    // QEMU says in SRR1 what kind of program interrupt it is; of a trap where CE is, which is clear
    // from here on.
    f.msr &= msr_mask;
    if (vector == Vector::program && (f.esr & esr::ptr)) f.msr &= ~msr::ce;
    switch (vector) {
        case Vector::system_call:
            return;
        case Vector::debug:
            mtspr<dbsr_spr>(~0u);
            // QEMU sets them besides CSRR0 and CSRR1; the e500v2 has none.
            mtspr<574>(0);
            mtspr<575>(0);
            return;
        case Vector::instruction_tlb:
            // QEMU sets both, the manual neither.
            mtspr<61>(0);
            mtspr<62>(0);
            if (away) break;
            if (refill(f, f.nip, f.msr & msr::is)) return;
            ran_away = true;
            result = f;
            leave(f);
            return;
        case Vector::data_tlb:
            if (refill(f, f.dear, f.msr & msr::ds)) return;
            break;
        default:
            break;
    }
    f.nip = away ? f.lr : f.nip + 4;
}

void set_pulse() {
    const u32 value = next_random(pulse_state);
    const u32 scale = 5 + value % 8;
    mtspr<dec_spr>((1u << scale) + (value >> 4) % (1u << scale));
}

void on_pulse(Frame& f) {
    mtspr<tsr_spr>(tsr::dis);
    if (!in_text(f.nip) && !torture::may_be_taken(f.nip)) {
        print("a pulse saved nip {x}, which is not the sequence's", {f.nip});
        mix(f.nip);
    }
    if (++pulses < most_pulses) {
        set_pulse();
    } else {
        mtspr<tcr_spr>(0);
    }
}

// ---- A sequence.

void show(const char* what, u32 number, u32 value) {
    if (verbose) print("  {}{} {x}", {what, number, value});
    mix(value);
}

void prepare_memory() {
    u32 state = sequence->seed;
    const auto fill = [&](u32 from, u32 bytes) {
        for (u32 at = from; at < from + bytes; at += 4) {
            *reinterpret_cast<volatile u32*>(at) = next_random(state) * 0x0101'0101u;
        }
    };
    fill(torture::data, torture::data_pages * 0x1000);
    // Of the page with code the first words alone are executed.
    fill(torture::code, 0x1000);
    constexpr u32 trap = 0x7fe0'0008;
    constexpr u32 first[] = {insn::mfmsr(0), insn::mfspr(1, 272), insn::blr, trap};
    for (u32 i = 0; i < 4; ++i) reinterpret_cast<volatile u32*>(torture::code)[i] = first[i];
    flush_code(torture::code, sizeof first);
    // What was there, a device tree say, is none of a sequence's.
    memset(reinterpret_cast<void*>(text_at()), 0, torture::text_bytes);
    fill(text_at() + 0x800, 0x700);
    fill(text_at() + 0x1800, 0x700);
    const u32 offset = sequence->place & 0xfff;
    auto* const to = reinterpret_cast<volatile u32*>(text_at() + offset);
    for (u32 i = 0; i < sequence->count; ++i) to[i] = sequence->words[i];
    to[sequence->count] = insn::sc;
    flush_code(text_at() + offset, sequence->count * 4 + 4);
}

void prepare_registers() {
    u32 state = sequence->seed ^ 0x5a5a'5a5a;
    for (const auto& row : dbt::spr_rows) {
        write_spr(static_cast<dbt::Spr>(row.number), next_random(state) * 0x0100'0193u);
    }
    // Misses take their defaults from here.
    mtspr<628>(0);
    mtspr<630>(0);
    mtspr<944>(0);
}

void run_once(u32 round) {
    map_all();
    prepare_registers();
    mtmsr(mfmsr() | msr::spe);
    torture_write_upper(sequence->seed);
    Frame f{};
    for (u32 i = 0; i < 32; ++i) f.gpr[i] = sequence->gpr[i];
    f.gpr[2] = round;
    f.cr = sequence->cr;
    f.xer = sequence->xer;
    f.ctr = sequence->ctr;
    f.lr = sequence->lr;
    f.nip = sequence->place;
    f.msr = sequence->msr;
    ran_away = false;
    events = pulses = 0;
    if (sequence->flags & flag::pulse) {
        mtspr<tsr_spr>(tsr::dis);
        mtspr<tcr_spr>(tcr::die);
        set_pulse();
    }
    if (sequence->flags & flag::step) mtspr<dbcr0_spr>(dbcr0::idm | dbcr0::icmp);
    run(f);
    mtspr<dbcr0_spr>(0);
    mtspr<dbsr_spr>(~0u);
    mtspr<tcr_spr>(0);
    u32 upper[32];
    mtmsr(mfmsr() | msr::spe);
    torture_read_upper(upper);
    // Before anything here changes them.
    u32 read[sizeof dbt::spr_rows / sizeof dbt::spr_rows[0]], n = 0;
    for (const auto& row : dbt::spr_rows) read[n++] = read_spr(static_cast<dbt::Spr>(row.number));

    if (verbose) print(" round {}{}", {round, ran_away ? ": ran away" : ""});
    mix(ran_away);
    if (ran_away) return;
    for (u32 i = 0; i < 32; ++i) show("r", i, result.gpr[i]);
    show("cr", 0, result.cr);
    show("xer", 0, result.xer & 0xe000'007f);
    show("ctr", 0, result.ctr);
    show("lr", 0, result.lr);
    show("msr", 0, result.msr & msr_mask);
    // Of r0 to r12 the way here has used the halves that SPE would have kept.
    for (u32 i = 14; i < 32; ++i) show("upper half of r", i, upper[i]);
    n = 0;
    for (const auto& row : dbt::spr_rows) {
        const auto spr = static_cast<dbt::Spr>(row.number);
        const u32 value = read[n++] & torture::rule_of(spr).compared;
        // What the system call at the end sets.
        if (spr == dbt::Spr::SRR0 || spr == dbt::Spr::SRR1) continue;
        if (spr == dbt::Spr::XER || spr == dbt::Spr::LR || spr == dbt::Spr::CTR) continue;
        if (verbose) print("  {} {x}", {row.name, value});
        mix(value);
    }
}

void look_at_memory() {
    const auto digest_of = [](u32 from, u32 bytes) {
        const u32 before = digest;
        digest = 0;
        for (u32 at = from; at < from + bytes; at += 4) mix(*reinterpret_cast<volatile u32*>(at));
        const u32 value = digest;
        digest = before;
        return value;
    };
    for (u32 page = 0; page < torture::data_pages; ++page) {
        show("data page ", page, digest_of(torture::data + page * 0x1000, 0x1000));
    }
    show("code page ", 0, digest_of(torture::code, 0x1000));
    // Pages that were all zeroes are so again for the next one.
    for (u32 r = 3; r <= 9; ++r) {
        const u32 page = sequence->gpr[r] & ~0xfffu;
        if (page < torture::zeroes || page >= torture::zeroes_end) continue;
        show("zeroes by r", r, digest_of(page, 0x1000));
        memset(reinterpret_cast<void*>(page), 0, 0x1000);
    }
    show("text page ", 0, digest_of(text_at(), 0xf00));
    show("text page ", 1, digest_of(text_at() + 0x1000, 0xf00));
}

void run_sequence() {
    digest = 0;
    pulse_state = sequence->seed * 77;
    mtspr<48>(0);
    prepare_memory();
    if (verbose) print("{}:", {sequence->number});
    for (u32 round = 0; round < sequence->rounds; ++round) run_once(round);
    mtspr<48>(0);
    look_at_memory();
    print("{} {x}", {sequence->number, digest});
}

}  // namespace

void isa_main() {
    tlbwe(1, 0, {.ea = 0, .pa = 0, .tsize = tsize_64m, .protect = true});
    tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = tsize_64m, .space = true, .protect = true});
    for (u32 vector = 0; vector < vector_count; ++vector) {
        set_hook(static_cast<Vector>(vector), on_event);
    }
    set_hook(Vector::decrementer, on_pulse);
    const volatile torture::Header& header = input.header;
    if (header.magic != torture::magic) fail("no sequences");
    const auto* const first = reinterpret_cast<const Sequence*>(input.records);
    for (u32 i = 0; i < header.count; ++i) {
        sequence = first + i;
        verbose = i >= header.quiet;
        run_sequence();
    }
}
