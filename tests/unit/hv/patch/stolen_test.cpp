// SPDX-License-Identifier: Apache-2.0
// Stubs: where they stand, whose the pages are, and how a guest leaves them.
#include <algorithm>
#include <set>

#include "hv/patch/parts.hpp"
#include "hv/vcpu/fault.hpp"
#include "patched_guest.hpp"

namespace trapeze::test {
namespace {

using mmu::Access;
using mmu::Fill;
using tcache::Cache;
using tcache::Entry;
namespace mas1 = e500::mas1;
namespace mas3 = e500::mas3;

// In the middle of the guest's 64 MiB, with all that a branch reaches mapped.
constexpr u32 inner = 0x0200'0000;
constexpr u32 stw_opcode = 36, lwz_opcode = 32;
constexpr u32 displacement(u32 word) { return static_cast<u32>(static_cast<std::int16_t>(word)); }

class StolenTest : public PatchTest {
  protected:
    explicit StolenTest(const mmu::Layout& layout = mmu::straight) : PatchTest(layout) {}
    Entry& stub_at(u32 ea) {
        auto* const entry = const_cast<Entry*>(stub_of(ea));
        if (entry == nullptr) throw std::logic_error("no stub");
        return *entry;
    }
};

// The instructions that stubs stand for, one for each stub, with a source that stubs would borrow.
const u32 instructions[] = {wrteei(false), wrteei(true), wrtee(12), wrtee(10),
                            wrtee(3),      mtmsr(12),    mtmsr(10), mtmsr(0)};

TEST_F(StolenTest, AStubCanBeLeftBeforeEachOfItsWords) {
    u32 at = site_ea;
    for (const u32 word : instructions) {
        expect(heat(at, word), State::patched, Reason::pays);
        const Entry& entry = stub_at(at);
        // What the words before the one at hand have done, by what they are.
        bool done = false;
        std::set<u32> saved;
        const u32 base = patcher->overlay.register_ea;
        for (unsigned i = 0; i < entry.words; ++i) {
            SCOPED_TRACE(testing::Message() << std::hex << word << " word " << i);
            for (u32 r = 0; r < 32; ++r) v.gpr[r] = 0x1000 + r;
            v.regs.scratch[0] = 0xaaaa'0000;
            v.regs.scratch[1] = 0xbbbb'0000;
            v.nip = entry.ea + 4 * i;
            ASSERT_TRUE(patch::in_stub(v));
            const patch::Left left = patch::leave_stub(v);
            EXPECT_EQ(left.how, done ? patch::Left::done : patch::Left::before);
            EXPECT_EQ(v.nip, done ? at + 4 : at);
            EXPECT_EQ(left.site, at);
            EXPECT_EQ(left.word, word);
            for (u32 r = 0; r < 32; ++r) {
                const u32 first = v.regs.scratch[0], second = v.regs.scratch[1];
                const bool is_saved = saved.contains(r);
                EXPECT_TRUE(is_saved ? v.gpr[r] == first || v.gpr[r] == second
                                     : v.gpr[r] == 0x1000 + r)
                    << "r" << r << " is " << std::hex << v.gpr[r];
            }
            const u32 now = stub_word(entry, i), opcode = now >> 26, reg = now >> 21 & 31U;
            const u32 offset = displacement(now) - base;
            const bool scratch = offset == offsetof(vcpu::RegisterPage, scratch) ||
                                 offset == offsetof(vcpu::RegisterPage, scratch) + 4;
            if (opcode == stw_opcode && scratch) saved.insert(reg);
            if (opcode == lwz_opcode && scratch) saved.erase(reg);
            if (opcode == stw_opcode && offset == offsetof(vcpu::RegisterPage, msr)) done = true;
        }
        EXPECT_TRUE(done);
        EXPECT_TRUE(saved.empty());
        at += 0x20;
    }
}

// The core may have them all by one entry, and a guest that goes there is to trap.
TEST_F(StolenTest, BesideStubsAndWhereTheyWereStandsATrap) {
    constexpr u32 trap = 0x7fe0'0008, nop = 0x6000'0000;
    for (auto& page : patcher->stubs) std::ranges::fill(page, nop);
    begin(patch::Mode::hot, 3);
    heat(site_ea, wrteei(true));
    heat(site_ea + 4, mtmsr(10));
    const auto live = [&] {
        unsigned words = 0;
        for (unsigned slot = 0; slot < Cache::max_pages; ++slot) {
            const u32 ea = patcher->overlay.cache.page(slot);
            if (ea == Cache::no_page) continue;
            for (u32 i = 0; i < 1024; ++i) {
                const bool stub = patcher->overlay.cache.find(ea + 4 * i) != nullptr;
                words += stub;
                EXPECT_EQ(patcher->stubs[slot][i] != trap, stub) << slot << " " << i;
            }
        }
        return words;
    };
    const unsigned one = stub_at(site_ea).words, other = stub_at(site_ea + 4).words;
    EXPECT_EQ(live(), one + other);
    access(stw, site_ea, nop);
    EXPECT_EQ(live(), other);
    access(stw, site_ea + 4, nop);
    EXPECT_EQ(live(), 0U);
}

// Neither the core, nor the ready table, nor the range that the fast paths compare with.
TEST_F(StolenTest, NothingLeadsToAPageThatIsGivenBack) {
    heat(site_ea, wrteei(true));
    const u32 ea = stub_at(site_ea).ea;
    ASSERT_TRUE(patch::fetch_stub(v, ea));
    ASSERT_NE(v.shadow.ready(ea, true), nullptr);
    patch::give_back(v, ea, true);
    for (const bool space : {false, true}) {
        EXPECT_TRUE(the_core().matches(ea, space).empty()) << space;
        EXPECT_EQ(v.shadow.ready(ea, space), nullptr) << space;
    }
    EXPECT_GE(ea - v.stub_low, v.stub_bytes);
}

TEST_F(StolenTest, ABlockThatIsGivenBackIsNotTakenAgainSoon) {
    constexpr u32 block = 0x1'0000;
    heat(site_ea, wrteei(true));
    const u32 first = stub_at(site_ea).ea & ~(block - 1);
    for (u32 page = first; page < first + block; page += 0x1000) patch::give_back(v, page, true);
    ASSERT_EQ(patcher->overlay.cache.pages(), 0U);
    heat(site_ea + 0x40, wrteei(false));
    EXPECT_NE(stub_at(site_ea + 0x40).ea & ~(block - 1), first);
}

TEST_F(StolenTest, UserModeIsNeverInAStub) {
    heat(site_ea, wrteei(true));
    v.nip = stub_at(site_ea).ea;
    v.regs.msr |= e500::msr::pr;
    EXPECT_FALSE(patch::in_stub(v));
    EXPECT_EQ(vcpu::resolve(v, v.nip, Access::fetch), vcpu::FaultResult::reflected)
        << "nothing of the guest's is there";
}

TEST_F(StolenTest, TheGuestKernelFetchesStubsAndLoadsNothingThere) {
    heat(site_ea, wrteei(true));
    const u32 ea = stub_at(site_ea).ea;
    map_data(ea, 0x0030'0000);
    v.shadow.flush();
    ASSERT_TRUE(patch::fetch_stub(v, ea));
    const CoreEntry entry = entry_for(ea, true);
    const unsigned slot = patcher->overlay.cache.slot(ea & ~0xfffU);
    EXPECT_EQ(entry.rpn(), patcher->overlay.stub_hpa + u64{slot} * 4096);
    EXPECT_EQ(permissions(entry), mas3::ux);
    EXPECT_EQ(fill(ea, Access::load), Fill::traced);
    EXPECT_EQ(fill(ea, Access::store), Fill::traced);
    for (const Access access : {Access::fetch, Access::load, Access::store}) {
        ASSERT_EQ(fill(ea, access, true), Fill::done);
        EXPECT_EQ(entry_for(ea, false).rpn(), ram_hpa + 0x0030'0000) << "user mode has its own";
    }
}

TEST_F(StolenTest, LoadsAndStoresGoToTheGuestsOwnPage) {
    heat(site_ea, wrteei(true));
    Entry& entry = stub_at(site_ea);
    const u32 first = stub_word(entry, 0);
    map_data(entry.ea, 0x0030'0000);
    const u32 offset = entry.ea % 4096;
    put(0x0030'0000 + offset, 0x1122'3344);
    EXPECT_EQ(load(entry.ea), 0x1122'3344U);
    access(stw, entry.ea, 0x5566'7788);
    EXPECT_EQ(own(0x0030'0000 + offset), 0x5566'7788U);
    EXPECT_EQ(stub_word(entry, 0), first) << "the stub stands";
    expect(*profile->sites.find(site_ea, wrteei(true)), State::patched, Reason::pays);
}

TEST_F(StolenTest, AReservationTakesThePageBack) {
    dbt::Site& site = heat(site_ea, wrteei(true));
    const u32 ea = stub_at(site_ea).ea;
    map_data(ea, 0x0030'0000);
    access(lwarx, ea);
    EXPECT_EQ(v.nip, 0x0020'0000U);
    EXPECT_FALSE(patcher->overlay.stolen(ea));
    EXPECT_EQ(copy(site_ea), wrteei(true));
    expect(site, State::back, Reason::faults);
    EXPECT_EQ(fill(ea, Access::store), Fill::done);
    EXPECT_EQ(entry_for(ea, true).rpn(), ram_hpa + 0x0030'0000);
    // Its neighbourhood is left alone for a time.
    expect(again(site_ea, wrteei(true)), State::patched, Reason::pays);
    EXPECT_NE(stub_at(site_ea).ea & ~0xfffU, ea & ~0xfffU);
}

TEST_F(StolenTest, ThePageIsTheGuestsWhenItGoesThere) {
    dbt::Site& site = heat(site_ea, wrteei(true));
    const u32 ea = stub_at(site_ea).ea;
    const u32 beside = (ea & ~0xfffU) + 0xffc;
    ASSERT_EQ(patcher->overlay.cache.find(beside), nullptr);
    EXPECT_FALSE(patch::fetch_stub(v, beside));
    EXPECT_FALSE(patcher->overlay.stolen(beside));
    expect(site, State::back, Reason::faults);
    EXPECT_FALSE(patch::fetch_stub(v, ea));
    // The same when it got there over an entry of the core that covered stubs.
    dbt::Site& other = heat(site_ea + 8, wrteei(false));
    v.nip = (stub_at(site_ea + 8).ea & ~0xfffU) + 0xffc;
    EXPECT_EQ(patch::leave_stub(v).how, patch::Left::nothing);
    expect(other, State::back, Reason::faults);
    EXPECT_FALSE(patcher->overlay.stolen(v.nip));
    EXPECT_EQ(v.nip % 4096, 0xffcU);
}

// Where a stub stands the guest may put code of its own: it must run that.
TEST_F(StolenTest, CodeThatIsMadeExecutableTakesThePageBack) {
    heat(inner, wrteei(true));  // on a page of zeroes of the guest's
    const u32 ea = stub_at(inner).ea;
    access(stw, ea, 0x3860'0001);
    access(icbi, ea);
    EXPECT_FALSE(patch::fetch_stub(v, ea));
    EXPECT_EQ(copy(inner), wrteei(true));
}

TEST_F(StolenTest, AnExecutableMappingTakesThePageBack) {
    for (const u32 tsize : {0U, 2U}) {
        SCOPED_TRACE(tsize);
        dbt::Site& site = heat(site_ea + 8 * tsize, wrteei(true));
        const u32 ea = stub_at(site_ea + 8 * tsize).ea;
        map(ea & ~0x3fffU, 0x0030'0000, tsize);
        if (tsize == 0) map(ea & ~0xfffU, 0x0030'0000);
        EXPECT_FALSE(patch::fetch_stub(v, ea));
        EXPECT_NE(site.state, static_cast<e500::u8>(State::patched));
    }
}

TEST_F(StolenTest, BetweenStolenPagesIsTheGuests) {
    heat(site_ea, wrteei(true));
    const u32 ea = stub_at(site_ea).ea;
    ASSERT_TRUE(patcher->overlay.cache.add_page((ea & ~0xfffU) + 0x40'0000));
    heat(site_ea + 8, wrteei(true));
    v.nip = (ea & ~0xfffU) + 0x20'0000;
    v.stub_bytes = 0x40'1000;
    ASSERT_TRUE(patch::in_stub(v));
    const u32 at = v.nip;
    EXPECT_EQ(patch::leave_stub(v).how, patch::Left::elsewhere);
    EXPECT_EQ(v.nip, at);
}

// ---- Where pages come from.

TEST_F(StolenTest, ZeroPagesAreTakenWhereNothingIsUnused) {
    // The outermost have something in them.
    constexpr u32 first = inner + 0x01c0'0000;
    put(first, 1);
    put(inner - 0x01c0'0000 + 0x800, 1);
    for (const u32 ea : {first - 0x1000, inner - 0x01c0'0000 + 0x1000}) {
        const auto hit = v.tlb.find(ea, false, v.regs.pid);
        ASSERT_EQ(v.shadow.fill(*v.memory, *hit.entry, ea, Access::fetch, false), Fill::done);
    }
    expect(heat(inner, wrteei(true)), State::patched, Reason::pays);
    const u32 page = stub_at(inner).ea & ~0xfffU;
    EXPECT_TRUE(the_core().matches(page, true).empty()) << "what stands there now is a stub";
    EXPECT_TRUE(page == first - 0x1000 || page == inner - 0x01c0'0000 + 0x1000) << std::hex << page;
    EXPECT_EQ(patcher->overlay.cache.pages(), 1U) << "one at a time";
    EXPECT_EQ(load(page + 0xff0), 0U) << "reads as the zeroes it was";
    access(stw, page + 0xff0, 0x1234'5678);
    EXPECT_EQ(own(page + 0xff0), 0x1234'5678U);
    EXPECT_EQ(fill(page + 0x1000, Access::load), Fill::done) << "its neighbour is no stolen page";
}

// However little of all there is will do: one exit is not to take long.
TEST_F(StolenTest, AnAttemptLooksAtFewPages) {
    constexpr u32 only = inner - 0x0080'0000;
    for (u32 away = 0; away <= 0x01c0'0000; away += 0x1000) {
        for (const u32 page : {inner + away, inner - away}) {
            // Some show only at their end that they are in use.
            if (page != only) put(page + (page % 0x4'0000 == 0 ? 0xffc : 0), 1);
        }
    }
    write(inner, wrteei(true));
    for (unsigned i = 1; i < threshold; ++i) exit(inner, wrteei(true));
    unsigned attempts = 0;
    do {
        the_core().zero_checks = the_core().words_checked = 0;
        exit(inner, wrteei(true));
        ++attempts;
        // One of them to its end.
        ASSERT_LE(the_core().zero_checks, 8U + 1U);
        ASSERT_LE(the_core().words_checked, 8U * 16 + 1024);
    } while (searches(inner) && attempts < 10'000);
    EXPECT_GT(attempts, 1000U);
    EXPECT_EQ(stub_at(inner).ea & ~0xfffU, only);
}

// Nor does one site's search begin where another's of the same text had been.
TEST_F(StolenTest, SitesSearchTogetherAndRestAfterASearchForNothing) {
    for (u32 away = 0; away <= 0x01c0'0000; away += 0x1000) {
        put(inner + away, 1);
        put(inner - away, 1);
    }
    constexpr u32 other = inner + 0x100;
    put(other, wrteei(false));
    put(inner, wrteei(true));
    unsigned together = 0;
    for (unsigned i = 0; i < threshold; ++i) exit(other, wrteei(false));
    for (unsigned i = 0; i < threshold; ++i) exit(inner, wrteei(true));
    for (; searches(inner) && together < 10'000; ++together) {
        exit(together % 2 == 0 ? inner : other, together % 2 == 0 ? wrteei(true) : wrteei(false));
    }
    EXPECT_LT(together, 2500U);
    the_core().zero_checks = 0;
    again(inner, wrteei(true));
    EXPECT_EQ(the_core().zero_checks, 0U);
    pass(1'000'000'000);
    again(inner, wrteei(true));
    EXPECT_NE(the_core().zero_checks, 0U);
}

TEST_F(StolenTest, PagesInUseAreNotTaken) {
    for (u32 away = 0; away <= 0x01c0'0000; away += 0x1000) {
        put(inner + away, 1);
        put(inner - away, 1);
    }
    expect(heat(inner, wrteei(true)), State::hot, Reason::no_page);
    EXPECT_EQ(patcher->overlay.cache.pages(), 0U);
    EXPECT_EQ(copy(inner), wrteei(true));
    expect(heat(inner + 8, mfmsr(3)), State::patched, Reason::pays);
}

class CrossedStolenTest : public StolenTest {
  protected:
    CrossedStolenTest() : StolenTest(mmu::crossed) {}
    u32 page_of_stub(u32 site) { return stub_at(site).ea & ~0xfffU; }
};

TEST_F(CrossedStolenTest, TheGuestKernelsDataIsNotInTheWayOfStubs) {
    expect(heat(site_ea, wrteei(true)), State::patched, Reason::pays);
    const u32 page = page_of_stub(site_ea);
    map_data(page, 0x20'0000);
    for (const Access access : {Access::load, Access::store}) {
        EXPECT_EQ(fill(page, access), Fill::done);
        EXPECT_EQ(entry_for(page, true).rpn(), ram_hpa + 0x20'0000);
        EXPECT_EQ(fill(page, access, true), Fill::traced) << "user data goes where stubs are";
    }
    EXPECT_TRUE(patch::fetch_stub(v, stub_of(site_ea)->ea));
    EXPECT_TRUE(patcher->overlay.stolen(page));
}

TEST_F(CrossedStolenTest, PagesInUseWillDoThatAreNotToBeExecuted) {
    for (u32 gpa = 0; gpa < 64U << 20U; gpa += 0x1000) put(gpa, 1);
    expect(heat(inner, wrteei(true)), State::hot, Reason::no_page);
    // The same in four: the first for data of the kernel alone, the last for that of user mode too.
    constexpr u32 part = 0x0100'0000, site = inner + 0x0010'0000;
    for (u32 i = 0; i < 4; ++i) {
        const u32 data = mas3::sr | mas3::sw;
        const u32 allowed = i == 0 ? data : i == 3 ? data | mas3::ur : mas3::permissions;
        v.tlb.write(v.tlb.tlb1(i == 0 ? 0 : 5 + i), 1, mas1::v | 7U << 8, i * part,
                    i * part | allowed, 0);
    }
    pass(1'000'000'000);  // for it was in vain a moment ago
    expect(heat(site, wrteei(true)), State::patched, Reason::pays);
    const u32 page = page_of_stub(site);
    EXPECT_EQ(page & 0xff00'0000U, 0U);
    EXPECT_EQ(own(page), 1U);
    EXPECT_EQ(fill(page, Access::store), Fill::done) << "nothing is traced";
}

TEST_F(CrossedStolenTest, AStoreWhereTheKernelMayExecuteTakesThePageBack) {
    expect(heat(inner, wrteei(true)), State::patched, Reason::pays);
    const u32 page = page_of_stub(inner);
    EXPECT_EQ(fill(page, Access::load), Fill::done);
    EXPECT_EQ(permissions(entry_for(page, true)) & (mas3::ur | mas3::uw), mas3::ur);
    ASSERT_EQ(fill(page, Access::store), Fill::traced);
    access(stw, page + 8, 0x3860'0001);
    EXPECT_EQ(own(page + 8), 0x3860'0001U);
    EXPECT_FALSE(patcher->overlay.stolen(page));
    EXPECT_EQ(copy(inner), wrteei(true));
    EXPECT_EQ(fill(page, Access::store), Fill::done);
}

// The kernel's stores and user mode's fetches share a space of the core.
TEST_F(CrossedStolenTest, UserModeThatExecutesThePageLetsTheKernelWriteNothingUnseen) {
    heat(inner, wrteei(true));
    const u32 page = page_of_stub(inner);
    ASSERT_EQ(fill(page, Access::fetch, true), Fill::done);
    EXPECT_EQ(permissions(entry_for(page, true)), mas3::ux | mas3::ur);
}

TEST_F(StolenTest, OldStubsMakeWayWhenTheCacheIsFull) {
    // Stubs of mtmsr, of 14 words.
    constexpr unsigned most = Cache::max_pages * ((Cache::units - Cache::reserved) / 4);
    for (unsigned i = 0; i < most; ++i) heat(site_page + 4 * i, mtmsr(3));
    ASSERT_EQ(patcher->overlay.cache.used(), most);
    ASSERT_EQ(patcher->overlay.cache.pages(), Cache::max_pages);
    dbt::Site& site = heat(site_page + 4 * most, mtmsr(3));
    expect(site, State::patched, Reason::pays);
    EXPECT_NE(stub_of(site_page + 4 * most), nullptr);
    EXPECT_EQ(patcher->overlay.cache.used(), most);
    unsigned gone = 0;
    for (unsigned i = 0; i < most; ++i) {
        const u32 at = site_page + 4 * i;
        if (copy(at) != mtmsr(3)) continue;
        ++gone;
        expect(*profile->sites.find(at, mtmsr(3)), State::back, Reason::no_page);
    }
    EXPECT_EQ(gone, 1U);
}

TEST_F(StolenTest, StubsAreWithinReachOfEverySite) {
    for (const u32 at : {0x1000U, 0x0002'0000U, 0x0048'0000U, 0x03ff'f000U, 0x03c0'0000U}) {
        SCOPED_TRACE(testing::Message() << std::hex << at);
        expect(heat(at, mtmsr(3)), State::patched, Reason::pays);
        const Entry& entry = stub_at(at);
        const u32 last = entry.ea + 4U * (entry.words - 1U);
        EXPECT_EQ(dbt::branch_target(last, stub_word(entry, entry.words - 1U)), at + 4);
    }
}

// ---- The register page.

TEST_F(StolenTest, TheRegisterPageIsWhereTheGuestHasNothing) {
    EXPECT_EQ(patcher->overlay.register_ea, 0xffff'8000U);
    const CoreEntry entry = the_core().tlb1[12];
    EXPECT_EQ(entry.epn(), 0xffff'8000U);
    EXPECT_EQ(permissions(entry), mas3::ur | mas3::uw) << "no fetches";
    EXPECT_NE(entry.mas1 & mas1::ts, 0U) << "guest user mode does not see it";
}

TEST_F(StolenTest, PatchesFollowTheRegisterPage) {
    dbt::Site& load_site = heat(site_ea, mfmsr(3));
    dbt::Site& stub_site = heat(site_ea + 4, wrteei(true));
    map(0xffff'8000, 0x0030'0000);
    EXPECT_EQ(patcher->overlay.register_ea, 0xffff'9000U);
    EXPECT_EQ(the_core().tlb1[12].epn(), 0xffff'9000U);
    EXPECT_EQ(copy(site_ea), d_form(32, 3, 0, 0x9000 + offsetof(vcpu::RegisterPage, msr)));
    const Entry& entry = stub_at(site_ea + 4);
    for (unsigned i = 0; i < entry.words; ++i) {
        const u32 word = stub_word(entry, i);
        if (word >> 26 != lwz_opcode && word >> 26 != stw_opcode) continue;
        EXPECT_EQ(displacement(word) & ~0xfffU, 0xffff'9000U) << "word " << i;
    }
    expect(load_site, State::patched, Reason::pays);
    expect(stub_site, State::patched, Reason::pays);
    EXPECT_EQ(patcher->made, 2U) << "the same patches";
    EXPECT_EQ(patcher->back, 0U);
    EXPECT_EQ(patcher->overlay.mirror.patches(), 2U);
    EXPECT_EQ(fill(0xffff'8000, Access::load), Fill::done) << "the guest's page is the guest's";
    EXPECT_EQ(entry_for(0xffff'8000, true).rpn(), ram_hpa + 0x0030'0000);
}

TEST_F(StolenTest, WithoutAPlaceForTheRegisterPageNothingIsPatched) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    map(0xffff'0000, 0x0030'0000, 3);
    EXPECT_EQ(patcher->overlay.register_ea, 0U);
    EXPECT_FALSE(patcher->overlay.on);
    EXPECT_FALSE(the_core().tlb1[12].valid());
    expect(site, State::back, Reason::off);
    EXPECT_FALSE(mirrored(site_ea));
    expect(again(site_ea, mfmsr(3)), State::back, Reason::off);
    // It goes elsewhere, and so patches can be again.
    map(0x7000'0000, 0x0030'0000, 3);
    EXPECT_EQ(patcher->overlay.register_ea, 0xffff'8000U);
    expect(again(site_ea, mfmsr(3)), State::patched, Reason::pays);
}

TEST_F(StolenTest, AMappingOfNothingDoesNotMoveTheRegisterPage) {
    map(0xffff'8000, 0x7000'0000);
    EXPECT_EQ(patcher->overlay.register_ea, 0xffff'8000U) << "nothing there to be seen";
    map(0xffff'8000, 0x0030'0000, 0, 0, 0, mas1::v | mas1::ts);
    EXPECT_EQ(patcher->overlay.register_ea, 0xffff'8000U) << "in the guest's address space 1";
}

// The option churn= takes patches back all the time: what strikes would keep away, for a while, may
// come back at once, or there would soon be nothing to take.
TEST_F(StolenTest, ChurnForgives) {
    heat(site_ea, mfmsr(3));
    patcher->cover_strikes = patcher->flush_strikes = 3;
    patcher->cover_not_before = patcher->flush_not_before = 1;
    patch::churn(v);
    EXPECT_EQ(patcher->cover_strikes + patcher->flush_strikes, 0U);
    EXPECT_EQ(patcher->cover_not_before | patcher->flush_not_before, 0U);
}

}  // namespace
}  // namespace trapeze::test
