// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/access.hpp"

#include "dbt/decode.hpp"
#include "hv/core/cpu.hpp"
#include "hv/vcpu/emulate.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::vcpu {

using dbt::Insn;
using dbt::Op;
using dbt::OpInfo;
using e500::u16;
using mmu::Access;
namespace flag = dbt::flag;

namespace {

constexpr u32 page_bytes = 4096;
constexpr u32 block_bytes = e500::cache_block;
constexpr u32 xer_count = 0x7f;

// lmw of r0, the longest; a string has at most 127 bytes.
constexpr unsigned most_words = 32;

bool crosses(u32 ea, unsigned bytes) { return (ea & (page_bytes - 1)) + bytes > page_bytes; }

u32 swap_bytes(u32 value, unsigned size) {
    return size == 2 ? __builtin_bswap16(static_cast<u16>(value)) : __builtin_bswap32(value);
}
u32 extend_sign(u32 half) {
    return static_cast<u32>(static_cast<std::int32_t>(static_cast<std::int16_t>(half)));
}

// To be called before an access whose pieces, or whose element, lie in two pages.
[[gnu::noinline]] AccessResult check_both(Vcpu& v, const Port& port, u32 ea, unsigned bytes,
                                          Access access) {
    const AccessResult first = port.check(v, ea, access);
    if (first != AccessResult::done) return first;
    return port.check(v, (ea + bytes - 1) & ~(page_bytes - 1), access);
}

// `count` elements of `size` bytes each, from `ea` on.
AccessResult read_run(Vcpu& v, const Port& port, u32 ea, unsigned size, unsigned count, u32* to) {
    if (crosses(ea, size * count)) {
        const AccessResult both = check_both(v, port, ea, size * count, Access::load);
        if (both != AccessResult::done) return both;
    }
    for (unsigned i = 0; i < count; ++i) {
        const AccessResult result = port.read(v, ea + i * size, size, to[i]);
        if (result != AccessResult::done) return result;
    }
    return AccessResult::done;
}
AccessResult write_run(Vcpu& v, const Port& port, u32 ea, unsigned size, unsigned count,
                       const u32* from) {
    if (crosses(ea, size * count)) {
        const AccessResult both = check_both(v, port, ea, size * count, Access::store);
        if (both != AccessResult::done) return both;
    }
    for (unsigned i = 0; i < count; ++i) {
        const AccessResult result = port.write(v, ea + i * size, size, from[i]);
        if (result != AccessResult::done) return result;
    }
    return AccessResult::done;
}

// One element of 8 bytes, and `count` of them.
AccessResult read_pairs(Vcpu& v, const Port& port, u32 ea, u32* to) {
    if (crosses(ea, 8)) {
        const AccessResult both = check_both(v, port, ea, 8, Access::load);
        if (both != AccessResult::done) return both;
    }
    return port.read_pair(v, ea, to);
}
AccessResult write_pairs(Vcpu& v, const Port& port, u32 ea, unsigned count, const u32* from) {
    if (crosses(ea, 8 * count)) {
        const AccessResult both = check_both(v, port, ea, 8 * count, Access::store);
        if (both != AccessResult::done) return both;
    }
    for (unsigned i = 0; i < count; ++i) {
        const AccessResult result = port.write_pair(v, ea + 8 * i, from + 2 * i);
        if (result != AccessResult::done) return result;
    }
    return AccessResult::done;
}

AccessResult finish(Vcpu& v) {
    v.nip += 4;
    completed(v);
    return AccessResult::done;
}

AccessResult scalar(Vcpu& v, const Insn& insn, const OpInfo& about, u32 ea, const Port& port) {
    const unsigned size = about.element;
    const bool load = about.kind == dbt::Kind::load;
    if (crosses(ea, size)) {
        const auto both = check_both(v, port, ea, size, load ? Access::load : Access::store);
        if (both != AccessResult::done) return both;
    }
    if (load) {
        u32 value = 0;
        const AccessResult result = port.read(v, ea, size, value);
        if (result != AccessResult::done) return result;
        if (about.has(flag::reversed)) value = swap_bytes(value, size);
        if (about.has(flag::algebraic)) value = extend_sign(value);
        v.gpr[insn.rt()] = value;
    } else {
        u32 value = v.gpr[insn.rs()];
        if (about.has(flag::reversed)) value = swap_bytes(value, size);
        if (size < 4) value &= (1u << 8 * size) - 1;
        const AccessResult result = port.write(v, ea, size, value);
        if (result != AccessResult::done) return result;
    }
    if (about.has(flag::update)) v.gpr[insn.ra()] = ea;
    return finish(v);
}

// RT to r31. All words are there before the first register changes, so that the instruction can
// start again even if RA is among them.
[[gnu::noinline]] AccessResult multiple(Vcpu& v, const Insn& insn, bool load, u32 ea,
                                        const Port& port) {
    const unsigned count = 32 - insn.rt();
    u32* const registers = v.gpr + insn.rt();
    if (!load) {
        const AccessResult result = write_run(v, port, ea, 4, count, registers);
        if (result != AccessResult::done) return result;
        return finish(v);
    }
    u32 words[most_words];
    const AccessResult result = read_run(v, port, ea, 4, count, words);
    if (result != AccessResult::done) return result;
    for (unsigned i = 0; i < count; ++i) registers[i] = words[i];
    return finish(v);
}

// Whole words of four registers' bytes, then the bytes that are left; r0 follows r31. The bytes of
// the last register that no byte is loaded into become 0.
[[gnu::noinline]] AccessResult string(Vcpu& v, const Insn& insn, const OpInfo& about, u32 ea,
                                      const Port& port) {
    const unsigned bytes = about.has(flag::indexed) ? v.xer & xer_count : insn.nb();
    const unsigned count = (bytes + 3) / 4, rest = bytes % 4;
    const bool load = about.kind == dbt::Kind::load;
    if (bytes == 0) return finish(v);
    if (crosses(ea, bytes)) {
        const auto both = check_both(v, port, ea, bytes, load ? Access::load : Access::store);
        if (both != AccessResult::done) return both;
    }
    u32 words[most_words] = {};
    for (unsigned i = 0; i < count; ++i) {
        const u32 at = ea + 4 * i;
        if (!load) words[i] = v.gpr[(insn.rs() + i) % 32];
        unsigned left = i == count - 1 && rest != 0 ? rest : 4;
        // Three bytes are a halfword and a byte.
        for (unsigned done = 0; left != 0;) {
            const unsigned size = left == 3 ? 2 : left;
            const unsigned shift = 8 * (4 - done - size);
            const u32 mask = size == 4 ? ~0u : (1u << 8 * size) - 1;
            u32 piece = words[i] >> shift & mask;
            const AccessResult result =
                load ? port.read(v, at + done, size, piece) : port.write(v, at + done, size, piece);
            if (result != AccessResult::done) return result;
            if (load) words[i] |= piece << shift;
            done += size;
            left -= size;
        }
    }
    if (load) {
        for (unsigned i = 0; i < count; ++i) v.gpr[(insn.rt() + i) % 32] = words[i];
    }
    return finish(v);
}

// A 64-bit register of the SPE as it stands in memory: the upper word, then the lower one.
struct Pair {
    u32 upper, lower;
};

// What an SPE load makes of the elements it read (SPE PEM, chapter 5).
Pair spread(Op op, const u32* e) {
    switch (op) {
        case Op::evldh:
        case Op::evldhx:
            return {e[0] << 16 | e[1], e[2] << 16 | e[3]};
        case Op::evlhhesplat:
        case Op::evlhhesplatx:
            return {e[0] << 16, e[0] << 16};
        case Op::evlhhousplat:
        case Op::evlhhousplatx:
        case Op::evlwwsplat:
        case Op::evlwwsplatx:
            return {e[0], e[0]};
        case Op::evlhhossplat:
        case Op::evlhhossplatx:
            return {extend_sign(e[0]), extend_sign(e[0])};
        case Op::evlwhe:
        case Op::evlwhex:
            return {e[0] << 16, e[1] << 16};
        case Op::evlwhos:
        case Op::evlwhosx:
            return {extend_sign(e[0]), extend_sign(e[1])};
        case Op::evlwhsplat:
        case Op::evlwhsplatx:
            return {e[0] << 16 | e[0], e[1] << 16 | e[1]};
        default:  // evldd, evldw, evlwhou
            return {e[0], e[1]};
    }
}

// The elements an SPE store writes.
void gather(Op op, Pair r, u32* e) {
    switch (op) {
        case Op::evstdh:
        case Op::evstdhx:
            e[0] = r.upper >> 16;
            e[1] = r.upper & 0xffff;
            e[2] = r.lower >> 16;
            e[3] = r.lower & 0xffff;
            break;
        case Op::evstwhe:
        case Op::evstwhex:
            e[0] = r.upper >> 16;
            e[1] = r.lower >> 16;
            break;
        case Op::evstwho:
        case Op::evstwhox:
            e[0] = r.upper & 0xffff;
            e[1] = r.lower & 0xffff;
            break;
        case Op::evstwwo:
        case Op::evstwwox:
            e[0] = r.lower;
            break;
        default:  // evstdd, evstdw, evstwwe
            e[0] = r.upper;
            e[1] = r.lower;
            break;
    }
}

[[gnu::noinline]] AccessResult vector(Vcpu& v, const Insn& insn, const OpInfo& about, u32 ea,
                                      const Port& port) {
    const unsigned size = about.element;
    const unsigned count = about.bytes / size;
    u32 elements[4] = {};
    if (about.kind == dbt::Kind::load) {
        const AccessResult result = size == 8 ? read_pairs(v, port, ea, elements)
                                              : read_run(v, port, ea, size, count, elements);
        if (result != AccessResult::done) return result;
        const Pair value = spread(insn.op, elements);
        core::write_upper_half(insn.rt(), value.upper);
        v.gpr[insn.rt()] = value.lower;
    } else {
        gather(insn.op, {core::read_upper_half(insn.rs()), v.gpr[insn.rs()]}, elements);
        const AccessResult result = size == 8 ? write_pairs(v, port, ea, 1, elements)
                                              : write_run(v, port, ea, size, count, elements);
        if (result != AccessResult::done) return result;
    }
    return finish(v);
}

// dcbz stores zeroes. The others move nothing: what they flush or invalidate is as the VMM's own
// accesses left it, coherent; but those that count as loads to the MMU may be refused as such.
[[gnu::noinline]] AccessResult block(Vcpu& v, const Insn& insn, const Port& port) {
    const u32 ea = effective_address(v, insn);
    switch (insn.op) {
        case Op::dcbz: {
            const u32 start = ea & ~(block_bytes - 1);
            constexpr u32 zeroes[block_bytes / 4] = {};
            const AccessResult result = write_pairs(v, port, start, block_bytes / 8, zeroes);
            if (result != AccessResult::done) return result;
            return finish(v);
        }
        case Op::dcbf:
        case Op::dcbst:
        case Op::icbi: {
            const AccessResult result = port.check(v, ea, Access::load);
            return result == AccessResult::done ? finish(v) : result;
        }
        case Op::dcba:
        case Op::dcbt:
        case Op::dcbtst:
        case Op::icbt:
            return finish(v);
        default:
            return AccessResult::refused;
    }
}

}  // namespace

AccessResult emulate_access(Vcpu& v, const Insn& insn, const Port& port) {
    const OpInfo& about = dbt::info(insn.op);
    const bool load = about.kind == dbt::Kind::load;
    if (!load && about.kind != dbt::Kind::store) return block(v, insn, port);
    const u32 ea = effective_address(v, insn);
    if (!about.has(flag::multiple | flag::string | flag::reserve | flag::spe)) {
        return scalar(v, insn, about, ea, port);
    }
    if (about.has(flag::multiple)) return multiple(v, insn, load, ea, port);
    if (about.has(flag::string)) return string(v, insn, about, ea, port);
    if (about.has(flag::spe)) return vector(v, insn, about, ea, port);
    return AccessResult::refused;  // lwarx, stwcx.
}

}  // namespace trapeze::vcpu
