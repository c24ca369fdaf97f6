// SPDX-License-Identifier: Apache-2.0
#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"
#include "hv/console/console.hpp"
#include "hv/guest/machine.hpp"

namespace trapeze::boot {

void reject(const char* what, const char* detail) {
    console::log("input: {}{}", what, detail);
    console::put("@@trapeze-summary {");
    console::print("\"schema\":1,\"end\":\"input\",\"reason\":\"{}{}\",", console::Quoted{what},
                   console::Quoted{detail});
    console::print("\"ticks_per_second\":{},", guest::machine.timebase_frequency);
    console::put(
        "\"ticks\":{\"total\":0,\"guest\":0,\"vmm\":0,\"idle\":0},\"exits\":[],"
        "\"instructions\":[],\"tlb\":{}}\n");
    board::power_off();
}

}  // namespace trapeze::boot
