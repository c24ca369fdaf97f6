// SPDX-License-Identifier: Apache-2.0
//
// What a second core gains natively, that is, in QEMU: each loop on the first core alone, and then
// on both at once. Two cores of one machine that do not share a thing should not slow each other;
// where they do, no VMM can do better. Needs a second core, and no VMM.
#include "bare.hpp"
#include "tlb.hpp"

extern "C" {
extern char vectors[], cores_handler[], cores_second[];
void cores_branch(isa::u32 turns);
void cores_sc_rfi(isa::u32 turns);
void cores_rfi(isa::u32 turns);
void cores_mtmsr_pair(isa::u32 turns);
[[noreturn]] void cores_second_main();
}

namespace {

using namespace bare;
using namespace isa;

constexpr const char* workload = "cores";

// The spin table of QEMU's ppce500, as the device tree's cpu-release-addr names it: 32 bytes for
// each core, of which the first 8 are the address that it is to go to (ePAPR 5.5.2).
constexpr u64 spin_table = 0xf'ef00'0000;
constexpr u32 spin_ea = 0x7000'0000, spin_entry = 12, spin_size = 0x20, spin_r3 = 8;
constexpr u32 device_page = 0xa;  // MAS2[I, G]

// Time base of QEMU's ppce500, 400 MHz.
constexpr u32 ticks_a_ms = 400'000;
constexpr u32 quick_ms = 50, full_ms = 300;
constexpr u32 turns = 1000;
// How long the second core may take to answer, on a host that has other things to do: below half
// of what 32 bits of the time base hold.
constexpr u32 patience_ms = 5000;
// From the word to both until they begin.
constexpr u32 lead_ms = 5;

struct Work {
    const char* name;
    void (*loop)(u32 turns);
};
constexpr Work works[] = {{"branch", cores_branch},
                          {"rfi", cores_rfi},
                          {"sc_rfi", cores_sc_rfi},
                          {"mtmsr_pair", cores_mtmsr_pair}};

struct Done {
    u32 operations, ticks;
};

// What the first core asks of the second; `asked` and `answered` count.
struct Mail {
    void (*loop)(u32 turns);
    u32 begin, ticks;
    Done done;
    u32 asked, answered;
};
Mail mail;
alignas(16) char second_stack[4096];

void point_system_call() {
    constexpr u32 ivpr = 63, ivor8 = 408;
    mtspr<ivpr>(static_cast<u32>(reinterpret_cast<std::uintptr_t>(vectors)) & 0xffff'0000);
    mtspr<ivor8>(static_cast<u32>(reinterpret_cast<std::uintptr_t>(cores_handler)) & 0xffff);
}

bool before(u32 time) { return static_cast<int>(timebase() - time) < 0; }

// From `begin` on for so many ticks.
Done busy(void (*loop)(u32 turns), u32 begin, u32 ticks) {
    while (before(begin)) {
    }
    Done done{};
    const u32 from = timebase();
    do {
        loop(turns);
        done.operations += turns;
        done.ticks = timebase() - from;
    } while (done.ticks < ticks);
    return done;
}

void say(const char* name, const char* who, const Done& done) {
    (Line() << "@@bench " << workload << " " << name << "." << who << " ticks " << done.operations
            << " " << done.ticks << " - -")
        .print();
}

// Whether the second core has come so far.
bool answered(u32 count, u32 milliseconds) {
    const u32 end = timebase() + milliseconds * ticks_a_ms;
    while (__atomic_load_n(&mail.answered, __ATOMIC_ACQUIRE) != count) {
        if (!before(end)) return false;
    }
    return true;
}

void start_second() {
    tlbwe(1, spin_entry,
          {.ea = spin_ea,
           .pa = spin_table,
           .permissions = mas3::sr | mas3::sw,
           .protect = true,
           .attributes = device_page});
    auto* const entry = reinterpret_cast<volatile u32*>(spin_ea + spin_size);
    entry[spin_r3 / 4 + 1] =
        static_cast<u32>(reinterpret_cast<std::uintptr_t>(second_stack + sizeof second_stack));
    entry[0] = 0;
    const auto address = static_cast<u32>(reinterpret_cast<std::uintptr_t>(cores_second));
    entry[1] = address;
    // Of a core that is not there it keeps nothing.
    if (entry[1] != address) failed(workload, "there is no second core: it takes QEMU's -smp 2");
    if (!answered(1, patience_ms)) failed(workload, "the second core does not come");
}

}  // namespace

void cores_second_main() {
    point_system_call();
    for (u32 count = 0;; ++count) {
        __atomic_store_n(&mail.answered, count + 1, __ATOMIC_RELEASE);
        while (__atomic_load_n(&mail.asked, __ATOMIC_ACQUIRE) == count) {
        }
        mail.done = busy(mail.loop, mail.begin, mail.ticks);
    }
}

void isa_main() {
    const u32 ticks = (word_given("quick") ? quick_ms : full_ms) * ticks_a_ms;
    const u32 system_call = mfspr<408>();
    const auto alone = [ticks](const Work& work) {
        static_cast<void>(busy(work.loop, timebase(), ticks / 8));
        return busy(work.loop, timebase(), ticks);
    };
    // As long as there is one core: it does not even wait.
    Done first[sizeof works / sizeof *works];
    point_system_call();
    for (unsigned i = 0; i < sizeof works / sizeof *works; ++i) first[i] = alone(works[i]);
    start_second();
    u32 count = 1;
    for (const Work& work : works) {
        mail.loop = work.loop;
        mail.begin = timebase() + lead_ms * ticks_a_ms;
        mail.ticks = ticks;
        __atomic_store_n(&mail.asked, count, __ATOMIC_RELEASE);
        const Done both = busy(work.loop, mail.begin, ticks);
        ++count;
        if (!answered(count, patience_ms + full_ms)) failed(workload, "the second core stopped");
        say(work.name, "alone", first[&work - works]);
        say(work.name, "both", both);
        say(work.name, "both", mail.done);
    }
    mtspr<408>(system_call);
}
