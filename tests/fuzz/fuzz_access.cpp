// SPDX-License-Identifier: Apache-2.0
// The decoder with the emulator of accesses and the bus: any word, with any registers, in front of
// memory, a device whose registers are bytes, pages that may not be read or written, that are not
// mapped, that hold nothing, and the borders of all these. The oracle is memory of bytes.
#include <algorithm>
#include <random>

#include "access_model.hpp"
#include "core.hpp"
#include "dbt/decode.hpp"
#include "hv/dev/bus.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "source.hpp"

namespace trapeze {

namespace {

using e500::u32;
using e500::u64;
using e500::u8;
using fuzz::require;
using fuzz::Source;
using test::is_emulated;
using test::Model;

constexpr u32 page_bytes = 4096, instruction = 0x2000;
constexpr u64 device_gpa = u64{128} << 20U, device_bytes = u64{3} * page_bytes;
constexpr u32 vectors = 0x00100000;
constexpr u32 machine_check = vectors + 0x200, data_storage = vectors + 0x300,
              alignment = vectors + 0x600, data_miss = vectors + 0xe00;

std::array<u8, device_bytes> registers;

u32 read_register(vcpu::Vcpu& /*v*/, u32 offset, unsigned size) {
    require(size != 0 && offset % size == 0 && offset + size <= device_bytes);
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) value = value << 8U | registers.at(offset + i);
    return value;
}
void write_register(vcpu::Vcpu& /*v*/, u32 offset, unsigned size, u32 value) {
    require(size != 0 && offset % size == 0 && offset + size <= device_bytes);
    for (unsigned i = size; i-- > 0; value >>= 8U) {
        registers.at(offset + i) = static_cast<u8>(value);
    }
}

enum class Kind : u8 { memory, read_only, write_only, device, nothing, unmapped };
struct Place {
    u32 ea;
    Kind kind;
    u64 gpa;
};
// Some lie next to each other, also where addresses wrap.
constexpr Place places[] = {{0x00000000, Kind::memory, 0x5000},
                            {0x20000000, Kind::memory, 0x10000},
                            {0x20001000, Kind::device, device_gpa},
                            {0x20002000, Kind::device, device_gpa + page_bytes},
                            {0x20003000, Kind::memory, 0x20000},
                            {0x20004000, Kind::read_only, 0x30000},
                            {0x20005000, Kind::unmapped, 0},
                            {0x20006000, Kind::write_only, 0x40000},
                            {0x20007000, Kind::nothing, 0x30000000},
                            {0x20008000, Kind::memory, 0x50000},
                            {0xfffff000, Kind::device, device_gpa + u64{2} * page_bytes}};

vcpu::Vcpu& make_guest() {
    using namespace e500;
    static dev::DeviceTable devices;
    vcpu::Vcpu& v = test::fresh_guest();
    devices = {};
    const unsigned index = devices.add({"bytes", read_register, write_register});
    v.devices = &devices;
    v.memory->add({device_gpa, device_bytes, 0, mmu::RegionKind::trapped, static_cast<u8>(index)});
    unsigned entry = 0;
    for (const Place& place : places) {
        if (place.kind == Kind::unmapped) continue;
        u32 permissions = mas3::permissions;
        if (place.kind == Kind::read_only) permissions &= ~(mas3::sw | mas3::uw);
        if (place.kind == Kind::write_only) permissions &= ~(mas3::sr | mas3::ur);
        v.tlb.write(v.tlb.tlb1(entry++), 1, mas1::v | mas1::iprot | 1U << 8U,
                    place.ea | mas2::i | mas2::g, static_cast<u32>(place.gpa) | permissions,
                    static_cast<u32>(place.gpa >> 32U));
    }
    return v;
}

u8* byte_at(const Place& place) {
    if (place.kind == Kind::device) return registers.data() + (place.gpa - device_gpa);
    return test::the_core().ram[test::ram_hpa + place.gpa].data();
}

test::Memory make_memory(std::mt19937& random) {
    test::Memory pages;
    for (const Place& place : places) {
        if (place.kind == Kind::unmapped || place.kind == Kind::nothing) continue;
        auto& page = pages[place.ea];
        page.store = place.kind != Kind::read_only;
        page.load = place.kind != Kind::write_only;
        // Each byte another one than its neighbours, and than that of the next page.
        u32 state = random();
        for (auto& byte : page.bytes) byte = static_cast<u8>((state = state * 69069 + 1) >> 24U);
        std::copy(page.bytes.begin(), page.bytes.end(), byte_at(place));
    }
    return pages;
}

/// A word of a row, and registers with which it goes where something is.
u32 aim(Source& source, std::mt19937& random, Model& model) {
    for (auto& r : model.gpr) r = u64{random()} << 32U | random();
    model.cr = random();
    model.xer = random();
    const std::size_t row = 1 + source.word() % (dbt::op_count - 1);
    const auto& pattern = dbt::detail::patterns.at(row);
    const u32 any = source.word();
    const u32 word = source.rarely(8) ? any : (any & ~pattern.mask) | pattern.value;
    const dbt::Insn insn = dbt::decode(word);
    const bool indexed =
        dbt::info(insn.op).has(dbt::flag::indexed) || dbt::info(insn.op).kind == dbt::Kind::cache;
    u32 target = source.one_of(places).ea + source.below(200) - 100;
    if (source.rarely(2)) target += source.word() % page_bytes;
    u32 base = target - (indexed ? static_cast<u32>(model.gpr.at(insn.rb()))
                                 : static_cast<u32>(dbt::displacement(insn)));
    if (indexed && insn.ra() == insn.rb()) base = target / 2;
    if (indexed && insn.ra() == 0) model.gpr.at(insn.rb()) = target;
    model.gpr.at(insn.ra()) = model.gpr.at(insn.ra()) >> 32U << 32U | base;
    if (source.rarely(2)) model.xer = (model.xer & ~127U) | source.below(128);
    return word;
}

void load_registers(vcpu::Vcpu& v, const Model& model) {
    for (unsigned i = 0; i < 32; ++i) {
        v.gpr[i] = static_cast<u32>(model.gpr.at(i));
        test::the_core().upper_half.at(i) = static_cast<u32>(model.gpr.at(i) >> 32U);
    }
    v.cr = model.cr;
    v.xer = model.xer;
    v.nip = instruction;
    v.storm_count = 0;
    v.regs.msr = e500::msr::me;
    v.regs.dear = v.regs.esr = v.regs.srr0 = v.regs.mcsrr0 = 0;
}

const Place* place_of(u32 ea) {
    for (const Place& place : places) {
        if (ea - place.ea < page_bytes) return &place;
    }
    return nullptr;
}

/// As the interrupt that the model's end asks for.
void check_interrupt(const vcpu::Vcpu& v, const Model& model) {
    const Place* const place = place_of(model.dear);
    if (place != nullptr && place->kind == Kind::nothing) {
        require(v.nip == machine_check && v.regs.mcsrr0 == instruction);
        return;
    }
    require(v.nip ==
            (place == nullptr || place->kind == Kind::unmapped ? data_miss : data_storage));
    require(v.regs.srr0 == instruction && v.regs.dear == model.dear);
    require(v.regs.esr == (model.stores ? 0x00800000U : 0U));
}

void execute(Source& source, std::mt19937& random, vcpu::Vcpu& v, Model& model) {
    constexpr u32 fault = 0x20001234;
    const u32 word = aim(source, random, model);
    const auto before = model.gpr;
    load_registers(v, model);
    const Model::End end =
        is_emulated(dbt::decode(word).op) ? model.run(word) : Model::End::refused;
    dev::emulate_device_access(v, word, fault);
    require(v.end == vcpu::End::running);
    for (unsigned i = 0; i < 32; ++i) {
        const u64 want = end == Model::End::done ? model.gpr.at(i) : before.at(i);
        require(v.gpr[i] == static_cast<u32>(want));
        require(test::the_core().upper_half.at(i) == want >> 32U);
    }
    require(v.cr == model.cr && v.xer == model.xer);
    for (const Place& place : places) {
        const auto page = model.pages.find(place.ea);
        if (page == model.pages.end()) continue;
        require(std::equal(page->second.bytes.begin(), page->second.bytes.end(), byte_at(place)));
    }
    switch (end) {
        case Model::End::done:
            require(v.nip == instruction + 4);
            break;
        case Model::End::storage:
            check_interrupt(v, model);
            break;
        default:  // not an access that can be emulated
            require(v.nip == alignment && v.regs.dear == fault && v.regs.srr0 == instruction);
            break;
    }
}

}  // namespace

}  // namespace trapeze

/// Input: a seed of the contents, then words and what they are aimed at.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace trapeze;
    constexpr unsigned most = 16;
    Source source(data, size);
    std::mt19937 random{source.word()};
    vcpu::Vcpu& v = make_guest();
    Model model;
    model.pages = make_memory(random);
    for (unsigned n = 0; n < most && !source.empty(); ++n) execute(source, random, v, model);
    return 0;
}
