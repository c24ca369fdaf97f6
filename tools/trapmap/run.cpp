// SPDX-License-Identifier: Apache-2.0
#include "trapmap/run.hpp"

#include <memory>
#include <set>
#include <utility>

#include "streams.hpp"
#include "trapmap/annotate.hpp"
#include "trapmap/diff.hpp"
#include "trapmap/follow.hpp"
#include "trapmap/input.hpp"
#include "trapmap/json.hpp"
#include "trapmap/program.hpp"
#include "trapmap/text_formats.hpp"
#ifdef TRAPMAP_HTML
#include "trapmap/html.hpp"
#endif

namespace trapeze::trapmap {

namespace {

Dump read_dump(const std::string& path, std::uint64_t which) {
    return parse_dump(read_input(path), which, input_name(path));
}

void say_remarks(std::initializer_list<const Model*> models) {
    std::set<std::string> said;
    for (const Model* model : models) {
        for (const std::string& remark : model->remarks()) {
            if (said.insert(remark).second) streams::complain("trapmap: " + remark);
        }
    }
}

/// Files get all rows unless somebody says how many.
Selection for_file(const Options& options) {
    Selection selection = options.selection;
    if (!options.top_given) selection.top = 0;
    return selection;
}

#ifdef TRAPMAP_HTML
void write_html(const Options& options, const Model& model,
                const std::shared_ptr<const Program>& program) {
    const nlohmann::ordered_json now = to_json(model);
    nlohmann::ordered_json before;
    const bool compares = !options.html_before.empty();
    if (compares) {
        const Model old(read_dump(options.html_before, 0), program);
        say_remarks({&old});
        before = to_json(old);
    }
    const std::string title = "Trap sites: " + input_name(options.dump);
    write_output(*options.html, html_page(now, compares ? &before : nullptr, title));
}
#endif

void show_difference(const Options& options, const Model& model,
                     const std::shared_ptr<const Program>& program) {
    const Model old(read_dump(options.before, 0), program);
    say_remarks({&old, &model});
    if (options.csv) {
        write_output(*options.csv, differences_csv(old, model, for_file(options)));
    } else {
        write_output("-", differences(old, model, options.selection, options.style));
    }
}

/// Files that were asked for; false when there was none and the terminal is to be served.
bool write_files(const Options& options, const Model& model,
                 const std::shared_ptr<const Program>& program) {
    if (options.json) write_output(*options.json, to_json(model).dump(1, ' ') + "\n");
    if (options.csv) write_output(*options.csv, to_csv(model, for_file(options)));
    if (options.folded) write_output(*options.folded, to_folded(model));
#ifdef TRAPMAP_HTML
    if (options.html) write_html(options, model, program);
#else
    static_cast<void>(program);
#endif
    return options.json || options.csv || options.folded || options.html;
}

}  // namespace

void run(const Options& options) {
    std::shared_ptr<const Program> program;
    if (!options.elf.empty()) program = std::make_shared<const Program>(options.elf);
    if (options.follow) {
        follow(options, program);
        return;
    }
    const Model model(read_dump(options.dump, options.which), program);
    if (options.diff) {
        show_difference(options, model, program);
        return;
    }
    say_remarks({&model});
    const bool served = write_files(options, model, program);
    if (!options.annotate.empty()) {
        write_output("-", annotate(model, options.annotate, options.style));
    } else if (!served) {
        write_output("-", header(model, options.style) + "\n" +
                              hottest(model, options.selection, options.style));
    }
}

}  // namespace trapeze::trapmap
