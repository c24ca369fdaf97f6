// SPDX-License-Identifier: Apache-2.0
// trapeze-pack: the command line around the library beside it.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <system_error>
#include <vector>

#include "pack/devicetree.hpp"
#include "pack/fit.hpp"
#include "pack/image.hpp"
#include "pack/initrd.hpp"
#include "pack/symbols.hpp"
#include "streams.hpp"

namespace {

using namespace trapeze::pack;
namespace streams = trapeze::streams;

constexpr int status_input = 2;
constexpr int status_internal = 3;
/// A flattened tree cannot hold more than 2 GiB; an ELF with debug information may be large.
constexpr std::uint64_t file_limit = 1ULL << 30U;

struct Options {
    std::string kernel;
    std::string initrd;
    std::string append;
    std::string dtb;
    std::string symbols;
    std::string output;
    std::vector<std::string> loads;
    std::uint64_t mem = 0;
    bool raw = false;
    bool describe = false;
};

std::string description(const Guest& guest) {
    std::string text =
        fmt::format("kind: {}\ntitle: {}\nentry: {:#x}\n", name_of(guest.kernel.kind),
                    guest.kernel.title, guest.kernel.entry);
    for (const Segment& segment : guest.kernel.segments) {
        text += fmt::format("segment: {:#x} to {:#x}, {} bytes of data\n", segment.load,
                            segment.load + segment.mem_size, segment.data.size());
    }
    for (const Load& load : guest.loads) {
        text +=
            fmt::format("load: {:#x}, {} bytes, {}\n", load.address, load.data.size(), load.name);
    }
    text += fmt::format("initrd: {} bytes\n", guest.initrd ? guest.initrd->size() : 0);
    text += fmt::format("device tree: {} bytes\n", guest.dtb ? guest.dtb->size() : 0);
    text += fmt::format("symbols: {}\nbootargs: {}\n", guest.kernel.symbols.size(), guest.bootargs);
    return text;
}

/// Nobody misses what would have been printed.
struct ReaderGone {};

void print(const std::string& text) {
    if (streams::write_all(STDOUT_FILENO, text)) {
        return;
    }
    if (errno == EPIPE) {
        throw ReaderGone();
    }
    throw InputError(
        fmt::format("standard output: {}", errno == EBADF ? "is closed" : std::strerror(errno)));
}

void write_file(const std::string& path, const Bytes& data) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(data.data()),
               static_cast<std::streamsize>(data.size()));
    file.close();
    if (!file) {
        // Half an image would be taken for a whole one. A device stays.
        std::error_code ignored;
        if (std::filesystem::is_regular_file(path, ignored)) {
            std::filesystem::remove(path, ignored);
        }
        throw InputError(fmt::format("{}: cannot be written", path));
    }
}

/// What `read` gives. What is wrong with its file says which option named it.
template <typename Read>
auto of_option(const char* option, Read read) {
    try {
        return read();
    } catch (const InputError& error) {
        throw InputError(fmt::format("{} ({})", error.what(), option));
    }
}

void pack(const Options& options) {
    Guest guest;
    guest.kernel = of_option("--kernel", [&] {
        return parse_kernel(read_file(options.kernel, file_limit), options.kernel, options.mem,
                            options.raw);
    });
    guest.bootargs = options.append;
    if (!options.initrd.empty()) {
        guest.initrd = of_option("--initrd", [&] {
            return parse_initrd(read_file(options.initrd, file_limit), options.initrd, options.mem);
        });
    }
    if (!options.dtb.empty()) {
        guest.dtb = of_option("--dtb", [&] {
            return parse_device_tree(read_file(options.dtb, file_limit), options.dtb);
        });
    }
    for (const std::string& text : options.loads) {
        const auto load = parse_load(text);
        guest.loads.push_back(of_option("--load", [&] {
            return Load{load.first, load.second, read_file(load.first, file_limit)};
        }));
    }
    if (!options.symbols.empty()) {
        guest.kernel.symbols = of_option("--symbols", [&] {
            return parse_symbols(read_file(options.symbols, file_limit), options.symbols);
        });
    }
    check_layout(guest, options.kernel, options.mem);
    if (!options.output.empty()) {
        write_file(options.output, make_fit(guest));
    }
    if (options.describe) {
        print(description(guest));
    }
}

/// The exit status.
int run(int argc, char** argv) {
    CLI::App app{"Checks a guest's files and packs them into one image for the VMM."};
    app.footer(
        "Exit status: 0 packed, 2 something is wrong with an option or a file (one line on\n"
        "stderr says what), 3 a defect of this program.");
    Options options;
    app.add_option("--kernel", options.kernel, "uImage, 32-bit PowerPC ELF or raw binary")
        ->required();
    app.add_option("--initrd", options.initrd, "initial RAM disk");
    app.add_option("--append", options.append, "the guest's command line");
    app.add_option("--dtb", options.dtb, "device tree blob");
    app.add_option("--symbols", options.symbols, "System.map or ELF; else those of an ELF kernel");
    app.add_option("--load", options.loads, "FILE@ADDRESS: puts a file there; repeatable")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--mem", options.mem, "the guest's memory in bytes")->required();
    app.add_option("--output", options.output, "the image to write");
    app.add_flag("--raw", options.raw, "take --kernel as a raw binary whatever it looks like");
    app.add_flag("--describe", options.describe, "print what was found");
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        print(app.help());
        return 0;
    }
    if (options.output.empty() && !options.describe) {
        throw InputError("nothing to do: give --output or --describe");
    }
    pack(options);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    streams::claim();
    try {
        return run(argc, argv);
    } catch (const ReaderGone&) {
        return streams::status_reader_gone;
    } catch (const CLI::Error& error) {
        streams::complain(fmt::format("trapeze-pack: {} (see --help)", error.what()));
    } catch (const InputError& error) {
        streams::complain(fmt::format("trapeze-pack: {}", error.what()));
    } catch (const std::exception& error) {
        streams::complain(fmt::format("trapeze-pack: internal error: {}", error.what()));
        return status_internal;
    }
    return status_input;
}
