// SPDX-License-Identifier: Apache-2.0
#include "tcache/mirror.hpp"

namespace trapeze::tcache {

using std::uint32_t;
using std::uint64_t;

namespace {

void set_bit(uint32_t* bits, unsigned i, bool on) {
    const uint32_t bit = 1U << i % 32;
    bits[i / 32] = on ? bits[i / 32] | bit : bits[i / 32] & ~bit;
}

// Whether `count` bits from `first` on, a power of two and aligned to it, are all as `wanted`.
bool all(const uint32_t* bits, unsigned first, unsigned count, bool wanted) {
    if (count < 32) {
        const uint32_t mask = ((1U << count) - 1) << first % 32;
        return (bits[first / 32] & mask) == (wanted ? mask : 0);
    }
    for (unsigned word = first / 32; word < (first + count) / 32; ++word) {
        if (bits[word] != (wanted ? ~0U : 0)) return false;
    }
    return true;
}

bool nothing_in(const MirrorFrame& frame) { return frame.mirrored == 0 && frame.plains == 0; }

}  // namespace

void Mirror::reset(unsigned frames) {
    capacity_ = frames < max_frames ? frames : max_frames;
    for (MirrorFrame& frame : frame_) frame.used = false;
}

MirrorFrame* Mirror::open(uint64_t gpa) {
    if (MirrorFrame* const known = find(gpa)) return known;
    for (unsigned i = 0; i < capacity_; ++i) {
        if (frame_[i].used) continue;
        frame_[i] = {};
        frame_[i].used = true;
        frame_[i].gpa = gpa & ~(MirrorFrame::bytes - 1);
        return &frame_[i];
    }
    return nullptr;
}

void Mirror::close(MirrorFrame& frame) { frame.used = false; }

void Mirror::add(MirrorFrame& frame, unsigned i, uint32_t ea) {
    if (frame.is_mirrored(i)) return;
    const uint32_t shift = ea - static_cast<uint32_t>(frame.gpa) - i * 4096;
    if (frame.mirrored == 0) {
        frame.shift = shift;
        frame.low = frame.high = ea;
        frame.scattered = false;
    }
    frame.scattered = frame.scattered || shift != frame.shift;
    if (ea < frame.low) frame.low = ea;
    if (ea > frame.high) frame.high = ea;
    set_bit(frame.bits, i, true);
    set_plain(frame, i, false);
    frame.page[i].ea = ea;
    frame.page[i].patches = 0;
    for (uint32_t& words : patched_[number(frame)][i]) words = 0;
    frame.page[i].debt = 0;
    ++frame.mirrored;
}

void Mirror::remove(MirrorFrame& frame, unsigned i) {
    if (!frame.is_mirrored(i)) return;
    set_bit(frame.bits, i, false);
    --frame.mirrored;
}

void Mirror::set_patched(MirrorFrame& frame, unsigned page, unsigned word, bool on) {
    if (is_patched(frame, page, word) == on) return;
    set_bit(patched_[number(frame)][page], word, on);
    frame.patches += on ? 1U : ~0U;
    frame.page[page].patches = static_cast<std::uint16_t>(frame.page[page].patches + (on ? 1 : -1));
}

void Mirror::set_plain(MirrorFrame& frame, unsigned i, bool on) {
    if (frame.is_plain(i) == on) return;
    set_bit(frame.plain, i, on);
    frame.plains += on ? 1U : ~0U;
}

bool Mirror::uniform(uint64_t gpa, uint64_t bytes, uint64_t gpa_inside) const {
    if (bytes > MirrorFrame::bytes) {
        for (unsigned i = 0; i < capacity_; ++i) {
            const MirrorFrame& frame = frame_[i];
            if (frame.used && frame.gpa - gpa < bytes && !nothing_in(frame)) return false;
        }
        return true;
    }
    const MirrorFrame* const frame = find(gpa);
    if (frame == nullptr || nothing_in(*frame)) return true;
    const unsigned first = MirrorFrame::index(gpa);
    const auto count = static_cast<unsigned>(bytes / 4096);
    const unsigned inside = MirrorFrame::index(gpa_inside);
    const bool mirrored = frame->is_mirrored(inside);
    if (frame->mirrored != MirrorFrame::pages && !all(frame->bits, first, count, mirrored)) {
        return false;
    }
    if (!mirrored) return all(frame->plain, first, count, frame->is_plain(inside));
    if (!frame->scattered) return true;
    const uint32_t ea = frame->page[first].ea;
    for (unsigned i = 1; i < count; ++i) {
        if (frame->page[first + i].ea != ea + i * 4096) return false;
    }
    return true;
}

unsigned Mirror::mirrored() const {
    unsigned sum = 0;
    for (unsigned i = 0; i < capacity_; ++i) sum += frame_[i].used ? frame_[i].mirrored : 0;
    return sum;
}

unsigned Mirror::patches() const {
    unsigned sum = 0;
    for (unsigned i = 0; i < capacity_; ++i) sum += frame_[i].used ? frame_[i].patches : 0;
    return sum;
}

}  // namespace trapeze::tcache
