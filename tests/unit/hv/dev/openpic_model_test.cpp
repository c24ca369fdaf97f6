// SPDX-License-Identifier: Apache-2.0
// The guest's interrupt controller against a model that does everything the slow way.
#include <algorithm>
#include <random>
#include <vector>

#include "openpic_fixture.hpp"

namespace trapeze::dev {
namespace {

// The same controller the slow way: everything is looked up when it is asked for, by the book.
struct Naive {
    struct Input {
        bool masked = true, level = false, line = false;
        u32 priority = 0, vector = 0, to = 1, waiting = 0;
    };
    std::vector<Input> inputs{Openpic::inputs};
    u32 task[2] = {0, 0};
    std::vector<unsigned> service[2];

    bool waits(unsigned i, unsigned vcpu) const {
        const Input& in = inputs[i];
        if (in.masked || (in.to >> vcpu & 1) == 0) return false;
        return in.level ? in.line : (in.waiting >> vcpu & 1) != 0;
    }
    int best(unsigned vcpu) const {
        int found = -1;
        for (unsigned i = 0; i < inputs.size(); ++i) {
            if (!waits(i, vcpu)) continue;
            if (found < 0 || inputs[i].priority > inputs[static_cast<unsigned>(found)].priority) {
                found = static_cast<int>(i);
            }
        }
        if (found < 0) return found;
        u32 floor = task[vcpu];
        for (const unsigned s : service[vcpu]) floor = std::max(floor, inputs[s].priority);
        return inputs[static_cast<unsigned>(found)].priority > floor ? found : -1;
    }
    u32 acknowledge(unsigned vcpu) {
        const int found = best(vcpu);
        if (found < 0) return 0xffff;
        const auto i = static_cast<unsigned>(found);
        service[vcpu].push_back(i);
        inputs[i].waiting = i < 256 ? 0 : inputs[i].waiting & ~(1U << vcpu);
        return inputs[i].vector;
    }
    // They nest, so the last one is the most urgent.
    int end(unsigned vcpu) {
        if (service[vcpu].empty()) return -1;
        const unsigned i = service[vcpu].back();
        service[vcpu].pop_back();
        return static_cast<int>(i);
    }
};

TEST_F(OpenpicTest, AgreesWithTheSlowWay) {
    constexpr unsigned some[] = {0, 1, 15, 16, 42, 43, 63, 64, 159, 160, 175, 176, 223, 255};
    for (unsigned seed = 1; seed <= 40; ++seed) {
        std::mt19937 random(seed);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
        start(2);
        Naive slow;
        for (const unsigned i : some) {
            auto& in = slow.inputs[i];
            in = {random() % 8 == 0,
                  i >= 16 ? i < 160 || i > 175 : random() % 2 != 0,
                  false,
                  static_cast<u32>(random() % 16),
                  i + 1,
                  static_cast<u32>(1 + random() % 2),
                  0};
            configure(i, in.priority, in.vector,
                      (in.masked ? masked : 0) | (in.level && i < 16 ? level : 0));
            write(source(i) + destination, in.to);
        }
        for (unsigned n = 0; n < 4; ++n) {
            auto& in = slow.inputs[256 + n];
            in = {false, false, false, static_cast<u32>(random() % 16), 300 + n, 3, 0};
            write(ipi(n), in.priority << 16 | in.vector);
        }
        for (unsigned step = 0; step < 2000; ++step) {
            const unsigned vcpu = random() % 2, i = some[random() % 10];
            auto& in = slow.inputs[i];
            switch (random() % 8) {
                case 0:
                case 1: {
                    const bool up = random() % 2 != 0;
                    if (!in.level && up && !in.line) in.waiting = 3;
                    in.line = up;
                    pic.set_line(i, up);
                    break;
                }
                case 2: {
                    const u32 to = random() % 4, n = random() % 4;
                    slow.inputs[256 + n].waiting |= to;
                    write(ipi_dispatch + 16 * n + core_stride * vcpu, to, vcpu);
                    break;
                }
                case 3:
                    slow.task[vcpu] = random() % 16 / (1 + random() % 4);
                    write(task_priority + core_stride * vcpu, slow.task[vcpu]);
                    break;
                case 4:
                case 5:
                    ASSERT_EQ(read(iack + core_stride * vcpu), slow.acknowledge(vcpu)) << step;
                    break;
                case 6: {
                    const int ended = slow.end(vcpu);
                    const Outcome outcome = write(eoi + core_stride * vcpu, 0);
                    ASSERT_EQ(static_cast<int>(outcome.input), ended) << step;
                    break;
                }
                default:
                    in.masked = !in.masked;
                    configure(i, in.priority, in.vector,
                              (in.masked ? masked : 0) | (in.level && i < 16 ? level : 0));
                    break;
            }
            for (const unsigned v : {0U, 1U}) {
                ASSERT_EQ(asks(v), slow.best(v) >= 0) << "seed " << seed << " step " << step;
            }
        }
    }
}

}  // namespace
}  // namespace trapeze::dev
