// SPDX-License-Identifier: Apache-2.0
// FH_PARTITION_GET_DTPROP, FH_PARTITION_SET_DTPROP: properties of a managed guest's device tree, of
// which the VMM keeps a copy (boot/partitions.cpp).
//
// A walk goes through the structure block (Devicetree Specification 5.4), a part of it at a time:
// like a copy of memory (partition_copy.cpp) it goes on in registers, those of the upper halves of
// addresses, which are 0 when a guest calls.
#include <cstring>

#include "hv/core/cpu.hpp"
#include "hv/core/lock.hpp"
#include "hv/para/partition_calls.hpp"
#include "hv/para/partition_parts.hpp"
#include "hv/patch/patcher.hpp"

namespace trapeze::para {

using guest::machine;
using vcpu::Vcpu;

namespace {

constexpr u32 begin_node = 1, end_node = 2, property = 3, nothing = 4;
// Of one execution.
constexpr unsigned most_tags = 32;
constexpr u32 longest_value = 4096;
constexpr u32 page_bytes = 4096;

// The copy, whose numbers are the guest's, or the user's: nothing of it is taken for granted.
struct Blob {
    const u8* at;
    u32 bytes;

    bool word(u32 offset, u32& value) const {
        if (offset % 4 != 0 || offset > bytes || bytes - offset < 4) return false;
        const u8* const p = at + offset;
        value = u32{p[0]} << 24 | u32{p[1]} << 16 | u32{p[2]} << 8 | p[3];
        return true;
    }
    // Length of the text at `offset`, at most `most`; false: it does not end there.
    bool text(u32 offset, u32 most, u32& length) const {
        for (length = 0; length <= most; ++length) {
            if (offset >= bytes || length >= bytes - offset) return false;
            if (at[offset + length] == 0) return true;
        }
        return false;
    }
};

// Bytes of the caller's RAM; false: some are not RAM.
bool read_bytes(const Vcpu& v, u64 gpa, void* to, u32 bytes) {
    auto* at = static_cast<u8*>(to);
    while (bytes != 0) {
        const u32 in_page = page_bytes - static_cast<u32>(gpa % page_bytes);
        const u32 piece = in_page < bytes ? in_page : bytes;
        u64 hpa = 0;
        if (!v.memory->ram_range(gpa, piece, hpa)) return false;
        core::copy_from_ram(at, hpa, piece);
        gpa += piece;
        at += piece;
        bytes -= piece;
    }
    return true;
}

// A text of the caller's; false: it does not end within the room, or is not in RAM.
bool read_text(const Vcpu& v, u64 gpa, char* to, u32 room) {
    for (u32 n = 0; n < room;) {
        const u32 in_page = page_bytes - static_cast<u32>((gpa + n) % page_bytes);
        const u32 piece = in_page < room - n ? in_page : room - n;
        if (!read_bytes(v, gpa + n, to + n, piece)) return false;
        if (memchr(to + n, 0, piece) != nullptr) return true;
        n += piece;
    }
    return false;
}

// What is looked for.
struct Wanted {
    char path[Setting::most_path], name[Setting::most_name];
    u32 path_length;
};

// Component number `n` of the path; an empty one behind its last.
const char* component(const Wanted& w, unsigned n, u32& length) {
    const char* p = w.path;
    for (;;) {
        while (*p == '/') ++p;
        length = 0;
        while (p[length] != 0 && p[length] != '/') ++length;
        if (n-- == 0 || length == 0) return p;
        p += length;
    }
}
bool path_ends(const Wanted& w, unsigned n) {
    u32 length = 0;
    component(w, n, length);
    return length == 0;
}

// A node's name is that component, with or without what is behind its @.
bool is_component(const Wanted& w, unsigned n, const u8* name, u32 length) {
    u32 wanted = 0;
    const char* const text = component(w, n, wanted);
    if (wanted == 0 || wanted > length || memcmp(text, name, wanted) != 0) return false;
    return wanted == length || name[wanted] == '@';
}

// Where a walk is: at this offset of the copy; so many nodes are open, of which so many are those
// of the path, the root included.
struct Walk {
    u32 at, depth, matched;
};

enum class Step : u8 { on, found, absent, broken };

constexpr u32 rounded(u32 bytes) { return (bytes + 3) & ~3u; }

// One tag. When found, `at` is the offset of the value and `bytes` its length; `node_only`: it is
// found when its node is.
Step step(const Blob& tree, u32 strings, const Wanted& w, Walk& walk, bool node_only, u32& at,
          u32& bytes) {
    u32 tag = 0, name = 0;
    if (!tree.word(walk.at, tag)) return Step::broken;
    const bool here =
        walk.matched != 0 && walk.depth == walk.matched && path_ends(w, walk.matched - 1);
    if (here && node_only) return Step::found;
    constexpr u32 longest_name = 256;
    switch (tag) {
        case begin_node: {
            if (here) return Step::absent;  // properties come first
            u32 length = 0;
            if (!tree.text(walk.at + 4, longest_name, length)) return Step::broken;
            const bool next = walk.depth == walk.matched;
            ++walk.depth;
            if (next && (walk.matched == 0 ||
                         is_component(w, walk.matched - 1, tree.at + walk.at + 4, length))) {
                ++walk.matched;
            }
            walk.at += 4 + rounded(length + 1);
            return Step::on;
        }
        case end_node:
            if (walk.depth == walk.matched) return Step::absent;
            --walk.depth;
            walk.at += 4;
            return Step::on;
        case property: {
            if (!tree.word(walk.at + 4, bytes) || !tree.word(walk.at + 8, name)) {
                return Step::broken;
            }
            at = walk.at + 12;
            if (at > tree.bytes || bytes > tree.bytes - at) return Step::broken;
            u32 length = 0;
            if (here) {
                if (name > tree.bytes || strings > tree.bytes - name ||
                    !tree.text(strings + name, longest_name, length)) {
                    return Step::broken;
                }
                if (strcmp(reinterpret_cast<const char*>(tree.at) + strings + name, w.name) == 0) {
                    return Step::found;
                }
            }
            walk.at = at + rounded(bytes);
            return Step::on;
        }
        case nothing:
            walk.at += 4;
            return Step::on;
        default:
            return Step::broken;
    }
}

// The arguments, as the registers have them: addresses of path, name and value, each of two words.
struct Call {
    Managed* managed;
    Partition* partition;
    Wanted wanted;
    u64 value;
    u32 bytes;  // of the caller's buffer, or of what it sets
    Walk walk;
};

Status read_call(Vcpu& v, bool first, Call& c) {
    c.managed = managed_by(v, v.gpr[3]);
    if (c.managed == nullptr) return Status::invalid;
    c.partition = partition_of(c.managed->guest);
    if (first && (v.gpr[4] | v.gpr[6] | v.gpr[8]) != 0) return Status::bad_address;
    if (!read_text(v, v.gpr[5], c.wanted.path, sizeof c.wanted.path)) return Status::bad_address;
    if (!read_text(v, v.gpr[7], c.wanted.name, sizeof c.wanted.name)) return Status::bad_address;
    if (c.wanted.path[0] != '/' || c.wanted.name[0] == 0) return Status::invalid;
    c.value = v.gpr[9];
    c.bytes = v.gpr[10];
    c.walk = {v.gpr[4], v.gpr[6], v.gpr[8]};
    return Status::success;
}

Status goes_on(Vcpu& v, const Walk& walk, u32 token) {
    v.gpr[4] = walk.at;
    v.gpr[6] = walk.depth;
    v.gpr[8] = walk.matched;
    v.gpr[11] = token;
    return Status::unfinished;
}

// The value into the caller's buffer; r4 is how long it is.
Status give(Vcpu& v, const Call& c, const u8* value, u32 bytes) {
    v.gpr[4] = bytes;
    if (bytes > c.bytes || bytes > longest_value) return Status::overflow;
    u64 hpa = 0;
    if (bytes != 0 && !v.memory->ram_range(c.value, bytes, hpa)) return Status::bad_address;
    for (u32 n = 0; n < bytes;) {
        const u32 in_page = page_bytes - static_cast<u32>((c.value + n) % page_bytes);
        const u32 piece = in_page < bytes - n ? in_page : bytes - n;
        core::copy_to_ram(hpa + n, value + n, piece);
        if (v.patcher != nullptr) patch::written(v, c.value + n, piece);
        n += piece;
    }
    return Status::success;
}

Setting* setting_of(Partition& partition, const Wanted& w) {
    for (Setting& one : partition.settings) {
        if (one.used != 0 && strcmp(one.path, w.path) == 0 && strcmp(one.name, w.name) == 0) {
            return &one;
        }
    }
    return nullptr;
}

Status put(Vcpu& v, const Call& c) {
    if (c.bytes > Setting::most_bytes) return Status::overflow;
    u8 value[Setting::most_bytes];
    if (!read_bytes(v, c.value, value, c.bytes)) return Status::bad_address;
    const core::Held held(c.partition->settings_lock);
    Setting* to = setting_of(*c.partition, c.wanted);
    for (Setting& one : c.partition->settings) {
        if (to == nullptr && one.used == 0) to = &one;
    }
    if (to == nullptr) return Status::no_memory;
    memcpy(to->path, c.wanted.path, sizeof to->path);
    memcpy(to->name, c.wanted.name, sizeof to->name);
    memcpy(to->value, value, c.bytes);
    to->bytes = c.bytes;
    to->used = 1;
    return Status::success;
}

// What a manager has set is what it reads, although the guest has it from its next start on.
bool give_setting(Vcpu& v, const Call& c, Status& status) {
    const core::Held held(c.partition->settings_lock);
    const Setting* const one = setting_of(*c.partition, c.wanted);
    if (one == nullptr) return false;
    status = give(v, c, one->value, one->bytes);
    return true;
}

Status walk(Vcpu& v, Call& c, bool sets, u32 token) {
    const Partition& partition = *c.partition;
    const u32 version = __atomic_load_n(&partition.version, __ATOMIC_ACQUIRE);
    const Blob tree{partition.tree, partition.tree_bytes};
    if ((version & 1) != 0) return Status::again;
    if (tree.bytes > partition.tree_room) return Status::again;
    u32 structure = 0, strings = 0;
    constexpr u32 off_structure = 8, off_strings = 12;  // of the header
    if (!tree.word(off_structure, structure) || !tree.word(off_strings, strings)) {
        return Status::no_entry;
    }
    if (c.walk.at == 0) c.walk = {structure, 0, 0};
    Step now = Step::on;
    u32 at = 0, bytes = 0;
    for (unsigned n = 0; n < most_tags && now == Step::on; ++n) {
        now = step(tree, strings, c.wanted, c.walk, sets, at, bytes);
    }
    Status status = Status::no_entry;
    if (now == Step::on) status = goes_on(v, c.walk, token);
    if (now == Step::found) status = sets ? put(v, c) : give(v, c, tree.at + at, bytes);
    // Its core has made it anew meanwhile.
    if (__atomic_load_n(&partition.version, __ATOMIC_ACQUIRE) != version) return Status::again;
    return status;
}

Status look(Vcpu& v, bool first, bool sets, u32 token) {
    Call c{};
    const Status status = read_call(v, first, c);
    if (status != Status::success) return status;
    if (status_of(*machine.guests[c.managed->guest]) == PartitionStatus::starting) {
        return Status::invalid_state;
    }
    Status set = Status::success;
    if (first && !sets && give_setting(v, c, set)) return set;
    return walk(v, c, sets, token);
}

}  // namespace

Status partition_get_dtprop(Vcpu& v) { return look(v, true, false, get_goes_on); }
Status partition_get_dtprop_on(Vcpu& v) { return look(v, false, false, get_goes_on); }
Status partition_set_dtprop(Vcpu& v) { return look(v, true, true, set_goes_on); }
Status partition_set_dtprop_on(Vcpu& v) { return look(v, false, true, set_goes_on); }

}  // namespace trapeze::para
