// SPDX-License-Identifier: Apache-2.0
//
// The highest and the lowest 32 KiB of the address space, which every instruction reaches without
// a base register: what the guest maps there is its own, however much of it there is, and hot
// code runs on meanwhile.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 high = 0xffff'8000, backing = 0x40'8000, pages = 8;
constexpr u32 code = 0x50'0000;

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }
u32 pattern(u32 page, u32 offset, u32 round) {
    return (page + 1) * 0x0101'0101 ^ offset * 0x1'0003 ^ round << 28;
}

// By RA=0 and a negative displacement, as a patched site would reach it.
template <int displacement>
u32 load_at() {
    u32 value;
    asm volatile("lwz %0, %1(0)" : "=r"(value) : "i"(displacement) : "memory");
    return value;
}
template <int displacement>
void store_at(u32 value) {
    asm volatile("stw %0, %1(0)" : : "r"(value), "i"(displacement) : "memory");
}

void map(u32 page, u32 permissions = mas3::permissions) {
    tlbwe(0, page % 4,
          {.ea = high + 0x1000 * page, .pa = backing + 0x1000 * page, .permissions = permissions});
}
void unmap(u32 page) { tlbivax(high + 0x1000 * page); }

void fill(u32 page, u32 round) {
    for (u32 offset = 0; offset < 0x1000; offset += 4) {
        word(high + 0x1000 * page + offset) = pattern(page, offset, round);
    }
}
void verify(const char* what, u32 page, u32 round, u32 at) {
    for (u32 offset = 0; offset < 0x1000; offset += 4) {
        ++checked;
        same(what, page * 0x1000 + offset, word(at + 0x1000 * page + offset),
             pattern(page, offset, round));
    }
}
void work(const char* what, u32 rounds = hot) {
    mix(what, reinterpret_cast<u32>(hot_mix), rounds);
    mix(what, code, rounds);
}

// The pages that `set` has bits for: their content, under their own and their usual address.
void with(u32 set, u32 round) {
    work("before");
    for (u32 page = 0; page < pages; ++page) {
        if (set >> page & 1) map(page);
    }
    work("mapped", 3);
    for (u32 page = 0; page < pages; ++page) {
        if (set >> page & 1) fill(page, round);
    }
    work("filled");
    for (u32 page = 0; page < pages; ++page) {
        if (!(set >> page & 1)) continue;
        verify("its own", page, round, high);
        verify("underneath", page, round, backing);
    }
    // What the guest writes underneath shows.
    for (u32 page = 0; page < pages; ++page) {
        if (!(set >> page & 1)) continue;
        for (u32 offset = 0; offset < 0x1000; offset += 4) {
            word(backing + 0x1000 * page + offset) = pattern(page, offset, round ^ 5);
        }
        work("written underneath", 2);
        verify("shows", page, round ^ 5, high);
    }
    for (u32 page = 0; page < pages; ++page) {
        if (set >> page & 1) unmap(page);
    }
    work("unmapped");
}

void sets() {
    for (u32 page = 0; page < pages; ++page) with(1u << page, page);
    for (const u32 set : {0x03u, 0x81u, 0x7fu, 0xfeu, 0xffu, 0x55u, 0xaau, 0xffu, 0x01u}) {
        with(set, set & 3);
    }
    verdict("sets", checked);
    checked = 0;
}

// All eight by entries of TLB1: one of 16 KiB and one of 16, of 64 KiB that begins below.
void large() {
    for (u32 round = 0; round < 4; ++round) {
        if (round & 1) {
            tlbwe(1, 4, {.ea = 0xffff'0000, .pa = backing - 0x8000, .tsize = 3});
        } else {
            tlbwe(1, 4, {.ea = high, .pa = backing, .tsize = 2});
            tlbwe(1, 5, {.ea = high + 0x4000, .pa = backing + 0x4000, .tsize = 2});
        }
        for (u32 page = 0; page < pages; ++page) fill(page, round);
        work("large");
        for (u32 page = 0; page < pages; ++page) {
            verify("large", page, round, high);
            verify("large, underneath", page, round, backing);
        }
        if (round & 1) {
            tlbivax(0xffff'0008);
        } else {
            tlbwe(1, 4, {.ea = 0, .pa = 0}, false);
            tlbwe(1, 5, {.ea = 0, .pa = 0}, false);
        }
        work("not large");
    }
    verdict("large", checked);
    checked = 0;
}

// One after the other comes and stays, so that what the VMM has there must move on, and go.
void crowded() {
    for (u32 round = 0; round < 3; ++round) {
        for (u32 i = 0; i < pages; ++i) {
            const u32 page = round == 0 ? i : round == 1 ? pages - 1 - i : i * 3 % pages;
            map(page);
            fill(page, round);
            work("one more", 4);
            for (u32 j = 0; j <= i; ++j) {
                const u32 other = round == 0 ? j : round == 1 ? pages - 1 - j : j * 3 % pages;
                verify("crowded", other, round, high);
            }
        }
        for (u32 i = 0; i < pages; ++i) {
            unmap(i);
            work("one less", 4);
            for (u32 j = i + 1; j < pages; ++j) verify("less crowded", j, round, high);
        }
    }
    verdict("crowded", checked);
    checked = 0;
}

// Rights, users and processes: pages that user mode has there are not the kernel's, nor the other
// way round.
u32 load_user(u32 at) { return *reinterpret_cast<volatile u32*>(at); }
u32 store_user(u32 at, u32 value) {
    *reinterpret_cast<volatile u32*>(at) = value;
    return *reinterpret_cast<volatile u32*>(at);
}
void rights() {
    for (u32 page = 0; page < pages; ++page) {
        const u32 at = high + 0x1000 * page;
        word(backing + 0x1000 * page + 0x10) = 0xabc0'0000 + page;
        map(page, mas3::ur | mas3::uw);
        work("user's", 4);
        same("user reads", at, in_user_mode(reinterpret_cast<u32>(load_user), at + 0x10),
             0xabc0'0000 + page);
        same("user writes", at, in_user_mode(reinterpret_cast<u32>(store_user), at + 0x10, page),
             page);
        same("underneath", at, word(backing + 0x1000 * page + 0x10), page);
        const Frame f = attempt(Try::load, at + 0x10, 0);
        same("kernel may not", at, f.vector, static_cast<u32>(Vector::data_storage));
        unmap(page);
        map(page, mas3::sr);
        work("read-only", 4);
        same("kernel reads", at, word(at + 0x10), page);
        const Frame g = attempt(Try::store, at + 0x10, 0, 1);
        same("kernel may not", at, g.vector, static_cast<u32>(Vector::data_storage));
        const Frame h = attempt(Try::load, at + 0x10, msr::pr);
        same("user may not", at, h.vector, static_cast<u32>(Vector::data_storage));
        unmap(page);
        const Frame i = attempt(Try::load, at + 0x10, msr::pr);
        same("user has none", at, i.vector, static_cast<u32>(Vector::data_tlb));
        tlbwe(0, 0, {.ea = at, .pa = backing + 0x1000 * page, .tid = 7});
        mtspr<48>(7);
        asm volatile("isync" : : : "memory");
        same("process 7", at, word(at + 0x10), page);
        word(at + 0x10) = 0x77;
        work("process 7", 4);
        same("process 7", at, word(at + 0x10), 0x77);
        mtspr<48>(0);
        asm volatile("isync" : : : "memory");
        work("no process", 4);
        unmap(page);
    }
    verdict("rights", pages);
}

// The very addresses by displacement: highest and lowest, loaded and stored without a base.
void displacements() {
    for (u32 page = 0; page < pages; ++page) map(page);
    for (u32 i = 0; i < hot; ++i) {
        store_at<-0x8000>(i);
        store_at<-0x7ffc>(i + 1);
        store_at<-4>(i + 2);
        store_at<-0x1000>(i + 3);
        store_at<0x1000>(i + 4);
        store_at<0x7ffc>(i + 5);
        work("displacements", 2);
        same("lowest high", i, load_at<-0x8000>(), i);
        same("next", i, load_at<-0x7ffc>(), i + 1);
        same("highest", i, load_at<-4>(), i + 2);
        same("last page", i, load_at<-0x1000>(), i + 3);
        same("page 1", i, load_at<0x1000>(), i + 4);
        same("highest low", i, load_at<0x7ffc>(), i + 5);
        same("underneath", i, word(backing), i);
        same("underneath", i, word(backing + 0x7ffc), i + 2);
    }
    for (u32 page = 0; page < pages; ++page) unmap(page);
    // The low ones have been there all the time.
    for (u32 at = 0x4000; at < 0x8000; at += 4) word(at) = pattern(at >> 12, at, 1);
    work("low");
    for (u32 at = 0x4000; at < 0x8000; at += 4) same("low", at, word(at), pattern(at >> 12, at, 1));
    verdict("displacements", hot);
}

// Code up there, hot too.
void code_there() {
    for (u32 page = 0; page < pages; ++page) {
        const u32 at = high + 0x1000 * page;
        map(page);
        copy_mix(at);
        mix("code up there", at, 3 * hot);
        for (u32 i = 0; i < mix_size(); i += 4) {
            same("reads", at + i, word(at + i), word(reinterpret_cast<u32>(hot_mix) + i));
        }
        if (page & 1) unmap(page);
        work("beside code up there", 4);
    }
    for (u32 page = 0; page < pages; page += 2) mix("code up there", high + 0x1000 * page, hot);
    flush_all();
    verdict("code up there", pages);
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    copy_mix(code);
    work("first", 500);
    sets();
    large();
    crowded();
    rights();
    displacements();
    code_there();
    work("last", 500);
    verdict("last", 2);
}
