// SPDX-License-Identifier: Apache-2.0
// The VMM's console: any byte on it at any time, while a guest with any names of functions and any
// registers traps, is patched and grows old. What is said is whole lines, each dump one that
// trapmap takes, the summary JSON.
#include <memory>
#include <stdexcept>
#include <vector>

#include "core.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/exit/run.hpp"
#include "hv/guest/guest.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/profile/profile.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "output.hpp"
#include "source.hpp"
#include "trapmap/stream.hpp"

namespace trapeze {

namespace {

using e500::u32;
using e500::u64;
using e500::u8;
using fuzz::require;
using fuzz::Source;

struct Off {};

/// As trapeze-pack encodes them, but in this machine's byte order, and rarely right.
std::vector<u32> some_symbols(Source& source) {
    const u32 count = source.below(5);
    std::string names;
    std::vector<u32> words{source.rarely(10) ? source.word() : count};
    u32 address = 0x00100000;
    for (u32 i = 0; i < count; ++i) {
        address += source.word() % 0x400;
        words.push_back(address);
        words.push_back(static_cast<u32>(source.rarely(10) ? source.word() : names.size()));
        names += source.rarely(3) ? source.text(20) : "function" + std::to_string(i);
        if (!source.rarely(20)) names.push_back(0);
    }
    for (std::size_t at = 0; at < names.size(); at += 4) {
        u32 word = 0;
        for (std::size_t i = 0; i < 4 && at + i < names.size(); ++i) {
            word |= u32{static_cast<u8>(names[at + i])} << 8U * i;
        }
        words.push_back(word);
    }
    return words;
}

vcpu::Vcpu& make_guest(Source& source) {
    static const auto profile = std::make_unique<vcpu::Profile>();
    static const auto patcher = std::make_unique<patch::Patcher>();
    vcpu::Vcpu& v = test::fresh_guest(source.rarely(2) ? mmu::crossed : mmu::straight);
    guest::machine.timebase_frequency = 400'000'000;
    guest::machine.costs = {};
    const bool profiled = !source.rarely(4);
    vcpu::start_profile(v, profiled ? profile.get() : nullptr);
    patch::Config config{};
    config.mode = patch::Mode::hot;
    config.threshold = 2;
    config.mirror_hpa = 0x8000'0000;
    config.frames = 2;
    config.costs = {34'000, 400, 5'000, 600'000, 1'200'000};
    const bool patches = profiled && !source.rarely(4);
    patch::start(v, patches ? patcher.get() : nullptr, config);
    v.guest->watch.dump_ticks = source.rarely(2) ? 1'000'000 : 0;
    v.guest->watch.hang_ticks = source.rarely(2) ? 100'000'000 : 0;
    return v;
}

/// An exit for an instruction at one of a few hundred places, as hv/exit/run.cpp has it.
void trap(Source& source, vcpu::Vcpu& v) {
    static constexpr u32 words[] = {test::mfmsr(3),     test::wrteei(true), test::wrtee(5),
                                    test::mfspr(4, 26), test::mtspr(27, 4), test::rfi,
                                    test::tlbsync};
    if (v.profile == nullptr) return;
    const u32 ea = 0x00100000 + 4 * (source.word() % 400);
    const u32 word = source.rarely(6) ? source.word() : source.one_of(words);
    core::write_ram(test::ram_hpa + ea, 4, word);
    v.nip = ea;
    v.exit_time = static_cast<u32>(test::the_core().timebase);
    for (unsigned n = 1 + source.below(4); n > 0; --n) {
        vcpu::find_site(v, word);
        if (v.patcher != nullptr && v.site->due()) patch::consider(v);
        vcpu::charge_site(v, source.word());
    }
}

void disturb(Source& source, vcpu::Vcpu& v) {
    v.nip = source.word();
    v.gpr[source.below(32)] = source.word();
    v.lr = source.word();
    v.regs.srr0 = source.word();
    v.regs.dear = source.word();
    v.regs.msr = source.word() & 0x0002'f230U & ~(e500::msr::is | e500::msr::ds);
    v.storm_nip = source.word();
    v.storm_vector = source.word();
    v.storm_first = source.word();
    v.storm_count = source.byte();
    v.fatal_access = source.rarely(2);
    v.fatal_ea = source.word();
    auto& record = v.traced[source.byte() % std::size(v.traced)];
    record.nip = source.word();
    record.word = source.word();
    record.dear = source.word();
    record.info = source.below(vcpu::cause_count);
}

void hear(Source& source, vcpu::Vcpu& v) {
    static constexpr char known[] = {'q', '?', 'd', 'l'};
    const char byte = source.rarely(3) ? static_cast<char>(source.byte()) : source.one_of(known);
    fuzz::prepare_uart(std::string_view(&byte, 1));
    if (source.rarely(2)) {
        monitor::requests(v);
    } else {
        monitor::heartbeat(v);
    }
    fuzz::prepare_uart("");
    require((v.end == vcpu::End::stopped) <= (byte == 'q'));
}

void step(Source& source, vcpu::Vcpu& v) {
    switch (source.below(6)) {
        case 0:
        case 1:
            trap(source, v);
            break;
        case 2:
            if (v.profile == nullptr) break;
            vcpu::charge_page(v, static_cast<vcpu::Cause>(1 + source.below(vcpu::cause_count - 1)),
                              source.word(), source.rarely(2), source.word());
            break;
        case 3:
            test::the_core().timebase += source.rarely(8) ? source.wide() >> 8U : source.word();
            break;
        case 4:
            disturb(source, v);
            break;
        default:
            hear(source, v);
            break;
    }
}

/// Takes the dumps out, which must be ones that the viewer reads.
std::string check_dumps(std::string_view output) {
    trapmap::DumpStream stream;
    trapmap::Live live;
    constexpr std::string_view begin = "@@trapeze-dump ", end = "@@trapeze-dump-end ";
    std::string rest;
    while (true) {
        const std::size_t from = output.find(begin);
        if (from == std::string_view::npos) return rest + std::string(output);
        const std::size_t last = output.find(end, from);
        require(last != std::string_view::npos);
        const std::size_t behind = output.find('\n', last);
        require(behind != std::string_view::npos);
        rest += output.substr(0, from);
        stream.feed(output.substr(from, behind + 1 - from));
        std::optional<trapmap::Dump> dump = stream.next();
        require(dump.has_value());
        live.take(std::move(*dump));
        output.remove_prefix(behind + 1);
    }
}

void run(Source& source) {
    const std::vector<u32> symbols = some_symbols(source);
    vcpu::Vcpu& v = make_guest(source);
    v.guest->symbols.set(symbols.data(), static_cast<u32>(4 * symbols.size()));
    fuzz::prepare_uart("");
    for (unsigned n = 0; n < 200 && !source.empty() && v.end == vcpu::End::running; ++n) {
        step(source, v);
    }
    if (v.end == vcpu::End::running) vcpu::end(v, vcpu::End::poweroff, "the fuzzer is done");
    try {
        monitor::conclude(v);
        require(false);
    } catch (const Off&) {
        fuzz::check_json(fuzz::check_lines(check_dumps(fuzz::uart_output())));
    }
    patch::start(v, nullptr, {});
    vcpu::start_profile(v, nullptr);
}

}  // namespace

void board::restate_uart0() {}
void board::power_off() { throw Off{}; }
void board::reset() { throw Off{}; }

}  // namespace trapeze

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    trapeze::fuzz::Source source(data, size);
    trapeze::run(source);
    return 0;
}
