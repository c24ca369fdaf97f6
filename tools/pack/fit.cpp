// SPDX-License-Identifier: Apache-2.0
#include "pack/fit.hpp"

#include <fmt/format.h>
#include <libfdt.h>

#include <cstring>
#include <limits>
#include <new>
#include <string>

#include "pack/symbols.hpp"

namespace trapeze::pack {

namespace {

/// libfdt's sequential writer with its error codes as exceptions. The buffer is sized for all of
/// the contents beforehand, so that a failure is a defect here and not the user's.
class Writer {
  public:
    explicit Writer(std::size_t size) : buffer_(size) {
        check(fdt_create(buffer_.data(), static_cast<int>(size)));
        check(fdt_finish_reservemap(buffer_.data()));
    }
    void open(const std::string& name) { check(fdt_begin_node(buffer_.data(), name.c_str())); }
    void close() { check(fdt_end_node(buffer_.data())); }
    void number(const char* name, std::uint64_t value) {
        check(fdt_property_u64(buffer_.data(), name, value));
    }
    void text(const char* name, std::string_view value) {
        check(fdt_property_string(buffer_.data(), name, std::string(value).c_str()));
    }
    void bytes(const char* name, const Bytes& value) {
        check(fdt_property(buffer_.data(), name, value.data(), static_cast<int>(value.size())));
    }
    Bytes finish() {
        check(fdt_finish(buffer_.data()));
        buffer_.resize(fdt_totalsize(buffer_.data()));
        return std::move(buffer_);
    }

  private:
    static void check(int code) {
        if (code != 0) {
            throw std::runtime_error(fmt::format("libfdt: {}", fdt_strerror(code)));
        }
    }
    Bytes buffer_;
};

void write_blob(Writer& writer, const std::string& node, std::string_view type, const Bytes& data) {
    writer.open(node);
    writer.text("type", type);
    writer.bytes("data", data);
    writer.close();
}

}  // namespace

Bytes make_fit(const Guest& guest) {
    const Bytes symbols =
        guest.kernel.symbols.empty() ? Bytes{} : encode_symbols(guest.kernel.symbols);
    constexpr std::uint64_t node_overhead = 512;  // well above names, tags and padding of one node
    std::uint64_t size = 16 * node_overhead + guest.bootargs.size() + guest.kernel.title.size();
    for (const Segment& segment : guest.kernel.segments) {
        size += segment.data.size() + node_overhead;
    }
    for (const Load& load : guest.loads) {
        size += load.data.size() + node_overhead;
    }
    if (guest.initrd) {
        size += guest.initrd->size();
    }
    if (guest.dtb) {
        size += guest.dtb->size();
    }
    size += symbols.size();
    if (size > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
        throw InputError(
            "the guest's files are larger than 2 GiB together: boot a smaller kernel "
            "or initrd, and put the rest on a --drive");
    }

    Writer writer(size);
    writer.open("");
    writer.text("description", guest.kernel.title.empty() ? "Trapeze guest" : guest.kernel.title);
    writer.open("images");
    std::size_t number = 0;
    for (const Segment& segment : guest.kernel.segments) {
        writer.open(fmt::format("segment-{}", number++));
        writer.text("type", "segment");
        writer.number("load", segment.load);
        writer.number("mem-size", segment.mem_size);
        writer.bytes("data", segment.data);
        writer.close();
    }
    for (const Load& load : guest.loads) {
        writer.open(fmt::format("load@{:x}", load.address));
        writer.text("type", "load");
        writer.number("load", load.address);
        writer.number("mem-size", load.data.size());
        writer.bytes("data", load.data);
        writer.close();
    }
    if (guest.initrd) {
        write_blob(writer, "ramdisk", "ramdisk", *guest.initrd);
    }
    if (guest.dtb) {
        write_blob(writer, "fdt", "flat_dt", *guest.dtb);
    }
    if (!symbols.empty()) {
        write_blob(writer, "symbols", "symbols", symbols);
    }
    writer.close();
    writer.open("configurations");
    writer.text("default", "guest");
    writer.open("guest");
    writer.number("entry", guest.kernel.entry);
    writer.text("bootargs", guest.bootargs);
    writer.text("kind", name_of(guest.kernel.kind));
    writer.close();
    writer.close();
    writer.close();
    return writer.finish();
}

}  // namespace trapeze::pack
