// SPDX-License-Identifier: Apache-2.0
#include "dbt/decode.hpp"
#include "dbt/disasm.hpp"
#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/trace/ring.hpp"

namespace trapeze::monitor {

using console::print;
using trace::Record;
using trace::What;

namespace {

const char* name(What what) {
    constexpr const char* names[] = {
        "exit",        "runs",  "ready", "waits",   "started",   "restarted", "paused",  "resumed",
        "powered_off", "reset", "died",  "stopped", "interrupt", "sends",     "message", "asked"};
    static_assert(sizeof names / sizeof names[0] == static_cast<unsigned>(What::count));
    return names[static_cast<unsigned>(what)];
}

// What has been said already, most likely: saying it again does no harm. In a part of the core's
// scratch, two words of it for each.
class Said {
  public:
    Said(core::Core& c, unsigned part) : words_(c.scratch + 2 * places * part) {
        for (unsigned i = 0; i < 2 * places; ++i) words_[i] = 0xffff;
    }
    bool before(u32 key) {
        e500::u16* const at = words_ + 2 * ((key ^ key >> 11) * 0x9e37'79b1U >> 22);
        if (at[0] == key >> 16 && at[1] == (key & 0xffffU)) return true;
        at[0] = static_cast<e500::u16>(key >> 16);
        at[1] = static_cast<e500::u16>(key);
        return false;
    }

  private:
    static constexpr unsigned places = 1024;
    static_assert(4 * places <= core::Core::scratch_words);
    e500::u16* words_;
};

void print_symbol(Said& said, const Record& r) {
    u32 offset = 0;
    const char* const text = guest::machine.guests[r.guest]->symbols.find(r.nip, offset);
    const u32 start = r.nip - offset;
    if (text == nullptr || said.before(start + r.guest * 0x9e37'79b1U)) return;
    print("symbol {} {:x} ", r.guest, start);
    constexpr unsigned longest = 255;
    for (unsigned n = 0; n < longest && text[n] != 0; ++n) {
        console::put(text[n] <= ' ' || text[n] > '~' ? '?' : text[n]);
    }
    console::put('\n');
}

void print_word(Said& said, u32 word) {
    if (word == 0 || said.before(word)) return;
    char text[64];
    dbt::disassemble(dbt::decode(word), 0, text, sizeof text);
    print("word {:x} {}\n", word, text);
}

void print_exit(const Record& r) {
    print("exit {} {} {} {} {} {:x} {:x} {:x}", r.time, r.ticks, r.guest,
          vcpu::name(static_cast<vcpu::Cause>(r.cause)), (r.flags & Record::user) != 0 ? 'u' : 'k',
          r.nip, r.word, r.data);
    if ((r.flags & Record::interrupted) != 0) print(" {}", r.number);
    console::put('\n');
}

}  // namespace

void print_trace(core::Core& c, u32 most) {
    if (c.trace_ring == nullptr) return;
    const console::Turn turn;
    // As it is now: an interrupt of a core that idles may add to it meanwhile.
    const trace::Ring ring = *c.trace_ring;
    const u32 left_out = ring.held() > most ? ring.held() - most : 0;
    Said symbols(c, 0), words(c, 1);
    console::begin_check();
    print("@@trapeze-trace 1 {} {} {}\n", c.number, ring.held() - left_out, ring.lost() + left_out);
    print("clock {} {}\n", guest::machine.timebase_frequency, core::now());
    for (unsigned i = 0; i < guest::machine.count; ++i) {
        const char* const text = guest::machine.guests[i]->name;
        print("guest {} {}\n", i, text != nullptr ? text : "-");
    }
    for (u32 i = left_out; i < ring.held(); ++i) {
        const Record& r = ring.at(i);
        if (r.what == What::exit) {
            if ((r.flags & Record::user) == 0) print_symbol(symbols, r);
            print_word(words, r.word);
            print_exit(r);
        } else {
            print("{} {} {} {}\n", name(r.what), r.time, r.guest, r.number);
        }
    }
    const auto check = console::end_check();
    print("@@trapeze-trace-end {} {:x}\n", check.lines - 1, check.crc);
}

namespace {

// Calls `f` with the first guest of each core that has guests.
template <typename Function>
void each_core(Function&& f) {
    for (unsigned i = 0; i < guest::machine.count; ++i) {
        bool first = true;
        const core::Core* const core = guest::machine.guests[i]->vcpu.core;
        for (unsigned k = 0; k < i; ++k) {
            first = first && guest::machine.guests[k]->vcpu.core != core;
        }
        if (first) f(*guest::machine.guests[i]);
    }
}

}  // namespace

bool ask_traces(vcpu::Vcpu& v) {
    bool any = false;
    each_core([&v, &any](guest::Guest& g) {
        if (g.vcpu.core->trace_ring == nullptr) return;
        any = true;
        console::log("core {}: its trace {}", g.vcpu.core->number,
                     g.vcpu.core == v.core ? "is sent" : "follows");
        ask(v, g, guest::ask_trace);
    });
    return any;
}

void print_traces() {
    each_core([](const guest::Guest& g) { print_trace(*g.vcpu.core); });
}

}  // namespace trapeze::monitor
