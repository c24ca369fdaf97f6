// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/cpu.hpp"

namespace trapeze::core {

// What several cores touch has one of these. Interrupts are off, so whoever has it goes on until it
// gives it back; its users say how long that is at most. One core may take it several times.
// A machine with one core pays a load and a branch (`needed`).
class Lock {
  public:
    // The machine has several cores: before the second one starts.
    static constinit bool needed;

    void take() {
        while (!try_take()) {
        }
    }
    // False if another core has it.
    bool try_take() {
        if (!needed) return true;
        const u32 own = number() + 1;
        if (__atomic_load_n(&holder_, __ATOMIC_RELAXED) == own) {
            ++depth_;
            return true;
        }
        u32 nobody = 0;
        return __atomic_compare_exchange_n(&holder_, &nobody, own, false, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED);
    }
    void give() {
        if (!needed) return;
        if (depth_ != 0) {
            --depth_;
            return;
        }
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        __atomic_store_n(&holder_, 0, __ATOMIC_RELAXED);
    }

  private:
    u32 holder_ = 0;  // number of the core + 1; 0: nobody
    u32 depth_ = 0;   // how often it has taken it again
};
inline constinit bool Lock::needed = false;

// Has the lock while it exists.
class Held {
  public:
    explicit Held(Lock& lock) : lock_(lock) { lock_.take(); }
    ~Held() { lock_.give(); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

  private:
    Lock& lock_;
};

}  // namespace trapeze::core
