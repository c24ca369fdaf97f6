// SPDX-License-Identifier: Apache-2.0
#include "core.hpp"

#include <memory>
#include <stdexcept>
#include <utility>

#include "hv/board/ppce500.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/exit/entry.hpp"
#include "hv/exit/run.hpp"
#include "hv/exit/setup.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/sched/run.hpp"
#include "hv/vcpu/emulate.hpp"
#include "hv/vcpu/spr.hpp"

namespace trapeze::test {

Core& the_core() {
    static Core instance;
    return instance;
}
void reset_core() {
    the_core() = {};
    core::clock = {};
}

std::vector<CoreEntry> Core::entries() const {
    std::vector<CoreEntry> all;
    for (const auto& set : tlb0) {
        for (const auto& entry : set) {
            if (entry.valid()) {
                all.push_back(entry);
            }
        }
    }
    for (const auto& entry : tlb1) {
        if (entry.valid()) {
            all.push_back(entry);
        }
    }
    return all;
}

std::vector<CoreEntry> Core::matches(u32 ea, bool space) const {
    std::vector<CoreEntry> found;
    for (const auto& entry : entries()) {
        const u32 tid = e500::mas1::tid(entry.mas1);
        const bool ours = tid == 0 || tid == pid[0] || tid == pid[1] || tid == pid[2];
        if (ours && entry.covers(ea) && ((entry.mas1 & e500::mas1::ts) != 0) == space) {
            found.push_back(entry);
        }
    }
    return found;
}

FakeDevice& fake_device() {
    static FakeDevice device;
    return device;
}

namespace {

u32 device_read(vcpu::Vcpu& /*v*/, u32 offset, unsigned size) {
    auto& device = fake_device();
    device.reads.push_back({offset, size, 0});
    const u32 answer = device.answers.empty() ? 0 : device.answers.front();
    if (!device.answers.empty()) {
        device.answers.erase(device.answers.begin());
    }
    return answer;
}
void device_write(vcpu::Vcpu& /*v*/, u32 offset, unsigned size, u32 value) {
    fake_device().writes.push_back({offset, size, value});
}

}  // namespace

vcpu::Vcpu& fresh_guest(const mmu::Layout& layout) {
    using namespace e500;
    static core::Core own_core;
    static const auto guest = std::make_unique<guest::Guest>();
    static dev::Board board;
    reset_core();
    fake_device() = {};
    guest->devices = {};
    guest->memory = {};
    guest->watch = {};
    guest->symbols = {};
    guest->life = guest::Life::runs;
    guest->on_death = guest::OnDeath::stop;
    guest->again = false;
    guest->starts = 0;
    vcpu::Vcpu& v = guest->vcpu;
    v = {};
    guest->events = &monitor::events;
    v.guest = guest.get();
    guest::machine.guests[0] = guest.get();
    guest::machine.count = 1;
    v.memory = &guest->memory;
    v.devices = &guest->devices;
    v.core = &own_core;
    own_core = {};
    own_core.current = &v;
    board = {};
    board.homes[0] = v.core;
    board.guests[board.count++] = &v;
    board.owner = &v;
    board.serial.out = dev::SerialPort::nobody;
    guest->devices.board = &board;
    const auto index = guest->devices.add({"fake", device_read, device_write});
    v.memory->add({0, u64{64} << 20U, ram_hpa, mmu::RegionKind::ram, 0});
    v.memory->add({device_ea, 0x10000, 0, mmu::RegionKind::trapped, static_cast<e500::u8>(index)});
    the_core().timebase = 1'000'000;
    vcpu::reset(v, {0x1000, 0x2000, 64U << 20U, 128}, layout, hole);
    sched::Queue& queue = sched::queue(0);
    queue = {};
    queue.policy = &sched::fixed_priorities;
    queue.slice = 4'000'000;
    v.entity = queue.add(1);
    queue.start(core::now());
    sched::expect(1);
    queue.ready(v.entity, core::now());
    v.tlb.write(v.tlb.tlb1(0), 1, mas1::v | mas1::iprot | 9U << 8U, 0, mas3::permissions, 0);
    v.tlb.write(v.tlb.tlb1(1), 1, mas1::v | mas1::iprot | 3U << 8U, device_ea | mas2::i | mas2::g,
                device_ea | mas3::permissions, 0);
    for (unsigned i = 0; i < vector_count; ++i) {
        v.regs.ivor[i] = (i + 1) << 8U;
    }
    v.regs.ivpr = 0x00100000;
    vcpu::update_vectors(v);
    return v;
}

void map_page(vcpu::Vcpu& v, unsigned entry, u32 ea, u32 pa) {
    using namespace e500;
    v.tlb.write(v.tlb.tlb1(entry), 1, mas1::v | mas1::iprot | 1U << 8U, ea | mas2::i | mas2::g,
                pa | mas3::permissions, 0);
}

u32 run(vcpu::Vcpu& v, u32 word, u32 value) {
    v.gpr[4] = value;
    vcpu::emulate_privileged(v, word);
    return v.gpr[3];
}

}  // namespace trapeze::test

namespace trapeze::core {

using test::the_core;

u32 timebase_low() { return static_cast<u32>(the_core().timebase); }
u64 read_timebase() { return the_core().timebase; }
void write_timebase_low(u32 value) {
    the_core().timebase = (the_core().timebase >> 32U << 32U) | value;
}
void write_timebase_high(u32 value) {
    the_core().timebase = u64{value} << 32U | (the_core().timebase & 0xffffffffU);
}
void write_decrementer(u32 value) { the_core().decrementer = value; }
void clear_tsr(u32 bits) { the_core().cleared_tsr |= bits; }
void write_tcr(u32 value) { the_core().tcr = value; }
u32 read_l1csr0() { return the_core().l1csr0; }
void clear_lock_failure() { the_core().l1csr0 &= ~e500::l1csr0::cul; }
u32 read_srr0() { return the_core().srr0; }
u32 read_srr1() { return the_core().srr1; }
void write_sprg(unsigned n, u32 value) { the_core().sprg.at(n) = value; }
void write_sprgs(const u32* sprg) {
    for (unsigned n = 3; n < 8; ++n) write_sprg(n, sprg[n]);
}
void write_pid(unsigned n, u32 value) { the_core().pid.at(n) = value; }
u32 read_upper_half(unsigned n) { return the_core().upper_half.at(n); }
void write_upper_half(unsigned n, u32 value) { the_core().upper_half.at(n) = value; }
void save_user_registers(UserRegisters& to) { to = the_core().user_registers; }
void load_user_registers(const UserRegisters& from) { the_core().user_registers = from; }
void clear_reservation() {}
u32 number() { return 0; }
void set_current(vcpu::Vcpu* vcpu) { the_core().current = vcpu; }
void use_profile(bool on, bool /*traced*/) { the_core().profiled = on; }
u32 read_pvr() { return test::pvr; }
u32 read_svr() { return test::svr; }
u32 read_mmucfg() { return test::mmucfg; }
void write_debug_control(u32 dbcr0) { the_core().debug_control = dbcr0; }
void use_fast_paths(bool on, bool /*profiled*/) { the_core().fast_paths = on; }
u32 take_debug_status() { return std::exchange(the_core().dbsr, 0); }
u32 take_mcsr() { return std::exchange(the_core().mcsr, 0); }
u32 read_esr() { return the_core().esr; }
u32 read_dear() { return the_core().dear; }
void invalidate_icache() { ++the_core().icache_invalidations; }

void write_tlb(unsigned tlb, unsigned entry, const TlbWrite& write) {
    ++the_core().tlb_writes;
    const test::CoreEntry value{write.mas1, write.mas2, write.mas3, write.mas7};
    if (tlb == 0) {
        the_core().tlb0.at(write.mas2 >> 12U & 127U).at(entry) = value;
    } else {
        the_core().tlb1.at(entry) = value;
    }
}
void write_tlb0(unsigned way, u32 mas1, u32 mas2, u32 mas3, u32 mas7) {
    write_tlb(0, way, {mas1, mas2, mas3, mas7});
}
void flush_tlb0() { the_core().tlb0 = {}; }
void drop_tlb0(u32 ea) {
    if ((ea & 0xfffU) != 0) throw std::logic_error("tlbivax: an offset has a meaning of its own");
    for (auto& entry : the_core().tlb0.at(ea >> 12U & 127U)) {
        if (entry.epn() == ea) entry = {};
    }
}

bool load_guest_word(u32 ea, bool as, u32& value) {
    if (the_core().matches(ea, as).empty()) {
        return false;
    }
    value = the_core().guest_words[ea];
    return true;
}
bool flush_guest_block(u32 ea, bool as) {
    the_core().flushed_blocks.push_back(ea);
    return !the_core().matches(ea, as).empty();
}
u32 read_ram(u64 hpa, unsigned size) {
    const auto& page = the_core().ram[hpa & ~u64{4095}];
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) value = value << 8U | page.at((hpa & 4095U) + i);
    return value;
}
void write_ram(u64 hpa, unsigned size, u32 value) {
    auto& page = the_core().ram[hpa & ~u64{4095}];
    for (unsigned i = 0; i < size; ++i) {
        page.at((hpa & 4095U) + i) = static_cast<unsigned char>(value >> 8U * (size - 1 - i));
    }
}
void copy_from_ram(void* to, u64 hpa, u32 bytes) {
    for (u32 i = 0; i < bytes; ++i) {
        static_cast<unsigned char*>(to)[i] = static_cast<unsigned char>(read_ram(hpa + i, 1));
    }
}
void copy_to_ram(u64 hpa, const void* from, u32 bytes) {
    for (u32 i = 0; i < bytes; ++i) {
        write_ram(hpa + i, 1, static_cast<const unsigned char*>(from)[i]);
    }
}

bool replace_ram(u64 hpa, u32 expected, u32 value) {
    const bool as_expected = read_ram(hpa, 4) == expected;
    if (as_expected) write_ram(hpa, 4, value);
    return as_expected;
}
void copy_ram(u64 to, u64 from, u32 bytes) {
    for (u32 i = 0; i < bytes; ++i) write_ram(to + i, 1, read_ram(from + i, 1));
}
void copy_text(u64 to, u64 from) {
    const auto page = the_core().ram[from];
    the_core().ram[to] = page;
    the_core().synced.push_back(to);
}
unsigned find_word(u64 hpa, unsigned from, u32 mask, u32 value) {
    while (from < 1024 && (read_ram(hpa + 4 * u64{from}, 4) & mask) != value) ++from;
    return from;
}
bool is_zero(u64 hpa, unsigned from, unsigned end) {
    ++the_core().zero_checks;
    for (; from < end && read_ram(hpa + 4 * u64{from}, 4) == 0; ++from) ++the_core().words_checked;
    return from == end;
}
void sync_text(u64 hpa) { the_core().synced.push_back(hpa); }
void sync_own_text(const u32* /*words*/, unsigned /*count*/) {}
u64 own_hpa(const void* /*at*/) { return test::own_memory; }

namespace {

constexpr u64 pci_registers = board::ccsr_base + board::pci_offset;

// The byte of configuration space that an access to CONFIG_DATA begins at; false: none.
bool config_byte(u64 hpa, u32& at) {
    if (!the_core().pci_bridge || hpa < pci_registers + 4 || hpa >= pci_registers + 8) return false;
    at = the_core().io[pci_registers] | static_cast<u32>(hpa & 3U);
    return (at & 0x80000000U) != 0;
}

}  // namespace

u32 read_io(u64 hpa, unsigned size) {
    the_core().io_reads.push_back({hpa, size, 0});
    std::string& incoming = the_core().incoming;
    if (!incoming.empty() && hpa == the_core().uart + 5) return the_core().io[hpa] | 1U;
    if (!incoming.empty() && hpa == the_core().uart) {
        const auto byte = static_cast<unsigned char>(incoming.front());
        incoming.erase(0, 1);
        return byte;
    }
    u32 at = 0;
    if (!config_byte(hpa, at)) return the_core().io[hpa];
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) value = value << 8U | the_core().pci_config[at + i];
    return value;
}
void write_io(u64 hpa, unsigned size, u32 value) {
    the_core().io_writes.push_back({hpa, size, value});
    u32 at = 0;
    if (config_byte(hpa, at)) {
        for (unsigned i = size; i-- > 0; value >>= 8U) {
            the_core().pci_config[at + i] = static_cast<unsigned char>(value);
        }
    } else {
        the_core().io[hpa] = value;
    }
}

}  // namespace trapeze::core

void hv_resume() { throw std::runtime_error("resumed"); }
void hv_wait(trapeze::e500::u32 /*msr*/) { throw std::runtime_error("waits"); }
