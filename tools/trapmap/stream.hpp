// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trapmap/dump.hpp"

namespace trapeze::trapmap {

/// Cuts a stream of bytes into dumps as they come. What is outside of dumps is dropped.
class DumpStream {
  public:
    /// More of the stream. Throws Error when a dump grows beyond all reason.
    void feed(std::string_view bytes);

    /// The next dump that is complete, or nothing until more is fed. Throws Error when it is
    /// damaged; the stream goes on behind it.
    std::optional<Dump> next();

    /// True while the stream has begun a dump and not ended it.
    bool inside() const { return inside_; }

    /// Why whoever has the dumps gives none, if it said so; else empty.
    const std::string& refusal() const { return refusal_; }

  private:
    std::string waiting_;  ///< from a line's start
    std::string block_;
    std::string refusal_;
    bool inside_ = false;
};

/// The state of a running guest, out of one complete dump and the changes after it.
class Live {
  public:
    struct CauseRate {
        std::string name;
        double per_second = 0;
    };

    /// A dump as it came. Those of kind live change what is known, others replace it.
    void take(Dump dump);

    bool empty() const { return blocks_ == 0; }

    /// All that is known. The rates of its sites are exits a second since the dump before, or as
    /// the VMM has them when there is none before.
    const Dump& dump() const { return dump_; }

    /// Exits per second of the guest's time since the dump before, most first.
    const std::vector<CauseRate>& rates() const { return rates_; }

    /// Ticks since the dump before it: total, guest, VMM, idle; 0 with the first.
    std::uint64_t total() const { return total_; }
    std::uint64_t guest() const { return guest_; }
    std::uint64_t vmm() const { return vmm_; }
    std::uint64_t idle() const { return idle_; }

    /// Exits saved and tracing faults a second since the dump before.
    double saved_rate() const { return saved_rate_; }
    double fault_rate() const { return fault_rate_; }

  private:
    void merge(Dump live);
    void measure(const Dump& before);

    std::size_t blocks_ = 0;
    Dump dump_;
    std::vector<CauseRate> rates_;
    std::uint64_t total_ = 0;
    std::uint64_t guest_ = 0;
    std::uint64_t vmm_ = 0;
    std::uint64_t idle_ = 0;
    double saved_rate_ = 0;
    double fault_rate_ = 0;
};

}  // namespace trapeze::trapmap
