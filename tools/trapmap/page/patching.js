// SPDX-License-Identifier: Apache-2.0
// What became of trap sites: patched or not, why, what that saved and what it costs.
"use strict";

/** What the dump says of patching; null where nothing patches, and then no view shows any of it. */
const PATCHING = NOW.patching && NOW.patching.mode !== "off" ? NOW.patching : null;

/** State to [sign, meaning]; the signs tell states apart without their colours. */
const STATES = {
  patched: ["◤", "it runs as a load, a store or a branch now, without an exit"],
  hot: ["●", "it traps often enough, but cannot be patched"],
  cold: ["○", "it has not trapped often enough to be patched"],
  dropped: ["×", "it was patched until the guest wrote there"],
  back: ["↺", "it was patched, and was given back"],
};
const REASON_TEXT = {
  pays: "its exits cost more than a patch",
  eager: "every site is patched at once",
  "no-template": "there is no patch for this instruction",
  "no-mapping": "the page is no RAM, or not in every process's address space 0",
  "no-mirror": "the memory for patched text is full",
  "no-page": "no page in reach of a branch was free",
  written: "the guest wrote to it",
  faults: "tracing faults cost more than it saved",
  reads: "it writes an SPRG that unpatched text could read without a trap",
  permissions: "dcbi is a store: a page can be loaded from and not stored to",
  waiting: "it was given back, and waits before the next try",
  off: "patching is off",
};
const COST_TEXT = {
  exit: "an exit", load: "a patch that is a load or a store", stub: "a patch that is a stub",
  fault: "a tracing fault", patch: "making a patch", check: "looking through a page for reads of SPRGs",
};

const isPatched = (site) => site.state === "patched";

/** " (no-page: no page in reach ...)", or nothing. */
function reasonText(site) {
  const reason = site.reason && site.reason !== "-" ? site.reason : "";
  return reason && (REASON_TEXT[reason] ? `${reason}: ${REASON_TEXT[reason]}` : reason);
}

function stateBadge(state, hint) {
  const [sign, meaning] = STATES[state] ?? ["", ""];
  return element(`span.state.${state}`, { title: hint || meaning },
    element("i", { "aria-hidden": "true" }, sign), state);
}

/** A site's state, and the one before where that was another. */
function stateCell(site) {
  if (!site.state) return "";
  const badge = stateBadge(site.state, reasonText(site) || STATES[site.state]?.[1]);
  const before = BEFORE?.patching && site.beforeState && site.beforeState !== site.state ? site.beforeState : "";
  return before ? element("span", {}, element("span.dim", {}, `${before} → `), badge) : badge;
}

/** Rows about patching for the tooltip of a page. */
function patchFacts(page) {
  if (!PATCHING) return [];
  const patched = page.sites.filter(isPatched);
  const saved = sum(page.sites, (site) => site.saved);
  const rows = [];
  if (patched.length) rows.push(["patched", `${plural(patched.length, "site")} of ${number(page.sites.length)}`]);
  if (saved) rows.push(["exits saved", number(saved)]);
  const faults = FAULTS.get(page.ea) ?? 0;
  if (faults) rows.push([FAULT_WORDS, number(faults)]);
  return rows;
}

/** Stores to text that runs from its copy. */
const TEXT_WRITES = NOW.causes.find((cause) => cause.name === "text_write")?.count ?? 0;
const FAULT_WORDS = TEXT_WRITES ? "tracing faults and text writes" : "tracing faults";

/** Page to tracing faults of text in it and text writes there, and to tracing faults on stolen pages. */
const FAULTS = new Map();
for (const entry of [...(PATCHING?.traced ?? []), ...(PATCHING?.stolen ?? [])]) {
  FAULTS.set(pageOf(entry.ea), (FAULTS.get(pageOf(entry.ea)) ?? 0) + entry.faults);
}

/** The mark of cells with patched sites, for a legend; null where nothing patches. */
function patchLegend(text) {
  if (!PATCHING) return null;
  return element("span.mark-key", {}, element("i.cell.h4.patched", { "aria-hidden": "true" }), text);
}

function stateRows() {
  const reasons = new Map();
  for (const site of NOW.sites) {
    if (!site.state) continue;
    const entry = reasons.get(site.state) ?? { sites: 0, exits: 0, saved: 0, why: new Map() };
    entry.sites += 1;
    entry.exits += site.count;
    entry.saved += site.saved;
    if (site.reason && site.reason !== "-") entry.why.set(site.reason, (entry.why.get(site.reason) ?? 0) + 1);
    reasons.set(site.state, entry);
  }
  return Object.keys(STATES).filter((state) => reasons.has(state)).map((state) => {
    const entry = reasons.get(state);
    const why = [...entry.why].sort((a, b) => b[1] - a[1]);
    const list = why.map(([reason, count]) => element("span.why", { title: REASON_TEXT[reason] }, `${number(count)} ${reason}`));
    return { key: state, cells: [[stateBadge(state), ...list], number(entry.sites), number(entry.exits), number(entry.saved)] };
  });
}

function patchTotals() {
  const p = PATCHING;
  const taken = NOW.privileged;
  // The figures are signed: net may be a loss.
  const net = `${p.net_ticks < 0 ? "−" : ""}${duration(microseconds(Math.abs(p.net_ticks)))}`;
  const rows = [
    ["mode", `${p.mode}, from ${plural(p.threshold, "exit")} of a site, ${NOW.guest.layout} layout`],
    ["patched now", plural(p.patched, "site")],
    ["exits saved", `${number(p.saved)}, ${percent(p.saved, p.saved + taken)} of those of trapped instructions`],
    ["tracing faults", number(p.faults)],
    ...(TEXT_WRITES ? [["text writes", number(TEXT_WRITES)]] : []),
    ["net time saved", net],
    ["patches", `${number(p.made)} made, ${number(p.dropped)} dropped, ${number(p.back)} given back`],
    ["pages", `${number(p.stolen_pages)} stolen, ${number(p.mirrored_pages)} mirrored`],
    ["sampled for", duration(microseconds(p.window_ticks))],
  ];
  if (BEFORE) {
    const got = SITES.filter((site) => isPatched(site) && site.beforeState !== "patched").length;
    const lost = SITES.filter((site) => !isPatched(site) && site.beforeState === "patched").length;
    rows.push(["since before", `${plural(got, "site")} got patched, ${number(lost)} patched no more`]);
  }
  const list = definitionList(rows);
  list.id = "patching-totals";
  return list;
}

/** Where tracing faults and text writes happen: pages of text that was copied, and stolen pages. */
function faultRows() {
  const rows = [
    ...PATCHING.traced.map((page) => ({ ...page, what: page.patches ? plural(page.patches, "patch").replace(/hs$/, "hes") : "copied text" })),
    ...PATCHING.stolen.map((page) => ({ ...page, what: `stolen, ${plural(page.stubs, "stub")}, ${bytes(page.free)} free` })),
  ];
  return rows.filter((page) => page.faults > 0).sort((a, b) => b.faults - a.faults || a.ea - b.ea)
    .slice(0, 12).map((page) => ({ key: hex(page.ea), cells: [
      [element("a.mono", { href: `#page=${hex(pageOf(page.ea))}` }, hex(page.ea)), element("span.why", {}, page.what)],
      number(page.faults), percent(page.faults, PATCHING.faults + TEXT_WRITES)] }));
}

function drawPatching() {
  byId("patching").hidden = !PATCHING;
  document.body.classList.toggle("no-patching", !PATCHING);
  if (!PATCHING) return;
  const faults = faultRows();
  const costs = Object.entries(PATCHING.cost_milliticks ?? {}).map(([name, value]) =>
    ({ key: name, cells: [[name, element("span.why", {}, COST_TEXT[name] ?? "")],
      duration(microseconds(value / 1000))] }));
  byId("patching-body").append(
    element("div", {}, patchTotals()),
    element("div", { id: "patching-states" }, figureTable("Trap sites by state",
      [["state"], ["sites"], ["exits", "taken, before patching and in samples"], ["saved", "exits, an estimate"]], stateRows())),
    element("div", { id: "patching-faults" }, faults.length
      ? figureTable(`${FAULT_WORDS[0].toUpperCase()}${FAULT_WORDS.slice(1)} by page`, [["page"], ["faults"], ["share"]], faults)
      : element("p.dim", {}, "No tracing fault: copies and stubs were in no way of the guest's data."),
    costs.length ? figureTable("Costs", [["cost"], ["time", "measured when the VMM started"]], costs) : null));
}
