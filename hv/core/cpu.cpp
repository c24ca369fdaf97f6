// SPDX-License-Identifier: Apache-2.0
#include "hv/core/cpu.hpp"

#include "hv/board/ppce500.hpp"
#include "hv/core/calls.hpp"
#include "hv/core/own_map.hpp"
#include "hv/core/spr.hpp"

namespace trapeze::core {

namespace {

u32 read_msr() {
    u32 value;
    asm volatile("mfmsr %0" : "=r"(value));
    return value;
}

[[gnu::always_inline]] inline void put_entry(u32 mas0, const TlbWrite& write) {
    put<Spr::MAS0>(mas0);
    put<Spr::MAS1>(write.mas1);
    put<Spr::MAS2>(write.mas2);
    put<Spr::MAS3>(write.mas3);
    put<Spr::MAS7>(write.mas7);
    asm volatile("isync\n\ttlbwe\n\tmsync\n\tisync" ::: "memory");
}

// Two pages of the VMM's own addresses show any page of memory: entries of TLB0, which may be
// replaced at any time and are written again for each use, always in the same way.
enum Window : unsigned { first, second };

u8* window(Window which, u64 hpa, u32 attributes = e500::mas2::m) {
    using namespace e500;
    const u32 ea = own_map::window_base + 0x1000 * which;
    constexpr unsigned way = 3;
    write_tlb(0, way,
              {mas1::v | mas1::tsize_4k, ea | attributes,
               (static_cast<u32>(hpa) & mas3::rpn_mask) | mas3::sr | mas3::sw,
               static_cast<u32>(hpa >> 32)});
    return reinterpret_cast<u8*>(ea + (static_cast<u32>(hpa) & 0xfff));
}

// The core loads and stores words at any address (manual 3.1): neither end need be aligned.
struct [[gnu::packed, gnu::may_alias]] Word {
    u32 value;
};
void copy_bytes(u8* to, const u8* from, u32 bytes) {
    for (; bytes >= 16; bytes -= 16, to += 16, from += 16) {
        auto* const out = reinterpret_cast<Word*>(to);
        const auto* const in = reinterpret_cast<const Word*>(from);
        const u32 a = in[0].value, b = in[1].value, c = in[2].value, d = in[3].value;
        out[0].value = a;
        out[1].value = b;
        out[2].value = c;
        out[3].value = d;
    }
    for (; bytes != 0; --bytes) *to++ = *from++;
}

u32 in_page(u64 hpa, u32 bytes) {
    const u32 left = 0x1000 - (static_cast<u32>(hpa) & 0xfff);
    return bytes < left ? bytes : left;
}

// CCSR is always there; other devices show in a window, which no cache remembers of.
u32 io_ea(u64 hpa) {
    static_assert(board::ccsr_size <= own_map::io_size);
    if (hpa - board::ccsr_base < board::ccsr_size) {
        return own_map::io_base + static_cast<u32>(hpa - board::ccsr_base);
    }
    return reinterpret_cast<u32>(window(first, hpa, e500::mas2::i | e500::mas2::g));
}

}  // namespace

u32 timebase_low() { return get<Spr::TBL>(); }

u64 read_timebase() {
    u32 high, low, again;
    do {
        high = get<Spr::TBU>();
        low = get<Spr::TBL>();
        again = get<Spr::TBU>();
    } while (high != again);
    return u64{high} << 32 | low;
}

void write_timebase_low(u32 value) { put<Spr::TBLW>(value); }
void write_timebase_high(u32 value) { put<Spr::TBUW>(value); }

void write_decrementer(u32 value) { put<Spr::DEC>(value); }
void clear_tsr(u32 bits) { put<Spr::TSR>(bits); }
void write_tcr(u32 value) { put<Spr::TCR>(value); }

u32 read_l1csr0() { return get<Spr::L1CSR0>(); }
void clear_lock_failure() {
    const u32 value = get<Spr::L1CSR0>();
    if (!(value & e500::l1csr0::cul)) return;
    asm volatile("msync\n\tisync" ::: "memory");
    put<Spr::L1CSR0>(value & ~e500::l1csr0::cul);
    asm volatile("isync" ::: "memory");
}
u32 read_pvr() { return get<Spr::PVR>(); }
u32 read_svr() { return get<Spr::SVR>(); }
u32 read_mmucfg() { return get<Spr::MMUCFG>(); }
u32 read_srr0() { return get<Spr::SRR0>(); }
u32 read_srr1() { return get<Spr::SRR1>(); }
u32 read_esr() { return get<Spr::ESR>(); }
u32 read_dear() { return get<Spr::DEAR>(); }

u32 take_mcsr() {
    const u32 value = get<Spr::MCSR>();
    put<Spr::MCSR>(0);
    return value;
}

void write_debug_control(u32 dbcr0) { put<Spr::DBCR0>(dbcr0); }

u32 take_debug_status() {
    const u32 value = get<Spr::DBSR>();
    put<Spr::DBSR>(value);
    return value;
}

void invalidate_icache() {
    constexpr u32 bits = e500::l1csr1::ice | e500::l1csr1::icfi;
    asm volatile("msync\n\tisync\n\tmtspr %0, %1\n\tisync" ::"i"(static_cast<int>(Spr::L1CSR1)),
                 "r"(bits)
                 : "memory");
}

void write_sprg(unsigned n, u32 value) {
    switch (n) {
        case 3:
            put<Spr::SPRG3>(value);
            break;
        case 4:
            put<Spr::SPRG4>(value);
            break;
        case 5:
            put<Spr::SPRG5>(value);
            break;
        case 6:
            put<Spr::SPRG6>(value);
            break;
        default:
            put<Spr::SPRG7>(value);
            break;
    }
}

void write_sprgs(const u32* sprg) {
    put<Spr::SPRG3>(sprg[3]);
    put<Spr::SPRG4>(sprg[4]);
    put<Spr::SPRG5>(sprg[5]);
    put<Spr::SPRG6>(sprg[6]);
    put<Spr::SPRG7>(sprg[7]);
}

u32 read_upper_half(unsigned n) {
    u32 value = 0;
    hv_read_upper_half(n, &value);
    return value;
}
void write_upper_half(unsigned n, u32 value) { hv_write_upper_half(n, value); }

void save_user_registers(UserRegisters& to) {
    hv_save_spe(&to);
    to.spefscr = get<Spr::SPEFSCR>();
    to.usprg0 = get<Spr::USPRG0>();
}

void load_user_registers(const UserRegisters& from) {
    hv_load_spe(&from);
    put<Spr::SPEFSCR>(from.spefscr);
    put<Spr::USPRG0>(from.usprg0);
}

void clear_reservation() {
    u32 own = 0;
    asm volatile("stwcx. %1, 0, %2" : "+m"(own) : "r"(own), "r"(&own) : "cr0");
}

u32 number() { return get<Spr::PIR>(); }

void set_current(vcpu::Vcpu* vcpu) { put<Spr::SPRG2>(reinterpret_cast<u32>(vcpu)); }

void write_pid(unsigned n, u32 value) {
    switch (n) {
        case 0:
            put<Spr::PID0>(value);
            break;
        case 1:
            put<Spr::PID1>(value);
            break;
        default:
            put<Spr::PID2>(value);
            break;
    }
    asm volatile("isync" ::: "memory");
}

void write_tlb(unsigned tlb, unsigned entry, const TlbWrite& write) {
    put_entry(e500::mas0::make(tlb, entry), write);
}

void write_tlb0(unsigned way, u32 mas1, u32 mas2, u32 mas3, u32 mas7) {
    put_entry(e500::mas0::make(0, way), {mas1, mas2, mas3, mas7});
}

void flush_tlb0() {
    put<Spr::MMUCSR0>(e500::mmucsr0::tlb0_fi);
    asm volatile("msync\n\tisync" ::: "memory");
}

void drop_tlb0(u32 ea) {
    // It goes to all cores, one of which may be in the middle of a copy through its windows.
    if (ea - own_map::window_base < own_map::window_size) {
        flush_tlb0();
        return;
    }
    asm volatile("tlbivax 0, %0\n\tmsync\n\tisync" ::"r"(ea) : "memory");
}

bool load_guest_word(u32 ea, bool as, u32& value) {
    return hv_probe_word(ea, read_msr() | (as ? e500::msr::ds : 0), &value) == 0;
}

bool flush_guest_block(u32 ea, bool as) {
    return hv_probe_flush(ea, read_msr() | (as ? e500::msr::ds : 0)) == 0;
}

u32 read_ram(u64 hpa, unsigned size) {
    const volatile u8* const at = window(first, hpa);
    u32 value = 0;
    if (size == 4 && (hpa & 3) == 0) return *reinterpret_cast<const volatile u32*>(at);
    for (unsigned i = 0; i < size; ++i) value = value << 8 | at[i];
    return value;
}

void write_ram(u64 hpa, unsigned size, u32 value) {
    volatile u8* const at = window(first, hpa);
    if (size == 4 && (hpa & 3) == 0) {
        *reinterpret_cast<volatile u32*>(at) = value;
        return;
    }
    for (unsigned i = size; i-- > 0; value >>= 8) at[i] = static_cast<u8>(value);
}

void copy_from_ram(void* to, u64 hpa, u32 bytes) {
    auto* at = static_cast<u8*>(to);
    for (u32 piece; bytes != 0; bytes -= piece, at += piece, hpa += piece) {
        piece = in_page(hpa, bytes);
        copy_bytes(at, window(first, hpa), piece);
    }
}

void copy_to_ram(u64 hpa, const void* from, u32 bytes) {
    const auto* at = static_cast<const u8*>(from);
    for (u32 piece; bytes != 0; bytes -= piece, at += piece, hpa += piece) {
        piece = in_page(hpa, bytes);
        copy_bytes(window(first, hpa), at, piece);
    }
}

bool replace_ram(u64 hpa, u32 expected, u32 value) {
    auto* const at = reinterpret_cast<volatile u32*>(window(first, hpa));
    u32 found = 0;
    asm volatile(
        "1: lwarx %0, 0, %2\n\t"
        "cmplw %0, %3\n\t"
        "bne- 2f\n\t"
        "stwcx. %4, 0, %2\n\t"
        "bne- 1b\n"
        "2:"
        : "=&r"(found), "+m"(*at)
        : "r"(at), "r"(expected), "r"(value)
        : "cr0");
    return found == expected;
}

void copy_ram(u64 to, u64 from, u32 bytes) {
    const u8* const source = window(first, from);
    copy_bytes(window(second, to), source, bytes);
}

void copy_text(u64 to, u64 from) {
    const u8* const source = window(first, from);
    hv_copy_text(window(second, to), source);
}

unsigned find_word(u64 hpa, unsigned from, u32 mask, u32 value) {
    constexpr unsigned words = 1024;
    const auto* const page = reinterpret_cast<const u32*>(window(first, hpa));
    // Four a turn: there are a thousand pages to look through (hv/patch/cover.cpp).
    for (; from < words; from += 4 - from % 4) {
        const u32* const four = page + from / 4 * 4;
        const bool none = (four[0] & mask) != value && (four[1] & mask) != value &&
                          (four[2] & mask) != value && (four[3] & mask) != value;
        if (none) continue;
        for (unsigned i = from % 4; i < 4; ++i) {
            if ((four[i] & mask) == value) return from / 4 * 4 + i;
        }
    }
    return words;
}

bool is_zero(u64 hpa, unsigned from, unsigned end) {
    const auto* const words = reinterpret_cast<const u32*>(window(first, hpa));
    u32 any = 0;
    for (unsigned i = from; i < end && any == 0; i += 4) {
        any = words[i] | words[i + 1] | words[i + 2] | words[i + 3];
    }
    return any == 0;
}

void sync_text(u64 hpa) {
    u8* const at = window(first, hpa);
    asm volatile("dcbst 0, %0\n\tmsync\n\ticbi 0, %0\n\tmsync\n\tisync" ::"r"(at) : "memory");
}

void sync_own_text(const u32* words, unsigned count) {
    constexpr unsigned line = e500::cache_block / 4;  // words
    const u32* const end = words + count;
    for (const u32* at = words; at < end + line - 1; at += line) {
        asm volatile("dcbst 0, %0" ::"r"(at) : "memory");
    }
    asm volatile("msync" ::: "memory");
    for (const u32* at = words; at < end + line - 1; at += line) {
        asm volatile("icbi 0, %0" ::"r"(at) : "memory");
    }
    asm volatile("msync\n\tisync" ::: "memory");
}

u64 own_hpa(const void* at) { return reinterpret_cast<u32>(at) - own_map::image_base; }

u32 read_io(u64 hpa, unsigned size) {
    const u32 ea = io_ea(hpa);
    u32 value = 0;
    switch (size) {
        case 1:
            value = *reinterpret_cast<volatile u8*>(ea);
            break;
        case 2:
            value = *reinterpret_cast<volatile u16*>(ea);
            break;
        default:
            value = *reinterpret_cast<volatile u32*>(ea);
            break;
    }
    asm volatile("mbar" ::: "memory");
    return value;
}

void write_io(u64 hpa, unsigned size, u32 value) {
    const u32 ea = io_ea(hpa);
    switch (size) {
        case 1:
            *reinterpret_cast<volatile u8*>(ea) = static_cast<u8>(value);
            break;
        case 2:
            *reinterpret_cast<volatile u16*>(ea) = static_cast<u16>(value);
            break;
        default:
            *reinterpret_cast<volatile u32*>(ea) = value;
            break;
    }
    asm volatile("mbar" ::: "memory");
}

}  // namespace trapeze::core
