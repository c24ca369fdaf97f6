// SPDX-License-Identifier: Apache-2.0
// Exits by cause and trapped instructions, as tables with bars.
"use strict";

const CAUSE_TEXT = {
  privileged: "privileged guest kernel instruction",
  syscall: "system call",
  program: "illegal, trap or FP instruction",
  dtlb_shadow: "data TLB miss; the guest's TLB has it",
  itlb_shadow: "fetch TLB miss; the guest's TLB has it",
  dtlb_guest: "data TLB miss of the guest itself",
  itlb_guest: "fetch TLB miss of the guest itself",
  dsi: "data storage interrupt",
  isi: "instruction storage interrupt",
  mmio: "load or store of a trapped device",
  tracing: "load where patched text, or access where stubs are in its way",
  text_write: "store to text that runs from its copy",
  alignment: "alignment interrupt",
  unavailable: "FP, AP or SPE unavailable",
  external: "external interrupt",
  decrementer: "timer of the guest",
  heartbeat: "the VMM's own tick",
  critical: "critical input",
  machine_check: "machine check",
  debug: "debug interrupt",
};

/** Causes keep their colour in all views: k0, k1, ... by rank; the last colour serves the rest. */
const CAUSE_COLOURS = 12;
const causeRank = new Map(NOW.causes.slice().sort((a, b) => b.count - a.count)
  .map((cause, index) => [cause.name, Math.min(index, CAUSE_COLOURS - 1)]));
const causeColour = (name) => `k${causeRank.get(name) ?? CAUSE_COLOURS - 1}`;

/** A table of figures: `columns` of [title, hint], the first holds names; `rows` of cells. */
function figureTable(label, columns, rows) {
  const head = columns.map(([title, hint], index) =>
    element(index ? "th.num" : "th", { scope: "col", title: hint }, title));
  return element("table.figures", { "aria-label": label }, element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows.map(({ key, cells }) => element("tr", { "data-key": key },
      ...cells.map((cell, index) => (index ? element("td.num", {}, cell) : element("th", { scope: "row" }, ...cell)))))));
}

function drawCauses() {
  const causes = NOW.causes.filter((cause) => cause.count > 0).sort((a, b) => b.count - a.count);
  const before = new Map((BEFORE?.causes ?? []).map((cause) => [cause.name, cause]));
  const body = byId("causes-body");
  if (causes.length === 0) {
    body.append(element("p.empty", {}, "The dump counts no exit."));
    return;
  }
  const ticks = sum(causes, (cause) => cause.ticks);
  const mostTicks = largest(causes, (cause) => cause.ticks, 1);
  const columns = [["cause", "why the guest was left"], ["exits"], ["share", "of all exits"], ["time", "spent in the VMM"],
    ["mean", "per exit"], ["longest", "the longest single exit"]];
  if (BEFORE) columns.splice(2, 1, ["before", "exits in the earlier dump"], ["change", "of exits per second"]);
  body.append(figureTable("Exits by cause", columns, causes.map((cause) => {
    const old = before.get(cause.name)?.count ?? 0;
    const rates = [perSecond(cause.count, NOW), perSecond(old, BEFORE)];
    const share = BEFORE
      ? [number(old), element(`span.${changeOf(...rates)}`, {}, factor(...rates))]
      : [percent(cause.count, NOW.exits)];
    const name = [element("span.name", { title: CAUSE_TEXT[cause.name] },
      element(`i.key.${causeColour(cause.name)}`, { "aria-hidden": "true" }), cause.name),
    element("span.why", {}, CAUSE_TEXT[cause.name] ?? ""),
    element("span.pair", {
      title: `${percent(cause.count, NOW.exits)} of exits, ${percent(cause.ticks, ticks)} of the VMM's time` },
    bar(cause.count / causes[0].count), bar(cause.ticks / mostTicks, "time"))];
    return { key: cause.name, cells: [name, number(cause.count), ...share, duration(microseconds(cause.ticks)),
      duration(microseconds(cause.ticks / cause.count)), duration(microseconds(cause.max))] };
  })));
  body.append(element("p.bar-keys", {}, bar(1), " exits", bar(1, "time"), " time"));
}

function drawInstructions() {
  const body = byId("instructions-body");
  const instructions = NOW.instructions.filter((entry) => entry.count > 0).sort((a, b) => b.count - a.count);
  if (instructions.length === 0) {
    body.append(element("p.empty", {}, "The dump counts no trapped instruction."));
    return;
  }
  const timed = new Map();
  for (const site of SITES) {
    if (!site.count) continue;
    const entry = timed.get(instructionKind(site)) ?? { count: 0, total: 0, longest: 0 };
    entry.count += site.count;
    entry.total += site.total;
    entry.longest = Math.max(entry.longest, site.longest);
    timed.set(instructionKind(site), entry);
  }
  const before = new Map((BEFORE?.instructions ?? []).map((entry) => [entry.name, entry.count]));
  const all = sum(instructions, (entry) => entry.count);
  const most = instructions[0].count;
  const mostTime = largest([...timed.values()], (entry) => entry.total, 1e-9);
  const columns = [["instruction"], ["exits"], ["share", "of trapped instructions"], ["time", "of its sites"],
    ["mean", "per exit"], ["longest", "the longest single exit"]];
  if (BEFORE) columns.splice(2, 1, ["before", "exits in the earlier dump"], ["change", "of exits per second"]);
  body.append(figureTable("Trapped instructions", columns, instructions.map((entry) => {
    const time = timed.get(entry.name);
    const old = before.get(entry.name) ?? 0;
    const rates = [perSecond(entry.count, NOW), perSecond(old, BEFORE)];
    const share = BEFORE
      ? [number(old), element(`span.${changeOf(...rates)}`, {}, factor(...rates))]
      : [percent(entry.count, all)];
    return { key: entry.name, cells: [[element("span.name.mono", {}, entry.name),
      element("span.pair", {}, bar(entry.count / most), time ? bar(time.total / mostTime, "time") : null)],
    number(entry.count), ...share, time ? duration(time.total) : "–", time ? duration(time.total / time.count) : "–",
    time ? duration(time.longest) : "–"] };
  })));
}
