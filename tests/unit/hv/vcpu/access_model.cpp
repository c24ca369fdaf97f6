// SPDX-License-Identifier: Apache-2.0
#include "access_model.hpp"

#include "hv/vcpu/interrupt.hpp"

namespace trapeze::test {

using vcpu::AccessResult;

bool is_emulated(dbt::Op op) {
    using dbt::Op;
    switch (op) {
        case Op::dcba:
        case Op::dcbf:
        case Op::dcbst:
        case Op::dcbt:
        case Op::dcbtst:
        case Op::dcbz:
        case Op::icbi:
        case Op::icbt:
            return true;
        default: {
            const dbt::OpInfo& about = dbt::info(op);
            return (about.kind == dbt::Kind::load || about.kind == dbt::Kind::store) &&
                   !about.has(dbt::flag::reserve);
        }
    }
}

PortMemory& port_memory() {
    static PortMemory instance;
    return instance;
}

namespace {

AccessResult admit(vcpu::Vcpu& v, u32 ea, unsigned size, bool store) {
    PortMemory& m = port_memory();
    const auto page = m.pages.find(ea & ~0xfffU);
    if (page != m.pages.end() && page->second.refused) {
        return AccessResult::refused;
    }
    if (page != m.pages.end() && (store ? page->second.store : page->second.load)) {
        if (size != 0 && m.pieces.size() == m.most) {
            end(v, vcpu::End::guest_died, "the port ends it");
            return AccessResult::interrupted;
        }
        if (size != 0) {
            m.pieces.push_back({ea, size, store});
        }
        return AccessResult::done;
    }
    v.regs.dear = ea;
    v.regs.esr = store ? 0x00800000U : 0;
    inject(v, e500::Vector::data_storage);
    return AccessResult::interrupted;
}

bool crosses(u32 ea, unsigned size) { return (ea & 0xfffU) + size > 0x1000U; }

AccessResult port_read(vcpu::Vcpu& v, u32 ea, unsigned size, u32& value) {
    if (crosses(ea, size)) {
        u32 sum = 0;
        for (unsigned i = 0; i < size; ++i) {
            u32 byte = 0;
            const AccessResult one = port_read(v, ea + i, 1, byte);
            if (one != AccessResult::done) {
                return one;
            }
            sum = sum << 8U | byte;
        }
        value = sum;
        return AccessResult::done;
    }
    const AccessResult result = admit(v, ea, size, false);
    if (result != AccessResult::done) {
        return result;
    }
    const auto& bytes = port_memory().pages.at(ea & ~0xfffU).bytes;
    value = 0;
    for (unsigned i = 0; i < size; ++i) {
        value = value << 8U | bytes.at((ea & 0xfffU) + i);
    }
    return result;
}

AccessResult port_write(vcpu::Vcpu& v, u32 ea, unsigned size, u32 value) {
    if (crosses(ea, size)) {
        for (unsigned i = 0; i < size; ++i) {
            const AccessResult one = port_write(v, ea + i, 1, value >> 8U * (size - 1 - i) & 0xffU);
            if (one != AccessResult::done) {
                return one;
            }
        }
        return AccessResult::done;
    }
    const AccessResult result = admit(v, ea, size, true);
    if (result != AccessResult::done) {
        return result;
    }
    auto& bytes = port_memory().pages.at(ea & ~0xfffU).bytes;
    for (unsigned i = size; i-- > 0; value >>= 8U) {
        bytes.at((ea & 0xfffU) + i) = static_cast<u8>(value);
    }
    return result;
}

AccessResult port_read_pair(vcpu::Vcpu& v, u32 ea, u32* words) {
    for (unsigned i = 0; i < 2; ++i) {
        const AccessResult one = port_read(v, ea + 4 * i, 4, words[i]);
        if (one != AccessResult::done) {
            return one;
        }
    }
    return AccessResult::done;
}
AccessResult port_write_pair(vcpu::Vcpu& v, u32 ea, const u32* words) {
    for (unsigned i = 0; i < 2; ++i) {
        const AccessResult one = port_write(v, ea + 4 * i, 4, words[i]);
        if (one != AccessResult::done) {
            return one;
        }
    }
    return AccessResult::done;
}

AccessResult port_check(vcpu::Vcpu& v, u32 ea, mmu::Access access) {
    return admit(v, ea, 0, access == mmu::Access::store);
}

}  // namespace

const vcpu::Port& memory_port() {
    static constexpr vcpu::Port port{port_read, port_write, port_read_pair, port_write_pair,
                                     port_check};
    return port;
}

void Model::touch(u32 ea, unsigned bytes, bool store) {
    stores = store;
    for (unsigned i = 0; i < bytes; ++i) {
        const auto page = pages.find((ea + i) & ~0xfffU);
        const bool exists = page != pages.end();
        if (exists && page->second.refused) {
            throw Stop{End::refused};
        }
        if (!exists || !(store ? page->second.store : page->second.load)) {
            dear = ea + i;
            throw Stop{End::storage};
        }
    }
}

u64 Model::load(u32 ea, unsigned bytes) {
    touch(ea, bytes, false);
    u64 value = 0;
    for (unsigned i = 0; i < bytes; ++i) {
        const u32 at = ea + i;
        value = value << 8U | pages.at(at & ~0xfffU).bytes.at(at & 0xfffU);
    }
    return value;
}

void Model::store(u32 ea, unsigned bytes, u64 value) {
    touch(ea, bytes, true);
    for (unsigned i = 0; i < bytes; ++i) {
        const u32 at = ea + i;
        pages.at(at & ~0xfffU).bytes.at(at & 0xfffU) =
            static_cast<u8>(value >> 8U * (bytes - 1 - i));
    }
}

namespace {

u64 sign_extended(u64 half) { return static_cast<u64>(static_cast<std::int16_t>(half)); }
u64 reversed(u64 value, unsigned bytes) { return __builtin_bswap64(value) >> (64U - 8U * bytes); }
u64 pair(u64 upper, u64 lower) { return upper << 32U | (lower & 0xffffffffU); }

}  // namespace

void Model::integer(u32 word, u32 opcode, u32 ea) {
    const unsigned r = word >> 21U & 31U;
    const unsigned a = word >> 16U & 31U;
    switch (opcode) {
        case 32:
        case 33:
            put(r, load(ea, 4));
            break;
        case 34:
        case 35:
            put(r, load(ea, 1));
            break;
        case 36:
        case 37:
            store(ea, 4, get(r));
            break;
        case 38:
        case 39:
            store(ea, 1, get(r));
            break;
        case 40:
        case 41:
            put(r, load(ea, 2));
            break;
        case 42:
        case 43:
            put(r, sign_extended(load(ea, 2)));
            break;
        default:
            store(ea, 2, get(r));
            break;
    }
    if (opcode % 2 == 1) {
        put(a, ea);
    }
}

void Model::string(u32 word, u32 ea, unsigned bytes, bool stores_it) {
    touch(ea, bytes, stores_it);
    unsigned r = (word >> 21U & 31U) + 31U;
    for (unsigned i = 0; i < bytes; ++i) {
        if (i % 4 == 0) {
            r = (r + 1U) % 32U;
            if (!stores_it) {
                put(r, 0);
            }
        }
        const unsigned shift = 24U - 8U * (i % 4);
        if (stores_it) {
            store(ea + i, 1, get(r) >> shift);
        } else {
            put(r, get(r) | load(ea + i, 1) << shift);
        }
    }
}

void Model::extended(u32 word) {
    const unsigned r = word >> 21U & 31U;
    const unsigned a = word >> 16U & 31U;
    const unsigned b = word >> 11U & 31U;
    const u32 xo = word >> 1U & 0x3ffU;
    // Those with update: primary opcode 31, bit 26 of the word set, among the plain integer ones.
    static const std::map<u32, u32> as_displaced{
        {23, 32},  {55, 33},  {87, 34},  {119, 35}, {151, 36}, {183, 37}, {215, 38},
        {247, 39}, {279, 40}, {311, 41}, {343, 42}, {375, 43}, {407, 44}, {439, 45}};
    const auto plain = as_displaced.find(xo);
    const bool update = plain != as_displaced.end() && plain->second % 2 == 1;
    const u32 base = a == 0 && !update ? 0 : get(a);
    const u32 ea = base + get(b);
    if (plain != as_displaced.end()) {
        integer(word, plain->second, ea);
        return;
    }
    switch (xo) {
        case 790:
            put(r, reversed(load(ea, 2), 2));
            break;
        case 534:
            put(r, reversed(load(ea, 4), 4));
            break;
        case 918:
            store(ea, 2, reversed(get(r), 2));
            break;
        case 662:
            store(ea, 4, reversed(get(r), 4));
            break;
        case 597:
            string(word, base, b == 0 ? 32 : b, false);
            break;
        case 725:
            string(word, base, b == 0 ? 32 : b, true);
            break;
        case 533:
            string(word, ea, xer & 127U, false);
            break;
        case 661:
            string(word, ea, xer & 127U, true);
            break;
        case 1014:  // dcbz
            touch(ea & ~31U, 32, true);
            for (u32 i = 0; i < 32; ++i) {
                store((ea & ~31U) + i, 1, 0);
            }
            break;
        case 54:   // dcbst
        case 86:   // dcbf
        case 982:  // icbi
            touch(ea, 1, false);
            break;
        case 22:   // icbt
        case 246:  // dcbtst
        case 278:  // dcbt
        case 758:  // dcba
            break;
        default:
            throw Stop{End::unknown};
    }
}

void Model::vector(u32 word) {
    const unsigned r = word >> 21U & 31U;
    const unsigned a = word >> 16U & 31U;
    const unsigned b = word >> 11U & 31U;
    const u32 form = word & 0x7ffU;
    const u32 number = form & ~1U;  // the odd one of a pair has the displacement
    const unsigned bytes = number == 0x308 || number == 0x30c || number == 0x30e ? 2
                           : (number & 0x1fU) >= 0x10U                           ? 4
                                                                                 : 8;
    const u32 ea = (a == 0 ? 0 : get(a)) + (form % 2 == 1 ? b * bytes : get(b));
    const u64 old = gpr.at(r);
    if (number >= 0x320) {
        switch (number) {
            case 0x320:
            case 0x322:
            case 0x324:
                store(ea, 8, old);
                return;
            case 0x330:  // evstwhe
                store(ea, 4, (old >> 48U << 16U) | (old >> 16U & 0xffffU));
                return;
            case 0x334:  // evstwho
                store(ea, 4, (old >> 32U & 0xffffU) << 16U | (old & 0xffffU));
                return;
            case 0x338:
                store(ea, 4, old >> 32U);
                return;
            case 0x33c:
                store(ea, 4, old);
                return;
            default:
                throw Stop{End::unknown};
        }
    }
    const u64 m = load(ea, bytes);
    const u64 first = m >> 16U, second = m & 0xffffU;  // of two halfwords
    switch (number) {
        case 0x300:
        case 0x302:
        case 0x304:
            gpr.at(r) = m;
            break;
        case 0x308:
            gpr.at(r) = pair(m << 16U, m << 16U);
            break;
        case 0x30c:
            gpr.at(r) = pair(m, m);
            break;
        case 0x30e:
            gpr.at(r) = pair(sign_extended(m), sign_extended(m));
            break;
        case 0x310:
            gpr.at(r) = pair(first << 16U, second << 16U);
            break;
        case 0x314:
            gpr.at(r) = pair(first, second);
            break;
        case 0x316:
            gpr.at(r) = pair(sign_extended(first), sign_extended(second));
            break;
        case 0x318:
            gpr.at(r) = pair(m, m);
            break;
        case 0x31c:
            gpr.at(r) = pair(first << 16U | first, second << 16U | second);
            break;
        default:
            throw Stop{End::unknown};
    }
}

void Model::execute(u32 word) {
    const u32 opcode = word >> 26U;
    const unsigned r = word >> 21U & 31U;
    const unsigned a = word >> 16U & 31U;
    const bool update = opcode % 2 == 1 && opcode < 46;
    const u32 base = a == 0 && !update ? 0 : get(a);
    const u32 ea = base + static_cast<u32>(static_cast<std::int16_t>(word & 0xffffU));
    if (opcode == 31) {
        extended(word);
    } else if (opcode == 4) {
        vector(word);
    } else if (opcode >= 32 && opcode <= 45) {
        integer(word, opcode, ea);
    } else if (opcode == 46 || opcode == 47) {
        touch(ea, 4 * (32 - r), opcode == 47);
        for (unsigned i = r; i < 32; ++i) {
            if (opcode == 47) {
                store(ea + 4 * (i - r), 4, get(i));
            } else {
                put(i, load(ea + 4 * (i - r), 4));
            }
        }
    } else {
        throw Stop{End::unknown};
    }
}

Model::End Model::run(u32 word) {
    Model next = *this;
    try {
        next.execute(word);
    } catch (const Stop& stop) {
        dear = next.dear;
        stores = next.stores;
        return stop.end;
    }
    *this = std::move(next);
    return End::done;
}

}  // namespace trapeze::test
