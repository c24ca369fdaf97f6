// SPDX-License-Identifier: Apache-2.0
#include "managing_guest.hpp"

#include "hv/sched/run.hpp"

namespace trapeze::test {

using para::Status;

namespace {

// What boot makes, once: managers know each other for as long as the machine runs.
para::Managed& managed() {
    static para::Managed m{};
    return m;
}
para::Partition& made_partition() {
    static std::unique_ptr<para::Partition> p;
    p = std::make_unique<para::Partition>();
    return *p;
}

}  // namespace

ManagingTest::ManagingTest() : partition(made_partition()) {
    partition.ram_hpa = other_ram;
    partition.ram_size = other_bytes;
    para::Managed& m = managed();
    if (para::first_managed() == nullptr) para::manage(m);
    m = {0, handle, 1, m.next, 0, 0};
    para::set_partition(1, &partition);
    para::attach_managed(a, m);
    a.vcpu.hypercalls = true;
    for (core::Core*& home : a.devices.board->homes) home = v.core;
}

ManagingTest::~ManagingTest() {
    para::set_partition(1, nullptr);
    a.devices.handles[handle] = {};
    a.vcpu.hypercalls = false;
}

void ManagingTest::yields() {
    try {
        sched::yields(*v.core->current);
    } catch (const std::runtime_error& thrown) {
        EXPECT_STREQ(thrown.what(), "waits");
    }
}

Status ManagingTest::call(u32 token) {
    v.gpr[11] = token;
    for (executions = 1; executions < 100'000; ++executions) {
        const para::Hypercall* const found = para::find(v.gpr[11]);
        if (found == nullptr) return Status::unimplemented;
        const Status status = found->make(v);
        if (status != Status::unfinished) return status;
        yields();
    }
    ADD_FAILURE() << "it never ends";
    return Status::internal;
}

Status ManagingTest::call(u32 token, std::initializer_list<u32> arguments) {
    // What else stands there is anything.
    for (unsigned n = 3; n < 13; ++n) v.gpr[n] = 0xdead'0000U + n;
    unsigned n = 3;
    for (const u32 argument : arguments) v.gpr[n++] = argument;
    return call(token);
}

void ManagingTest::put_bytes(u64 hpa, const std::string& bytes) {
    for (const char c : bytes) core::write_ram(hpa++, 1, static_cast<unsigned char>(c));
}

std::string ManagingTest::bytes_at(u64 hpa, u64 n) {
    std::string bytes;
    while (n-- != 0) bytes.push_back(static_cast<char>(core::read_ram(hpa++, 1)));
    return bytes;
}

}  // namespace trapeze::test
