// SPDX-License-Identifier: Apache-2.0
#include "siege.hpp"

#include <utility>

#include "dbt/spr.hpp"
#include "hot.hpp"

extern "C" {
[[noreturn]] void isa_leave();
void* memcpy(void* to, const void* from, std::size_t size);
}

namespace siege {

namespace {

constexpr u32 pristine = 0xe0'0000;    // a copy of text and constants
constexpr u32 first_free = 0x40'0000;  // memory that the program does not use
constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22, ivpr_spr = 63;

template <unsigned... n>
void set_offsets(std::integer_sequence<unsigned, n...> /*numbers*/) {
    (mtspr < n < 16 ? 400 + n : 528 - 16 + n > (16 * n), ...);
}

u32& word_at(u32 at) { return *reinterpret_cast<u32*>(at); }

// A bound on what an attempt may take: the decrementer if MSR[EE] is set, else the watchdog if
// MSR[CE] is, else, at its third time, the end of the guest.
constexpr u32 reset_core = 1u << 28;
u32 watchdog = watchdog_period(21);
constexpr u32 first_interrupt = 20'000;
constexpr u32 next_interrupt = 4000;  // ticks, if code goes on
u32 reload = next_interrupt;
u32 most_interrupts, taken;
bool ended;
Frame last;

void leave(Frame& f) {
    f.nip = reinterpret_cast<u32>(&isa_leave);
    f.msr = 0;
}

void on_interrupt(Frame& f) {
    const auto vector = static_cast<Vector>(f.vector);
    ++interrupts[f.vector];
    if (vector == Vector::system_call || vector == Vector::watchdog || ++taken > most_interrupts) {
        ended = vector == Vector::system_call;
        last = f;
        leave(f);
        return;
    }
    if (vector == Vector::external) {
        [[maybe_unused]] const u32 acknowledged = io32(0x6'00a0);
        io32(0x6'00b0) = 0;
        return;
    }
    if (vector == Vector::decrementer || vector == Vector::fixed_interval) {
        mtspr<tsr_spr>(~0u);
        mtspr<dec_spr>(reload);
        return;
    }
    if (vector == Vector::debug) {
        mtspr<304>(~0u);
        f.msr &= ~msr::de;
        return;
    }
    // Where there is no code there is no way on.
    if (vector == Vector::instruction_tlb || vector == Vector::instruction_storage ||
        vector == Vector::machine_check) {
        f.nip = f.lr == f.nip ? code_page + 0xffc : f.lr;
        f.lr = code_page + 0xffc;
        f.msr &= ~(msr::is | msr::ds);
        return;
    }
    if (vector == Vector::spe_unavailable) {
        f.msr |= msr::spe;
        return;
    }
    f.nip += 4;
}

}  // namespace

u32 address(Random& random) {
    constexpr u32 places[] = {
        0x0000'0000, 0x0000'1000, 0x0000'2000, 0x0000'7000, 0x0000'8000, 0x0001'0000, 0x0040'0000,
        0x0050'0000, 0x0080'0000, 0x00ff'f000, 0x0100'0000, 0x0200'0000, 0x1000'0000, 0x2000'0000,
        0x4000'0000, 0x7fff'f000, 0x8000'0000, 0xc000'0000, 0xe000'0000, 0xe000'3000, 0xe000'4000,
        0xe000'8000, 0xe004'0000, 0xe006'0000, 0xe00e'0000, 0xe00f'f000, 0xe010'0000, 0xf400'0000,
        0xf401'0000, 0xf410'0000, 0xf4ff'f000, 0xf500'0000, 0xf5ff'f000, 0xf600'0000, 0xfe80'0000,
        0xfe81'0000, 0xff00'0000, 0xffff'8000, 0xffff'9000, 0xffff'f000};
    if (random.once_in(12)) return random.word();
    u32 base = random.of(places);
    if (spared && base < first_free) base += first_free;
    switch (random.below(4)) {
        case 0:
            return base + random.below(0x1000);
        case 1:
            return base + (random.below(0x400) << 2);
        case 2:
            return base + 0x1000 - random.below(12);
        default:
            return base + random.below(0x200);
    }
}

u32 value(Random& random) {
    switch (random.below(6)) {
        case 0:
            return random.below(64);
        case 1:
            return 1u << random.below(32);
        case 2:
            return ~(1u << random.below(32));
        case 3:
            return 0u - random.below(3);
        case 4:
            return address(random);
        default:
            return random.word();
    }
}

u32 state(Random& random) {
    u32 bits = 0;
    if (random.once_in(2)) bits |= msr::pr;
    if (random.once_in(3)) bits |= msr::ee;
    bits |= msr::me | msr::ce;
    if (random.once_in(2)) bits |= msr::spe;
    if (random.once_in(4)) bits |= msr::is;
    if (random.once_in(4)) bits |= msr::ds;
    if (random.once_in(16)) bits |= msr::de;
    if (random.once_in(16)) bits |= random.word();
    return bits & msr::implemented & ~msr::we;
}

u32 instruction(Random& random) {
    const u32 op = 1 + random.below(dbt::op_count - 1);
    const auto& p = dbt::detail::patterns[op];
    u32 word = p.value | (random.word() & ~p.mask);
    // Half of the moves to and from a register are of one that there is.
    const auto& info = dbt::info(static_cast<dbt::Op>(op));
    if (info.has(dbt::flag::by_register) && random.once_in(2)) {
        const u32 spr =
            dbt::spr_rows[random.below(sizeof dbt::spr_rows / sizeof dbt::spr_rows[0])].number;
        word = (word & ~0x001f'f800u) | insn::split(spr);
    }
    // evslw and its like end QEMU 7.2 itself (docs/limits.md); the rows have none.
    return word;
}

u32 instruction(Random& random, std::initializer_list<dbt::Kind> kinds) {
    for (;;) {
        const u32 word = instruction(random);
        for (const dbt::Kind kind : kinds) {
            if (dbt::info(dbt::decode(word).op).kind == kind) return word;
        }
    }
}

void fill(Random& random, Frame& f) {
    for (u32& r : f.gpr) r = random.once_in(2) ? address(random) : value(random);
    f.cr = random.word();
    f.xer = random.word() & 0xe000'007f;
    f.ctr = f.lr = code_page + 0xffc;
}

void summary(const char* what) {
    u32 all = 0;
    for (const u32 n : interrupts) all += n;
    print("{}: {} attempts", {what, attempts});
    print("# {} interrupts", {all});
    for (u32 i = 0; i < vector_count; ++i) {
        if (interrupts[i] != 0) print("#   {} {}", {name(i), interrupts[i]});
        interrupts[i] = 0;
    }
    attempts = 0;
}

void set_watchdog(u32 bit) { watchdog = watchdog_period(bit); }
void set_reload(u32 ticks) { reload = ticks == 0 ? next_interrupt : ticks; }

bool attempt(Frame& f, u32 most) {
    ++attempts;
    most_interrupts = most;
    taken = 0;
    ended = false;
    for (u32 i = 0; i < vector_count; ++i) set_hook(static_cast<Vector>(i), on_interrupt);
    word_at(code_page + 0xffc) = insn::sc;
    mtspr<tsr_spr>(~0u);
    mtspr<tcr_spr>(watchdog | reset_core | tcr::wie | tcr::die);
    mtspr<dec_spr>(first_interrupt);
    run(f);
    // What the program does for itself takes as long as it takes.
    mtspr<tcr_spr>(0);
    mtspr<tsr_spr>(~0u);
    f = last;
    return ended;
}

bool attempt(Random& random, Frame& f, std::initializer_list<u32> words, u32 most) {
    u32 at = code_page;
    for (const u32 word : words) {
        word_at(at) = word;
        at += 4;
    }
    word_at(at) = insn::sc;
    word_at(code_page + 0xffc) = insn::sc;
    flush_code(code_page, at + 4 - code_page);
    f.nip = code_page;
    f.msr = state(random);
    // Code in the other address space is there too.
    return attempt(f, most);
}

void recover() {
    mtmsr(0);
    mtspr<tcr_spr>(0);
    mtspr<tsr_spr>(~0u);
    mtspr<308>(0);
    mtspr<304>(~0u);
    mtspr<48>(0);
    mtspr<633>(0);
    mtspr<634>(0);
    mtspr<628>(0x100);
    flush_all();
    mtspr<ivpr_spr>(address_of(vectors));
    set_offsets(std::make_integer_sequence<unsigned, vector_count>{});
    for (u32 entry = 1; entry < 14; ++entry) tlbwe(1, entry, {.ea = 0, .pa = 0}, false);
    // The program again for both modes, in address space 1 too, and the devices for the kernel.
    tlbwe(1, 0, {.ea = 0, .pa = 0, .tsize = 7, .protect = true});
    tlbwe(1, 14, {.ea = 0, .pa = 0, .tsize = 7, .space = true, .protect = true});
    tlbwe(1, 15,
          {.ea = ccsr,
           .pa = 0xf'e000'0000,
           .permissions = mas3::sr | mas3::sw,
           .tsize = 5,
           .protect = true,
           .attributes = mas2::i | mas2::g});
    const u32 bytes = address_of(bss_start) - text_begin;
    for (u32 i = 0; i < bytes; i += 4) {
        const u32 want = word_at(pristine + i);
        if (word_at(text_begin + i) == want) continue;
        word_at(text_begin + i) = want;
        flush_code(text_begin + i, 4);
    }
}

void begin() {
    memcpy(reinterpret_cast<void*>(pristine), reinterpret_cast<void*>(text_begin),
           address_of(bss_start) - text_begin);
    recover();
}

}  // namespace siege
