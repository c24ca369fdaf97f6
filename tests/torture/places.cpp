// SPDX-License-Identifier: Apache-2.0
#include "places.hpp"

namespace torture {

u32 taken_page(Random& random, u32 number, u32 text_ea) {
    constexpr u32 page = 0x1000, frame = 0x40'0000, away = 0x180'0000, pages = 32;
    const u32 own = text + number % text_slots * text_bytes;
    const u32 near = random.below(pages) * page;
    // The runner's own stubs, and those of the first sequences, stand until they must make way.
    if (random.once_in(3)) return 0xff80'0000 + random.below(pages / 2) * page;
    if (random.once_in(4)) return 0xfe80'0000 + random.below(pages / 2) * page;
    if (random.once_in(3)) {
        const u32 end = own + 0x1c0'0000 < zeroes_end ? own + 0x1c0'0000 : zeroes_end;
        return end - (1 + random.below(pages / 2)) * page;
    }
    if (text_ea == small_text_ea) return (text_ea & ~(frame - 1)) - away + near;
    const u32 first = (own & ~(frame - 1)) - away;
    return may_be_taken(first) ? first + near : zeroes_end + near;
}

u32 pointer(Random& random, u32 number, u32 text_ea) {
    const u32 off = random.from(0x140, 0xe80);
    switch (random.below(14)) {
        case 0:
        case 1:
        case 2:
            return data + random.below(data_pages) * 0x1000 + off;
        case 3:
            return data + 0xfe0 + random.below(0x40);  // across two pages
        case 4:
            return large_data_ea + random.below(data_pages) * 0x1000 + off;
        case 5:
        case 6:
            return small_data_ea + random.below(data_pages) * 0x1000 + off;
        case 7:
            return small_data_ea + random.below(data_pages) * 0x1000 + 0xfe0 + random.below(0x40);
        case 8:
            return text_ea + random.below(2) * 0x1000 + text_data;
        case 9:  // the same memory by its own address
            return text + number % text_slots * text_bytes + random.below(2) * 0x1000 + text_data;
        case 10:
            return nothing_ea + random.below(0x4000);
        case 11:
        case 12:
            return taken_page(random, number, text_ea) + off;
        default:
            return hole_ea + off;
    }
}

}  // namespace torture
