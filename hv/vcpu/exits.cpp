// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/exits.hpp"

namespace trapeze::vcpu {

namespace {

constexpr const char* cause_names[] = {
    "privileged",    "syscall",     "dtlb_shadow", "itlb_shadow", "dtlb_guest", "itlb_guest",
    "dsi",           "isi",         "mmio",        "tracing",     "text_write", "program",
    "alignment",     "unavailable", "external",    "decrementer", "heartbeat",  "critical",
    "machine_check", "debug",       "hypercall",
};
static_assert(sizeof(cause_names) / sizeof(cause_names[0]) == cause_count);

constexpr const char* counter_names[] = {
    "mfmsr", "mtmsr", "wrtee", "wrteei",  "rfi",     "rfci", "rfmci",      "mfspr", "mtspr",
    "tlbwe", "tlbre", "tlbsx", "tlbivax", "tlbsync", "dcbi", "cache_lock", "mfpmr", "mtpmr",
};
static_assert(sizeof(counter_names) / sizeof(counter_names[0]) == counter_count);

}  // namespace

const char* name(Cause cause) { return cause_names[static_cast<unsigned>(cause)]; }
const char* name(Counter counter) { return counter_names[static_cast<unsigned>(counter)]; }

}  // namespace trapeze::vcpu
