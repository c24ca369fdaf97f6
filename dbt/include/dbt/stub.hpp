// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// Stubs: what a patched site branches to when one load or store is not enough (docs/patching.md).
///
/// A stub runs in user mode with the guest's registers. It borrows at most two of them, which it
/// keeps in the register page meanwhile, and touches neither CR, XER, LR nor CTR. What it cannot do
/// it leaves to the VMM by a trap instruction.
namespace trapeze::dbt {

/// The words of the register page that stubs use, and a table of the rest by SPR.
struct RegisterMap {
    std::int32_t page;           ///< EA of the page as a displacement from 0: -32768 to 28672.
    std::uint16_t msr, pending;  ///< Byte offsets into the page.
    std::uint16_t scratch[2];
    /// By SPR field as it stands (halves swapped), 1024 each: byte offset of the word that a move
    /// loads or stores; 0, or one beyond the page: none.
    const std::uint16_t* loads;
    const std::uint16_t* stores;
    std::uint16_t notes = 0;  ///< Byte offset of the word that stubs leave the VMM notes in,
    std::uint16_t sprgs = 0;  ///< and of SPRG0; the others follow.
    static constexpr std::uint16_t bytes = 4096;
    /// The note that SPRG3 to 7 in the core are older than those in the page.
    static constexpr std::uint16_t sprgs_note = 2;
};

/// One stub for each. The order is that of `stub_templates`.
enum class Stub : std::uint8_t {
    clear_ee,
    set_ee,
    write_ee,
    write_msr,
    write_sprg3,  ///< SPRG3 to 7, which the core has too, for reads that do not trap.
    write_sprg4,
    write_sprg5,
    write_sprg6,
    write_sprg7,
    count
};

namespace detail {

enum class Do : std::uint8_t {
    load,     // d = slot
    store,    // slot = d
    set_ee,   // d |= EE
    note,     // d |= the note of SPRGs
    keep,     // d &= mask from bit `first` round to bit `last`
    take_ee,  // EE of d = EE of s
    conjoin,  // d &= s
    differ,   // d ^= s
    trap,     // to the VMM if d is not 0
    back,     // to the instruction behind the site
};
enum class Slot : std::uint8_t {
    msr,
    pending,
    scratch0,
    scratch1,
    notes,
    sprg3,
    sprg4,
    sprg5,
    sprg6,
    sprg7
};
enum class Reg : std::uint8_t { first, second, source };

struct Step {
    Do what;
    Reg d = Reg::first;
    Reg s = Reg::first;
    Slot slot = Slot::msr;
    std::uint8_t from = 0, to = 31;  // of keep, as rlwinm's MB and ME
};

inline constexpr std::size_t max_steps = 14;
struct Template {
    std::array<Step, max_steps> step;
    std::size_t length;
};

template <std::size_t N>
consteval Template make(const Step (&steps)[N]) {
    static_assert(N <= max_steps);
    Template result{};
    for (std::size_t i = 0; i < N; ++i) {
        result.step[i] = steps[i];
    }
    result.length = N;
    return result;
}

using enum Do;
using enum Slot;
using enum Reg;

// The note first: the VMM may take it for nothing, but must not miss it.
consteval Template sprg_template(Slot sprg) {
    return make({{store, first, {}, scratch0},
                 {load, first, {}, notes},
                 {note, first},
                 {store, first, {}, notes},
                 {load, first, {}, scratch0},
                 {store, source, {}, sprg},
                 {back}});
}

/// Bits that may change without an exit: EE, CE, ME, RI (design of the VMM's own fast path).
inline constexpr std::array<Template, static_cast<std::size_t>(Stub::count)> stub_templates{{
    make({{store, first, {}, scratch0},  // wrteei 0
          {load, first, {}, msr},
          {keep, first, {}, {}, 17, 15},
          {store, first, {}, msr},
          {load, first, {}, scratch0},
          {back}}),
    make({{store, first, {}, scratch0},  // wrteei 1
          {load, first, {}, msr},
          {set_ee, first},
          {store, first, {}, msr},
          {load, first, {}, pending},
          {trap, first},
          {load, first, {}, scratch0},
          {back}}),
    make({{store, first, {}, scratch0},  // wrtee
          {store, second, {}, scratch1},
          {load, first, {}, msr},
          {take_ee, first, source},
          {store, first, {}, msr},
          {load, second, {}, pending},
          {conjoin, second, first},
          {trap, second},
          {load, second, {}, scratch1},
          {load, first, {}, scratch0},
          {back}}),
    make({{store, first, {}, scratch0},  // mtmsr
          {load, first, {}, msr},
          {differ, first, source},
          {keep, first, {}, {}, 15, 13},  // without CE,
          {keep, first, {}, {}, 17, 15},  // EE,
          {keep, first, {}, {}, 20, 18},  // ME,
          {keep, first, {}, {}, 31, 29},  // RI:
          {trap, first},                  // what else changes is the VMM's
          {store, source, {}, msr},
          {load, first, {}, pending},
          {conjoin, first, source},
          {trap, first},
          {load, first, {}, scratch0},
          {back}}),
    sprg_template(sprg3),  // mtspr SPRG3
    sprg_template(sprg4),
    sprg_template(sprg5),
    sprg_template(sprg6),
    sprg_template(sprg7),
}};

/// Where an instruction of a stub stands in its life: what the VMM must do with a guest that it
/// finds before step `i`.
struct Lives {
    std::uint8_t commit;  ///< The step that stores the new value: the instruction is done.
    std::uint8_t save[2], restore[2];  ///< Of the borrowed registers; 0xff: not borrowed.
};

/// Not constant, so that a wrong template does not compile, and the message shows this name.
inline void template_is_wrong(const char* /*why*/) {}

consteval Lives lives_of(const Template& t) {
    constexpr std::uint8_t never = 0xff;
    Lives lives{never, {never, never}, {never, never}};
    for (std::size_t i = 0; i < t.length; ++i) {
        const Step& step = t.step[i];
        const auto at = static_cast<std::uint8_t>(i);
        const auto reg = static_cast<std::size_t>(step.d);
        const bool scratch = step.slot == scratch0 || step.slot == scratch1;
        const bool own = step.slot == (step.d == first ? scratch0 : scratch1);
        const bool writes = step.what != store && step.what != trap && step.what != back;
        if (step.what == store && scratch) {
            if (step.d == source || !own || lives.save[reg] != never) {
                template_is_wrong("a borrowed register is saved once, in its own slot");
            }
            lives.save[reg] = at;
        } else if (step.what == load && scratch) {
            if (step.d == source || !own || lives.save[reg] == never) {
                template_is_wrong("a register is restored from where it was saved");
            }
            lives.restore[reg] = at;
        } else if (step.what == store && step.slot == notes) {
            if (lives.commit != never) {
                template_is_wrong("a note comes before what it is about");
            }
        } else if (step.what == store) {
            if ((step.slot != msr && step.slot < sprg3) || lives.commit != never) {
                template_is_wrong("the one register a stub changes is MSR or an SPRG, once");
            }
            lives.commit = at;
        } else if (writes) {
            if (step.d == source || lives.save[reg] == never || lives.restore[reg] != never) {
                template_is_wrong("only a register that is borrowed now may be written");
            }
        }
        if ((step.what == back) != (i + 1 == t.length)) {
            template_is_wrong("a stub goes back at its end");
        }
    }
    for (std::size_t reg = 0; reg < 2; ++reg) {
        if ((lives.save[reg] == never) != (lives.restore[reg] == never)) {
            template_is_wrong("a borrowed register is given back");
        }
    }
    if (lives.commit == never) {
        template_is_wrong("a stub has an effect");
    }
    return lives;
}

consteval auto make_lives() {
    std::array<Lives, stub_templates.size()> result{};
    for (std::size_t i = 0; i < result.size(); ++i) {
        result[i] = lives_of(stub_templates[i]);
    }
    return result;
}
inline constexpr auto stub_lives = make_lives();

}  // namespace detail

/// No stub is longer, in words.
inline constexpr std::size_t max_stub_words = detail::max_steps;

/// Length of a stub in words.
constexpr std::size_t stub_words(Stub stub) {
    return detail::stub_templates[static_cast<std::size_t>(stub)].length;
}

/// The two registers that a stub for an instruction with source register `source` borrows.
constexpr unsigned borrowed(unsigned which, unsigned source) {
    const unsigned first = source == 12 ? 11 : 12;
    const unsigned second = source == 10 ? 9 : 10;
    return which == 0 ? first : second;
}

/// What makes a guest that was interrupted before word `word` of a stub look as if before the
/// patched instruction, or behind it.
struct Recovery {
    bool done;        ///< Behind it: it goes on at the site + 4; else at the site.
    bool restore[2];  ///< The borrowed register is in its scratch word.
};
constexpr Recovery recover(Stub stub, std::size_t word) {
    const detail::Lives& lives = detail::stub_lives[static_cast<std::size_t>(stub)];
    const auto borrowed_at = [&](std::size_t reg) {
        return lives.save[reg] != 0xff && word > lives.save[reg] && word <= lives.restore[reg];
    };
    return {word > lives.commit, {borrowed_at(0), borrowed_at(1)}};
}

/// A branch from `from` to `to`, or 0 if it does not reach (32 MiB either way).
constexpr std::uint32_t branch(std::uint32_t from, std::uint32_t to) {
    const std::uint32_t offset = to - from;
    const bool near = offset + 0x0200'0000U < 0x0400'0000U;
    return near && offset % 4 == 0 ? 0x4800'0000U | (offset & 0x03ff'fffcU) : 0;
}

/// Whether `word` is such a branch, and where one at `from` goes.
constexpr bool is_branch(std::uint32_t word) { return (word & 0xfc00'0003U) == 0x4800'0000U; }
constexpr std::uint32_t branch_target(std::uint32_t from, std::uint32_t word) {
    const std::uint32_t field = word & 0x03ff'fffcU;
    return from + ((field ^ 0x0200'0000U) - 0x0200'0000U);
}

/// Writes the stub at EA `at` for the site at EA `site`, whose source register is `source`, to
/// `out`, which has room for max_stub_words. Returns its length in words, 0 if `at` and `site` lie
/// too far apart.
std::size_t emit_stub(Stub stub, unsigned source, std::uint32_t at, std::uint32_t site,
                      const RegisterMap& map, std::uint32_t* out);

}  // namespace trapeze::dbt
