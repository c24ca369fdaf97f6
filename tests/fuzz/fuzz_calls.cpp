// SPDX-License-Identifier: Apache-2.0
// Hypercalls with any arguments, of three guests on two cores that share channels and a doorbell,
// and that start anew in the middle. Bytes of a channel come once and in order, calls change what
// the guest's handles name and no other register than they give, and a guest without handles has
// none.
#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>

#include "hv/para/channel.hpp"
#include "joined_guests.hpp"
#include "source.hpp"

namespace trapeze {

namespace {

using e500::u32;
using e500::u8;
using fuzz::require;
using fuzz::Source;
using para::Status;

constexpr unsigned guests = 3, ends = 4;

class Run {
  public:
    explicit Run(Source& source) : source_(source) {
        // A channel between 0 and 2, one that is both ends 0's; a doorbell from 0 to 1 and 2.
        struct Place {
            unsigned guest, number;
        };
        constexpr Place places[ends] = {{0, 0}, {2, 0}, {0, 1}, {0, 2}};
        for (unsigned i = 0; i < ends; ++i) {
            end(i) = {&channels_[i / 2], places[i].guest, places[i].number};
        }
        bell_.receivers[bell_.count++] = {1, 0};
        bell_.receivers[bell_.count++] = {2, 1};
        for (unsigned n = 0; n < guests; ++n) attach(n);
    }

    void step() {
        switch (source_.below(8)) {
            case 0:
                all_.take_messages();
                return;
            case 1:
                if (source_.rarely(4)) start_anew(source_.below(guests));
                return;
            default:
                call();
        }
    }
    bool over() const { return source_.empty(); }

  private:
    para::ChannelEnd& end(unsigned i) { return channels_[i / 2].ends[i % 2]; }
    // The end that guest n's handle is, or `ends`.
    unsigned end_of(unsigned n, u32 number) {
        for (unsigned i = 0; i < ends; ++i) {
            if (end(i).guest == n && end(i).number == number) return i;
        }
        return ends;
    }
    void attach(unsigned n) {
        for (unsigned i = 0; i < ends; ++i) {
            if (end(i).guest != n) continue;
            para::attach(all_.guest(n), end(i));
            sent_[i ^ 1U].clear();
        }
        if (n == 0) para::attach_sender(all_.guest(0), 3, bell_);
        if (n == 1) para::attach_receiver(all_.guest(1), 0, bell_);
        if (n == 2) para::attach_receiver(all_.guest(2), 1, bell_);
    }
    void start_anew(unsigned n) {
        for (auto& handle : all_.guest(n).devices->handles) handle = {};
        dev::reset_mpic(all_.guest(n));
        attach(n);
    }

    void call() {
        static constexpr u32 tokens[] = {0x10001, 0x10002, 0x10003, 0x1000e, 0x10010};
        const unsigned n = source_.below(guests);
        vcpu::Vcpu& v = all_.guest(n);
        const u32 token = source_.rarely(8) ? source_.word() : source_.one_of(tokens);
        for (unsigned r = 3; r < 11; ++r) {
            v.gpr[r] = source_.rarely(4) ? source_.word() : source_.below(20);
        }
        v.gpr[11] = token;
        v.regs.msr &= ~e500::msr::we;
        v.idle_bits = 0;
        u32 before[32];
        std::memcpy(before, v.gpr, sizeof before);
        const unsigned at = end_of(n, before[3]);
        para::make_hypercall(v);
        const auto status = static_cast<Status>(v.gpr[3]);
        for (unsigned r = 0; r < 32; ++r) require((r >= 3 && r <= 8) || v.gpr[r] == before[r]);
        switch (token) {
            case 0x10001:
                sent(v, at, before, status);
                break;
            case 0x10002:
                received(v, at, before, status);
                break;
            case 0x10003:
                require((status == Status::success) == (at != ends));
                if (at == ends) break;
                require(v.gpr[4] == sent_[at ^ 1U].size());
                require(v.gpr[5] == para::ByteQueue::capacity - sent_[at].size());
                break;
            case 0x1000e:
                require((status == Status::success) == (n == 0 && before[3] == 3));
                break;
            case 0x10010:
                require(status == Status::success);
                break;
            default:
                require(status == Status::unimplemented || para::find(token) != nullptr);
        }
    }
    void sent(const vcpu::Vcpu& v, unsigned at, const u32* before, Status status) {
        if (at == ends || before[4] > 16) {
            require(status == Status::invalid && v.gpr[4] == 0);
            return;
        }
        require(v.gpr[4] <= before[4]);
        require((status == Status::again) == (v.gpr[4] == 0 && before[4] != 0));
        for (u32 i = 0; i < v.gpr[4]; ++i) {
            sent_[at].push_back(static_cast<u8>(before[5 + i / 4] >> (24 - 8 * (i % 4))));
        }
        require(sent_[at].size() <= para::ByteQueue::capacity);
    }
    void received(const vcpu::Vcpu& v, unsigned at, const u32* before, Status status) {
        if (at == ends || before[4] > 16) {
            require(status == Status::invalid && v.gpr[4] == 0);
            return;
        }
        auto& queue = sent_[at ^ 1U];
        require(status == Status::success && v.gpr[4] == std::min<size_t>(before[4], queue.size()));
        for (u32 i = 0; i < 16; ++i) {
            const auto byte = static_cast<u8>(v.gpr[5 + i / 4] >> (24 - 8 * (i % 4)));
            require(byte == (i < v.gpr[4] ? queue.front() : 0));
            if (i < v.gpr[4]) queue.pop_front();
        }
    }

    Source& source_;
    test::JoinedGuests all_;
    std::unique_ptr<para::Channel[]> channels_ = std::make_unique<para::Channel[]>(ends / 2);
    para::Doorbell bell_{};
    std::deque<u8> sent_[ends];
};

}  // namespace

}  // namespace trapeze

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    trapeze::fuzz::Source source(data, size);
    trapeze::Run run(source);
    while (!run.over()) run.step();
    return 0;
}
