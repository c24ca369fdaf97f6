// SPDX-License-Identifier: Apache-2.0
#include "hv/dev/openpic.hpp"

namespace trapeze::dev {

using core::Field;
using e500::u16;

namespace {

constexpr u32 count_inhibit = 0x8000'0000u, toggle = 0x8000'0000u;

constexpr u8 every_vcpu = (1u << Openpic::most_vcpus) - 1;

using State = Openpic::State;

constexpr Field words_of(const char* name, std::size_t offset, unsigned count, u32 reset,
                         u32 legal) {
    return {name, static_cast<u16>(offset), static_cast<u16>(count), 4, reset, legal};
}
constexpr Field bytes_of(const char* name, std::size_t offset, unsigned count, u32 legal) {
    return {name, static_cast<u16>(offset), static_cast<u16>(count), 1, 0, legal};
}

constexpr u32 source_bits = Openpic::mask | Openpic::priority_mask | Openpic::vector_mask;
constexpr unsigned internal = Openpic::sources - Openpic::first_internal;
constexpr unsigned vector_at(unsigned input) {
    return offsetof(State, vector_priority) + 4 * input;
}
constexpr unsigned destination_at(unsigned input) {
    return offsetof(State, destination) + 4 * input;
}

constexpr Field rows[] = {
    words_of("vcpus", offsetof(State, vcpus), 1, 1, 3),
    words_of("mode", offsetof(State, mode), 1, 0, 0x6000'0000),
    words_of("spurious", offsetof(State, spurious), 1, 0xffff, 0xffff),
    words_of("timer_frequency", offsetof(State, timer_frequency), 1, 0, ~0u),
    words_of("external", vector_at(0), Openpic::first_internal, Openpic::mask,
             source_bits | Openpic::polarity | Openpic::level),
    words_of("internal", vector_at(Openpic::first_internal), internal,
             Openpic::mask | Openpic::polarity, source_bits | Openpic::polarity),
    words_of("ipi_and_timer", vector_at(Openpic::first_ipi), Openpic::ipis + Openpic::timers,
             Openpic::mask, source_bits),
    words_of("destination", offsetof(State, destination), Openpic::sources, 1, every_vcpu),
    // Each core has its own interprocessor interrupts, from all.
    words_of("ipi_destination", destination_at(Openpic::first_ipi), Openpic::ipis, every_vcpu,
             every_vcpu),
    words_of("timer_destination", destination_at(Openpic::first_timer), Openpic::timers, 1,
             every_vcpu),
    words_of("task_priority", offsetof(State, task_priority), Openpic::most_vcpus, 15, 15),
    words_of("in_service", offsetof(State, in_service), Openpic::most_vcpus* Openpic::words, 0,
             ~0u),
    words_of("message", offsetof(State, message), Openpic::messages, 0, ~0u),
    words_of("timer_base", offsetof(State, timer_base), Openpic::timers, count_inhibit, ~0u),
    words_of("timer_count", offsetof(State, timer_count), Openpic::timers, 0, ~toggle),
    words_of("timer_toggle", offsetof(State, timer_toggle), Openpic::timers, 0, toggle),
    bytes_of("waiting", offsetof(State, waiting), Openpic::inputs, every_vcpu),
    bytes_of("target", offsetof(State, target), Openpic::inputs, 3),
    bytes_of("line", offsetof(State, line), Openpic::inputs, 1),
};

bool ours(u32 offset, u32 first, u32 end) { return offset >= first && offset < end; }

}  // namespace

unsigned Openpic::saved_size() { return saved_bytes(rows); }
void Openpic::save(u8* to) const { save_fields(state_, rows, to); }
const char* Openpic::load(const u8* from) {
    State fresh = state_;
    if (const char* const wrong = load_fields(fresh, rows, from)) return wrong;
    if (fresh.vcpus == 0 || fresh.vcpus > most_vcpus) return "vcpus";
    for (const auto& set : fresh.in_service) {
        if (set[words - 1] >> inputs % 32 != 0) return "in_service";
    }
    state_ = fresh;
    derive();
    return nullptr;
}

// ---- What asks, and what is in service.

void Openpic::Set::put(unsigned input, bool in) {
    u32& word = bits[input / 32];
    const u32 bit = 1u << input % 32;
    word = in ? word | bit : word & ~bit;
    const u32 here = 1u << input / 32;
    occupied = word != 0 ? occupied | here : occupied & ~here;
}

// Of equals the lowest number.
unsigned Openpic::highest(const u32* bits, u32 occupied) const {
    unsigned found = none;
    int most = -1;
    for (; occupied != 0; occupied &= occupied - 1) {
        const auto word = static_cast<unsigned>(__builtin_ctz(occupied));
        for (u32 left = bits[word]; left != 0; left &= left - 1) {
            const unsigned input = word * 32 + static_cast<unsigned>(__builtin_ctz(left));
            const int own = static_cast<int>(priority(input));
            if (own > most) {
                most = own;
                found = input;
            }
        }
    }
    return found;
}

// An input asks, or no longer. Seldom more than one does.
void Openpic::update(unsigned input) {
    const u32 asked = masked(input) ? 0 : state_.waiting[input] & state_.destination[input];
    const auto target = static_cast<Output>(state_.target[input]);
    for (unsigned v = 0; v < state_.vcpus; ++v) {
        const bool asks = (asked >> v & 1) != 0;
        if (target == Output::critical || critical_[v].occupied != 0) {
            critical_[v].put(input, asks && target == Output::critical);
        }
        Set& asking = asking_[v];
        asking.put(input, asks && target == Output::external);
        const bool alone = (asking.occupied & (asking.occupied - 1)) == 0 &&
                           (asking.occupied == 0 || asking.bits[input / 32] == 1u << input % 32);
        if (alone) {
            best_[v] = asking.occupied != 0 ? input : none;
        } else {
            best_[v] = highest(asking.bits, asking.occupied);
        }
    }
}

void Openpic::update_service(unsigned vcpu) {
    u32 occupied = 0;
    for (unsigned w = 0; w < words; ++w) {
        if (state_.in_service[vcpu][w] != 0) occupied |= 1u << w;
    }
    served_words_[vcpu] = occupied;
    served_[vcpu] = highest(state_.in_service[vcpu], occupied);
}

void Openpic::derive() {
    for (unsigned v = 0; v < most_vcpus; ++v) {
        asking_[v] = critical_[v] = {};
        best_[v] = none;
        update_service(v);
    }
    for (unsigned i = 0; i < inputs; ++i) {
        if (state_.waiting[i] != 0) update(i);
    }
}

void Openpic::start(unsigned vcpus) {
    state_ = {};
    reset_fields(state_, rows);
    state_.vcpus = vcpus;
    derive();
}

// Lines are where they were, but for those that come from within. Edges from before do not count.
void Openpic::reset_controller() {
    const State before = state_;
    start(before.vcpus);
    for (unsigned i = 0; i < sources; ++i) {
        if (before.line[i] == 0 || ours(i, first_message, first_message + messages)) continue;
        state_.line[i] = 1;
        if (level_sensitive(i)) state_.waiting[i] = every_vcpu;
    }
    derive();
}

bool Openpic::level_sensitive(unsigned input) const {
    if (input < first_internal) return (state_.vector_priority[input] & level) != 0;
    return input < sources && !ours(input, first_edge, first_edge + edges);
}

// An edge, for `vcpus`. What is not taken by an acknowledge does not wait for one.
void Openpic::raise(unsigned input, u32 vcpus) {
    if (static_cast<Output>(state_.target[input]) != Output::external) return;
    state_.waiting[input] |= static_cast<u8>(vcpus & every_vcpu);
    update(input);
}

void Openpic::set_line(unsigned source, bool up) {
    const bool was = line(source);
    state_.line[source] = up;
    if (!level_sensitive(source)) {
        if (up && !was) raise(source, every_vcpu);
        return;
    }
    state_.waiting[source] = up ? every_vcpu : 0;
    if (!settled_by_end(source)) update(source);
}

// Nothing comes of an input whose interrupt its only core has in service: it is not above itself,
// and whatever is has come. The end of that looks again.
bool Openpic::settled_by_end(unsigned input) const {
    const u32 to = state_.destination[input];
    if ((to & (to - 1)) != 0 || to == 0 || state_.target[input] != 0) return false;
    const unsigned vcpu = to >> 1;
    static_assert(most_vcpus == 2, "the number of the one bit");
    return (state_.in_service[vcpu][input / 32] >> input % 32 & 1) != 0;
}

void Openpic::pulse(unsigned source) { raise(source, every_vcpu); }

unsigned Openpic::critical_candidate(unsigned vcpu) const {
    return highest(critical_[vcpu].bits, critical_[vcpu].occupied);
}

u32 Openpic::acknowledge(unsigned vcpu) {
    if (!output(vcpu, Output::external)) return state_.spurious;
    const unsigned input = best_[vcpu];
    state_.in_service[vcpu][input / 32] |= 1u << input % 32;
    served_words_[vcpu] |= 1u << input / 32;
    served_[vcpu] = input;  // it was above what was
    if (!level_sensitive(input)) {
        // Interprocessor and timer interrupts each core takes for itself.
        const u32 taken = input < sources ? every_vcpu : 1u << vcpu;
        state_.waiting[input] &= static_cast<u8>(~taken);
        update(input);
    }
    return state_.vector_priority[input] & vector_mask;
}

unsigned Openpic::end(unsigned vcpu) {
    const unsigned input = served_[vcpu];
    if (input == none) return none;
    u32& word = state_.in_service[vcpu][input / 32];
    word &= ~(1u << input % 32);
    if (word == 0) served_words_[vcpu] &= ~(1u << input / 32);
    served_[vcpu] = highest(state_.in_service[vcpu], served_words_[vcpu]);
    update(input);
    return input;
}

u32 Openpic::vector_priority(unsigned input) const {
    const bool active = state_.waiting[input] != 0 && !masked(input);
    return state_.vector_priority[input] | (active ? activity : 0);
}

void Openpic::set_vector_priority(unsigned input, u32 value) {
    const bool before = level_sensitive(input);
    const u32 more = input < first_internal ? polarity | level : input < sources ? polarity : 0;
    state_.vector_priority[input] = value & (source_bits | more);
    if (level_sensitive(input) && !before) state_.waiting[input] = line(input) ? every_vcpu : 0;
    update(input);
    for (unsigned v = 0; v < state_.vcpus; ++v) {
        if (served_[v] != none) served_[v] = highest(state_.in_service[v], served_words_[v]);
    }
}

void Openpic::set_target(unsigned source, u32 value) {
    constexpr u32 targets = 3;
    state_.target[source] = (value & 0xff) < targets ? static_cast<u8>(value) : 0;
    if (state_.target[source] != 0 && !level_sensitive(source)) state_.waiting[source] = 0;
    update(source);
}

// ---- Timers.

bool Openpic::timers_run() const {
    u32 any = 0;
    for (unsigned n = 0; n < timers; ++n) {
        if (!(state_.timer_base[n] & count_inhibit)) any |= state_.timer_count[n];
    }
    return any != 0;
}

u32 Openpic::next_timer() const {
    u32 next = none;
    for (unsigned n = 0; n < timers; ++n) {
        if (masked(first_timer + n) || (state_.timer_base[n] & count_inhibit)) continue;
        if (state_.timer_count[n] == 0) continue;
        if (state_.timer_count[n] < next) next = state_.timer_count[n];
    }
    return next;
}

void Openpic::advance(u32 ticks) {
    for (unsigned n = 0; n < timers; ++n) {
        u32& count = state_.timer_count[n];
        const u32 base = state_.timer_base[n];
        if ((base & count_inhibit) || count == 0) continue;
        if (ticks < count) {
            count -= ticks;
            continue;
        }
        const u32 over = ticks - count;
        const u32 periods = base != 0 ? over / base : 0;
        count = base != 0 ? base - over % base : 0;
        if (periods % 2 == 0) state_.timer_toggle[n] ^= toggle;
        raise(first_timer + n, state_.destination[first_timer + n]);
    }
}

}  // namespace trapeze::dev
