// SPDX-License-Identifier: Apache-2.0
// dcbi as dcbf: only while the guest kernel may store wherever it may load, and the other way, and
// what does not complete is dcbi's.
#include "hv/exit/entry.hpp"
#include "hv/exit/run.hpp"
#include "patched_guest.hpp"

namespace trapeze {
namespace {

using namespace test;
namespace mas3 = e500::mas3;

constexpr u32 dcbi_word = dcbi(0, 4), dcbf_word = x_form(86, 0, 0, 4);
constexpr u32 absent = 0x9000'0000, page = 0x5000'0000;

class FlushTest : public PatchTest {
  protected:
    FlushTest() : PatchTest(mmu::crossed) {}

    void entry(unsigned tlb, u32 permissions) {
        v.regs.mas0 = tlb == 0 ? 0 : 0x1007'0000;
        v.regs.mas1 = e500::mas1::v | 1U << 8U;
        v.regs.mas2 = page;
        v.regs.mas3 = 0x30'0000 | permissions;
        v.regs.mas7 = 0;
        run(v, tlbwe);
    }
    bool patched() const { return copy(site_ea) == dcbf_word; }

    // The patched site's dcbf has failed at `ea`, as a load.
    void fail(u32 ea, e500::Vector vector) {
        v.nip = site_ea;
        v.gpr[4] = ea;
        the_core().dear = ea;
        the_core().esr = 0;
        u32 left = static_cast<u32>(vector);
        if (vector == e500::Vector::data_tlb) left = static_cast<u32>(hv_light_exit(&v, left));
        if (left != 0) hv_full_exit(&v, left);
    }
};

TEST_F(FlushTest, AHotSiteIsPatched) {
    expect(heat(site_ea, dcbi_word), State::patched, Reason::pays);
    EXPECT_TRUE(patched());
    EXPECT_EQ(own(site_ea), dcbi_word);
    EXPECT_TRUE(patcher->overlay.flush);
}

TEST_F(FlushTest, AnEntryForLoadsAloneOrStoresAloneEndsIt) {
    for (const unsigned tlb : {0U, 1U}) {
        for (const u32 without : {mas3::sw, mas3::sr}) {
            begin(patch::Mode::hot, 3);
            entry(tlb, mas3::permissions & ~(mas3::uw | mas3::sx));
            heat(site_ea, dcbi_word);
            heat(site_ea + 8, mfmsr(3));
            ASSERT_TRUE(patched());
            entry(tlb, mas3::permissions & ~mas3::uw);
            entry(tlb, mas3::ux | mas3::uw);
            ASSERT_TRUE(patched()) << "none of this is the kernel's";
            entry(tlb, mas3::permissions & ~without);
            EXPECT_EQ(copy(site_ea), dcbi_word) << tlb << " " << without;
            EXPECT_NE(copy(site_ea + 8), mfmsr(3)) << "others stay";
            EXPECT_FALSE(patcher->overlay.flush);
            expect(*profile->sites.find({site_ea, dcbi_word, site_ea, 0, 0}), State::back,
                   Reason::permissions);
            the_core().timebase += u64{1} << 30U;
            again(site_ea, dcbi_word);
            EXPECT_FALSE(patched()) << "while it is there";
            entry(tlb, mas3::permissions);
            again(site_ea, dcbi_word);
            EXPECT_TRUE(patched()) << "and after it";
        }
    }
}

TEST_F(FlushTest, AMissAndAForbiddenAccessAreOfAStore) {
    heat(site_ea, dcbi_word);
    v.regs.ivpr = 0;
    fail(absent, e500::Vector::data_tlb);
    EXPECT_EQ(v.regs.esr, e500::esr::st);
    EXPECT_EQ(v.regs.dear, absent);
    EXPECT_EQ(v.regs.srr0, site_ea);
    entry(0, mas3::ux | mas3::ur | mas3::uw);
    fail(page + 4, e500::Vector::data_storage);
    EXPECT_EQ(v.regs.esr, e500::esr::st);
    EXPECT_EQ(v.regs.dear, page + 4);
    EXPECT_EQ(v.regs.srr0, site_ea);
    EXPECT_TRUE(patched());
}

TEST_F(FlushTest, ADeviceIsLeftAlone) {
    heat(site_ea, dcbi_word);
    v.regs.esr = 0;
    fail(device_ea, e500::Vector::data_tlb);
    EXPECT_EQ(v.nip, site_ea + 4);
    EXPECT_EQ(v.regs.esr, 0U);
}

TEST_F(FlushTest, ALoadOfTheGuestsStaysALoad) {
    heat(site_ea, dcbi_word);
    write(site_ea + 4, lwz);
    v.nip = site_ea + 4;
    the_core().dear = absent;
    the_core().esr = 0;
    v.regs.esr = e500::esr::st;
    EXPECT_EQ(hv_light_exit(&v, static_cast<u32>(e500::Vector::data_tlb)), 0);
    EXPECT_EQ(v.regs.esr, 0U);
}

}  // namespace
}  // namespace trapeze
