// SPDX-License-Identifier: Apache-2.0
//
// A guest for real time (docs/real-time.md): a loop that controls a motor a thousand times a
// second, and beside it a task that counts and an FFT. Each second, and each minute, it says what
// the motor does and how late the loop was. A client, which shares the memory `control` with it,
// gives set-points and gains, and reads the figures (guest-linux/include/trapeze/control.h). It
// never takes long in one go: its guest may have a budget. `seconds=N` on the command line: it ends
// after N.
#include "guest-linux/include/trapeze/control.h"

#include "bench/bare/fft.hpp"
#include "executive.hpp"
#include "link.hpp"
#include "loop.hpp"
#include "tests/isa/support/option.hpp"

namespace {

using namespace rt;

constexpr u32 rate = 1000, states_a_second = 10, seconds_a_minute = 60;
constexpr i32 load = 200'000;  // what the motor has to drag, from the first second on

Motor motor;
constinit Controller controller({.proportional = 400, .integral = 8});
i32 set_point = 1'500'000;
constinit Histogram since_start(ticks_a_us), second(ticks_a_us), minute(ticks_a_us);
Link client;
u32 last_order, refused, transforms, counted;

// What the loop tells who prints.
struct Figures {
    u32 jobs, of_a_minute;  // of_a_minute: 0, or over how many it is
    i32 set_point, speed;
    u32 least, median, most_of_1000, most, misses;
};
constinit Queue<Figures, 4> figures;

bool within(i32 value, i32 most) { return value >= 0 && value <= most; }

void obey(const control_order& order) {
    const bool point = order.what & trapeze_control_set_point;
    const bool gains = order.what & trapeze_control_gains;
    last_order = order.number;
    if (order.kind != TRAPEZE_CONTROL_SET ||
        (point && !within(order.set_point, trapeze_control_most_speed)) ||
        (gains && !(within(order.proportional, trapeze_control_most_gain) &&
                    within(order.integral, trapeze_control_most_gain)))) {
        ++refused;
        return;
    }
    if (point) set_point = order.set_point;
    if (gains) controller.set({order.proportional, order.integral});
}

void answer(i32 drive, const Account& account) {
    // Who does not read them has old ones when it begins to: it drops all but the last.
    client.send(control_state{
        TRAPEZE_CONTROL_STATE, last_order, refused, account.jobs, account.misses, set_point,
        motor.speed(), drive, controller.gains().proportional, controller.gains().integral,
        to_ns(since_start.least()), to_ns(since_start.reached_by(500)),
        to_ns(since_start.reached_by(999)), to_ns(since_start.most()), transforms, counted});
}

void show(Histogram& latency, u32 of_a_minute, const Account& account) {
    // If it is not printed for so long there is nothing to be done about it.
    static_cast<void>(
        figures.try_send({account.jobs, of_a_minute, set_point, motor.speed(),
                          to_ns(latency.least()), to_ns(latency.reached_by(500)),
                          to_ns(latency.reached_by(999)), to_ns(latency.most()), account.misses}));
    latency.clear();
}

void control();
constinit Thread loop("control", 10, control, us(1'000'000 / rate));

void control() {
    Account& account = loop.account;
    for (u32 job = 1;; ++job) {
        const Time late = now() - loop.released();
        for (Histogram* const one : {&since_start, &second, &minute}) one->add(late);
        control_order order{};
        const bool ordered = client.receive(order);
        if (ordered) obey(order);
        const i32 drive = controller.step(set_point, motor.speed());
        motor.step(drive, job < rate ? 0 : load);
        if (ordered || job % (rate / states_a_second) == 0) answer(drive, account);
        next_period();
        if (job % (rate * seconds_a_minute) == 0) show(minute, rate * seconds_a_minute, account);
        if (job % rate == 0) show(second, 0, account);
    }
}

// 256 points, some 60 us, 50 times a second.
void transform_often() {
    static fft::Transform<8> transform({17, 9000}, {100, 5000});
    for (;; next_period()) {
        transform.run();
        if (!transform.right()) fail("the transform of two tones is not two tones");
        ++transforms;
    }
}

void count() {
    for (;; next_period()) {
        for (u32 i = 0; i < 100; ++i) counted = counted + 1;
    }
}

// A line a few characters at a time, then others have theirs: each is two exits of its guest.
class Line {
  public:
    void put(const char* text) {
        while (*text != 0) {
            if (count_ == a_turn) rest();
            piece_[count_++] = *text++;
        }
    }
    void put(u32 value) {
        char digits[11];
        char* p = digits + sizeof digits;
        *--p = 0;
        do {
            *--p = static_cast<char>('0' + value % 10);
            value /= 10;
        } while (value != 0);
        put(p);
    }
    // To a tenth.
    void put_thousandths(i32 value) {
        const u32 size = static_cast<u32>(value < 0 ? -value : value);
        if (value < 0) put("-");
        put(size / 1000);
        put(".");
        put(size % 1000 / 100);
    }
    void rest() {
        piece_[count_] = 0;
        isa::put_text(piece_);
        count_ = 0;
        sleep(us(1000));
    }

  private:
    static constexpr u32 a_turn = 8;
    char piece_[a_turn + 1] = {};
    u32 count_ = 0;
};

u32 seconds;  // until it ends, or 0
void print_figures() {
    for (Figures f{};;) {
        figures.receive(f);
        Line line;
        if (f.of_a_minute != 0) line.put("minute up to ");
        line.put("job ");
        line.put(f.jobs);
        line.put(": ");
        line.put_thousandths(f.speed);
        line.put(" of ");
        line.put_thousandths(f.set_point);
        line.put(" rpm, late by ");
        line.put(f.least);
        line.put(" ns at least, ");
        line.put(f.median);
        line.put(" in the middle, ");
        line.put(f.most_of_1000);
        line.put(" for 99.9 %, ");
        line.put(f.most);
        line.put(" at most; missed ");
        line.put(f.misses);
        line.put("\n");
        line.rest();
        if (seconds != 0 && f.of_a_minute == 0 && f.jobs >= seconds * rate) {
            isa::print("isa: done");
            isa::reset();
        }
    }
}

constinit Thread fourier("fft", 5, transform_often, us(20'000)),
    counter("count", 4, count, us(10'000)), printer("print", 1, print_figures);

}  // namespace

void isa_main() {
    seconds = isa::option("seconds", 0);
    const bool linked = client.open("control");
    isa::print("control: {}", {linked ? "answers its client" : "has no client"});
    // Their releases do not coincide with the loop's.
    start(loop);
    start(fourier, us(300));
    start(counter, us(500));
    start(printer);
    run();
}
