// SPDX-License-Identifier: Apache-2.0
#include "several_guests.hpp"

#include <sstream>

#include "hv/board/ppce500.hpp"
#include "hv/core/clock.hpp"
#include "hv/exit/run.hpp"
#include "hv/sched/run.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::test {

namespace {

constexpr mmu::Hole no_hole{own_map::base, own_map::size};

Guest& second_guest(Guest& first) {
    static std::unique_ptr<Guest> instance;
    instance = std::make_unique<Guest>();
    Guest& g = *instance;
    g.events = &monitor::events;
    g.take_name("b");
    g.life = Life::runs;
    g.starts = 1;
    g.ram_size = u64{64} << 20U;
    g.vcpu.guest = &g;
    g.vcpu.guest_number = 1;
    g.vcpu.memory = &g.memory;
    g.vcpu.devices = &g.devices;
    g.vcpu.core = first.vcpu.core;
    g.devices.board = first.devices.board;
    g.devices.board->homes[1] = g.vcpu.core;
    g.devices.board->guests[g.devices.board->count++] = &g.vcpu;
    g.memory.add({0, g.ram_size, 0x8000'0000, mmu::RegionKind::ram, 0});
    vcpu::reset(g.vcpu, {0x1000, 0x2000, 64U << 20U, 128}, mmu::straight, no_hole);
    g.vcpu.entity = sched::queue(0).add(1);
    return g;
}

}  // namespace

unsigned SeveralTest::pieces = 1, SeveralTest::done = 0;

std::string Answer::text() const {
    std::string all;
    for (const std::string& line : lines) all += line + '\n';
    return all;
}

SeveralTest::SeveralTest() : a(*v.guest), b(second_guest(a)) {
    using guest::machine;
    a.take_name("a");
    a.starts = 1;
    machine.guests[1] = &b;
    machine.count = 2;
    machine.remake = [](Guest& g) {
        if (++done % pieces != 0) return false;
        g.vcpu.end = vcpu::End::running;
        g.vcpu.reason = nullptr;
        g.again = false;
        g.vcpu.start_time = g.vcpu.since = core::now();
        g.vcpu.regs.msr = 0;
        g.vcpu.regs.pid[0] = 0;
        return true;
    };
    pieces = 1;
    done = 0;
    sched::expect(2);
    sched::queue(0).ready(b.vcpu.entity, core::now());
    b.vcpu.becomes(vcpu::Presence::ready, core::now());
    the_core().uart = board::ccsr_base + board::uart1_offset;
    sent();
}

SeveralTest::~SeveralTest() {
    a.name = nullptr;
    console::speak_for(nullptr);
    guest::machine.count = 1;
    guest::machine.remake = nullptr;
}

Answer SeveralTest::hear(const std::string& bytes) {
    the_core().incoming += bytes;
    do {
        monitor::requests(v);
    } while (!the_core().incoming.empty());
    Answer found{-1, {}, ""};
    std::istringstream all(sent());
    for (std::string line; std::getline(all, line);) {
        const std::string end = "@@monitor-end ", one = "@@monitor ";
        if (line.starts_with(end)) {
            EXPECT_EQ(found.status, -1) << "ends twice";
            found.status = std::stoi(line.substr(end.size()));
        } else if (line.starts_with(one)) {
            EXPECT_EQ(found.status, -1) << "goes on behind its end: " << line;
            found.lines.push_back(line.substr(one.size()));
        } else {
            found.rest += line + '\n';
        }
    }
    return found;
}

void SeveralTest::bring(Life life) {
    b.life = Life::runs;
    b.again = false;
    b.vcpu.end = vcpu::End::running;
    b.vcpu.wakes_at = core::never;
    sched::expect(life == Life::over ? 1 : 2);
    sched::queue(0).ready(b.vcpu.entity, core::now());
    b.vcpu.becomes(vcpu::Presence::ready, core::now());
    if (life == Life::paused) sched::pause(b.vcpu);
    if (life == Life::starts) sched::start_anew(b.vcpu, core::now() + frequency);
    if (life == Life::waits || life == Life::over) {
        sched::queue(0).waits(b.vcpu.entity, core::now());
        b.vcpu.becomes(vcpu::Presence::waits, core::now());
        b.life = life;
    }
    v.core->reconsider = false;
    ASSERT_EQ(b.life, life);
}

void SeveralTest::move_away() {
    elsewhere = {};
    elsewhere.number = 1;
    b.vcpu.core = b.devices.board->homes[1] = &elsewhere;
    sched::queue(1) = {};
    sched::queue(1).policy = &sched::fixed_priorities;
    b.vcpu.entity = sched::queue(1).add(7);
}

}  // namespace trapeze::test
