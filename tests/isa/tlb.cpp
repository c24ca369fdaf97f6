// SPDX-License-Identifier: Apache-2.0
//
// The TLB instructions: entries of every size, what tlbre and tlbsx read back, what misses leave
// in the MAS registers, what invalidations take and leave.
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 page_a = 0x40'0000, page_b = 0x40'1000;
constexpr u32 ea = 0x4000'0000;

void show(const char* what, u32 at, u32 state = 0) {
    const Frame f = attempt(Try::load, at, state);
    print("{} {x}: {} {x}", {what, at, name(f.vector), went_well(f) ? f.gpr[9] : 0});
}

void mas(const char* what) {
    // MAS0 without ESEL and NV: which way is next to go is the core's own matter.
    print("{}: mas {x} {x} {x} {x} {x} {x}",
          {what, mfspr<624>() & mas0::tlbsel_mask, mfspr<625>(), mfspr<626>(), mfspr<627>(),
           mfspr<630>(), mfspr<944>()});
}

void sizes() {
    for (u32 tsize = 1; tsize <= 9; ++tsize) {
        const u32 size = 1024u << (2 * tsize);
        const u32 pa = size < 0x40'0000 ? 0x40'0000 : size == 0x1000'0000 ? 0 : size;
        tlbwe(1, 3, {.ea = ea, .pa = pa, .tsize = tsize});
        const u32 last = tsize == 9 ? 0xff'fffc : size - 4;  // stay below what QEMU may put there
        for (const u32 offset : {0x800u, last}) {
            const Frame f = attempt(Try::store, ea + offset, 0, 0xabc0'0000 + tsize);
            // The same word at another address, through a page of 4 KiB.
            tlbwe(0, 1, {.ea = 0x6000'0000, .pa = (pa + offset) & ~0xfffu});
            const Frame g = attempt(Try::load, 0x6000'0000 + (offset & 0xfff), msr::pr);
            print("TSIZE {} +{x}: {} {} {x}",
                  {tsize, offset, name(f.vector), name(g.vector), g.gpr[9]});
            tlbivax(0x6000'0000);
        }
        show("one below", ea - 4);
        if (tsize < 9) show("one beyond", ea + size);
        tlbre(1, 3);
        mas("tlbre");
        tlbsx(ea + size / 2);
        mas("tlbsx");
        tlbwe(1, 3, {.ea = ea, .pa = pa, .tsize = tsize}, false);
        show("invalid again", ea);
    }
}

void read_back() {
    // Addresses below the page size are not kept.
    for (u32 tsize = 1; tsize <= 9; ++tsize) {
        tlbwe(1, 4,
              {.ea = 0x7fff'f000,
               .pa = 0xa'1234'5000,
               .permissions = 0x2a,
               .tsize = tsize,
               .space = true,
               .tid = 0x5a,
               .protect = true,
               .attributes = 0x1f});
        tlbre(1, 4);
        print("TSIZE {} read back: mas1 {x} epn {x} attributes {x} mas3 {x} mas7 {x}",
              {tsize, mfspr<625>(), mfspr<626>() & ~((1024u << (2 * tsize)) - 1) & ~0xfffu,
               mfspr<626>() & 0x1f, mfspr<627>(), mfspr<944>()});
    }
    tlbwe(1, 4, {.ea = 0, .pa = 0}, false);
    for (u32 way = 0; way < 4; ++way) {
        tlbwe(0, way, {.ea = ea + 0x5000, .pa = page_a, .permissions = 1u << way, .tid = way});
    }
    for (u32 way = 0; way < 4; ++way) {
        tlbre(0, way, ea + 0x5000);
        print("TLB0 way {}: mas1 {x} mas2 {x} mas3 {x}",
              {way, mfspr<625>(), mfspr<626>(), mfspr<627>()});
    }
    for (u32 pid = 0; pid < 5; ++pid) {
        mtspr<630>(pid << 16);
        tlbsx(ea + 0x5000);
        // Way 0 is for every PID: with two matches, which one is found is not defined.
        if (pid == 0 || pid == 4) {
            print("tlbsx PID {}: mas0 {x} mas1 {x}",
                  {pid, mfspr<624>() & (mas0::tlbsel_mask | mas0::esel_mask), mfspr<625>()});
        }
    }
    mtspr<630>(0);
    flush_all();
}

void misses() {
    constexpr u32 mas4[] = {0x0000'0100, 0x1000'0904, 0x0001'0102, 0x0002'011f, 0x0003'0100};
    mtspr<48>(0x11);
    mtspr<633>(0x22);
    mtspr<634>(0x33);
    for (const u32 value : mas4) {
        mtspr<628>(value);
        for (const u32 state : {0u, msr::pr}) {
            for (const Try access : {Try::load, Try::store, Try::fetch}) {
                const Frame f = attempt(access, 0x5123'4678, state);
                print_event("miss", f, access == Try::fetch ? 0x5123'4678 : code_page);
                mas("miss");
            }
        }
        mtspr<630>(0x0022'0001);
        tlbsx(0x5123'4678);
        mas("tlbsx missed");
    }
    mtspr<48>(0);
    mtspr<633>(0);
    mtspr<634>(0);
    mtspr<628>(0x100);
}

void invalidations() {
    const auto set_up = [] {
        flush_all();
        tlbwe(0, 0, {.ea = ea, .pa = page_a});
        tlbwe(0, 1, {.ea = ea + 0x1000, .pa = page_b});
        tlbwe(1, 3, {.ea = ea + 0x10'0000, .pa = page_a, .tsize = 2});
        tlbwe(1, 4, {.ea = ea + 0x20'0000, .pa = page_b & ~0x3fffu, .tsize = 2, .protect = true});
    };
    const auto all = [](const char* what) {
        for (const u32 offset : {0u, 0x1000u, 0x10'0000u, 0x20'0000u}) show(what, ea + offset);
    };
    set_up();
    all("set up");
    tlbivax(ea);
    all("tlbivax in TLB0");
    set_up();
    all("again");
    tlbivax(4);
    all("tlbivax all of TLB0");
    set_up();
    tlbivax((ea + 0x10'0000) | 8);
    tlbivax((ea + 0x20'0000) | 8);
    all("tlbivax in TLB1");
    set_up();
    all("again");
    tlbivax(8 | 4);
    all("tlbivax all of TLB1");
    set_up();
    mtspr<1012>(mmucsr0::tlb0_fi);
    all("TLB0 flash");
    set_up();
    mtspr<1012>(mmucsr0::tlb1_fi);
    all("TLB1 flash");
    tlbwe(1, 4, {.ea = 0, .pa = 0}, false);
    all("entry 4 rewritten");

    // At once: the next instruction but isync sees it.
    for (u32 round = 0; round < 3; ++round) {
        set_up();
        const u32 target = round == 2 ? ea + 0x10'0000 : ea;
        const u32 how = round == 0   ? insn::tlbivax(0, 4)
                        : round == 1 ? insn::mtspr(5, 1012)
                                     : insn::tlbivax(0, 6);
        Frame f = patterned(
            round, place({insn::lwz(9, 4, 0), how, insn::isync, insn::lwz(9, 4, 0), insn::sc}), 0);
        f.gpr[4] = target;
        f.gpr[5] = mmucsr0::tlb0_fi;
        f.gpr[6] = target | 8;
        run(f);
        print_event("at once", f, code_page);
    }
    flush_all();
}

// One address, many pages.
void remapping() {
    u32 sum = 0, wrong = 0;
    for (u32 i = 0; i < 64; ++i) fill_page(page_a + i * 0x1000, 0x7000 + i);
    for (u32 i = 0; i < 512; ++i) {
        const u32 n = i * 37 % 64;
        const bool large = i % 5 == 0;
        tlbwe(1, 3, {.ea = ea, .pa = 0, .tsize = 2}, false);
        tlbivax(ea);
        if (large) {
            tlbwe(1, 3, {.ea = ea, .pa = page_a + (n & ~3u) * 0x1000, .tsize = 2});
        } else {
            tlbwe(0, i % 4, {.ea = ea, .pa = page_a + n * 0x1000});
        }
        const u32 want = 0x7000 + (large ? n & ~3u : n);
        const u32 state = i % 3 == 0 ? msr::pr : 0;
        const Frame load = attempt(Try::load, ea, state);
        const Frame fetch = attempt(Try::fetch, ea, state);
        if (load.gpr[9] != want || fetch.gpr[10] != want) ++wrong;
        sum += load.gpr[9] + fetch.gpr[10];
    }
    print("remapped 512 times: sum {x}, {} wrong", {sum, wrong});
    flush_all();
    // More pages at a time than the core's TLB0 has room for in one way.
    for (u32 i = 0; i < 256; ++i) {
        tlbwe(0, i / 128 % 4, {.ea = ea + i * 0x1000, .pa = page_a + i % 64 * 0x1000});
    }
    wrong = 0;
    for (u32 i = 0; i < 256; ++i) {
        const Frame f = attempt(Try::load, ea + i * 0x1000, i % 2 ? msr::pr : 0);
        if (f.gpr[9] != 0x7000 + i % 64) ++wrong;
    }
    print("256 pages: {} wrong", {wrong});
    flush_all();
}

// Pages of several processes at one address, and one of all of them, in one set of the core's: as
// many as it has ways, which a monitor that keeps the guest's modes apart needs twice.
void switching() {
    constexpr u32 shared = ea + 0x8'0000;
    for (u32 i = 0; i < 4; ++i) {
        fill_page(page_a + i * 0x1000, 0x5000 + i);
        tlbwe(0, i, {.ea = i == 0 ? shared : ea, .pa = page_a + i * 0x1000, .tid = i});
    }
    u32 wrong = 0, missed = 0;
    const auto visit = [&](u32 i, u32 gone) {
        const u32 pid = i * 7 % 5, state = i % 3 == 0 ? msr::pr : 0;
        mtspr<48>(pid);
        const bool own = i % 4 != 0;
        const Frame f = attempt(i % 2 ? Try::load : Try::fetch, own ? ea : shared, state);
        const bool there = !own || (pid >= 1 && pid <= 3 && pid != gone);
        if (!there) {
            ++missed;
            if (went_well(f)) ++wrong;
        } else if (!went_well(f) || f.gpr[i % 2 ? 9 : 10] != 0x5000 + (own ? pid : 0)) {
            ++wrong;
        }
    };
    for (u32 i = 0; i < 600; ++i) visit(i, 0);
    // The page of one process goes, and those of the others stay.
    tlbwe(0, 2, {.ea = ea, .pa = 0, .tid = 2}, false);
    for (u32 i = 0; i < 600; ++i) visit(i, 2);
    // A page that only a process of another PID register has.
    mtspr<633>(2);
    tlbwe(0, 2, {.ea = ea + 0x10'0000, .pa = page_b, .tid = 2});
    for (u32 i = 0; i < 40; ++i) {
        mtspr<48>(i % 2 + 7);
        const Frame f = attempt(Try::load, ea + 0x10'0000, i % 3 == 0 ? msr::pr : 0);
        if (f.gpr[9] != 0x5001) ++wrong;
        mtspr<48>(0);
        attempt(Try::load, shared, 0);
    }
    mtspr<633>(0);
    print("1200 visits under five PIDs: {} missed, {} wrong", {missed, wrong});
    flush_all();
}

// Each bit of a TID tells a process from the others.
void single_bits() {
    fill_page(page_a, 0x5100);
    u32 wrong = 0;
    for (u32 tid = 1; tid < 0x100; tid *= 2) {
        tlbwe(0, 0, {.ea = ea, .pa = page_a, .tid = tid});
        for (const u32 pid : {tid, 0u, tid, tid ^ 0xff, tid, tid / 2, tid}) {
            mtspr<48>(pid);
            if (went_well(attempt(Try::load, ea, 0)) != (pid == tid)) ++wrong;
        }
        tlbwe(0, 0, {.ea = ea, .pa = page_a, .tid = tid}, false);
    }
    mtspr<48>(0);
    print("TIDs of a single bit: {} wrong", {wrong});
    flush_all();
}

void devices() {
    tlbwe(1, 3,
          {.ea = 0x7000'0000, .pa = 0xf'e000'0000, .tsize = 5, .attributes = mas2::i | mas2::g});
    show("GUTS PVR in the kernel", 0x700e'00a0);
    show("GUTS PVR in user mode", 0x700e'00a0, msr::pr);
    show("MPIC version", 0x7004'0000);
    tlbwe(0, 2, {.ea = 0x7100'0000, .pa = 0xf'e00e'0000, .permissions = mas3::sr});
    show("GUTS PVR, small page", 0x7100'00a0);
    show("GUTS PVR, small page of the kernel, in user mode", 0x7100'00a0, msr::pr);
    flush_all();
    // High addresses of the kernel are its own, whatever a monitor below may use.
    for (const u32 high : {0xf400'0000u, 0xf500'0000u, 0xf5ff'f000u, 0xffff'f000u}) {
        tlbwe(0, 0, {.ea = high, .pa = page_a, .permissions = 0x15});
        show("high", high);
        const Frame f = attempt(Try::fetch, high, 0);
        print("high fetch {x}: {} {x}", {high, name(f.vector), f.gpr[10]});
    }
    flush_all();
}

}  // namespace

void isa_main() {
    fill_page(page_a, 0x0a0a);
    fill_page(page_b, 0x0b0b);
    mtspr<628>(0x100);
    mtspr<630>(0);
    sizes();
    fill_page(page_a, 0x0a0a);
    fill_page(page_b, 0x0b0b);
    read_back();
    misses();
    invalidations();
    remapping();
    switching();
    single_bits();
    fill_page(page_a, 0x0a0a);
    devices();
}
