// SPDX-License-Identifier: Apache-2.0
#include "pack/elf.hpp"

#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>

#include <memory>
#include <string_view>

#include "pack/symbols.hpp"

namespace trapeze::pack {

namespace {

struct ElfCloser {
    void operator()(Elf* elf) const { elf_end(elf); }
};

/// An open ELF. libelf works on memory that it takes as writable, so it gets a copy.
class ElfFile {
  public:
    ElfFile(ByteView data, const std::string& name) : copy_(data.begin(), data.end()) {
        elf_version(EV_CURRENT);
        elf_.reset(elf_memory(reinterpret_cast<char*>(copy_.data()), copy_.size()));
        if (!elf_ || elf_kind(elf_.get()) != ELF_K_ELF || !gelf_getehdr(elf_.get(), &header_)) {
            throw InputError(fmt::format("{}: is an ELF file cut off in its header", name));
        }
    }
    Elf* get() const { return elf_.get(); }
    const GElf_Ehdr& header() const { return header_; }
    ByteView data() const { return copy_; }

  private:
    Bytes copy_;
    std::unique_ptr<Elf, ElfCloser> elf_;
    GElf_Ehdr header_{};
};

std::string machine_name(unsigned machine) {
    struct Row {
        unsigned number;
        std::string_view name;
    };
    constexpr Row rows[] = {{EM_386, "x86"},
                            {EM_X86_64, "x86-64"},
                            {EM_ARM, "ARM"},
                            {EM_AARCH64, "AArch64"},
                            {EM_PPC64, "64-bit PowerPC"},
                            {EM_MIPS, "MIPS"},
                            {EM_RISCV, "RISC-V"},
                            {EM_S390, "S/390"},
                            {EM_SPARC, "SPARC"},
                            {EM_SPARCV9, "SPARC64"},
                            {EM_68K, "M68K"},
                            {EM_SH, "SuperH"},
                            {EM_IA_64, "IA-64"},
                            {EM_PPC, "PowerPC"}};
    for (const Row& row : rows) {
        if (row.number == machine) {
            return std::string(row.name);
        }
    }
    return fmt::format("machine number {}", machine);
}

void check_header(const GElf_Ehdr& header, const std::string& name) {
    if (header.e_machine != EM_PPC) {
        throw InputError(fmt::format("{}: is an ELF file for {}, not for 32-bit PowerPC", name,
                                     machine_name(header.e_machine)));
    }
    if (header.e_ident[EI_CLASS] != ELFCLASS32 || header.e_ident[EI_DATA] != ELFDATA2MSB) {
        throw InputError(
            fmt::format("{}: is a PowerPC ELF file, but not a 32-bit big-endian one", name));
    }
    if (header.e_type == ET_REL) {
        throw InputError(fmt::format("{}: is an object file: link it first", name));
    }
    if (header.e_type == ET_DYN) {
        throw InputError(fmt::format(
            "{}: is position-independent or a shared library: link it with -no-pie", name));
    }
    if (header.e_type != ET_EXEC) {
        throw InputError(fmt::format("{}: is an ELF file, but not a program", name));
    }
}

/// One PT_LOAD as a segment, its sizes checked against the file and the guest's memory.
Segment load_segment(const ElfFile& elf, const GElf_Phdr& row, const std::string& name,
                     std::uint64_t mem) {
    if (row.p_filesz > row.p_memsz) {
        throw InputError(
            fmt::format("{}: is corrupt: a segment is larger in the file than in memory", name));
    }
    const ByteView data = slice(elf.data(), row.p_offset, row.p_filesz);
    if (data.size() != row.p_filesz) {
        throw InputError(
            fmt::format("{}: is a truncated ELF file: a segment ends at {:#x}, the file at {:#x}",
                        name, row.p_offset + row.p_filesz, elf.data().size()));
    }
    if (row.p_paddr > mem || row.p_memsz > mem - row.p_paddr) {
        throw InputError(
            fmt::format("{}: loads {:#x} to {:#x}, but the guest has {}: give more --mem{}", name,
                        row.p_paddr, row.p_paddr + row.p_memsz, human_size(mem),
                        row.p_paddr >= mem ? " or link it lower" : ""));
    }
    return {row.p_paddr, row.p_memsz, Bytes(data.begin(), data.end())};
}

/// True when code symbols can be in the section with this index.
bool holds_code(const ElfFile& elf, std::size_t index) {
    Elf_Scn* section = elf_getscn(elf.get(), index);
    GElf_Shdr header;
    return section != nullptr && gelf_getshdr(section, &header) != nullptr &&
           (header.sh_flags & SHF_EXECINSTR) != 0;
}

void add_symbols(const ElfFile& elf, Elf_Scn* section, const GElf_Shdr& table,
                 std::vector<Symbol>& result) {
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || table.sh_entsize == 0) {
        return;
    }
    const std::uint64_t count = data->d_size / table.sh_entsize;
    for (std::uint64_t i = 0; i < count && i < max_symbols; ++i) {
        GElf_Sym symbol;
        if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) {
            return;
        }
        const unsigned type = GELF_ST_TYPE(symbol.st_info);
        if (type != STT_FUNC && type != STT_NOTYPE) {
            continue;
        }
        if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE) {
            continue;
        }
        if (type == STT_NOTYPE && !holds_code(elf, symbol.st_shndx)) {
            continue;
        }
        const char* text = elf_strptr(elf.get(), table.sh_link, symbol.st_name);
        if (text == nullptr || *text == '\0') {
            continue;
        }
        result.push_back({static_cast<std::uint32_t>(symbol.st_value), text});
    }
}

std::vector<Symbol> symbols_of(const ElfFile& elf) {
    std::vector<Symbol> result;
    Elf_Scn* section = nullptr;
    while ((section = elf_nextscn(elf.get(), section)) != nullptr) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) != nullptr && header.sh_type == SHT_SYMTAB) {
            add_symbols(elf, section, header, result);
        }
    }
    tidy_symbols(result);
    return result;
}

}  // namespace

bool is_elf(ByteView data) {
    return has_magic(data, 0,
                     "\x7f"
                     "ELF");
}

Kernel parse_elf(ByteView data, const std::string& name, std::uint64_t mem) {
    const ElfFile elf(data, name);
    check_header(elf.header(), name);
    std::size_t count = 0;
    if (elf_getphdrnum(elf.get(), &count) != 0) {
        throw InputError(fmt::format("{}: is a truncated ELF file: copy it again", name));
    }
    Kernel kernel;
    kernel.kind = Kind::elf;
    const std::uint64_t entry = elf.header().e_entry;
    bool physical = false;
    std::optional<std::uint64_t> translated;
    for (std::size_t i = 0; i < count; ++i) {
        GElf_Phdr row;
        if (gelf_getphdr(elf.get(), static_cast<int>(i), &row) == nullptr) {
            throw InputError(fmt::format("{}: is a truncated ELF file: copy it again", name));
        }
        if (row.p_type == PT_INTERP) {
            throw InputError(fmt::format(
                "{}: is a program for an operating system, not a kernel or bare-metal program",
                name));
        }
        if (row.p_type != PT_LOAD || row.p_memsz == 0) {
            continue;
        }
        kernel.segments.push_back(load_segment(elf, row, name, mem));
        physical = physical || (entry >= row.p_paddr && entry - row.p_paddr < row.p_memsz);
        if (entry >= row.p_vaddr && entry - row.p_vaddr < row.p_memsz) {
            translated = entry - row.p_vaddr + row.p_paddr;
        }
    }
    if (kernel.segments.empty()) {
        throw InputError(fmt::format("{}: is an ELF file with nothing to load", name));
    }
    kernel.entry = physical ? entry : translated.value_or(entry);
    kernel.symbols = symbols_of(elf);
    return kernel;
}

std::vector<Symbol> elf_symbols(ByteView data, const std::string& name) {
    const ElfFile elf(data, name);
    if (elf.header().e_machine != EM_PPC || elf.header().e_ident[EI_CLASS] != ELFCLASS32) {
        throw InputError(fmt::format("{}: its symbols are for {}, not for 32-bit PowerPC", name,
                                     machine_name(elf.header().e_machine)));
    }
    return symbols_of(elf);
}

}  // namespace trapeze::pack
