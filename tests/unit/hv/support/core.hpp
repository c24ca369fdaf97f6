// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "hv/core/cpu.hpp"
#include "hv/core/own_map.hpp"
#include "hv/dev/device.hpp"
#include "hv/mmu/shadow_tlb.hpp"
#include "hv/vcpu/vcpu.hpp"

// The core that the portable rooms stand on in these tests: it keeps what they write and answers
// with what a test put there.
namespace trapeze::test {

using e500::u32;
using e500::u64;

struct CoreEntry {
    u32 mas1, mas2, mas3, mas7;
    bool valid() const { return (mas1 & e500::mas1::v) != 0; }
    u32 epn() const { return mas2 & e500::mas2::epn_mask; }
    u64 size() const { return e500::mas1::page_size(e500::mas1::tsize(mas1)); }
    u64 rpn() const { return u64{mas7} << 32U | (mas3 & e500::mas3::rpn_mask); }
    bool covers(u32 ea) const { return valid() && ea >= epn() && ea - epn() < size(); }
};

struct IoWrite {
    u64 hpa;
    unsigned size;
    u32 value;
};

struct Core {
    u64 timebase = 0;
    u32 decrementer = 0;
    u32 tcr = 0;
    u32 cleared_tsr = 0;
    u32 l1csr0 = 0;
    u32 srr0 = 0, srr1 = 0, esr = 0, dear = 0, mcsr = 0, dbsr = 0;
    u32 debug_control = 0;
    bool fast_paths = true;
    bool profiled = false;
    int turns = 0;  // of the console, that have not ended
    core::UserRegisters user_registers{};
    vcpu::Vcpu* current = nullptr;
    std::array<u32, 8> sprg{};
    std::array<u32, 3> pid{};
    std::array<u32, 32> upper_half{};
    unsigned icache_invalidations = 0;
    std::vector<u32> flushed_blocks;

    // The core's TLB0: 128 sets of 4 ways, the set chosen by EA bits as the e500v2 does.
    std::array<std::array<CoreEntry, 4>, 128> tlb0{};
    std::array<CoreEntry, 16> tlb1{};
    unsigned tlb_writes = 0;

    std::map<u64, u32> io;
    // Bytes that come at a UART whose registers are there, after those in `io`.
    u64 uart = 0;
    std::string incoming;
    std::vector<IoWrite> io_writes;
    std::vector<IoWrite> io_reads;            // without values
    std::map<u32, unsigned char> pci_config;  // bytes, by CONFIG_ADDR; enabled by `pci_bridge`
    bool pci_bridge = false;                  // whether the PCI bridge's CONFIG_DATA works
    std::map<u32, u32> guest_words;
    std::map<u64, std::array<unsigned char, 4096>> ram;  // pages that were touched, by HPA
    unsigned zero_checks = 0, words_checked = 0;         // core::is_zero, and words that were
    std::vector<u64> synced;                             // words made instructions, by HPA
    std::string console;
    unsigned requests = 0;  // looks for one on the console

    std::vector<CoreEntry> entries() const;
    // All entries that a user-mode access to `ea` in core space `space` matches.
    std::vector<CoreEntry> matches(u32 ea, bool space) const;
};

// The one core; reset() makes it anew.
Core& the_core();
void reset_core();

inline constexpr u32 pvr = 0x80210030, svr = 0x80390020, mmucfg = 0x00000048;
inline constexpr mmu::Hole hole{own_map::base, own_map::size};
inline constexpr u64 ram_hpa = 0x4000'1000;  // aligned to 4 KiB and to nothing larger

inline constexpr u64 own_memory = 0x0010'0000;  // where all of the VMM's own memory is

// The one guest, made anew: after reset, with 64 MiB of RAM at 0 and a trapped device at
// 0xe0000000, both mapped for everyone where they lie.
vcpu::Vcpu& fresh_guest(const mmu::Layout& layout = mmu::straight);

// A device that remembers what was written, and answers with `answer`.
struct FakeDevice {
    std::vector<IoWrite> reads, writes;
    std::vector<u32> answers;
};
FakeDevice& fake_device();
inline constexpr u32 device_ea = 0xe0000000U;

// Maps a page for everyone at `ea`, by TLB1 entry `entry` (2 to 15).
void map_page(vcpu::Vcpu& v, unsigned entry, u32 ea, u32 pa);

// Encodings, from the manual's instruction formats.
constexpr u32 x_form(u32 xo, u32 rt = 0, u32 ra = 0, u32 rb = 0) {
    return 31U << 26U | rt << 21U | ra << 16U | rb << 11U | xo << 1U;
}
constexpr u32 spr_field(u32 number) { return (number & 31U) << 5U | number >> 5U; }
constexpr u32 mfspr(u32 rt, u32 number) { return x_form(339, rt) | spr_field(number) << 11U; }
constexpr u32 mtspr(u32 number, u32 rs) { return x_form(467, rs) | spr_field(number) << 11U; }
constexpr u32 mfpmr(u32 rt, u32 number) { return x_form(334, rt) | spr_field(number) << 11U; }
constexpr u32 mtpmr(u32 number, u32 rs) { return x_form(462, rs) | spr_field(number) << 11U; }
constexpr u32 mfmsr(u32 rt) { return x_form(83, rt); }
constexpr u32 mtmsr(u32 rs) { return x_form(146, rs); }
constexpr u32 wrtee(u32 rs) { return x_form(131, rs); }
constexpr u32 wrteei(bool e) { return x_form(163) | (e ? 0x8000U : 0U); }
constexpr u32 tlbre = x_form(946), tlbwe = x_form(978), tlbsync = x_form(566);
constexpr u32 tlbsx(u32 ra, u32 rb) { return x_form(914, 0, ra, rb); }
constexpr u32 tlbivax(u32 ra, u32 rb) { return x_form(786, 0, ra, rb); }
constexpr u32 dcbi(u32 ra, u32 rb) { return x_form(470, 0, ra, rb); }
constexpr u32 rfi = 0x4c000064, rfci = 0x4c000066, rfmci = 0x4c00004c;
constexpr u32 d_form(u32 opcode, u32 rt, u32 ra, u32 d) {
    return opcode << 26U | rt << 21U | ra << 16U | (d & 0xffffU);
}

// Runs `word` as the guest's instruction at v.nip, having put `value` into r4 and returning r3.
u32 run(vcpu::Vcpu& v, u32 word, u32 value = 0);

}  // namespace trapeze::test
