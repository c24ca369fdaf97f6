// SPDX-License-Identifier: Apache-2.0
#include "trapmap/program.hpp"

#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "trapmap/dump.hpp"
#include "trapmap/sources.hpp"

namespace trapeze::trapmap {

namespace {

constexpr std::uint32_t instruction_size = 4;

/// Code of the file, in memory as long as the ELF is open.
struct Text {
    std::uint32_t start = 0;
    const unsigned char* bytes = nullptr;
    std::uint32_t size = 0;

    bool holds(std::uint32_t ea) const { return ea - start < size; }
};

struct Segment {
    std::uint32_t virtual_start = 0;
    std::uint32_t physical_start = 0;
    std::uint32_t size = 0;
};

struct Candidate {
    Function function;
    bool typed = false;
    bool global = false;
};

/// Prefers, of several names for an address, what is declared a function, then what is global.
void tidy(std::vector<Candidate>& candidates) {
    std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
        return std::tuple(a.function.start, !a.typed, !a.global, a.function.name) <
               std::tuple(b.function.start, !b.typed, !b.global, b.function.name);
    });
    const auto same = [](const Candidate& a, const Candidate& b) {
        return a.function.start == b.function.start;
    };
    candidates.erase(std::unique(candidates.begin(), candidates.end(), same), candidates.end());
}

bool is_label(std::string_view name) {
    return name.empty() || name.front() == '$' || name.starts_with(".L");
}

/// Names go to terminals and into JSON: nothing but printable ASCII, and no blanks.
std::string printable(std::string_view text) {
    std::string out(text);
    std::ranges::replace_if(
        out, [](char c) { return c <= ' ' || c > '~'; }, '?');
    return out;
}

}  // namespace

struct Program::State {
    std::string path;
    int file = -1;
    Elf* elf = nullptr;
    std::vector<Text> text;
    std::vector<Segment> segments;
    std::vector<Function> functions;
    std::unique_ptr<Sources> sources;

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        sources.reset();
        if (elf != nullptr) elf_end(elf);
        if (file >= 0) ::close(file);
    }

    Error bad(std::string_view what) const {
        Error error(fmt::format("{}: {}", path, what));
        return error;
    }

    void open() {
        file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (file < 0) throw bad(std::strerror(errno));
        struct stat status {};
        if (fstat(file, &status) != 0) throw bad(std::strerror(errno));
        if (!S_ISREG(status.st_mode)) throw bad("is not a file");
        elf_version(EV_CURRENT);
        elf = elf_begin(file, ELF_C_READ_MMAP, nullptr);
        GElf_Ehdr header{};
        if (elf == nullptr || elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, &header) == nullptr) {
            throw bad("is not an ELF file; --elf takes the guest's, such as vmlinux");
        }
        const bool big32 = header.e_ident[EI_CLASS] == ELFCLASS32 &&
                           header.e_ident[EI_DATA] == ELFDATA2MSB && header.e_machine == EM_PPC;
        if (!big32) throw bad("is not a 32-bit big-endian PowerPC ELF file");
    }

    void read_segments() {
        std::size_t count = 0;
        if (elf_getphdrnum(elf, &count) != 0) return;
        for (std::size_t i = 0; i < count; ++i) {
            GElf_Phdr header{};
            if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr) break;
            if (header.p_type != PT_LOAD) continue;
            segments.push_back({static_cast<std::uint32_t>(header.p_vaddr),
                                static_cast<std::uint32_t>(header.p_paddr),
                                static_cast<std::uint32_t>(header.p_memsz)});
        }
    }

    void read_sections() {
        for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
            GElf_Shdr header{};
            if (gelf_getshdr(section, &header) == nullptr) continue;
            constexpr auto code = GElf_Xword{SHF_ALLOC | SHF_EXECINSTR};
            if (header.sh_type != SHT_PROGBITS || (header.sh_flags & code) != code) continue;
            const Elf_Data* data = elf_rawdata(section, nullptr);
            if (data == nullptr || data->d_buf == nullptr) continue;
            text.push_back({static_cast<std::uint32_t>(header.sh_addr),
                            static_cast<const unsigned char*>(data->d_buf),
                            static_cast<std::uint32_t>(data->d_size)});
        }
    }

    const Text* text_of(std::uint32_t ea) const {
        const auto found = std::ranges::find_if(text, [&](const Text& t) { return t.holds(ea); });
        return found == text.end() ? nullptr : &*found;
    }

    void read_symbols() {
        std::vector<Candidate> candidates;
        for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
            GElf_Shdr header{};
            if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB) continue;
            Elf_Data* data = elf_getdata(section, nullptr);
            if (data == nullptr || header.sh_entsize == 0) continue;
            for (int i = 0;; ++i) {
                GElf_Sym symbol{};
                if (gelf_getsym(data, i, &symbol) == nullptr) break;
                add(candidates, symbol, elf_strptr(elf, header.sh_link, symbol.st_name));
            }
        }
        tidy(candidates);
        functions.reserve(candidates.size());
        for (Candidate& candidate : candidates) {
            functions.push_back(std::move(candidate.function));
        }
        bound();
    }

    void add(std::vector<Candidate>& out, const GElf_Sym& symbol, const char* name) const {
        const int type = GELF_ST_TYPE(symbol.st_info);
        const auto start = static_cast<std::uint32_t>(symbol.st_value);
        const bool code = type == STT_FUNC || type == STT_NOTYPE;
        if (!code || symbol.st_shndx == SHN_UNDEF || name == nullptr || is_label(name) ||
            text_of(start) == nullptr) {
            return;
        }
        out.push_back({{start, static_cast<std::uint32_t>(symbol.st_size), printable(name)},
                       type == STT_FUNC,
                       GELF_ST_BIND(symbol.st_info) == STB_GLOBAL});
    }

    /// No function reaches into the next; assembly without a size reaches up to it.
    void bound() {
        for (std::size_t i = 0; i < functions.size(); ++i) {
            Function& f = functions[i];
            const Text& in = *text_of(f.start);
            std::uint32_t room = in.size - (f.start - in.start);
            if (i + 1 < functions.size()) {
                room = std::min(room, functions[i + 1].start - f.start);
            }
            f.size = f.size == 0 ? room : std::min(f.size, room);
        }
    }
};

Program::Program(const std::string& path) : state_(std::make_unique<State>()) {
    State& s = *state_;
    s.path = path;
    s.open();
    s.read_segments();
    s.read_sections();
    s.read_symbols();
    s.sources = std::make_unique<Sources>(s.path);
}

Program::~Program() = default;

const std::string& Program::path() const { return state_->path; }

std::optional<std::uint32_t> Program::word(std::uint32_t ea) const {
    const Text* in = state_->text_of(ea);
    if (in == nullptr || in->size - (ea - in->start) < instruction_size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::uint32_t i = 0; i < instruction_size; ++i) {
        value = value << 8U | in->bytes[ea - in->start + i];
    }
    return value;
}

std::optional<std::uint32_t> Program::linked(std::uint64_t gpa) const {
    for (const Segment& segment : state_->segments) {
        if (gpa - segment.physical_start >= segment.size) continue;
        const auto ea =
            static_cast<std::uint32_t>(gpa - segment.physical_start + segment.virtual_start);
        if (word(ea)) return ea;
    }
    return std::nullopt;
}

const Function* Program::function(std::uint32_t ea) const {
    const auto& all = state_->functions;
    const auto after = std::ranges::upper_bound(all, ea, {}, &Function::start);
    if (after == all.begin()) return nullptr;
    const Function& before = *(after - 1);
    return ea - before.start < before.size ? &before : nullptr;
}

std::vector<const Function*> Program::find(std::string_view name) const {
    std::vector<const Function*> found;
    for (const Function& function : state_->functions) {
        if (function.name == name) found.push_back(&function);
    }
    return found;
}

const std::vector<Function>& Program::functions() const { return state_->functions; }

std::string Program::source(std::uint32_t ea) const { return printable(state_->sources->line(ea)); }

std::string Program::source_text(std::uint32_t ea) const {
    // Blanks stay what they are here.
    std::string text = state_->sources->text(ea);
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, ' ');
    return text;
}

std::string Program::statement(std::uint32_t ea) const {
    return printable(state_->sources->statement(ea));
}

}  // namespace trapeze::trapmap
