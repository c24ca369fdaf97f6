// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace trapeze::trapmap {

/// Something about an input that its user has to change; what() is one line for that user.
class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Why a dump was written. A live one holds only what changed since the dump before it.
enum class Kind : std::uint8_t { end, request, periodic, live };
std::string_view name_of(Kind kind);

/// What patching has made of a site; `unknown` where the dump does not say.
enum class State : std::uint8_t { unknown, cold, hot, patched, dropped, back };
std::string_view name_of(State state);

/// One trap site: a guest instruction that raised privileged-instruction exits.
struct Site {
    std::uint32_t ea = 0;
    std::uint64_t gpa = 0;  ///< 36 bits on this core
    std::uint32_t word = 0;
    std::uint32_t pid = 0;  ///< TID of the guest's TLB entry; 0 is every process
    bool user = false;      ///< the guest was in user mode, else in its kernel,
    bool space = false;     ///< in address space 1
    std::uint64_t count = 0;
    std::uint64_t ticks = 0;
    std::uint64_t max = 0;    ///< longest single exit, ticks
    std::uint64_t first = 0;  ///< ticks since the guest's start
    std::uint64_t last = 0;
    std::uint64_t rate = 0;  ///< exits per second lately
    std::uint64_t id = 0;    ///< slot in the VMM's table
    State state = State::unknown;
    std::string reason;       ///< why that state; "-" for no reason
    std::uint64_t saved = 0;  ///< exits that its patch saved, an estimate
};

/// Exits of one cause on one 4 KiB page.
struct Page {
    std::uint32_t ea = 0;
    bool user = false;
    std::string cause;
    std::uint64_t count = 0;
};

struct Cause {
    std::string name;
    std::uint64_t count = 0;
    std::uint64_t ticks = 0;
    std::uint64_t min = 0;
    std::uint64_t max = 0;
    std::uint64_t lost = 0;  ///< exits that are in no page any more
};

struct Instruction {
    std::string name;
    std::uint64_t count = 0;
};

struct Symbol {
    std::uint32_t start = 0;
    std::string name;
};

struct SiteTable {
    std::uint64_t capacity = 0;
    std::uint64_t used = 0;
    std::uint64_t evicted = 0;
    std::uint64_t lost_count = 0;
    std::uint64_t lost_ticks = 0;
};

struct PageTable {
    std::uint64_t capacity = 0;
    std::uint64_t used = 0;
    std::uint64_t evicted = 0;
};

/// Exits per cause over time; every row of `counts` has an entry for each of `causes`.
struct Spans {
    std::uint64_t ticks = 0;
    std::vector<std::string> causes;
    std::vector<std::vector<std::uint64_t>> counts;
};

/// What patching has come to. Without a `mode` the dump does not say: it is of a VMM that patches
/// nothing.
struct Patching {
    std::string mode;
    std::uint64_t threshold = 0;
    std::uint64_t patched = 0;
    std::uint64_t saved = 0;
    std::uint64_t faults = 0;
    std::int64_t net = 0;  ///< ticks saved, what patching costs taken off
    std::uint64_t made = 0;
    std::uint64_t dropped = 0;
    std::uint64_t back = 0;
    std::uint64_t stolen = 0;
    std::uint64_t mirrored = 0;
    std::uint64_t window = 0;

    bool known() const { return !mode.empty(); }
    bool on() const { return known() && mode != "off"; }
};

/// What the VMM has measured that one exit, fault, patch and so on costs.
struct Cost {
    std::string name;
    std::uint64_t milliticks = 0;
};

/// A page of the guest's addresses that stubs stand on.
struct Stolen {
    std::uint32_t ea = 0;
    std::uint64_t stubs = 0;
    std::uint64_t free = 0;
    std::uint64_t faults = 0;
};

/// A page of guest text that runs from its patched copy.
struct Traced {
    std::uint32_t ea = 0;
    std::uint64_t gpa = 0;
    std::uint64_t patches = 0;
    std::uint64_t faults = 0;
};

/// A dump of the VMM's profile, docs/dump-format.md. All times are in ticks.
struct Dump {
    std::uint64_t version = 1;
    Kind kind = Kind::end;
    std::uint64_t sequence = 0;
    std::uint64_t ticks_per_second = 1;
    std::uint64_t now = 0;
    std::uint64_t ram_bytes = 0;
    std::string layout;
    bool profile = false;
    std::uint64_t total = 0;
    std::uint64_t guest = 0;
    std::uint64_t vmm = 0;
    std::uint64_t idle = 0;
    SiteTable site_table;
    PageTable page_table;
    std::vector<Cause> causes;
    std::vector<Instruction> instructions;
    std::vector<Site> sites;
    std::vector<Page> pages;
    std::vector<Symbol> symbols;  ///< ascending addresses
    Spans spans;
    Patching patching;
    std::vector<Cost> costs;
    std::vector<Stolen> stolen;
    std::vector<Traced> traced;
    std::vector<std::string> remarks;  ///< what the user should know of the input, a line each
};

/// A dump in the VMM's output: from the @ of the begin line to the end of the end line.
struct Block {
    std::string_view text;
    std::size_t line = 0;   ///< of the begin line in the input, from 1
    bool complete = false;  ///< has its end line
    bool live = false;
};

/// Every block of a captured console, in order. Lines outside of blocks are skipped.
std::vector<Block> find_blocks(std::string_view console);

/// One block. Throws Error when it is truncated or damaged, or of another version. `name` is the
/// input's, for the message.
Dump parse_block(const Block& block, const std::string& name);

/// The last dump in `console` that is complete, sound and not live; or the `which`-th of those that
/// are not live, from 1. A later one that is damaged leaves a remark. Throws Error.
Dump parse_dump(std::string_view console, std::uint64_t which, const std::string& name);

}  // namespace trapeze::trapmap
