// SPDX-License-Identifier: Apache-2.0
#include "executive.hpp"

#include "tests/isa/support/tlb.hpp"

extern "C" {
rt::Context* rt_interrupt(rt::Context* context, rt::u32 vector);
[[noreturn]] void rt_resume(rt::Context* context);
void rt_switch(rt::Context* from, rt::Context* to);
void rt_install();
}

namespace rt {

namespace {

using isa::mfspr, isa::mtspr;

constexpr u32 dec_spr = 22, tcr_spr = 340, tsr_spr = 336, hid0_spr = 1008, dear_spr = 61;
constexpr u32 tbl_spr = 268, tbu_spr = 269, csrr0_spr = 58, mcsrr0_spr = 570;
// The stack of thread n is mapped at the upper half of the n-th window, by TLB1 entry n + 1; the
// lower half is its guard. Entries 0 and 15 are those of tests/isa/support.
constexpr u32 window_bytes = 2 * stack_bytes, windows = 0x3000'0000, first_entry = 1, tsize_16k = 2;
static_assert(first_entry + most_tasks <= 15);
constexpr u32 unused = 0x5a5a'5a5a;
// DEC is loaded with no more: a signed number of ticks, 5 s.
constexpr Time longest_count = 0x7fff'ffff;

alignas(stack_bytes) u32 stacks[most_tasks][stack_bytes / 4];

void doze() {
    for (;;) isa::mtmsr(isa::msr::ee | isa::msr::me | isa::msr::we);
}

}  // namespace

// The kernel on this core.
class Executive {
  public:
    void start(Thread& thread, Time phase) {
        const u32 number = kernel_.count();
        if (running_ || !kernel_.add(thread, phase)) isa::fail("a thread too many, or too late");
        prepare(thread, number);
    }

    [[noreturn]] void run() {
        rt_install();
        mtspr<hid0_spr>(mfspr<hid0_spr>() | isa::hid0::doze | isa::hid0::tben);
        mtspr<tcr_spr>(isa::tcr::die);
        prepare(idle_, 0);
        // Phases were given as if it were time 0.
        kernel_.postpone(now());
        running_ = true;
        kernel_.advance(now());
        kernel_.choose(now());
        arm();
        rt_resume(context());
    }

    // Decides who goes on; in the thread that asks, with interrupts disabled.
    void dispatch() {
        Context* const from = context();
        const bool other = kernel_.choose(now());
        arm();
        if (other) rt_switch(from, context());
    }

    Context* interrupt(Context* interrupted, u32 vector) {
        interrupted->msr &= ~isa::msr::we;
        if (vector != static_cast<u32>(isa::Vector::decrementer)) report(*interrupted, vector);
        mtspr<tsr_spr>(isa::tsr::dis);
        armed_ = 0;
        const Time time = now();
        kernel_.advance(time);
        kernel_.choose(time);
        arm();
        return context();
    }

    void end_job() {
        const Disabled here;
        kernel_.end_job(now());
        dispatch();
        kernel_.begin_job(now());
    }

    Kernel& kernel() { return kernel_; }
    [[nodiscard]] Thread& current() const { return static_cast<Thread&>(kernel_.current()); }
    [[nodiscard]] Time idle() const { return idle_.account.ran; }

  private:
    [[nodiscard]] Context* context() const { return &current().context_; }

    static void prepare(Thread& thread, u32 number) {
        thread.stack_ = stacks[number];
        for (u32& word : stacks[number]) word = unused;
        const u32 stack = windows + number * window_bytes + stack_bytes;
        isa::tlbwe(1, first_entry + number,
                   {.ea = stack,
                    .pa = reinterpret_cast<std::uintptr_t>(thread.stack_),
                    .permissions = isa::mas3::sr | isa::mas3::sw,
                    .tsize = tsize_16k,
                    .protect = true});
        thread.context_.gpr[1] = stack + stack_bytes - 16;
        *reinterpret_cast<volatile u32*>(stack + stack_bytes - 16) = 0;  // the last frame
        thread.context_.nip = static_cast<u32>(reinterpret_cast<std::uintptr_t>(&Thread::begin));
        thread.context_.msr = isa::msr::ee | isa::msr::me;
    }

    // DEC comes at the next event; not written when it does so already.
    void arm() {
        const Time next = kernel_.next_event();
        if (next == armed_) return;
        armed_ = next;
        const Time time = now();
        const Time left = next > time ? next - time : 1;
        mtspr<dec_spr>(static_cast<u32>(left < longest_count ? left : longest_count));
    }

    [[noreturn]] void report(const Context& at, u32 vector) const {
        const auto which = static_cast<isa::Vector>(vector);
        const u32 dear = mfspr<dear_spr>();
        const u32 offset = dear - windows;
        const bool guard = which == isa::Vector::data_tlb && offset < most_tasks * window_bytes &&
                           offset % window_bytes < stack_bytes;
        u32 nip = at.nip;
        if (which == isa::Vector::machine_check) nip = mfspr<mcsrr0_spr>();
        if (which == isa::Vector::critical || which == isa::Vector::watchdog) {
            nip = mfspr<csrr0_spr>();
        }
        isa::print(
            "rt: {}: {} at {x}, LR {x}, address {x}",
            {current().name, guard ? "its stack overflowed" : isa::name(vector), nip, at.lr, dear});
        isa::reset();
    }

    Thread idle_{"idle", 0, doze};
    Kernel kernel_{idle_};
    Time armed_ = 0;
    bool running_ = false;
};

namespace {
constinit Executive executive;
}

// Where each thread starts.
void Thread::begin() {
    Thread& thread = executive.current();
    if (thread.period != 0) {
        const Disabled here;
        executive.kernel().begin_job(now());
    }
    thread.body_();
    const Disabled here;
    executive.kernel().end();
    executive.dispatch();
}

u32 Thread::stack_used() const {
    u32 free = 0;
    while (free < stack_bytes / 4 && stack_[free] == unused) ++free;
    return stack_bytes - free * 4;
}

Time now() { return read_timebase(mfspr<tbu_spr>, mfspr<tbl_spr>); }

Disabled::Disabled() : msr_(isa::mfmsr()) { isa::wrteei(false); }
Disabled::~Disabled() { asm volatile("wrtee %0" : : "r"(msr_) : "memory"); }

void start(Thread& thread, Time phase) { executive.start(thread, phase); }
void run() { executive.run(); }
Time idle() { return executive.idle(); }

void next_period() { executive.end_job(); }

void sleep(Time ticks) {
    const Disabled here;
    executive.kernel().sleep(now() + ticks);
    executive.dispatch();
}

void yield() {
    const Disabled here;
    executive.kernel().yield();
    executive.dispatch();
}

namespace {
Time end_of(Time timeout) { return timeout == never ? never : now() + timeout; }
bool granted(bool at_once) {
    if (!at_once) executive.dispatch();
    return executive.kernel().current().granted();
}
}  // namespace

bool wait(Semaphore& semaphore, Time timeout) {
    const Disabled here;
    return granted(executive.kernel().take(semaphore, end_of(timeout)));
}

bool try_wait(Semaphore& semaphore) {
    const Disabled here;
    return executive.kernel().try_take(semaphore);
}

void post(Semaphore& semaphore) {
    const Disabled here;
    executive.kernel().give(semaphore);
    executive.dispatch();
}

bool lock(Mutex& mutex, Time timeout) {
    const Disabled here;
    if (mutex.owner() == &executive.current()) fail("locks what it has");
    return granted(executive.kernel().lock(mutex, end_of(timeout)));
}

void unlock(Mutex& mutex) {
    const Disabled here;
    if (mutex.owner() != &executive.current()) fail("unlocks what it has not");
    executive.kernel().unlock(mutex);
    executive.dispatch();
}

void fail(const char* why) {
    isa::print("rt: {}: {}", {executive.current().name, why});
    isa::reset();
}

}  // namespace rt

rt::Context* rt_interrupt(rt::Context* context, rt::u32 vector) {
    return rt::executive.interrupt(context, vector);
}
