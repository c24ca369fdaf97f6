// SPDX-License-Identifier: Apache-2.0
#include "trapmap/options.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <string_view>

#include "trapmap/dump.hpp"

namespace trapeze::trapmap {

namespace {

constexpr std::size_t usual_width = 100;
constexpr std::size_t least_width = 40;
constexpr std::size_t most_width = 500;

bool wants_colour(std::string_view when) {
    if (when != "auto") return when == "always";
    const char* no_color = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    return isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0') &&
           (terminal == nullptr || std::string_view(terminal) != "dumb");
}

void refuse(bool condition, std::string_view what) {
    if (condition) throw Error(fmt::format("{} (see --help)", what));
}

/// The option's file: "-" when it was given without one, nothing when it was not given.
std::optional<std::string> output(const CLI::Option* option) {
    if (option->count() == 0) return std::nullopt;
    const std::vector<std::string>& files = option->results();
    return files.empty() || files.front().empty() ? "-" : files.front();
}

/// A DUMP after an option with an optional FILE would be taken for that FILE: `--json=FILE` has
/// none of that.
void place_dumps(Options& options, const std::vector<std::string>& diff) {
    options.diff = !diff.empty();
    if (!options.diff) return;
    options.before = diff.front();
    if (diff.size() == 2) {
        refuse(!options.dump.empty(), "--diff compares two dumps: three are given");
        options.dump = diff.back();
    }
    refuse(options.dump.empty(), "--diff needs two dumps: --diff OLD NEW");
}

void check(const Options& o) {
    const int outputs = (o.json ? 1 : 0) + (o.csv ? 1 : 0) + (o.folded ? 1 : 0);
    refuse(outputs > 1, "take one of --json, --csv and --folded");
    refuse(!o.annotate.empty() && (outputs != 0 || o.diff || o.follow),
           "--annotate goes with neither --diff, --follow nor another output");
    refuse(o.diff && (o.json || o.folded), "--diff goes with --csv, not with --json or --folded");
    refuse(o.diff && o.selection.by == By::page,
           "--diff compares by site, function or instruction");
    refuse(o.follow && (outputs != 0 || o.diff || o.html || o.which != 0),
           "--follow shows a stream on the terminal: it takes --elf, --by, --sort and --top");
    refuse(o.html && o.diff, "--html compares with --before OLD, not with --diff");
    refuse(!o.html_before.empty() && !o.html, "--before is for --html");
    refuse(o.follow && !o.dump.empty() && o.dump != "-",
           "--follow reads standard input: give no DUMP");
    refuse(!o.follow && o.dump.empty(),
           "give a dump, such as build/last/guest.trap, or - for standard input");
}

}  // namespace

std::size_t terminal_width() {
    std::size_t width = 0;
    if (const char* columns = std::getenv("COLUMNS"); columns != nullptr) {
        const std::string_view text = columns;
        std::from_chars(text.data(), text.data() + text.size(), width);
    }
    winsize size{};
    if (width == 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) width = size.ws_col;
    return std::clamp(width == 0 ? usual_width : width, least_width, most_width);
}

ParseResult parse_options(int argc, char** argv) {
    ParseResult result;
    Options& o = result.options;
    CLI::App app{"Shows which guest instructions trap: where, how often and at what cost.",
                 "trapmap"};
    app.footer(
        "Exit status: 0 shown, 2 something is wrong with an option or a file (one line on stderr\n"
        "says what), 3 a defect of this program. docs/trapmap.md tells more.");
    const std::map<std::string, By> bys = {{"site", By::site},
                                           {"function", By::function},
                                           {"instruction", By::instruction},
                                           {"page", By::page}};
    const std::map<std::string, Sort> sorts = {{"count", Sort::count},
                                               {"ticks", Sort::ticks},
                                               {"rate", Sort::rate},
                                               {"max", Sort::max},
                                               {"saved", Sort::saved}};
    std::string by = "site";
    std::string sort = "count";
    std::string colour = "auto";
    std::vector<std::string> diff;
    app.add_option("DUMP", o.dump,
                   "a dump or a captured console that holds some; - is standard input");
    app.add_option("--elf", o.elf, "the guest's ELF file: names, source lines, code");
    app.add_option("--which", o.which, "take the N-th dump in the file, from 1, not the last")
        ->check(CLI::PositiveNumber);
    app.add_option("--by", by, "rows are: site, function, instruction or page")
        ->check(CLI::IsMember({"site", "function", "instruction", "page"}));
    auto* sort_option =
        app.add_option("--sort", sort, "hottest by: count, ticks, rate, max or saved")
            ->check(CLI::IsMember({"count", "ticks", "rate", "max", "saved"}));
    auto* top = app.add_option("--top", o.selection.top, "how many rows; 0 is all (default 20)")
                    ->check(CLI::NonNegativeNumber);
    app.add_option("--annotate", o.annotate, "this function's code with heat beside each line");
    auto* json = app.add_option("--json", "everything as JSON, to FILE or standard output")
                     ->expected(0, 1)
                     ->type_name("[FILE]");
    auto* csv = app.add_option("--csv", "the rows as comma-separated values")
                    ->expected(0, 1)
                    ->type_name("[FILE]");
    auto* folded = app.add_option("--folded", "folded stacks, for flame graphs")
                       ->expected(0, 1)
                       ->type_name("[FILE]");
#ifdef TRAPMAP_HTML
    auto* html = app.add_option("--html", "the heatmap as one page")->type_name("FILE");
    app.add_option("--before", o.html_before, "the dump that the page compares with");
#endif
    app.add_option("--diff", diff, "what changed: --diff OLD NEW")->expected(1, 2);
    app.add_flag("--follow", o.follow, "show a stream of dumps on standard input, like top");
    app.add_option("--color", colour, "auto, always or never")
        ->check(CLI::IsMember({"auto", "always", "never"}));
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        result.help = app.help();
        return result;
    } catch (const CLI::Error& error) {
        throw Error(fmt::format("{} (see --help)", error.what()));
    }
    o.selection.by = bys.at(by);
    // Unless one says otherwise: what differs most, and what is hot now.
    const bool by_rate = sort_option->count() == 0 && (o.follow || !diff.empty());
    o.selection.sort = by_rate ? Sort::rate : sorts.at(sort);
    o.top_given = top->count() != 0;
    o.json = output(json);
    o.csv = output(csv);
    o.folded = output(folded);
#ifdef TRAPMAP_HTML
    o.html = output(html);
#endif
    o.style = {.width = terminal_width(), .colour = wants_colour(colour)};
    place_dumps(o, diff);
    check(o);
    return result;
}

}  // namespace trapeze::trapmap
