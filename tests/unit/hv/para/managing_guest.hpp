// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "hv/para/partition.hpp"
#include "hv/para/partition_calls.hpp"
#include "several_guests.hpp"

// Guest a manages guest b by its handle 3, and makes calls.
namespace trapeze::test {

class ManagingTest : public SeveralTest {
  protected:
    static constexpr u32 handle = 3, self = ~0U;
    static constexpr u64 other_ram = 0x9000'0000, other_bytes = u64{1} << 20U;

    ManagingTest();
    ~ManagingTest() override;

    // As the guest's instruction: until it is done, however often it is executed. `executions` are
    // counted. Between two of them the core decides anew who runs.
    para::Status call(u32 token);
    para::Status call(u32 token, std::initializer_list<u32> arguments);
    // The core decides anew who runs, perhaps to wait.
    void yields();
    para::PartitionStatus status() {
        EXPECT_EQ(call(para::token(para::freescale, 5), {handle}), para::Status::success);
        return static_cast<para::PartitionStatus>(v.gpr[4]);
    }

    // Bytes in the memory of a and of b.
    static void put_own(u64 gpa, const std::string& bytes) { put_bytes(ram_hpa + gpa, bytes); }
    static void put_other(u64 gpa, const std::string& bytes) { put_bytes(other_ram + gpa, bytes); }
    static std::string own_bytes(u64 gpa, u64 n) { return bytes_at(ram_hpa + gpa, n); }
    static std::string other_at(u64 gpa, u64 n) { return bytes_at(other_ram + gpa, n); }
    static void put_bytes(u64 hpa, const std::string& bytes);
    static std::string bytes_at(u64 hpa, u64 n);

    para::Partition& partition;
    unsigned executions = 0;
};

}  // namespace trapeze::test
