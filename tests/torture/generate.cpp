// SPDX-License-Identifier: Apache-2.0
#include "generate.hpp"

#include "dbt/decode.hpp"
#include "hv/core/e500.hpp"
#include "places.hpp"
#include "random.hpp"
#include "row_word.hpp"
#include "rules.hpp"
#include "words.hpp"

namespace torture {

namespace {

namespace dbt = trapeze::dbt;
namespace msr = trapeze::e500::msr;
namespace mas1 = trapeze::e500::mas1;
namespace mas3 = trapeze::e500::mas3;
using dbt::Op;
using dbt::Spr;
using namespace words;  // NOLINT(google-build-using-namespace)

class Generator {
  public:
    Generator(std::uint64_t seed, u32 number)
        : random_(seed * 0x1'0000'0001ULL + number * 0x10'0001ULL) {
        s_.number = number;
    }

    Sequence make() {
        choose_setting();
        while (s_.count + longest_group + farthest < most_words && s_.count < wanted_) group();
        while (s_.count < landing_) one_word();
        return s_;
    }

  private:
    static constexpr u32 longest_group = 20, farthest = 6;

    // ---- What it runs with.

    u32 state_bits() {
        u32 bits = msr::me;  // QEMU's mtmsr cannot set it
        if (random_.once_in(2)) bits |= msr::ee;
        if (random_.once_in(3)) bits |= msr::ce;
        if (!random_.once_in(4)) bits |= msr::spe;
        if (random_.once_in(8)) bits |= msr::ucle;
        if (random_.once_in(4)) bits |= msr::fe0;
        if (user_ ? !random_.once_in(6) : random_.once_in(10)) bits |= msr::pr;
        if (spaces_ && random_.once_in(2)) bits |= msr::is;
        if (spaces_ && random_.once_in(2)) bits |= msr::ds;
        if (step_) bits |= msr::de;
        return bits;
    }

    void choose_setting() {
        user_ = random_.once_in(5);
        spaces_ = random_.once_in(6);
        pulse_ = random_.once_in(4);
        step_ = !pulse_ && random_.once_in(40);
        const bool small_text = random_.once_in(3);
        s_.seed = random_.word();
        s_.flags = (pulse_ ? flag::pulse : 0) | (step_ ? flag::step : 0) |
                   (small_text ? flag::small_text : 0) | (random_.once_in(2) ? flag::refill : 0);
        s_.rounds = 5;
        constexpr u32 offsets[] = {0, 0x100, 0x3f0, 0xf40, 0xfc0};
        const u32 offset = offsets[random_.below(5)];
        text_ = small_text ? small_text_ea : text + s_.number % text_slots * text_bytes;
        s_.place = text_ + offset;
        for (u32& permissions : s_.permissions) {
            permissions = random_.once_in(2) ? mas3::permissions : random_.below(64);
        }
        for (u32& value : s_.gpr) value = random_.word() >> random_.below(32);
        for (u32 r = first_pointer; r <= last_pointer; ++r) s_.gpr[r] = pointer();
        for (u32 r = first_index; r <= last_index; ++r) s_.gpr[r] = random_.below(65);
        s_.cr = random_.word();
        s_.xer = random_.word() & 0xe000'007f;
        s_.ctr = random_.word();
        s_.lr = random_.word();
        s_.msr = state_bits();
        wanted_ = random_.from(6, 60);
    }

    u32 pointer() { return torture::pointer(random_, s_.number, text_); }
    u32 taken_page() { return torture::taken_page(random_, s_.number, text_); }

    // ---- Registers.

    u32 work() { return work_register(random_); }
    u32 source() { return source_register(random_); }

    // ---- Words.

    void put(u32 word) { s_.words[s_.count++] = word; }
    void begin() { s_.starts[s_.count / 32] |= 1u << s_.count % 32; }
    u32 here() const { return s_.place + s_.count * 4; }
    void load_value(u32 r, u32 value) {
        put(addis(r, 0, value >> 16));
        put(ori(r, r, value));
    }

    // ---- Groups: words that only make sense together.

    void group() {
        begin();
        switch (random_.below(21)) {
            case 20:
                return random_.once_in(2) ? jump_away() : any_row();
            case 0:
            case 1:
                return change_msr();
            case 2:
                return return_from_interrupt();
            case 3:
                return random_.once_in(3) ? read_tlb() : write_tlb();
            case 4:
                return rewrite_text();
            case 5:
                return branch();
            case 6:
                return random_.once_in(3) ? invalidate() : add_atomically();
            case 7:
            case 8:
            case 9:
            case 10:
                return write_register();
            case 11:
            case 12:
            case 13:
                return read_register();
            default:
                return any_row();
        }
    }

    // A single word that is right anywhere.
    void one_word() {
        begin();
        if (random_.once_in(2)) {
            arithmetic();
        } else {
            any_row();
        }
    }

    void arithmetic() {
        const u32 rt = work(), a = source(), b = source();
        switch (random_.below(14)) {
            case 0:
                return put(addi(rt, a, random_.word()));
            case 1:
                return put(addis(rt, a, random_.word()));
            case 2:
                return put(add(rt, a, b) | 1);
            case 3:
                return put(x_form(138, rt, a, b));  // adde
            case 4:
                return put(x_form(8, rt, a, b));  // subfc
            case 5:
                return put(x_form(10 + 512, rt, a, b) | 1);  // addco.
            case 6:
                return put(x_form(444, a, rt, b) | 1);  // or.
            case 7:
                return put(x_form(316, a, rt, b));  // xor
            case 8:
                return put(x_form(235, rt, a, b));  // mullw
            case 9:
                return put(21u << 26 | a << 21 | rt << 16 | (random_.word() & 0xffff));  // rlwinm
            case 10:
                return put(x_form(32, random_.below(8) << 2, a, b));  // cmplw
            case 11:
                return put(x_form(19, rt, 0, 0));  // mfcr
            case 12:
                return put(x_form(144, a, 0, 0) | (random_.below(256) << 12));  // mtcrf
            default:
                return put(4u << 26 | rt << 21 | a << 16 | b << 11 | 512);  // evaddw
        }
    }

    bool in_a_group_of_its_own(Op op) {
        switch (op) {
            case Op::mfspr:
            case Op::mtspr:
            case Op::mtmsr:
            case Op::rfi:
            case Op::rfci:
            case Op::tlbwe:
            case Op::tlbre:
            case Op::dcbi:
            case Op::tlbivax:
            case Op::b:
            case Op::bc:
            case Op::bclr:
            case Op::bcctr:
            case Op::lwarx:
            case Op::stwcx_:
                return true;
            default:
                return false;
        }
    }

    void any_row() {
        for (;;) {
            const Op op = static_cast<Op>(random_.from(1, dbt::op_count - 1));
            if (left_out(op) || in_a_group_of_its_own(op)) continue;
            if (dbt::info(op).has(dbt::flag::spe) && !random_.once_in(3)) continue;
            return put(row_word(random_, op));
        }
    }

    void change_msr() {
        const u32 r = work();
        switch (random_.below(6)) {
            case 0:
                return put(wrteei(true));
            case 1:
                return put(wrteei(false));
            case 2:
                return put(row_word(random_, Op::wrtee));
            case 3:
                return put(row_word(random_, Op::mfmsr));
            default:
                load_value(r, state_bits());
                put(mtmsr(r));
                put(isync);
        }
    }

    void return_from_interrupt() {
        // Nor may a miss come in between, at the next page.
        if ((here() & 0xfff) + longest_group * 4 > 0x1000) return arithmetic();
        const bool critical = random_.once_in(3);
        const u32 a = work(), b = work();
        // An interrupt would change what is set up here, and rfi would go back for ever.
        if (pulse_ && !critical) put(wrteei(false));
        const u32 words = 7, skip = random_.below(3);
        const u32 target = here() + (words + skip) * 4;
        load_value(a, target);
        put(mtspr(critical ? Spr::CSRR0 : Spr::SRR0, a));
        load_value(b, state_bits());
        put(mtspr(critical ? Spr::CSRR1 : Spr::SRR1, b));
        put(critical ? rfci : rfi);
        reach(skip);
    }

    // What a jump leads to is there at the end.
    void reach(u32 words_from_here) {
        if (s_.count + words_from_here > landing_) landing_ = s_.count + words_from_here;
        for (u32 i = 0; i < words_from_here; ++i) arithmetic();
    }

    void write_tlb() {
        const u32 r = work();
        const bool large = random_.once_in(4);
        // Where a pointer leads, if one leads to a small page: what follows is to notice.
        const u32 near = random_.from(first_pointer, last_pointer);
        const u32 pointed = (s_.gpr[near] - small_data_ea) >> 12;
        const u32 page = pointed < data_pages ? pointed : random_.below(data_pages);
        const auto set = [&](Spr spr, u32 value) {
            load_value(r, value);
            put(mtspr(spr, r));
        };
        if (large) {
            set(Spr::MAS0, 1u << 28 | random_.from(4, 6) << 16);
            set(Spr::MAS1,
                (random_.once_in(6) ? 0 : mas1::v) | pid() << 16 | space_bit() | 1u << 8);
            set(Spr::MAS2, large_data_ea + 0x10'0000 + page * 0x1000);
        } else {
            set(Spr::MAS0, 0);
            set(Spr::MAS1,
                (random_.once_in(6) ? 0 : mas1::v) | pid() << 16 | space_bit() | 1u << 8);
            set(Spr::MAS2, small_data_ea + page * 0x1000);
        }
        set(Spr::MAS3, data + random_.below(data_pages) * 0x1000 + random_.below(64));
        set(Spr::MAS7, 0);
        put(tlbwe);
        put(isync);
        if (random_.once_in(2)) touch(near);
    }
    void touch(u32 pointer) {
        put(random_.once_in(2) ? lwz(work(), pointer, 0) : stw(source(), pointer, 0));
    }
    // An entry whose place does not depend on the size of TLB0; seldom of a TLB that is not there.
    void read_tlb() {
        const u32 r = work();
        if (random_.once_in(3)) {
            const u32 near = random_.from(first_pointer, last_pointer);
            touch(near);
            put(random_.once_in(2) ? x_form(786, 0, 0, near) : row_word(random_, Op::tlbivax));
            put(isync);
            touch(near);
        }
        load_value(r,
                   random_.once_in(8) ? 2u << 28 : random_.below(2) << 28 | random_.below(2) << 16);
        put(mtspr(Spr::MAS0, r));
        load_value(r, small_data_ea + random_.below(data_pages) * 0x1000);
        put(mtspr(Spr::MAS2, r));
        put(row_word(random_, Op::tlbre));
    }
    u32 pid() { return random_.once_in(2) ? 0 : random_.below(3); }
    u32 space_bit() { return spaces_ && random_.once_in(3) ? mas1::ts : 0; }

    // Another instruction every round, in place of the no-op at the end.
    void rewrite_text() {
        const u32 word = work(), at = work() == word ? 0 : work();
        const u32 r = word == at ? (at == 12 ? 13 : 12) : at;
        const bool privileged = random_.once_in(2);
        const u32 target = here() + 12 * 4;
        const u32 result = work();
        if (privileged) {
            load_value(word, mfspr(result, Spr::SPRG0));
            // SPRG0 to SPRG3: the round in the low bits of the number.
            put(21u << 26 | round_register << 21 | r << 16 | 16u << 11 | 14u << 6 | 15u << 1);
        } else {
            load_value(word, addi(result, 0, random_.below(0x1000)));
            put(ori(r, round_register, 0));
        }
        put(add(word, word, r));
        load_value(r, target);
        put(stw(word, r, 0));
        put(dcbst(r));
        put(msync);
        put(icbi(r));
        put(msync);
        put(isync);
        put(nop);
    }

    void branch() {
        const u32 skip = random_.below(farthest);
        const u32 link = random_.below(2);
        switch (random_.below(4)) {
            case 0:
                put(18u << 26 | (skip + 1) * 4 | link);
                break;
            case 1:
                put(16u << 26 | (random_.below(32) & ~1u) << 21 | random_.below(32) << 16 |
                    (skip + 1) * 4 | link);
                break;
            default: {
                const bool by_lr = random_.once_in(2);
                const u32 r = work();
                load_value(r, here() + (4 + skip) * 4);
                put(mtspr(by_lr ? Spr::LR : Spr::CTR, r));
                put((by_lr ? blr : bctr) | link);
            }
        }
        reach(skip);
    }

    // To a page that may have stubs; its first 16 bytes have none. The runner comes back by LR.
    void jump_away() {
        const u32 r = work();
        load_value(r, taken_page() + random_.below(4) * 4);
        put(mtspr(Spr::CTR, r));
        put(bctr | 1);
    }

    // Where it cannot fault: QEMU's is a load first, the manual's a store.
    void invalidate() {
        const u32 r = work();
        load_value(r, data + random_.below(data_pages * 0x400) * 4);
        put(x_form(470, 0, 0, r));
    }

    void add_atomically() {
        const u32 r = work();
        const u32 at = r == 12 ? 13 : 12;
        load_value(at, data + random_.below(data_pages * 0x400) * 4);
        put(lwarx(r, at));
        put(addi(r, r, 1));
        put(stwcx(r, at));
        put(16u << 26 | 4u << 21 | 2u << 16 | (static_cast<u32>(-12) & 0xfffc));  // bne- to lwarx
    }

    const dbt::SprInfo& random_spr() {
        // Those that Linux writes and reads come more often than once in a hundred.
        constexpr Spr often[] = {Spr::SRR0,  Spr::SRR1,  Spr::SPRG0, Spr::SPRG1, Spr::SPRG3,
                                 Spr::SPRG4, Spr::SPRG7, Spr::CSRR0, Spr::CSRR1, Spr::DEAR,
                                 Spr::ESR,   Spr::MAS0,  Spr::MAS1,  Spr::MAS2,  Spr::MAS3,
                                 Spr::MAS7,  Spr::PID0};
        if (random_.once_in(2)) {
            const Spr spr = often[random_.below(sizeof often / sizeof often[0])];
            return *dbt::find_spr(static_cast<unsigned>(spr));
        }
        constexpr u32 rows = sizeof dbt::spr_rows / sizeof dbt::spr_rows[0];
        return dbt::spr_rows[random_.below(rows)];
    }

    static bool readable(const dbt::SprInfo& info) {
        return (static_cast<unsigned>(info.supervisor) & 1u) != 0;
    }
    static bool writable(const dbt::SprInfo& info) {
        return (static_cast<unsigned>(info.supervisor) & 2u) != 0;
    }
    static bool saved_by_interrupts(Spr spr) { return spr == Spr::SRR0 || spr == Spr::SRR1; }

    void read_register() {
        const auto& info = random_spr();
        const auto spr = static_cast<Spr>(info.number);
        const SprRule rule = rule_of(spr);
        const u32 r = work();
        if (!readable(info) || rule.write == Write::apart) return arithmetic();
        // A step's interrupt would see what is thrown away behind the read.
        if (step_ && rule.compared != ~0u) return arithmetic();
        put(mfspr(r, spr));
        if (rule.compared == ~0u && !(pulse_ && saved_by_interrupts(spr))) return;
        if (rule.compared == 0 || (pulse_ && saved_by_interrupts(spr))) {
            put(addi(r, 0, 0));
            return;
        }
        const u32 mask = r == 12 ? 13 : 12;
        load_value(mask, rule.compared);
        put(x_form(28, r, r, mask));  // and
    }

    void write_register() {
        const auto& info = random_spr();
        const auto spr = static_cast<Spr>(info.number);
        const u32 r = work();
        if (!writable(info)) return arithmetic();
        switch (rule_of(spr).write) {
            case Write::any:
                put(mtspr(spr, source()));
                break;
            case Write::same:
                put(mfspr(r, spr));
                // In user mode the read may have failed, and then the write does too.
                put(mtspr(spr, r));
                break;
            case Write::pid:
                put(addi(r, 0, random_.below(3)));
                put(mtspr(spr, r));
                break;
            case Write::flash:
                put(addi(r, 0, random_.below(4) * 2));
                put(mtspr(spr, r));
                put(isync);
                break;
            case Write::never:
            case Write::apart:
                arithmetic();
                break;
        }
    }

    Random random_;
    Sequence s_{};
    u32 wanted_ = 0, landing_ = 0, text_ = 0;
    bool user_ = false, spaces_ = false, pulse_ = false, step_ = false;
};

}  // namespace

Sequence generate(std::uint64_t seed, u32 number) { return Generator(seed, number).make(); }

}  // namespace torture
