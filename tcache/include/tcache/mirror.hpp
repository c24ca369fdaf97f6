// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// Which pages of guest memory are executed from a patched copy: the text mirror
/// (docs/patching.md). It knows addresses only; who copies and maps is its user. Bounded, without
/// heap.
namespace trapeze::tcache {

/// One 4 KiB guest-physical page.
struct MirrorPage {
    std::uint32_t ea;       ///< Where the guest kernel executes it; 0 mod 4096.
    std::uint16_t patches;  ///< Words of Mirror::is_patched.
    std::uint8_t strikes;   ///< How often it was given back, as a power of two of time.
    std::uint8_t reserved;
    std::uint32_t faults;      ///< Tracing faults, ever.
    std::uint32_t debt;        ///< Ticks lately spent in them, as the user counts them.
    std::uint32_t not_before;  ///< Time, of the user's own, before which it is left alone.
};

/// A frame of 4 MiB, the granule of memory for copies: page i of the frame is copied to page i of
/// the frame's memory, so that neighbours can be mapped by one large entry.
struct MirrorFrame {
    static constexpr unsigned pages = 1024;
    static constexpr std::uint64_t bytes = std::uint64_t{pages} * 4096;

    std::uint64_t gpa;  ///< Multiple of `bytes`.
    bool used;
    bool scattered;  ///< Not all its mirrored pages are executed `shift` above their GPA.
    std::uint32_t shift;
    std::uint32_t low, high;   ///< EAs of its mirrored pages, now and before, lie from low to high.
    std::uint32_t mirrored;    ///< Pages, and
    std::uint32_t plains;      ///< those of set_plain.
    std::uint32_t patches;     ///< Words.
    std::uint32_t carved;      ///< Pages given back since the last beat.
    std::uint32_t opened;      ///< When, in time of the user's own.
    std::uint32_t not_before;  ///< Time before which none of it is mirrored, and
    std::uint8_t strikes;      ///< how often that was so.
    std::uint16_t searched;    ///< The user's own: how far it has looked for a page of stubs,
    std::uint32_t no_search_before;   ///< and when it may begin anew.
    std::uint32_t bits[pages / 32];   ///< Mirrored pages, from the least significant bit.
    std::uint32_t plain[pages / 32];  ///< Pages that are executed as they are, see set_plain.
    MirrorPage page[pages];

    bool is_mirrored(unsigned i) const { return (bits[i / 32] >> i % 32 & 1U) != 0; }
    bool is_plain(unsigned i) const { return (plain[i / 32] >> i % 32 & 1U) != 0; }
    static unsigned index(std::uint64_t gpa) { return static_cast<unsigned>(gpa % bytes / 4096); }
};

class Mirror {
  public:
    static constexpr unsigned max_frames = 12;

    /// Begins with room for `frames` frames, at most max_frames.
    void reset(unsigned frames);
    unsigned capacity() const { return capacity_; }

    /// The frame that holds `gpa`, or null.
    MirrorFrame* find(std::uint64_t gpa) {
        const std::uint64_t base = gpa & ~(MirrorFrame::bytes - 1);
        for (unsigned i = 0; i < capacity_; ++i) {
            if (frame_[i].gpa == base && frame_[i].used) return &frame_[i];
        }
        return nullptr;
    }
    const MirrorFrame* find(std::uint64_t gpa) const {
        return const_cast<Mirror*>(this)->find(gpa);
    }
    /// The same, made if there is room; null: there is none.
    MirrorFrame* open(std::uint64_t gpa);
    /// Forgets a frame without mirrored pages.
    void close(MirrorFrame& frame);
    unsigned number(const MirrorFrame& frame) const {
        return static_cast<unsigned>(&frame - frame_);
    }
    MirrorFrame& frame(unsigned i) { return frame_[i]; }

    /// Page of `gpa` in its frame, or null if it is not mirrored.
    MirrorPage* page(std::uint64_t gpa) {
        MirrorFrame* const frame = find(gpa);
        const unsigned i = MirrorFrame::index(gpa);
        return frame != nullptr && frame->is_mirrored(i) ? &frame->page[i] : nullptr;
    }
    void add(MirrorFrame& frame, unsigned i, std::uint32_t ea);
    void remove(MirrorFrame& frame, unsigned i);
    /// A page that is executed where it is although every page that is executed should be mirrored.
    void set_plain(MirrorFrame& frame, unsigned i, bool on);

    /// Whether a word of a mirrored page is a patch: the guest's own may change beside it unseen,
    /// by a device, so that a difference does not tell.
    bool is_patched(const MirrorFrame& frame, unsigned page, unsigned word) const {
        return (patched_[number(frame)][page][word / 32] >> word % 32 & 1U) != 0;
    }
    void set_patched(MirrorFrame& frame, unsigned page, unsigned word, bool on);

    /// Whether all of [gpa, gpa + bytes), a naturally aligned power of two from 4 KiB up, is like
    /// the page at `gpa_inside` in it: mirrored, at EAs as far from their GPAs; plain; or neither.
    bool uniform(std::uint64_t gpa, std::uint64_t bytes, std::uint64_t gpa_inside) const;

    /// Number of 4 KiB pages, and of patched words, in all frames.
    unsigned mirrored() const;
    unsigned patches() const;

  private:
    static constexpr unsigned page_words = 1024;

    MirrorFrame frame_[max_frames];
    std::uint32_t patched_[max_frames][MirrorFrame::pages][page_words / 32];
    unsigned capacity_;
};

}  // namespace trapeze::tcache
