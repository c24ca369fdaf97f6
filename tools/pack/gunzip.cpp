// SPDX-License-Identifier: Apache-2.0
#include "pack/gunzip.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

namespace trapeze::pack {

namespace {

/// inflateEnd on every way out.
class Inflater {
  public:
    explicit Inflater(ByteView data) {
        // zlib's interface takes a non-const pointer that it does not write through.
        stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
        stream_.avail_in = static_cast<uInt>(
            std::min<std::uint64_t>(data.size(), std::numeric_limits<uInt>::max()));
        constexpr int gzip_only = 16 + MAX_WBITS;
        ready_ = inflateInit2(&stream_, gzip_only) == Z_OK;
    }
    ~Inflater() {
        if (ready_) {
            inflateEnd(&stream_);
        }
    }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    Inflater(Inflater&&) = delete;
    Inflater& operator=(Inflater&&) = delete;

    /// Fills `chunk`, tells how much in `got`; returns zlib's code.
    int step(std::span<Bytef> chunk, std::size_t& got) {
        if (!ready_) {
            return Z_MEM_ERROR;
        }
        stream_.next_out = chunk.data();
        stream_.avail_out = static_cast<uInt>(chunk.size());
        const int code = inflate(&stream_, Z_NO_FLUSH);
        got = chunk.size() - stream_.avail_out;
        return code;
    }

  private:
    z_stream stream_{};
    bool ready_ = false;
};

}  // namespace

Bytes gunzip(ByteView data, const std::string& name, std::uint64_t limit) {
    Inflater inflater(data);
    Bytes result;
    constexpr std::size_t chunk_size = 64UL * 1024;
    std::array<Bytef, chunk_size> chunk{};
    for (;;) {
        std::size_t got = 0;
        const int code = inflater.step(chunk, got);
        if (code == Z_BUF_ERROR) {
            throw InputError(fmt::format("{}: its gzip data is truncated: copy it again", name));
        }
        if (code != Z_OK && code != Z_STREAM_END) {
            throw InputError(fmt::format("{}: its gzip data is corrupt: copy it again", name));
        }
        if (got > limit - result.size()) {
            throw InputError(fmt::format("{}: unpacks to more than the guest's {}: give more --mem",
                                         name, human_size(limit)));
        }
        const auto* first = reinterpret_cast<const std::byte*>(chunk.data());
        result.insert(result.end(), first, first + got);
        if (code == Z_STREAM_END) {
            return result;
        }
    }
}

}  // namespace trapeze::pack
