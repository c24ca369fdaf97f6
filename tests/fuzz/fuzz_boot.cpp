// SPDX-License-Identifier: Apache-2.0
// What the VMM reads on the board before its guest starts: the board's device tree, its own
// options, the packed image with a guest's parts and tree. From them it must make a guest that is
// as they say, within its memory, or refuse in one line; each byte that it was not given is poison.
#include <libfdt.h>
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "core.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"
#include "hv/boot/tree.hpp"
#include "hv/core/own_map.hpp"
#include "hv/exit/run.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/monitor.hpp"
#include "options_model.hpp"
#include "output.hpp"
#include "source.hpp"
#include "tree.hpp"

namespace trapeze {

namespace {

using e500::u32;
using e500::u64;
using e500::u8;
using fuzz::require;
using fuzz::Source;

constexpr u64 mib = u64{1} << 20U;
constexpr u64 most_ram = 512 * mib;

struct Rejected {};

/// The machine's memory where the VMM maps it, all poison.
void make_memory() {
    static const bool made = [] {
        void* const at =
            mmap(boot::at(0), most_ram, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
        require(at == boot::at(0));
        ASAN_POISON_MEMORY_REGION(at, most_ram);
        return true;
    }();
    static_cast<void>(made);
}

/// A part of memory that may be touched, as long as this lives.
class Part {
  public:
    Part(u64 hpa, u64 size) : at_(boot::at(hpa)), size_(size) {
        ASAN_UNPOISON_MEMORY_REGION(at_, size_);
    }
    Part(u64 hpa, const std::string& bytes) : Part(hpa, bytes.size()) {
        std::memcpy(at_, bytes.data(), bytes.size());
    }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    ~Part() {
        ASAN_POISON_MEMORY_REGION(at_, size_);
        const auto from = (reinterpret_cast<std::uintptr_t>(at_) + 4095) & ~std::uintptr_t{4095};
        const auto end = reinterpret_cast<std::uintptr_t>(at_) + size_;
        if (end > from) madvise(reinterpret_cast<void*>(from), end - from, MADV_DONTNEED);
    }

  private:
    u8* at_;
    u64 size_;
};

std::string some_options(Source& source) {
    static constexpr const char* words[] = {"mem=",         "watchdog=",        "tlb0=",
                                            "profile=on",   "profile=off",      "exits-device=on",
                                            "patch=",       "patch=eager",      "threshold=",
                                            "churn=",       "mapping=straight", "mapping=crossed",
                                            "debug=manual", "debug=core",       "mirror-mb=",
                                            "dump-every=",  "exits-device=off", "patch=off",
                                            "patch=hot"};
    static constexpr const char* numbers[] = {"0",
                                              "1",
                                              "4M",
                                              "16",
                                              "20M",
                                              "32M",
                                              "64M",
                                              "512",
                                              "48",
                                              "4194303",
                                              "1024",
                                              "1000000",
                                              "999999",
                                              "17179869184G",
                                              "17592186044400M",
                                              "1099511627777",
                                              "18446744073709551616",
                                              "8388608K"};
    std::string line;
    for (unsigned n = source.below(4); n > 0; --n) {
        const std::string word = source.one_of(words);
        line += word + (word.back() == '=' ? source.one_of(numbers) : "");
        if (source.rarely(6)) line += source.text(12);
        line += source.rarely(8) ? "" : " ";
    }
    return line.substr(0, line.find('\0'));
}

/// Nothing is direct but what the guest may drive by itself.
void check_map(const mmu::MemoryMap& map, u64 ram_size) {
    using namespace board;
    require(map.ram_bytes() == ram_size);
    for (u64 gpa = ccsr_base; gpa < ccsr_base + ccsr_size; gpa += 0x1000) {
        const mmu::Region* const region = map.find(gpa);
        require(region != nullptr);
        require(region->kind != mmu::RegionKind::direct || gpa == ccsr_base + i2c_offset);
    }
    for (const u64 gpa : {ram_size, u64{0xf'ef00'0000}, platform_bus_base - 1,
                          platform_bus_base + platform_bus_size}) {
        require(map.find(gpa) == nullptr);
    }
}

/// A property's text, if it is that to its end and has one.
std::string text_of(const void* tree, const char* path, const char* name) {
    int length = 0;
    const auto* const text =
        static_cast<const char*>(fdt_getprop(tree, fdt_path_offset(tree, path), name, &length));
    const auto bytes = static_cast<std::size_t>(std::max(length, 0));
    return bytes != 0 && text[bytes - 1] == 0 ? std::string(text, strnlen(text, bytes)) : "";
}

bool has_hv_uart(const void* tree) {
    for (int node = fdt_node_offset_by_compatible(tree, -1, "ns16550"); node >= 0;
         node = fdt_node_offset_by_compatible(tree, node, "ns16550")) {
        int length = 0;
        const auto* const reg =
            static_cast<const fdt32_t*>(fdt_getprop(tree, node, "reg", &length));
        if (reg != nullptr && length >= 4 && fdt32_to_cpu(*reg) == board::uart1_offset) return true;
    }
    return false;
}

bool has_master(const void* tree) {
    for (int bus = fdt_node_offset_by_compatible(tree, -1, "qemu,platform"); bus >= 0;
         bus = fdt_node_offset_by_compatible(tree, bus, "qemu,platform")) {
        int node;
        fdt_for_each_subnode(node, tree, bus) {
            if (fdt_node_check_compatible(tree, node, "cfi-flash") != 0) return true;
        }
    }
    return false;
}

void check_guest(const vcpu::Boot& start, u64 ram_hpa, u64 ram_size, const void* image) {
    require(start.device_tree % 8 == 0 && start.device_tree < ram_size);
    const void* const tree = boot::at(ram_hpa + start.device_tree);
    require(fdt_check_header(tree) == 0);
    require(start.device_tree + u64{fdt_totalsize(tree)} <= ram_size);
    require(!has_hv_uart(tree) && !has_master(tree));
    require(fdt_node_offset_by_compatible(tree, -1, "fsl,mpic-msi") < 0);
    require(text_of(tree, "/chosen", "bootargs") ==
            text_of(image, "/configurations/guest", "bootargs"));
    // The last segment is whole, unless a file that was loaded lies on it.
    const int images = fdt_path_offset(image, "/images");
    int node, last = -1;
    bool loads = false;
    fdt_for_each_subnode(node, image, images) {
        const char* const type = boot::text_of(image, node, "type");
        if (type != nullptr && std::strcmp(type, "segment") == 0) last = node;
        loads = loads || (type != nullptr && std::strcmp(type, "load") == 0);
    }
    int length = 0;
    const void* const data = fdt_getprop(image, last, "data", &length);
    const auto* const load = static_cast<const fdt64_t*>(fdt_getprop(image, last, "load", nullptr));
    require(data != nullptr && load != nullptr);
    fdt64_t at;
    std::memcpy(&at, load, sizeof at);
    require(loads || std::memcmp(boot::at(ram_hpa + fdt64_to_cpu(at)), data,
                                 static_cast<std::size_t>(length)) == 0);
}

guest::Options options_of(const char* line) {
    const auto expected = fuzz::expected_options(line);
    try {
        const guest::Options parsed = boot::parse_options(line);
        require(expected && fuzz::same(parsed, *expected));
        return parsed;
    } catch (const Rejected&) {
        require(!expected);
        throw;
    }
}

// A machine image is refused, or its guests can be placed and scheduled as they ask.
void read_machine(Source& source) {
    test::reset_core();
    fuzz::prepare_uart("");
    const std::string image = fuzz::machine_image(source);
    const u64 image_hpa = 17 * mib;
    const Part part(image_hpa, image);
    boot::Host host{};
    host.image = image_hpa;
    host.image_end = image_hpa + image.size();
    host.command_line = "";
    host.release[1] = source.rarely(2) ? 0xf'ef00'0020 : 0;
    boot::Wishes wishes{};
    boot::read_wishes(host, wishes);
    require(wishes.count >= 1 && wishes.count <= guest::Machine::most_guests);
    static guest::Guest guests[guest::Machine::most_guests];
    unsigned owners = 0;
    for (unsigned i = 0; i < wishes.count; ++i) {
        const boot::Wish& wish = wishes.guests[i];
        require(wish.image >= host.image && wish.image <= wish.image_end &&
                wish.image_end <= host.image_end);
        require(wish.core == 0 || (wish.core == 1 && host.release[1] != 0));
        owners += wish.owner ? 1 : 0;
        guest::machine.guests[i] = &guests[i];
    }
    require(owners <= 1);
    guest::machine.timebase_frequency = 400'000'000;
    for (unsigned core = 0; core < core::max_cores; ++core) {
        sched::Queue queue{};
        boot::fill_queue(wishes, core, queue);
        queue.start(0);
        for (unsigned i = 0; i < queue.count; ++i) queue.ready(i, 0);
        for (u64 now = 0; now < 100'000'000; now += 9'999'999) {
            const unsigned chosen = queue.choose(now);
            require(chosen < queue.count || chosen == sched::none);
        }
    }
}

void start_vmm(Source& source) {
    test::reset_core();
    fuzz::prepare_uart("");
    const std::string options = some_options(source);
    const u64 ram = (64U << source.below(2)) * mib;
    const std::string image = fuzz::guest_image(source);
    const u64 image_hpa = 17 * mib;
    const u64 tree_hpa = (image_hpa + image.size() + mib - 1) & ~(mib - 1);
    std::string tree = fuzz::board_tree(source, ram, image_hpa, image_hpa + image.size(), options);
    fuzz::damage(source, tree, 0x40);
    const Part image_part(image_hpa, image), tree_part(tree_hpa, tree);
    if (fdt_totalsize(tree.data()) != tree.size()) return;  // the board's is never cut

    const boot::Host host = boot::read_host(tree_hpa);
    if (host.ram > most_ram || host.image != image_hpa ||
        host.image_end != image_hpa + image.size()) {
        return;  // nor does the board lie about what is there
    }
    const guest::Options parsed = options_of(host.command_line);
    u64 ram_size = parsed.memory, mirror = 0, mirror_size = u64{parsed.mirror_mib} << 20U;
    const u64 ram_hpa = boot::place_ram(host, ram_size, mirror, mirror_size);
    const u64 used = std::max({u64{own_map::image_size}, host.tree_end, host.image_end});
    require(mirror_size == 0 || (mirror >= used && mirror + mirror_size <= ram_hpa));
    require(ram_hpa >= used && ram_size <= host.ram && ram_hpa <= host.ram - ram_size);

    const Part guest(ram_hpa, ram_size);
    static dev::DeviceTable devices;
    mmu::MemoryMap map{};
    devices = {};
    boot::build_memory_map(map, devices, host.tree, ram_hpa, ram_size, parsed.exits_device, true);
    check_map(map, ram_size);
    alignas(16) static u8 symbols[64];
    guest::Symbols named;
    boot::Room room{symbols, sizeof symbols};
    const vcpu::Boot start = boot::load_guest(host, ram_hpa, ram_size, room, named, true);
    check_guest(start, ram_hpa, ram_size, boot::at(host.image));
}

}  // namespace

void board::restate_uart0() {}
void board::power_off() { throw Rejected{}; }
void board::reset() { throw Rejected{}; }

}  // namespace trapeze

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace trapeze;
    make_memory();
    // What begins so is a machine image's; the others keep their meaning.
    constexpr std::string_view machine = "machine:";
    const bool several =
        size >= machine.size() && std::memcmp(data, machine.data(), machine.size()) == 0;
    const std::size_t from = several ? machine.size() : 0;
    Source source(data + from, size - from);
    try {
        if (several) {
            read_machine(source);
        } else {
            start_vmm(source);
        }
        fuzz::require(fuzz::check_lines(fuzz::uart_output()).empty());
    } catch (const Rejected&) {
        fuzz::check_json(fuzz::check_lines(fuzz::uart_output()));
    }
    return 0;
}
