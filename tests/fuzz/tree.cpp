// SPDX-License-Identifier: Apache-2.0
#include "tree.hpp"

namespace trapeze::fuzz {

namespace {

constexpr std::uint32_t begin_node = 1, end_node = 2, property = 3, end_tree = 9;

void pad(std::string& text) { text.resize((text.size() + 3) & ~std::size_t{3}); }

/// What a size or an address is wrong by, if it is.
std::uint64_t odd(Source& source, std::uint64_t right) {
    static constexpr std::uint64_t values[] = {0,
                                               1,
                                               0xfff,
                                               0x100000,
                                               0x1000000,
                                               0x7fffffff,
                                               0x80000000,
                                               0xffffffff,
                                               0x100000000,
                                               0x7fffffffffffffff,
                                               0xfffffffffffff000,
                                               0xffffffffffffffff};
    if (!source.rarely(6)) return right;
    const std::uint64_t value = source.one_of(values);
    return source.rarely(3) ? right + value : value;
}

/// Text that comes from a user: rarely whole, short or harmless.
std::string words(Source& source, std::string_view usual) {
    return source.rarely(5) ? source.text(40) : std::string(usual);
}

void put_text(Source& source, TreeWriter& tree, std::string_view name, std::string_view value) {
    if (source.rarely(12)) {
        tree.bytes(name, value);  // without its end
    } else if (!source.rarely(16)) {
        tree.text(name, value);
    }
}

void put_number(Source& source, TreeWriter& tree, std::string_view name, std::uint64_t value) {
    if (source.rarely(16)) {
        tree.cell(name, static_cast<std::uint32_t>(value));
    } else if (!source.rarely(20)) {
        tree.wide(name, value);
    }
}

void put_reg(Source& source, TreeWriter& tree, std::uint32_t at, std::uint32_t size) {
    const std::string reg = big_endian(odd(source, at), 4) + big_endian(odd(source, size), 4);
    tree.bytes("reg", source.rarely(10) ? reg.substr(0, source.below(8)) : reg);
}

void put_uart(Source& source, TreeWriter& tree, std::uint32_t at) {
    tree.open(words(source, "serial"));
    put_text(source, tree, "compatible", "ns16550");
    put_reg(source, tree, at, 0x100);
    tree.close();
}

void put_devices(Source& source, TreeWriter& tree) {
    tree.open("soc");
    put_uart(source, tree, 0x4500);
    for (unsigned n = 1 + source.below(2); n > 0; --n) put_uart(source, tree, 0x4600);
    for (unsigned n = source.below(3); n > 0; --n) {
        tree.open("msi");
        put_text(source, tree, "compatible", "fsl,mpic-msi");
        tree.close();
    }
    tree.open("pci");
    tree.cell("fsl,msi", 1);
    tree.close();
    tree.close();
    if (source.rarely(3)) return;
    tree.open("platform");
    put_text(source, tree, "compatible", "qemu,platform");
    for (unsigned n = source.below(5); n > 0; --n) {
        tree.open(words(source, "flash"));
        put_text(source, tree, "compatible", source.rarely(3) ? "eTSEC" : "cfi-flash");
        put_reg(source, tree, source.word() & 0x07fff000U, 0x1000U << source.below(12));
        tree.close();
    }
    tree.close();
}

void put_cells(Source& source, TreeWriter& tree, std::uint32_t count) {
    tree.cell("#address-cells", static_cast<std::uint32_t>(odd(source, count)));
    tree.cell("#size-cells", static_cast<std::uint32_t>(odd(source, count)));
}

}  // namespace

std::string big_endian(std::uint64_t value, unsigned bytes) {
    std::string out;
    for (unsigned i = bytes; i-- > 0;) out.push_back(static_cast<char>(value >> 8U * i));
    return out;
}

void TreeWriter::tag(std::uint32_t value) { structure_ += big_endian(value, 4); }

void TreeWriter::open(std::string_view name) {
    tag(begin_node);
    structure_ += name.substr(0, name.find('\0'));
    structure_.push_back(0);
    pad(structure_);
}

void TreeWriter::close() { tag(end_node); }

void TreeWriter::bytes(std::string_view name, std::string_view value) {
    tag(property);
    tag(static_cast<std::uint32_t>(value.size()));
    tag(static_cast<std::uint32_t>(strings_.size()));
    structure_ += value;
    pad(structure_);
    strings_ += name;
    strings_.push_back(0);
}

void TreeWriter::cell(std::string_view name, std::uint32_t value) {
    bytes(name, big_endian(value, 4));
}
void TreeWriter::wide(std::string_view name, std::uint64_t value) {
    bytes(name, big_endian(value, 8));
}
void TreeWriter::text(std::string_view name, std::string_view value) {
    bytes(name, std::string(value) + '\0');
}

std::string TreeWriter::finish() {
    tag(end_tree);
    constexpr std::uint32_t header = 40, reservations = 16;
    const auto structure = static_cast<std::uint32_t>(structure_.size());
    const auto strings = static_cast<std::uint32_t>(strings_.size());
    std::string out;
    for (const std::uint32_t field :
         {0xd00dfeedU, header + reservations + structure + strings, header + reservations,
          header + reservations + structure, header, 17U, 16U, 0U, strings, structure}) {
        out += big_endian(field, 4);
    }
    return out + std::string(reservations, 0) + structure_ + strings_;
}

std::string board_tree(Source& source, std::uint64_t ram, std::uint64_t image,
                       std::uint64_t image_end, std::string_view options) {
    TreeWriter tree;
    tree.open("");
    put_cells(source, tree, 2);
    tree.open("memory");
    tree.text("device_type", "memory");
    tree.bytes("reg", big_endian(0, 8) + big_endian(ram, 8));
    tree.close();
    tree.open("cpus");
    tree.open("cpu");
    tree.cell("timebase-frequency", 400000000);
    tree.close();
    tree.close();
    tree.open("chosen");
    tree.bytes("linux,initrd-start", big_endian(image, 4));
    tree.bytes("linux,initrd-end", big_endian(image_end, 4));
    put_text(source, tree, "bootargs", options);
    tree.close();
    put_devices(source, tree);
    // QEMU leaves room for what a loader adds.
    tree.bytes("room", std::string(2048, 0));
    tree.close();
    return tree.finish();
}

std::string own_tree(Source& source) {
    TreeWriter tree;
    tree.open("");
    put_cells(source, tree, 1U + source.below(2));
    if (!source.rarely(4)) {
        tree.open("memory");
        put_reg(source, tree, 0, 0x1000000);
        tree.close();
    }
    if (!source.rarely(4)) {
        tree.open("chosen");
        put_text(source, tree, "bootargs", words(source, "root=/dev/vda"));
        put_number(source, tree, "linux,initrd-start", 0x1000);
        tree.close();
    }
    put_devices(source, tree);
    tree.close();
    std::string blob = tree.finish();
    damage(source, blob, 0);
    return blob;
}

std::string guest_image(Source& source) {
    TreeWriter tree;
    tree.open("");
    tree.open(words(source, "images"));
    std::uint64_t load = 0;
    for (unsigned n = source.below(4); n > 0; --n, load += 0x100000) {
        tree.open("segment-" + std::to_string(n));
        put_text(source, tree, "type", "segment");
        const std::string data(1 + 16 * source.byte(), static_cast<char>(n));
        put_number(source, tree, "load", odd(source, load));
        put_number(source, tree, "mem-size", odd(source, data.size() + source.byte()));
        if (!source.rarely(20)) tree.bytes("data", data);
        tree.close();
    }
    for (unsigned n = source.below(3); n > 0; --n) {
        tree.open(words(source, "load@" + std::to_string(n)));
        put_text(source, tree, "type", "load");
        put_number(source, tree, "load", odd(source, source.word() & 0x3fffffU));
        put_number(source, tree, "mem-size", odd(source, 300));
        tree.bytes("data", std::string(300, 'l'));
        tree.close();
    }
    if (source.rarely(2)) {
        tree.open("ramdisk");
        tree.bytes("data", std::string(odd(source, 5000) & 0x1fffffU, 'r'));
        tree.close();
    }
    if (source.rarely(2)) {
        tree.open("fdt");
        tree.bytes("data", own_tree(source));
        tree.close();
    }
    if (source.rarely(2)) {
        tree.open("symbols");
        tree.bytes("data", source.text(80));
        tree.close();
    }
    tree.close();
    tree.open("configurations");
    tree.open("guest");
    put_number(source, tree, "entry", source.word());
    put_text(source, tree, "bootargs", words(source, "console=ttyS0"));
    tree.close();
    tree.close();
    tree.close();
    std::string blob = tree.finish();
    damage(source, blob, 0);
    return blob;
}

std::string machine_image(Source& source) {
    constexpr std::size_t page = 0x1000, room = 0x10000;
    constexpr const char* ends[] = {"stop", "restart", "halt", "sing"};
    TreeWriter tree;
    tree.open("");
    put_text(source, tree, "compatible", "trapeze,machine");
    if (source.rarely(4)) put_number(source, tree, "slice-us", source.word());
    if (source.rarely(3)) tree.text("schedule", source.rarely(2) ? "cyclic" : "priority");
    if (source.rarely(3)) tree.cell("major-frame-us", 20'000);
    tree.open(words(source, "guests"));
    std::size_t at = room;
    for (unsigned n = source.below(6); n > 0; --n, at += page) {
        tree.open(words(source, std::string(1, static_cast<char>('a' + n))));
        put_text(source, tree, "options", source.rarely(6) ? "patch=off" : "mem=4M patch=off");
        if (!source.rarely(20)) {
            tree.bytes("image", big_endian(odd(source, at), 4) + big_endian(odd(source, page), 4));
        }
        for (const char* name : {"core", "priority", "budget-us", "period-us"}) {
            if (source.rarely(3)) tree.cell(name, odd(source, source.below(3)));
        }
        if (source.rarely(4)) {
            std::string windows;
            for (unsigned w = source.below(20); w > 0; --w) windows += big_endian(source.word(), 4);
            tree.bytes("windows-us", windows);
        }
        if (source.rarely(4)) {
            tree.text("on-death", source.one_of(ends));
        }
        if (source.rarely(4)) tree.bytes("pci", "");
        if (source.rarely(8)) tree.bytes("no-autostart", "");
        tree.close();
    }
    tree.close();
    tree.close();
    std::string blob = tree.finish();
    damage(source, blob, 0);
    blob.resize(room);
    blob.resize(at, 'i');
    return blob;
}

void damage(Source& source, std::string& blob, std::size_t from) {
    if (blob.size() <= from) return;
    if (source.rarely(8)) {
        for (unsigned n = 1 + source.below(4); n > 0; --n) {
            const std::size_t at = source.rarely(2) ? source.below(64) : source.word();
            blob[from + at % (blob.size() - from)] = static_cast<char>(source.byte());
        }
    }
    if (source.rarely(16)) blob.resize(from + 1 + source.word() % (blob.size() - from));
}

}  // namespace trapeze::fuzz
