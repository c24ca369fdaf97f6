// SPDX-License-Identifier: Apache-2.0
#include "hv/board/ppce500.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::dev {

using vcpu::End;
using vcpu::Vcpu;

namespace {

// The board's block answers words alone, has its version registers and RSTCR, and ignores the rest.
u32 guts_read(Vcpu& /*v*/, u32 offset, unsigned size) {
    if (size != 4) return 0;
    return core::read_io(board::ccsr_base + board::guts_offset + offset, 4);
}

void guts_write(Vcpu& v, u32 offset, unsigned size, u32 value) {
    using namespace board;
    if (size != 4 || offset != guts_rstcr) return;
    if (value & hreset_request) vcpu::end(v, End::reset, "the guest asked for a reset (RSTCR)");
}

// So do the GPIO registers. They are kept, since the board's are one guest's no more than
// another's. Nothing but the power switch hangs on the pins.
enum Gpio : u32 { direction, open_drain, data, event, mask, control, gpio_words };
static_assert(direction * 4 == board::gpio_direction && data * 4 == board::gpio_data);

u32 gpio_read(Vcpu& v, u32 offset, unsigned size) {
    return size == 4 && offset / 4 < gpio_words ? v.devices->gpio[offset / 4] : 0;
}

// The power switch follows the data register: pin 0 going to 1 while it is an output.
void gpio_write(Vcpu& v, u32 offset, unsigned size, u32 value) {
    if (size != 4 || offset / 4 >= gpio_words) return;
    u32& word = v.devices->gpio[offset / 4];
    if (offset / 4 == event) {
        word &= ~value;
        return;
    }
    if (offset / 4 == data && (value & ~word & v.devices->gpio[direction] & board::power_pin)) {
        vcpu::end(v, End::poweroff, "the guest switched its power off (GPIO 0)");
        return;
    }
    word = value;
}

u32 absent_read(Vcpu& /*v*/, u32 /*offset*/, unsigned /*size*/) { return 0; }
void absent_write(Vcpu& /*v*/, u32 /*offset*/, unsigned /*size*/, u32 /*value*/) {}

}  // namespace

const Device guts{"guts", guts_read, guts_write, Wide::ignored};
const Device gpio{"gpio", gpio_read, gpio_write};
const Device absent{"absent", absent_read, absent_write, Wide::ignored};

}  // namespace trapeze::dev
