// SPDX-License-Identifier: Apache-2.0
// FH_PARTITION_MEMCPY: copies a list of pieces between the caller and guests that it manages.
//
// A list may be long, and a call is not: it copies some of it, takes that off its own arguments and
// lets the guest execute the instruction once more, under the token of a call that goes on. So the
// guest gets its interrupts, and nothing is kept for it meanwhile.
#include "hv/core/cpu.hpp"
#include "hv/para/partition_calls.hpp"
#include "hv/para/partition_parts.hpp"
#include "hv/patch/patcher.hpp"

namespace trapeze::para {

using guest::machine;
using vcpu::Vcpu;

namespace {

constexpr u32 page_bytes = 4096, entry_bytes = 32;
// Of one execution: bytes that are copied as words, and as bytes; entries that are looked at.
constexpr u32 most_by_words = 2048, most_by_bytes = 512, most_entries = 8;

// An entry of the list, as it lies in the caller's memory: big-endian, at a multiple of 32. Behind
// these is a reserved double word, which Linux's driver leaves as it finds it.
struct Entry {
    u64 source, target, size;
};

// The memory of one of the two.
struct Side {
    Managed* managed;  // null: the caller's

    // Where it is in the host's memory; false: not all of it is RAM of that guest's.
    bool find(const Vcpu& v, u64 gpa, u64 bytes, u64& hpa) const {
        if (managed == nullptr) return v.memory->ram_range(gpa, bytes, hpa);
        const Partition& partition = *partition_of(managed->guest);
        if (gpa > partition.ram_size || bytes > partition.ram_size - gpa) return false;
        hpa = partition.ram_hpa + gpa;
        return true;
    }
};

Side side_of(const Vcpu& v, u32 handle) {
    return {handle == own_handle ? nullptr : managed_by(v, handle)};
}

bool is_made_anew(const Side& side) {
    return side.managed != nullptr &&
           status_of(*machine.guests[side.managed->guest]) == PartitionStatus::starting;
}

bool read_entry(const Vcpu& v, u64 list, Entry& entry) {
    u64 hpa = 0;
    if (!v.memory->ram_range(list, entry_bytes, hpa)) return false;
    u64* const words[] = {&entry.source, &entry.target, &entry.size};
    for (u64* word : words) {
        *word = u64{core::read_ram(hpa, 4)} << 32 | core::read_ram(hpa + 4, 4);
        hpa += 8;
    }
    return true;
}

u64 least(u64 a, u64 b) { return a < b ? a : b; }

// As much of it as lies in one page on both sides and may be copied at once.
u32 piece_of(u64 from, u64 to, u64 bytes) {
    const u64 in_pages = least(page_bytes - from % page_bytes, page_bytes - to % page_bytes);
    const u64 most = (from ^ to) % 4 == 0 ? most_by_words : most_by_bytes;
    return static_cast<u32>(least(least(bytes, in_pages), most));
}

// What has been copied may have been text.
void tell(Vcpu& v, const Side& to, u64 gpa, u32 bytes) {
    if (to.managed == nullptr) {
        if (v.patcher != nullptr) patch::written(v, gpa, bytes);
        return;
    }
    // A guest of this core can be looked at from here. Mostly there is nothing to be done, and it
    // need not have the core for that.
    const u32 number = to.managed->guest;
    const Vcpu& other = machine.guests[number]->vcpu;
    const bool here = v.devices->board->homes[number] == v.core;
    if (here && (other.patcher == nullptr || !patch::executes_copy(other, gpa))) return;
    to.managed->written_gpa = gpa;
    __atomic_store_n(&to.managed->written_bytes, bytes, __ATOMIC_RELEASE);
    ask(v, number, guest::ask_written);
}

// Whether the core of the guest that has been written to has yet to look at that. It is asked once
// more: who was made anew meanwhile has forgotten that.
bool is_behind(const Vcpu& v, const Side& to) {
    if (to.managed == nullptr) return false;
    if (__atomic_load_n(&to.managed->written_bytes, __ATOMIC_ACQUIRE) == 0) return false;
    const Vcpu& other = machine.guests[to.managed->guest]->vcpu;
    const u32 asked = __atomic_load_n(&other.asked, __ATOMIC_ACQUIRE) |
                      __atomic_load_n(&other.answers, __ATOMIC_ACQUIRE);
    if ((asked & guest::ask_written) == 0) ask(v, to.managed->guest, guest::ask_written);
    return true;
}

// The list, as the registers have it: r5 and r6 its address, low word first, r7 its entries, r8
// what of the first one has been copied.
struct List {
    u64 at;
    u32 count, done;
};

Status goes_on(Vcpu& v, const List& list) {
    v.gpr[5] = static_cast<u32>(list.at);
    v.gpr[6] = static_cast<u32>(list.at >> 32);
    v.gpr[7] = list.count;
    v.gpr[8] = list.done;
    v.gpr[11] = copy_goes_on;
    return Status::unfinished;
}

// One piece. False: `status` says why there is no more to be done now.
bool copy_piece(Vcpu& v, const Side& from, const Side& to, List& list, Status& status) {
    Entry entry{};
    u64 source = 0, target = 0;
    status = Status::bad_address;
    if (!read_entry(v, list.at, entry)) return false;
    if (list.done > entry.size) {
        status = Status::invalid;
        return false;
    }
    if (!from.find(v, entry.source, entry.size, source)) return false;
    if (!to.find(v, entry.target, entry.size, target)) return false;
    const u64 left = entry.size - list.done;
    const u32 bytes = piece_of(source + list.done, target + list.done, left);
    if (bytes != 0) core::copy_ram(target + list.done, source + list.done, bytes);
    const u64 gpa = entry.target + list.done;
    list.done += bytes;
    if (bytes == left) {
        list.at += entry_bytes;
        --list.count;
        list.done = 0;
    }
    if (bytes == 0) return true;
    tell(v, to, gpa, bytes);
    status = goes_on(v, list);
    return false;
}

Status copy(Vcpu& v, u32 done) {
    const Side from = side_of(v, v.gpr[3]), to = side_of(v, v.gpr[4]);
    if ((from.managed == nullptr && v.gpr[3] != own_handle) ||
        (to.managed == nullptr && v.gpr[4] != own_handle) || from.managed == to.managed) {
        return Status::invalid;
    }
    List list{u64{v.gpr[6]} << 32 | v.gpr[5], v.gpr[7], done};
    if (list.at % entry_bytes != 0) return Status::invalid;
    if (is_made_anew(from) || is_made_anew(to)) return Status::invalid_state;
    if (is_behind(v, to)) return goes_on(v, list);
    for (unsigned i = 0; i < most_entries && list.count != 0; ++i) {
        Status status = Status::success;
        if (!copy_piece(v, from, to, list, status)) return status;
    }
    return list.count == 0 ? Status::success : goes_on(v, list);
}

}  // namespace

Status partition_memcpy(Vcpu& v) { return copy(v, 0); }

Status partition_memcpy_on(Vcpu& v) { return copy(v, v.gpr[8]); }

}  // namespace trapeze::para
