// SPDX-License-Identifier: Apache-2.0
#include "trapmap/json.hpp"

#include <string>
#include <string_view>

namespace trapeze::trapmap {

namespace {

using Json = nlohmann::ordered_json;

constexpr int schema = 1;

std::string_view mode(bool user) { return user ? "user" : "kernel"; }

Json known(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json tables(const Dump& dump) {
    const SiteTable& s = dump.site_table;
    const PageTable& p = dump.page_table;
    return {{"sites",
             {{"capacity", s.capacity},
              {"used", s.used},
              {"evicted", s.evicted},
              {"lost_count", s.lost_count},
              {"lost_ticks", s.lost_ticks}}},
            {"pages", {{"capacity", p.capacity}, {"used", p.used}, {"evicted", p.evicted}}}};
}

Json causes(const Dump& dump) {
    Json list = Json::array();
    for (const Cause& c : dump.causes) {
        list.push_back({{"name", c.name},
                        {"count", c.count},
                        {"ticks", c.ticks},
                        {"min", c.min},
                        {"max", c.max},
                        {"lost", c.lost}});
    }
    return list;
}

Json instructions(const Dump& dump) {
    Json list = Json::array();
    for (const Instruction& insn : dump.instructions) {
        list.push_back({{"name", insn.name}, {"count", insn.count}});
    }
    return list;
}

Json site(const Model& model, const NamedSite& named) {
    const Site& s = named.site;
    return {{"ea", s.ea},
            {"gpa", s.gpa},
            {"word", s.word},
            {"pid", s.pid},
            {"mode", mode(s.user)},
            {"space", s.space ? 1 : 0},
            {"count", s.count},
            {"ticks", s.ticks},
            {"max", s.max},
            {"first", s.first},
            {"last", s.last},
            {"rate", s.rate},
            {"id", s.id},
            {"state", s.state == State::unknown ? Json(nullptr) : Json(name_of(s.state))},
            {"reason", known(s.reason)},
            {"saved", s.saved},
            {"instruction", named.instruction},
            {"disassembly", named.disassembly},
            {"function", known(named.function)},
            {"offset", named.function.empty() ? Json(nullptr) : Json(named.offset)},
            {"source", known(model.source(named))}};
}

Json pages(const Dump& dump) {
    Json list = Json::array();
    for (const Page& p : dump.pages) {
        list.push_back(
            {{"ea", p.ea}, {"mode", mode(p.user)}, {"cause", p.cause}, {"count", p.count}});
    }
    return list;
}

Json functions(const Model& model) {
    Json list = Json::array();
    for (const Row& row : group(model, By::function, Sort::count)) {
        if (row.name == unknown_function) continue;
        list.push_back({{"name", row.name},
                        {"count", row.count},
                        {"ticks", row.ticks},
                        {"sites", row.sites},
                        {"patched", row.patched},
                        {"saved", row.saved}});
    }
    return list;
}

/// Null where the dump does not say.
Json patching(const Dump& dump) {
    const Patching& p = dump.patching;
    if (!p.known()) return nullptr;
    Json costs = Json::object();
    for (const Cost& cost : dump.costs) {
        costs[cost.name] = cost.milliticks;
    }
    Json stolen = Json::array();
    for (const Stolen& s : dump.stolen) {
        stolen.push_back(
            {{"ea", s.ea}, {"stubs", s.stubs}, {"free", s.free}, {"faults", s.faults}});
    }
    Json traced = Json::array();
    for (const Traced& t : dump.traced) {
        traced.push_back(
            {{"ea", t.ea}, {"gpa", t.gpa}, {"patches", t.patches}, {"faults", t.faults}});
    }
    return {{"mode", p.mode},
            {"threshold", p.threshold},
            {"patched", p.patched},
            {"saved", p.saved},
            {"faults", p.faults},
            {"net_ticks", p.net},
            {"made", p.made},
            {"dropped", p.dropped},
            {"back", p.back},
            {"stolen_pages", p.stolen},
            {"mirrored_pages", p.mirrored},
            {"window_ticks", p.window},
            {"cost_milliticks", std::move(costs)},
            {"stolen", std::move(stolen)},
            {"traced", std::move(traced)}};
}

}  // namespace

Json to_json(const Model& model) {
    const Dump& d = model.dump();
    Json out;
    out["schema"] = schema;
    out["dump"] = {{"version", d.version}, {"kind", name_of(d.kind)}, {"sequence", d.sequence}};
    out["clock"] = {{"ticks_per_second", d.ticks_per_second}, {"now", d.now}};
    out["guest"] = {{"ram_bytes", d.ram_bytes}, {"layout", d.layout}, {"profile", d.profile}};
    out["time"] = {{"total", d.total}, {"guest", d.guest}, {"vmm", d.vmm}, {"idle", d.idle}};
    out["tables"] = tables(d);
    out["causes"] = causes(d);
    out["instructions"] = instructions(d);
    Json sites = Json::array();
    for (const NamedSite& named : model.sites()) {
        sites.push_back(site(model, named));
    }
    out["sites"] = std::move(sites);
    out["pages"] = pages(d);
    out["functions"] = functions(model);
    out["spans"] = {
        {"ticks", d.spans.ticks}, {"causes", d.spans.causes}, {"counts", d.spans.counts}};
    out["patching"] = patching(d);
    return out;
}

}  // namespace trapeze::trapmap
