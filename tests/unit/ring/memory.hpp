// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>
#include <trapeze/ring.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

// Two blocks in memory that two processes share, each mapped as its side sees it: its own writable,
// the peer's not. In front of each mapping and behind it there is nothing, and the block ends where
// its mapping ends.
namespace ring {

class Memory {
  public:
    explicit Memory(std::uint32_t bytes) : bytes_(bytes) {
        for (unsigned block = 0; block < 2; ++block) {
            const int file = memfd_create("block", 0);
            if (ftruncate(file, mapped) != 0) _exit(1);
            for (unsigned side = 0; side < 2; ++side) {
                auto* const room = static_cast<unsigned char*>(
                    mmap(nullptr, 3 * mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
                void* const at =
                    mmap(room + mapped, mapped, side == block ? PROT_READ | PROT_WRITE : PROT_READ,
                         MAP_SHARED | MAP_FIXED, file, 0);
                if (at == MAP_FAILED) _exit(1);
                rooms_[side][block] = room;
            }
            close(file);
        }
    }
    ~Memory() {
        for (auto& side : rooms_) {
            for (auto* room : side) munmap(room, 3 * mapped);
        }
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    // The block of `owner` as `side` sees it.
    std::uint32_t* block(unsigned owner, unsigned side) const {
        return reinterpret_cast<std::uint32_t*>(rooms_[side][owner] + 2 * mapped - bytes_);
    }
    std::uint32_t* own(unsigned side) const { return block(side, side); }
    int open(trapeze_ring& ring, unsigned side) const {
        return trapeze_ring_open(&ring, own(side), block(1 - side, side), bytes_);
    }
    std::uint32_t bytes() const { return bytes_; }

  private:
    static constexpr std::size_t mapped = 65536;
    std::uint32_t bytes_;
    unsigned char* rooms_[2][2];
};

// A message whose length and bytes follow from its number, of `most` bytes at most.
struct Message {
    unsigned char bytes[4096];
    std::uint32_t length;

    Message() = default;
    Message(std::uint32_t number, std::uint32_t most) {
        std::uint32_t random = number * 2654435761U + 12345;
        length = 4 + random % (most - 3);
        for (std::uint32_t i = 0; i < length; ++i) {
            random = random * 1664525 + 1013904223;
            bytes[i] = static_cast<unsigned char>(random >> 24);
        }
        std::memcpy(bytes, &number, 4);
    }
    std::uint32_t number() const {
        std::uint32_t n = 0;
        std::memcpy(&n, bytes, 4);
        return n;
    }
    bool whole(std::uint32_t most) const {
        const Message right(number(), most);
        return length == right.length && std::memcmp(bytes, right.bytes, length) == 0;
    }
};

}  // namespace ring
