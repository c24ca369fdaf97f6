// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without libFuzzer: each file of the corpus, then so many inputs that a seeded
// generator makes of them. The same seed, corpus and count give the same inputs on any machine.
//   fuzz_NAME [--runs N] [--seed S] [--keep FILE] FILE|FOLDER...
// An input that ends the program is written to FILE (default fuzz-NAME.input) first.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t longest = 4096;

Bytes current;
std::string keep;

void keep_input() {
    std::ofstream file(keep, std::ios::binary);
    file.write(reinterpret_cast<const char*>(current.data()),
               static_cast<std::streamsize>(current.size()));
    file.close();
    std::cerr << "the input that ended it: " << keep << '\n';
}

extern "C" void ended(int number) {
    keep_input();
    std::signal(number, SIG_DFL);
    std::raise(number);
}

void run(Bytes input) {
    current = std::move(input);
    // A buffer of its own, whose end the sanitizer guards.
    const Bytes exact(current.begin(), current.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

Bytes read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    return {text.begin(), text.end()};
}

class Mutator {
  public:
    Mutator(std::uint32_t seed, const std::vector<Bytes>& corpus)
        : random_(seed), corpus_(corpus) {}

    Bytes make() {
        Bytes bytes = corpus_.empty() || below(8) == 0 ? fresh() : any();
        for (std::size_t n = 1 + below(5); n > 0; --n) change(bytes);
        bytes.resize(std::min(bytes.size(), longest));
        return bytes;
    }

  private:
    std::size_t below(std::size_t limit) { return random_() % limit; }
    std::uint8_t byte() {
        static constexpr std::uint8_t often[] = {0, 1, 0x7f, 0x80, 0xff};
        return below(4) == 0 ? often[below(std::size(often))]
                             : static_cast<std::uint8_t>(random_());
    }
    const Bytes& any() { return corpus_[below(corpus_.size())]; }
    Bytes fresh() {
        Bytes bytes(below(512));
        for (auto& one : bytes) one = byte();
        return bytes;
    }
    void change(Bytes& bytes) {
        const std::size_t at = below(bytes.size() + 1);
        const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
        const auto most = std::min<std::size_t>(bytes.size() - at, 32);
        switch (below(5)) {
            case 0:
                bytes.insert(place, byte());
                break;
            case 1:
                bytes.erase(place, place + static_cast<std::ptrdiff_t>(below(most + 1)));
                break;
            case 2: {  // a piece of another
                const Bytes other = corpus_.empty() ? fresh() : any();
                const std::size_t from = below(other.size() + 1);
                const std::size_t end =
                    from + below(std::min<std::size_t>(other.size() - from, 64) + 1);
                bytes.insert(place, other.begin() + static_cast<std::ptrdiff_t>(from),
                             other.begin() + static_cast<std::ptrdiff_t>(end));
                break;
            }
            case 3:
                if (at < bytes.size()) bytes[at] ^= static_cast<std::uint8_t>(1U << below(8));
                break;
            default:
                if (at < bytes.size()) bytes[at] = byte();
                break;
        }
    }

    std::mt19937 random_;
    const std::vector<Bytes>& corpus_;
};

}  // namespace

int main(int count, char** words) {
    namespace fs = std::filesystem;
    unsigned long runs = 0, seed = 1;
    keep = fs::path(words[0]).filename().string() + ".input";
    std::vector<fs::path> files;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        const bool valued = word == "--runs" || word == "--seed" || word == "--keep";
        if (valued && i + 1 == count) {
            std::cerr << word << " needs a value\n";
            return 2;
        }
        if (word == "--runs") {
            runs = std::strtoul(words[++i], nullptr, 10);
        } else if (word == "--seed") {
            seed = std::strtoul(words[++i], nullptr, 10);
        } else if (word == "--keep") {
            keep = words[++i];
        } else if (fs::is_directory(word)) {
            for (const auto& entry : fs::directory_iterator(word)) files.push_back(entry.path());
        } else {
            files.emplace_back(word);
        }
    }
    // In one order wherever it runs.
    std::sort(files.begin(), files.end());
    std::vector<Bytes> corpus;
    corpus.reserve(files.size());
    for (const auto& file : files) corpus.push_back(read(file));
    __sanitizer_set_death_callback(keep_input);
    std::signal(SIGABRT, ended);
    for (const auto& input : corpus) run(input);
    Mutator mutator(static_cast<std::uint32_t>(seed), corpus);
    for (unsigned long n = 0; n < runs; ++n) run(mutator.make());
    std::cout << corpus.size() << " kept inputs and " << runs << " of seed " << seed
              << ": passed\n";
    return 0;
}
