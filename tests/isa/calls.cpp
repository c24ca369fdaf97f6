// SPDX-License-Identifier: Apache-2.0
// Programs in address space 1 that are interrupted where, in address space 0, the handler of that
// very interrupt begins. They can be, as often as they like.
#include "tlb.hpp"

using namespace isa;

namespace {

constexpr u32 times = 300;

u32 handler_of(unsigned vector) {
    return mfspr<63>() + (vector == 6 ? mfspr<406>() : mfspr<408>());
}

// `words` so that the interrupt saves the address of `vector`'s handler.
void interrupts(const char* what, unsigned vector, u32 first, u32 second, u32 state) {
    constexpr u32 memory = 0x0032'0000;
    const u32 at = handler_of(vector);
    auto* const code = reinterpret_cast<volatile u32*>(memory + (at & 0xfff));
    code[-1] = first;
    code[0] = second;
    flush_code(memory, 0x1000);
    Page page{at & ~0xfffu, memory};
    page.space = true;
    isa::tlbwe(0, 0, page);
    u32 right = 0;
    for (u32 i = 0; i < times; ++i) {
        Frame f = patterned(3, first == insn::sc ? at - 4 : at, state | msr::is | msr::ds);
        run(f);
        if (f.vector == vector && f.nip == at) ++right;
    }
    print("{}: {} of {}", {what, right, times});
}

}  // namespace

void isa_main() {
    constexpr u32 trap = 0x7fe0'0008;
    interrupts("system calls of user mode", 8, insn::sc, insn::nop, msr::pr);
    interrupts("system calls of the kernel", 8, insn::sc, insn::nop, 0);
    interrupts("traps of user mode", 6, insn::nop, trap, msr::pr);
    interrupts("traps of the kernel", 6, insn::nop, trap, 0);
}
