// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>

#include "core.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/core/core.hpp"
#include "hv/dev/devices.hpp"
#include "hv/guest/guest.hpp"
#include "hv/para/hypercall.hpp"

namespace trapeze::test {

/// Three guests on one board: 0 and 1 on core 0, 2 on core 1, which takes messages when it is told
/// to.
class JoinedGuests {
  public:
    JoinedGuests() {
        vcpu::Vcpu& first = fresh_guest();
        board_ = first.devices->board;
        first.hypercalls = true;
        board_->homes[0] = first.core;
        second_core_.number = 1;
        for (unsigned n = 1; n < 3; ++n) {
            vcpu::Vcpu& v = more_[n - 1]->vcpu;
            v.guest = more_[n - 1].get();
            v.devices = &more_[n - 1]->devices;
            v.devices->board = board_;
            v.guest_number = n;
            v.hypercalls = true;
            v.core = n == 1 ? first.core : &second_core_;
            board_->guests[n] = &v;
            board_->homes[n] = v.core;
            board_->count = n + 1;
        }
        second_core_.current = board_->guests[2];
        for (unsigned n = 0; n < 3; ++n) dev::reset_mpic(guest(n));
    }

    vcpu::Vcpu& guest(unsigned n) { return *board_->guests[n]; }
    /// A call of guest n's: its result, with r4 on in its registers.
    para::Status call(unsigned n, e500::u32 token,
                      std::initializer_list<e500::u32> arguments = {}) {
        vcpu::Vcpu& v = guest(n);
        unsigned to = 3;
        for (const e500::u32 argument : arguments) v.gpr[to++] = argument;
        const para::Hypercall* const found = para::find(token);
        return found != nullptr ? found->make(v) : para::Status::unimplemented;
    }
    /// The other core has the message that it was sent.
    void take_messages() {
        vcpu::Vcpu& v = guest(2);
        the_core().io[board::ccsr_base + board::mpic_offset + 0xa0] = dev::Openpic::sources;
        dev::on_external(v);
    }
    bool line(unsigned n, unsigned source) { return guest(n).devices->mpic.model.line(source); }

  private:
    dev::Board* board_;
    core::Core second_core_{};
    std::unique_ptr<guest::Guest> more_[2] = {std::make_unique<guest::Guest>(),
                                              std::make_unique<guest::Guest>()};
};

}  // namespace trapeze::test
