// SPDX-License-Identifier: Apache-2.0
#include "tcache/mirror.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace trapeze::tcache {
namespace {

using std::uint32_t;
using std::uint64_t;

constexpr uint64_t base = 0x1'0040'0000;  // of a frame, above 4 GiB
constexpr uint32_t shift = 0xc0000000;    // EA of GPA 0, modulo 2^32
constexpr uint64_t at(unsigned i) { return base + uint64_t{i} * 4096; }
constexpr uint32_t ea(unsigned i) { return static_cast<uint32_t>(at(i)) + shift; }

class MirrorTest : public ::testing::Test {
  protected:
    void SetUp() override { mirror.reset(3); }
    // Too large for a stack.
    static Mirror mirror;
};
Mirror MirrorTest::mirror;

TEST_F(MirrorTest, HasNothingAtFirst) {
    EXPECT_EQ(mirror.capacity(), 3U);
    EXPECT_EQ(mirror.find(base), nullptr);
    EXPECT_EQ(mirror.page(base), nullptr);
    EXPECT_EQ(mirror.mirrored(), 0U);
    EXPECT_EQ(mirror.patches(), 0U);
    EXPECT_TRUE(mirror.uniform(base, 4096, base));
    EXPECT_TRUE(mirror.uniform(0, uint64_t{1} << 32U, base));
    mirror.reset(Mirror::max_frames + 7);
    EXPECT_EQ(mirror.capacity(), Mirror::max_frames);
    mirror.reset(0);
    EXPECT_EQ(mirror.open(base), nullptr);
}

TEST_F(MirrorTest, OpensFramesWhileThereIsRoom) {
    MirrorFrame* const first = mirror.open(base + 0x3f'fffc);
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->gpa, base);
    EXPECT_EQ(mirror.open(base), first) << "the same frame";
    EXPECT_EQ(mirror.find(base + MirrorFrame::bytes - 1), first);
    EXPECT_EQ(mirror.find(base + MirrorFrame::bytes), nullptr);
    EXPECT_EQ(mirror.find(base - 1), nullptr);
    EXPECT_EQ(mirror.find(base & 0xffffffffU), nullptr) << "the same low half, another frame";
    MirrorFrame* const second = mirror.open(0);
    MirrorFrame* const third = mirror.open(MirrorFrame::bytes);
    EXPECT_EQ(
        (std::set<unsigned>{mirror.number(*first), mirror.number(*second), mirror.number(*third)}),
        (std::set<unsigned>{0, 1, 2}));
    EXPECT_EQ(mirror.open(2 * MirrorFrame::bytes), nullptr);
    mirror.close(*second);
    EXPECT_EQ(mirror.find(0), nullptr);
    EXPECT_EQ(mirror.open(2 * MirrorFrame::bytes), second) << "its place is free";
}

TEST_F(MirrorTest, AFrameThatIsOpenedAgainRemembersNothing) {
    MirrorFrame* frame = mirror.open(base);
    mirror.add(*frame, 5, ea(5));
    frame->page[5].strikes = 3;
    frame->patches = 0;
    mirror.remove(*frame, 5);
    mirror.close(*frame);
    frame = mirror.open(base);
    EXPECT_FALSE(frame->is_mirrored(5));
    EXPECT_EQ(frame->page[5].strikes, 0);
    EXPECT_EQ(frame->mirrored, 0U);
}

TEST_F(MirrorTest, PagesComeAndGo) {
    MirrorFrame* const frame = mirror.open(base);
    mirror.add(*frame, 7, ea(7));
    ASSERT_NE(mirror.page(at(7) + 0xffc), nullptr);
    EXPECT_EQ(mirror.page(at(7))->ea, ea(7));
    EXPECT_EQ(mirror.page(at(6)), nullptr);
    EXPECT_EQ(mirror.page(at(8)), nullptr);
    mirror.page(at(7))->patches = 9;
    mirror.add(*frame, 7, 0x5000);
    EXPECT_EQ(mirror.page(at(7))->ea, ea(7)) << "one that is mirrored stays as it is";
    EXPECT_EQ(mirror.page(at(7))->patches, 9);
    EXPECT_EQ(mirror.mirrored(), 1U);
    mirror.page(at(7))->strikes = 2;
    mirror.page(at(7))->faults = 11;
    mirror.page(at(7))->debt = 12;
    mirror.remove(*frame, 7);
    mirror.remove(*frame, 7);
    EXPECT_EQ(mirror.mirrored(), 0U);
    EXPECT_EQ(mirror.page(at(7)), nullptr);
    mirror.add(*frame, 7, ea(7));
    EXPECT_EQ(frame->page[7].patches, 0) << "none yet";
    EXPECT_EQ(frame->page[7].debt, 0U) << "and nothing owed";
    EXPECT_EQ(frame->page[7].strikes, 2) << "but how often it was given back is known,";
    EXPECT_EQ(frame->page[7].faults, 11U) << "and faults are counted for ever";
}

TEST_F(MirrorTest, KnowsTheRangeOfAddressesThatRanItsPages) {
    MirrorFrame* const frame = mirror.open(base);
    mirror.add(*frame, 100, ea(100));
    mirror.add(*frame, 3, ea(3));
    mirror.add(*frame, 50, 0x7000'0000);
    EXPECT_EQ(frame->low, 0x7000'0000U);
    EXPECT_EQ(frame->high, ea(100));
    mirror.remove(*frame, 50);
    EXPECT_LE(frame->low, 0x7000'0000U) << "what was mapped before may still be in the core";
    mirror.add(*frame, 200, ea(200));
    EXPECT_EQ(frame->high, ea(200));
}

TEST_F(MirrorTest, PlainIsNotMirrored) {
    MirrorFrame* const frame = mirror.open(base);
    mirror.set_plain(*frame, 9, true);
    mirror.set_plain(*frame, 9, true);
    EXPECT_TRUE(frame->is_plain(9));
    EXPECT_EQ(frame->plains, 1U);
    EXPECT_EQ(mirror.page(at(9)), nullptr);
    mirror.add(*frame, 9, ea(9));
    EXPECT_FALSE(frame->is_plain(9));
    EXPECT_EQ(frame->plains, 0U);
    mirror.set_plain(*frame, 9, false);
    EXPECT_EQ(frame->plains, 0U);
}

TEST_F(MirrorTest, CountsAllFrames) {
    MirrorFrame* const one = mirror.open(base);
    MirrorFrame* const other = mirror.open(0);
    mirror.add(*one, 1, ea(1));
    mirror.add(*other, 1, 0x1000);
    mirror.add(*other, 2, 0x2000);
    one->patches = 4;
    other->patches = 8;
    EXPECT_EQ(mirror.mirrored(), 3U);
    EXPECT_EQ(mirror.patches(), 12U);
    mirror.close(*other);
    EXPECT_EQ(mirror.mirrored(), 1U);
    EXPECT_EQ(mirror.patches(), 4U);
}

TEST_F(MirrorTest, AWholeFrameIsUniformAndMoreThanAFrameIsNot) {
    MirrorFrame* const frame = mirror.open(base);
    for (unsigned i = 0; i < MirrorFrame::pages; ++i) mirror.add(*frame, i, ea(i));
    EXPECT_TRUE(mirror.uniform(base, MirrorFrame::bytes, at(17)));
    const uint64_t larger = base & ~(4 * MirrorFrame::bytes - 1);
    EXPECT_FALSE(mirror.uniform(larger, 4 * MirrorFrame::bytes, at(17)));
    EXPECT_FALSE(mirror.uniform(larger, 4 * MirrorFrame::bytes, larger)) << "seen from beside";
    EXPECT_TRUE(mirror.uniform(larger + 4 * MirrorFrame::bytes, 4 * MirrorFrame::bytes,
                               larger + 4 * MirrorFrame::bytes));
    mirror.remove(*frame, 1023);
    EXPECT_FALSE(mirror.uniform(base, MirrorFrame::bytes, at(17)));
    EXPECT_FALSE(mirror.uniform(base, MirrorFrame::bytes, at(1023)));
}

TEST_F(MirrorTest, AnEmptyFrameIsUniformInsideALargerBlock) {
    MirrorFrame* const frame = mirror.open(base);
    const uint64_t larger = base & ~(4 * MirrorFrame::bytes - 1);
    mirror.add(*frame, 4, ea(4));
    mirror.remove(*frame, 4);
    EXPECT_TRUE(mirror.uniform(larger, 4 * MirrorFrame::bytes, larger));
    mirror.set_plain(*frame, 4, true);
    EXPECT_FALSE(mirror.uniform(larger, 4 * MirrorFrame::bytes, larger));
}

TEST_F(MirrorTest, PagesThatRunElsewhereAreNotUniform) {
    MirrorFrame* const frame = mirror.open(base);
    for (unsigned i = 16; i < 32; ++i) mirror.add(*frame, i, ea(i));
    EXPECT_TRUE(mirror.uniform(at(16), 0x10000, at(20)));
    mirror.remove(*frame, 20);
    mirror.add(*frame, 20, 0x1234'5000);
    EXPECT_FALSE(mirror.uniform(at(16), 0x10000, at(16)));
    EXPECT_FALSE(mirror.uniform(at(16), 0x10000, at(20)));
    EXPECT_TRUE(mirror.uniform(at(24), 0x8000, at(25))) << "the other half";
    EXPECT_TRUE(mirror.uniform(at(20), 0x1000, at(20)));
}

// Against every page looked at by itself: blocks of every size that a page may have, in frames
// that are filled, emptied and scattered in runs, so that large blocks are uniform now and then.
class Model {
  public:
    explicit Model(Mirror& mirror) : mirror_(mirror) {}

    void set(uint64_t gpa, uint32_t to) {
        MirrorFrame* const frame = mirror_.open(gpa);
        ASSERT_NE(frame, nullptr);
        mirror_.add(*frame, MirrorFrame::index(gpa), to);
        pages_.emplace(gpa, to);
        plain_.erase(gpa);
    }
    void clear(uint64_t gpa) {
        if (MirrorFrame* const frame = mirror_.find(gpa)) {
            mirror_.remove(*frame, MirrorFrame::index(gpa));
            mirror_.set_plain(*frame, MirrorFrame::index(gpa), false);
        }
        pages_.erase(gpa);
        plain_.erase(gpa);
    }
    void set_plain(uint64_t gpa) {
        if (pages_.contains(gpa)) return;
        mirror_.set_plain(*mirror_.open(gpa), MirrorFrame::index(gpa), true);
        plain_.insert(gpa);
    }
    bool uniform(uint64_t gpa, uint64_t bytes, uint64_t inside) const {
        // More than a frame must be free of all that is known.
        if (bytes > MirrorFrame::bytes) {
            for (uint64_t at = gpa; at < gpa + bytes; at += 4096) {
                if (pages_.contains(at) || plain_.contains(at)) return false;
            }
            return true;
        }
        const auto of = [&](uint64_t at) {
            const auto found = pages_.find(at);
            return found == pages_.end()
                       ? std::pair{plain_.contains(at), uint64_t{0}}
                       : std::pair{true, 1 + uint64_t{found->second - static_cast<uint32_t>(at)}};
        };
        const auto wanted = of(inside & ~uint64_t{4095});
        for (uint64_t at = gpa; at < gpa + bytes; at += 4096) {
            if (of(at) != wanted) return false;
        }
        return true;
    }
    std::size_t mirrored() const { return pages_.size(); }
    const std::map<uint64_t, uint32_t>& pages() const { return pages_; }

  private:
    Mirror& mirror_;
    std::map<uint64_t, uint32_t> pages_;
    std::set<uint64_t> plain_;
};

TEST_F(MirrorTest, AgreesWithEveryPageByItself) {
    std::mt19937 random(11);
    const auto pick = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    Model model(mirror);
    unsigned yes = 0, large = 0;
    for (unsigned turn = 0; turn < 1200; ++turn) {
        // A run of pages in one of three frames, two of them neighbours; aligned more often than
        // not.
        constexpr uint64_t frames[] = {0x40'0000, 0x80'0000, 0x1'0040'0000};
        const uint32_t count = 1U << (2 * pick(6));
        const uint32_t first = pick(2) ? pick(1024) & ~(count - 1) : pick(1024);
        const uint64_t frame = frames[pick(3)];
        const uint32_t run = std::min(count, 1024 - first), what = pick(8);
        const uint32_t away = pick(6) == 0 ? 0x1000 * pick(5) : shift;
        for (uint32_t i = 0; i < run; ++i) {
            const uint64_t gpa = frame + uint64_t{first + i} * 4096;
            if (what < 4) {
                model.set(gpa, static_cast<uint32_t>(gpa) + away);
            } else if (what < 7) {
                model.clear(gpa);
            } else if (i % 4 == 0) {
                model.set_plain(gpa);
            }
        }
        ASSERT_EQ(mirror.mirrored(), model.mirrored());
        for (unsigned n = 0; n < 60; ++n) {
            const uint64_t bytes = uint64_t{4096} << (2 * pick(8));
            const uint64_t inside = frames[pick(3)] + uint64_t{pick(1024)} * 4096;
            const uint64_t gpa = inside & ~(bytes - 1);
            const bool wanted = model.uniform(gpa, bytes, inside);
            ASSERT_EQ(mirror.uniform(gpa, bytes, inside), wanted)
                << std::hex << gpa << " + " << bytes << " at " << inside << ", turn " << turn;
            yes += wanted ? 1 : 0;
            large += wanted && bytes >= 0x10'0000 ? 1 : 0;
        }
    }
    EXPECT_GT(yes, 10'000U);
    EXPECT_GT(large, 200U);
    for (const auto& [gpa, to] : model.pages()) {
        ASSERT_NE(mirror.page(gpa), nullptr);
        EXPECT_EQ(mirror.page(gpa)->ea, to);
    }
}

TEST_F(MirrorTest, KnowsEachPatchedWord) {
    MirrorFrame* const frame = mirror.open(base);
    mirror.add(*frame, 7, 0xc000'7000);
    mirror.add(*frame, 8, 0xc000'8000);
    for (const unsigned word : {0U, 31U, 32U, 1023U}) {
        EXPECT_FALSE(mirror.is_patched(*frame, 7, word));
        mirror.set_patched(*frame, 7, word, true);
        mirror.set_patched(*frame, 7, word, true);
        EXPECT_TRUE(mirror.is_patched(*frame, 7, word));
        EXPECT_FALSE(mirror.is_patched(*frame, 8, word));
    }
    EXPECT_EQ(frame->page[7].patches, 4U);
    EXPECT_EQ(frame->patches, 4U);
    mirror.set_patched(*frame, 7, 31, false);
    mirror.set_patched(*frame, 7, 31, false);
    EXPECT_EQ(frame->page[7].patches, 3U);
    EXPECT_EQ(frame->patches, 3U);
    mirror.remove(*frame, 7);
    mirror.add(*frame, 7, 0xc000'7000);
    for (unsigned word = 0; word < 1024; ++word) EXPECT_FALSE(mirror.is_patched(*frame, 7, word));
}

}  // namespace
}  // namespace trapeze::tcache
