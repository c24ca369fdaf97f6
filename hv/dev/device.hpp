// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"
#include "hv/dev/openpic.hpp"
#include "hv/dev/uart16550.hpp"

namespace trapeze::vcpu {
struct Vcpu;
}

namespace trapeze::core {
struct Core;
}

namespace trapeze::dev {

using e500::u32;
using e500::u64;
using e500::u8;

// What becomes of 8 bytes at once (SPE, dcbz), for which no device has a register.
enum class Wide : u8 {
    words,     // two accesses of a word, at ascending addresses
    low_word,  // one access of a word at the address; the value's lower half
    ignored,   // none: reads as zero
};

// A device the VMM stands in front of. `offset` counts from the region's start and is a multiple
// of `size`, which is 1, 2 or 4 bytes; values are right-aligned, as a big-endian register is read.
// These are all accesses there are: what a guest does else becomes one or several of them, or
// none (bus.hpp). A model reaches the real device by accesses as narrow as the guest's.
struct Device {
    const char* name;
    u32 (*read)(vcpu::Vcpu& v, u32 offset, unsigned size);
    void (*write)(vcpu::Vcpu& v, u32 offset, unsigned size, u32 value);
    Wide wide = Wide::words;
};

// What the model of the PCI bridge keeps for a guest (pci_bridge.cpp).
struct PciBridge {
    u32 inbound[3][8];   // window registers as the guest wrote them,
    u32 outbound[4][8];  // the bridge holds relocated values
    u8 config[256];      // the bridge's own configuration space
    u32 withheld[8];     // functions (device and function number) that the log has told of
};

// Register words of the exit counters, as the last latch left them.
struct ExitCounters {
    static constexpr unsigned words = 0x100;
    u32 registers[words];
};

// A guest's interrupt controller (mpic.cpp).
struct Mpic {
    Openpic model;
    u32 connected[Openpic::sources / 32];  // sources that the board delivers,
    u32 parked[Openpic::sources / 32];     // and of these those that it does not at the moment
    unsigned just_up;                      // one that was parked by the exit at hand, or `none`
    u64 clock;                             // VMM's; up to when the timers have counted
};

// The board's first serial port. Several guests have it in turn, by frames (docs/guests.md).
struct SerialPort {
    u8 space;     // bytes that it takes without another look,
    u8 enables;   // and what it is asked to tell
    u8 out, in;   // number of the guest whose bytes go, and come, at the moment; `nobody`
    bool marked;  // the last byte that came begins a frame
    bool full;    // `held` has come for a guest that has not taken what was before; the rest waits
    u8 held;
    static constexpr u8 nobody = 0xff;
};

// What a guest has of something that joins it to others (para/).
struct Handle {
    // Others have done something with it that the guest may have to be told of: on its core.
    // Null: there is no such handle.
    void (*told)(vcpu::Vcpu& v, unsigned number);
    void* state;  // its owner's
    // It touches the guest's memory: it is told while the guest has its core, and no sooner.
    bool in_turn;
    // The guest has ended. Null: nothing comes of that.
    void (*withdrawn)(vcpu::Vcpu& v, unsigned number);
    // What is counted of it, for the monitor: calls `each` with the name of a count and itself.
    using Each = void (*)(void* context, const char* what, u64 count);
    void (*counts)(const Handle& handle, Each each, void* context);
    const char* name;  // the guest's for it, and its kind's; with counts
    const char* kind;
};

// A console that a guest has besides its UART: it gets what is typed for the guest, and what it
// sends is printed with the rest. Who holds board::uart0_lock moves its bytes (uart.cpp).
struct ConsoleLine {
    void* state;  // null: the guest has none
    bool (*sends)(const void* state);
    u8 (*next)(void* state);  // takes the byte that goes next
    bool (*has_room)(const void* state);
    void (*receive)(void* state, u8 byte);
    // On the guest's core, which need not hold the lock: bytes may have come or gone.
    void (*moved)(vcpu::Vcpu& v, const void* state);
};

// The board's devices, of which the VMM makes its guests' (mpic.cpp, uart.cpp).
struct Board {
    static constexpr unsigned most_guests = 26;
    vcpu::Vcpu* guests[most_guests];
    core::Core* homes[most_guests];  // the core of each, also while it is made anew
    unsigned count;
    vcpu::Vcpu* owner;  // who has all others: PCI, flash, I2C; null: nobody
    SerialPort serial;
};

// A guest's devices, and what their models keep for it.
class DeviceTable {
  public:
    static constexpr unsigned capacity = 24;

    // The index for mmu::Region::device; `capacity` when the table is full.
    unsigned add(const Device& device) {
        if (count_ == capacity) return capacity;
        devices_[count_] = device;
        return count_++;
    }
    const Device& operator[](unsigned i) const { return devices_[i]; }

    PciBridge pci = {};
    ExitCounters exits = {};
    Mpic mpic = {};
    Uart16550 uart = {};
    ConsoleLine console = {};
    static constexpr unsigned most_handles = 16;
    Handle handles[most_handles] = {};
    u32 later = 0;     // handles that are to be told (tell_later),
    u64 later_at = 0;  // and when, by the VMM's clock
    u32 gpio[6] = {};  // registers as the guest wrote them (soc.cpp)
    Board* board = nullptr;

  private:
    Device devices_[capacity] = {};
    unsigned count_ = 0;
};

}  // namespace trapeze::dev
