// SPDX-License-Identifier: Apache-2.0
// The embedded documents, and what the views need of them: sites, pages, functions, comparison.
"use strict";

const PAGE_BYTES = 4096;
const WORD_BYTES = 4;
/** A rate that changed by this part has warmed or cooled. The same in diff.cpp. */
const NOTICEABLE = 0.1;

const DATA = JSON.parse(document.getElementById("data").textContent);

const pageOf = (ea) => ea - (ea % PAGE_BYTES);
const hex = (value, digits = 8) => value.toString(16).padStart(digits, "0");
const sum = (list, value) => list.reduce((total, item) => total + value(item), 0);

/** The largest value, at least `least`; a list may be longer than a call can have arguments. */
const largest = (list, value, least = 0) => list.reduce((most, item) => Math.max(most, value(item)), least);

/** A document (`now` or `before`) with missing parts made empty, and times in seconds. */
function readDocument(raw) {
  const rate = raw.clock?.ticks_per_second || 1;
  const causes = raw.causes ?? [];
  return {
    raw,
    rate,
    seconds: (raw.time?.total ?? 0) / rate,
    // What a guest waits says nothing of what it does, so rates leave idle time out.
    busy: ((raw.time?.guest ?? 0) + (raw.time?.vmm ?? 0)) / rate,
    guest: raw.guest ?? {},
    time: raw.time ?? { total: 0, guest: 0, vmm: 0, idle: 0 },
    dump: raw.dump ?? {},
    siteTable: raw.tables?.sites ?? {},
    pageTable: raw.tables?.pages ?? {},
    causes,
    exits: sum(causes, (cause) => cause.count),
    privileged: causes.find((cause) => cause.name === "privileged")?.count ?? 0,
    instructions: raw.instructions ?? [],
    sites: raw.sites ?? [],
    pages: raw.pages ?? [],
    functions: raw.functions ?? [],
    spans: raw.spans ?? { ticks: 0, causes: [], counts: [] },
    patching: raw.patching ?? null,
  };
}

const NOW = readDocument(DATA.now);
const BEFORE = DATA.before ? readDocument(DATA.before) : null;
const TITLE = DATA.title || "Heatmap";

const perSecond = (count, dump) => (dump && dump.busy > 0 ? count / dump.busy : 0);
const microseconds = (ticks, dump = NOW) => (ticks * 1e6) / dump.rate;

/** Sites of two dumps are the same when one process would execute the same word at one address. */
const siteKey = (site) => [site.ea, site.word, site.pid, site.mode, site.space].join(" ");

/** How a rate of exits has changed: appeared, vanished, warmed, cooled or the same. */
function changeOf(now, before) {
  if (before === 0) return now === 0 ? "same" : "appeared";
  if (now === 0) return "vanished";
  if (Math.abs(now - before) < NOTICEABLE * before) return "same";
  return now > before ? "warmed" : "cooled";
}

/** The name under which the VMM counts an instruction: mfsprg and mtsrr0 are mfspr and mtspr. */
function instructionKind(site) {
  const extended = site.word >>> 26 === 31 ? (site.word >>> 1) & 0x3ff : 0;
  return { 339: "mfspr", 467: "mtspr" }[extended] ?? site.instruction;
}

function functionText(site) {
  if (!site.function) return "";
  return site.offset ? `${site.function}+0x${site.offset.toString(16)}` : site.function;
}

/** One row of the site table; `site` is null for a site that only the earlier dump has. */
function makeSite(site, old) {
  const any = site ?? old;
  const dump = site ? NOW : BEFORE;
  const nowRate = site ? perSecond(site.count, NOW) : 0;
  const beforeRate = old ? perSecond(old.count, BEFORE) : 0;
  const label = functionText(any);
  return {
    ...any,
    page: pageOf(any.ea),
    count: site?.count ?? 0,
    ticks: site?.ticks ?? 0,
    recent: site?.rate ?? 0,
    total: microseconds(site?.ticks ?? 0),
    mean: site?.count ? microseconds(site.ticks / site.count) : 0,
    longest: microseconds(site?.max ?? 0),
    firstSeen: any.first / dump.rate,
    lastSeen: any.last / dump.rate,
    label,
    state: site?.state ?? "",
    saved: site?.saved ?? 0,
    beforeState: old?.state ?? "",
    beforeCount: old?.count ?? 0,
    nowRate,
    beforeRate,
    change: BEFORE ? changeOf(nowRate, beforeRate) : "",
    search: [any.disassembly, instructionKind(any), label, any.source ?? "", hex(any.ea), hex(any.word),
      site?.state ?? "", site?.reason ?? ""]
      .join("\n").toLowerCase(),
  };
}

function makeSites() {
  const old = new Map(BEFORE ? BEFORE.sites.map((site) => [siteKey(site), site]) : []);
  const rows = NOW.sites.map((site) => {
    const key = siteKey(site);
    const match = old.get(key);
    old.delete(key);
    return makeSite(site, match);
  });
  return [...rows, ...[...old.values()].map((site) => makeSite(null, site))];
}

const SITES = makeSites();
/** All trapped instructions, those of evicted sites too: what shares are shares of. */
const TRAPPED = NOW.privileged || sum(SITES, (site) => site.count);

/** Page address to {ea, sites, other: cause -> {count, before, user}}. */
function makePages() {
  const pages = new Map();
  const at = (ea) => {
    if (!pages.has(ea)) pages.set(ea, { ea, sites: [], other: new Map() });
    return pages.get(ea);
  };
  for (const site of SITES) at(site.page).sites.push(site);
  const addOther = (dump, field) => {
    for (const entry of dump?.pages ?? []) {
      const other = at(pageOf(entry.ea)).other;
      const row = other.get(entry.cause) ?? { cause: entry.cause, count: 0, before: 0, user: 0 };
      row[field] += entry.count;
      if (field === "count" && entry.mode === "user") row.user += entry.count;
      other.set(entry.cause, row);
    }
  };
  addOther(NOW, "count");
  addOther(BEFORE, "before");
  for (const page of pages.values()) page.sites.sort((a, b) => b.count - a.count);
  return pages;
}

const PAGES = makePages();
const OTHER_CAUSES = NOW.causes.map((cause) => cause.name).filter((name) =>
  NOW.pages.some((page) => page.cause === name) || BEFORE?.pages.some((page) => page.cause === name));

/** Exits of a page, {now, before}, by what the strip shows: sites, other (of one cause or all), both. */
function exitsOfPage(page, metric, cause) {
  const result = { now: 0, before: 0 };
  if (metric !== "other") {
    result.now += sum(page.sites, (site) => site.count);
    result.before += sum(page.sites, (site) => site.beforeCount);
  }
  if (metric !== "sites") {
    for (const row of page.other.values()) {
      if (metric === "other" && cause !== "all" && row.cause !== cause) continue;
      result.now += row.count;
      result.before += row.before;
    }
  }
  return result;
}

/** The function with most exits of a list of sites, and its count; null without names. */
function hottestFunction(sites) {
  const counts = new Map();
  for (const site of sites) {
    const name = site.function ?? "";
    counts.set(name, (counts.get(name) ?? 0) + site.count);
  }
  const best = [...counts].filter(([name]) => name).sort((a, b) => b[1] - a[1])[0];
  return best ? { name: best[0], count: best[1] } : null;
}

// Colour classes: h0 (nothing) to h12 on a logarithmic scale, c-5 to c5 for powers of two of change.
const HEAT_LEVELS = 12;
const CHANGE_LEVELS = 5;

function heatLevel(count, most) {
  if (count <= 0) return 0;
  if (most <= 1) return HEAT_LEVELS;
  const position = Math.log(count) / Math.log(most);
  return 1 + Math.floor(Math.min(1, position) * (HEAT_LEVELS - 1) + 1e-9);
}

/** The smallest count that has this level. */
const heatBound = (level, most) => Math.ceil(most ** ((level - 1) / (HEAT_LEVELS - 1)) - 1e-6);

function changeLevel(now, before) {
  const nowRate = perSecond(now, NOW);
  const beforeRate = perSecond(before, BEFORE);
  if (nowRate === beforeRate) return 0;
  if (beforeRate === 0) return CHANGE_LEVELS;
  if (nowRate === 0) return -CHANGE_LEVELS;
  const octaves = Math.round(Math.log2(nowRate / beforeRate));
  return Math.max(-CHANGE_LEVELS, Math.min(CHANGE_LEVELS, octaves));
}
