// SPDX-License-Identifier: Apache-2.0
#include "bare.hpp"

#include "insn.hpp"
#include "layout.h"
#include "tree.hpp"

extern "C" char vectors[], bare_noting_external[];

namespace bare {

using namespace isa;

namespace {

// Of TLB1, to look at the tree through.
constexpr u32 tree_entry = 13;

const char* find_arguments() {
    const u32 at = *reinterpret_cast<volatile u32*>(BARE_DEVICE_TREE);
    const char* arguments = nullptr;
    each_property(map_tree(at, tree_entry), [&](const Property& one) {
        if (one.depth == 2 && equal(one.node, "chosen") && equal(one.name, "bootargs")) {
            arguments = reinterpret_cast<const char*>(one.data);
        }
    });
    return arguments;
}

constexpr u32 device = 0xf'0000;  // in CCSR
constexpr u32 latch_register = device + 0x8, cause_table = device + 0x40,
              kind_table = device + 0x240, name_table = device + 0x400;
constexpr u32 magic = 0x54525045;

u32 next_code = code_page;
constexpr u32 code_end = 0x1'0000;

// Copies the loop's instructions to memory; returns where the body ends.
u32 write_loop(const Loop& loop, u32 at) {
    auto* const begin = reinterpret_cast<volatile u32*>(at);
    volatile u32* to = begin;
    const auto put = [&](const Words& words) {
        for (u32 i = 0; i < words.count; ++i) *to++ = words.word[i];
    };
    put(loop.before);
    *to++ = insn::mfspr(20, 268);
    volatile u32* const top = to;
    put(loop.body);
    const auto end = static_cast<u32>(reinterpret_cast<std::uintptr_t>(to));
    *to++ = insn::d(13, 19, 19, 0xffff);  // addic. 19,19,-1
    const u32 back = static_cast<u32>(top - to) * 4;
    *to++ = insn::d(16, 4, 2, back & 0xfffc);  // bne
    *to++ = insn::mfspr(21, 268);
    put(loop.after);
    *to++ = loop.ends_with_sc ? insn::sc : insn::x(4, 31);
    flush_code(at, static_cast<u32>(to - begin) * 4);
    return end;
}

}  // namespace

Line& Line::operator<<(const char* text) {
    while (*text != 0 && length_ + 1 < sizeof text_) text_[length_++] = *text++;
    return *this;
}

Line& Line::operator<<(u64 value) {
    char digits[21];
    char* p = digits + sizeof digits;
    *--p = 0;
    do {
        *--p = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return *this << p;
}

bool word_given(const char* word) {
    static const char* const arguments = find_arguments();
    if (arguments == nullptr) return false;
    const char* p = arguments;
    while (*p != 0) {
        const char* w = word;
        while (*w != 0 && *p == *w) {
            ++p;
            ++w;
        }
        if (*w == 0 && (*p == 0 || *p == ' ')) return true;
        while (*p != 0 && *p != ' ') ++p;
        while (*p == ' ') ++p;
    }
    return false;
}

// What a loop takes around its body may be less when the body is measured: its sites are hot by
// then, and the VMM may have patched them.
Exits& Exits::operator-=(const Exits& other) {
    const auto take_off = [](u64& from, u64 amount) { from -= amount < from ? amount : from; };
    for (unsigned i = 0; i < most; ++i) {
        take_off(count[i], other.count[i]);
        take_off(ticks[i], other.ticks[i]);
        take_off(kind[i], other.kind[i]);
    }
    return *this;
}

ExitCounters::ExitCounters(const char* workload) : present_(word_given("exits")) {
    if (!present_) return;
    if (io32(device) != magic) failed(workload, "there are no exit counters (exits-device=on)");
    causes_ = io32(device + 0x4);
    kinds_ = io32(device + 0xc);
    if (causes_ > Exits::most || kinds_ > Exits::most) failed(workload, "too many exit counters");
    u32 at = 0;
    for (unsigned i = 0; i < causes_ + kinds_; ++i) {
        (i < causes_ ? cause_[i] : kind_[i - causes_]) = names_ + at;
        while ((names_[at] = static_cast<char>(io8(name_table + at))) != 0) {
            if (++at == sizeof names_) failed(workload, "the names of exit counters do not end");
        }
        ++at;
    }
    mmio_ = find("mmio");
    if (mmio_ == causes_) failed(workload, "no exit counter is called mmio");
}

unsigned ExitCounters::find(const char* name) const {
    unsigned i = 0;
    while (i < causes_ && !equal(cause_[i], name)) ++i;
    return i;
}

u32 ExitCounters::load(u32 offset) {
    ++loads_;
    return io32(offset);
}

u64 ExitCounters::load_pair(u32 offset) {
    const u64 high = load(offset);
    return high << 32 | load(offset + 4);
}

void ExitCounters::read(Exits& exits) {
    for (unsigned i = 0; i < causes_; ++i) {
        exits.count[i] = load_pair(cause_table + 16 * i);
        exits.ticks[i] = load_pair(cause_table + 16 * i + 8);
    }
    for (unsigned i = 0; i < kinds_; ++i) exits.kind[i] = load_pair(kind_table + 8 * i);
}

void ExitCounters::start() {
    if (!present_) return;
    loads_ = 0;
    static_cast<void>(load(latch_register));  // this very load is charged after it has latched
    read(begin_);
}

Exits ExitCounters::stop() {
    Exits exits{};
    if (!present_) return exits;
    const u32 own = loads_;
    static_cast<void>(load(latch_register));
    read(exits);
    exits -= begin_;
    exits.count[mmio_] -= own;
    return exits;
}

void ExitCounters::append(Line& line, const Exits& exits) const {
    const auto list = [&line](const u64* counts, const char* const* names, unsigned n) {
        bool any = false;
        for (unsigned i = 0; i < n; ++i) {
            if (counts[i] == 0) continue;
            line << (any ? "," : "") << names[i] << "=" << counts[i];
            any = true;
        }
        if (!any) line << "-";
    };
    list(exits.count, cause_, causes_);
    line << " ";
    list(exits.kind, kind_, kinds_);
}

Measured measure(ExitCounters& counters, const char* workload, const Loop& loop, u32 turns,
                 u32 warm) {
    const u32 bytes = (loop.before.count + loop.body.count + loop.after.count + 8) * 4;
    if (next_code + bytes > code_end) failed(workload, "no room for more loops");
    const u32 code = next_code;
    next_code += bytes;
    const u32 end = write_loop(loop, code);

    Frame f{};
    f.gpr[5] = loop.r5;
    f.gpr[6] = loop.r6;
    f.gpr[7] = loop.r7;
    f.gpr[8] = loop.r8;
    f.gpr[9] = loop.r9;
    f.gpr[26] = loop.r26;
    f.gpr[27] = loop.r27;
    f.gpr[28] = end;
    const auto go = [&](u32 n) {
        f.gpr[19] = n;
        f.gpr[25] = 0;
        f.ctr = loop.ctr;
        f.lr = end;
        f.nip = code;
        f.msr = loop.msr;
        run(f);
        const auto vector = static_cast<Vector>(f.vector);
        if (vector != (loop.ends_with_sc ? Vector::system_call : Vector::program) ||
            f.gpr[19] != 0) {
            print_event(workload, f, code);
            failed(workload, "a measured loop ended early");
        }
    };
    if (warm != 0) go(warm);
    counters.start();
    go(turns);
    return {f.gpr[21] - f.gpr[20], counters.stop(), f.gpr[25]};
}

void report(const ExitCounters& counters, const char* workload, const char* metric, u32 operations,
            u32 ticks, const Exits& exits) {
    Line line;
    line << "@@bench " << workload << " " << metric << " ticks " << operations << " " << ticks
         << " ";
    if (counters.present()) {
        counters.append(line, exits);
    } else {
        line << "- -";
    }
    line.print();
}

void failed(const char* workload, const char* why) {
    Line line;
    (line << "@@bench-failed " << workload << " " << why).print();
    reset();
}

void note_external() {
    constexpr u32 ivor4 = 404;
    mtspr<ivor4>(static_cast<u32>(bare_noting_external - vectors));
}
u32 noted_time() { return *reinterpret_cast<volatile u32*>(BARE_NOTED); }

}  // namespace bare
