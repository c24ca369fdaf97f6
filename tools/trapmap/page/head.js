// SPDX-License-Identifier: Apache-2.0
// The top of the page: facts of the guest, notices, the big numbers, the hottest functions.
"use strict";

const DUMP_KINDS = { end: "the guest's end", request: "on request", periodic: "periodic", live: "live" };
const SPLIT_PARTS = [["guest", "guest"], ["vmm", "VMM"], ["idle", "idle"]];

function drawTags() {
  const kind = NOW.dump.kind;
  const tags = [
    ["RAM", bytes(NOW.guest.ram_bytes ?? 0)],
    ["layout", NOW.guest.layout],
    ["ran", duration(NOW.seconds * 1e6)],
    ["clock", `${number(NOW.rate)} ticks/s`],
    ["dump", `${DUMP_KINDS[kind] ?? kind}, number ${NOW.dump.sequence}`],
    ["profile", NOW.guest.profile ? "on" : "off"],
  ];
  if (BEFORE) tags.push(["compared with", `dump ${BEFORE.dump.sequence} of a run of ${duration(BEFORE.seconds * 1e6)}, ${BEFORE.guest.layout} layout`]);
  byId("guest").append(...tags.filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => element("li", {}, element("b", {}, name), " ", value)));
}

function notice(kind, title, ...text) {
  byId("notices").append(element(`p.notice.${kind}`, { role: "note" }, element("b", {}, title), " ", ...text));
}

function drawNotices() {
  if (NOW.guest.profile === false) {
    notice("warn", "Profiling was off.", "The guest ran with ", element("code", {}, "--profile off"),
      ", so this dump has counters but neither trap sites nor pages. Run ",
      element("code", {}, "./trapeze boot"), " without it to see where the exits come from.");
  } else if (NOW.sites.length === 0) {
    notice("warn", "No trap site in this dump.",
      "The guest executed no privileged instruction before it was made, or the dump was made too early.");
  }
  const { evicted = 0, lost_count: lost = 0, lost_ticks: ticks = 0 } = NOW.siteTable;
  if (evicted > 0 || lost > 0) {
    notice("info", `${plural(evicted, "site")} made way.`,
      `The VMM's table holds ${number(NOW.siteTable.capacity)} sites; when it was full, the coldest were dropped. `
      + `With them ${plural(lost, "trapped instruction")} (${percent(lost, NOW.privileged)}, ${duration(microseconds(ticks))}) `
      + "are in no row below, but in all totals.");
  }
  if (NOW.pageTable.evicted > 0) {
    const gone = sum(NOW.causes.filter((cause) => cause.name !== "privileged"), (cause) => cause.lost);
    notice("info", `${plural(NOW.pageTable.evicted, "page entry").replace(/entrys$/, "entries")} made way.`,
      `${plural(gone, "exit")} of other causes are missing from the map, but in all totals.`);
  }
}

/** A big number, with what it was before. */
function figure(id, value, name, hint, nowRate, beforeRate) {
  const box = element("div.figure", { id, title: hint }, element("b", {}, value), element("span", {}, name));
  if (BEFORE && beforeRate !== undefined) {
    const change = changeOf(nowRate, beforeRate);
    const text = factor(nowRate, beforeRate);
    box.append(element(`em.${change}`, {}, text, element("small", {}, text === "same" ? " as before" : " against before")));
  }
  return box;
}

/** What the hottest five functions have of all trapped instructions. */
const hottestFunctions = () => NOW.functions.slice().sort((a, b) => b.count - a.count).slice(0, 5);

function drawNumbers() {
  const five = hottestFunctions();
  const live = SITES.filter((site) => site.change !== "vanished").length;
  const rate = (count, dump) => perSecond(count, dump);
  const vmm = (dump) => (dump && dump.time.total ? dump.time.vmm / dump.time.total : 0);
  byId("numbers").append(
    figure("number-exits", compact(NOW.exits), "exits", `${number(NOW.exits)} entries into the VMM`,
      rate(NOW.exits, NOW), BEFORE ? rate(BEFORE.exits, BEFORE) : 0),
    figure("number-trapped", compact(NOW.privileged), "trapped instructions",
      `${number(NOW.privileged)} privileged instructions emulated`,
      rate(NOW.privileged, NOW), BEFORE ? rate(BEFORE.privileged, BEFORE) : 0),
    figure("number-five", five.length ? percent(sum(five, (f) => f.count), TRAPPED) : "–",
      "of these in five functions", "share of trapped instructions in the five hottest functions"),
    figure("number-sites", number(live), "trap sites", "places of trapped instructions", live, BEFORE?.sites.length),
    figure("number-vmm", percent(NOW.time.vmm, NOW.time.total), "of the time in the VMM",
      duration(microseconds(NOW.time.vmm)), vmm(NOW), BEFORE ? vmm(BEFORE) : 0),
    figure("number-mean", NOW.exits ? duration(microseconds(sum(NOW.causes, (c) => c.ticks) / NOW.exits)) : "–",
      "mean time of an exit", "over all causes"));
}

function splitBar(dump, name) {
  const total = dump.time.total || 1;
  const text = SPLIT_PARTS.map(([key, label]) => `${label} ${percent(dump.time[key], total)}`).join(", ");
  const stack = element("div.stack", { role: "img", "aria-label": `${name}: ${text}` });
  for (const [key, label] of SPLIT_PARTS) {
    const part = element(`i.part-${key}`, { title: `${label} ${duration(microseconds(dump.time[key], dump))}` });
    part.style.flexGrow = String(dump.time[key] / total);
    stack.append(part);
  }
  return element("div.split-row", {}, BEFORE ? element("span", {}, name) : null, stack);
}

function drawSplit() {
  const body = byId("split-body");
  if (BEFORE) body.append(splitBar(BEFORE, "before"));
  body.append(splitBar(NOW, "now"));
  body.append(element("ul.split-keys", {}, ...SPLIT_PARTS.map(([key, label]) =>
    element("li", {}, element(`i.part-${key}`), element("span", {}, label),
      element("b", {}, duration(microseconds(NOW.time[key]))),
      element("span.dim", {}, BEFORE ? `${percent(BEFORE.time[key], BEFORE.time.total)} → ` : "",
        percent(NOW.time[key], NOW.time.total))))));
}

/** What the VMM's part consists of; the largest causes are named. */
function drawVmmTime() {
  const causes = NOW.causes.filter((cause) => cause.ticks > 0).sort((a, b) => b.ticks - a.ticks);
  const total = sum(causes, (cause) => cause.ticks);
  if (causes.length === 0) return;
  const stack = element("div.stack.thin", { role: "img", "aria-label": `Time in the VMM by cause: ${causes.slice(0, 4)
    .map((cause) => `${cause.name} ${percent(cause.ticks, total)}`).join(", ")}` });
  for (const cause of causes) {
    const part = element(`i.fill.${causeColour(cause.name)}`, { title: `${cause.name} ${duration(microseconds(cause.ticks))}` });
    part.style.flexGrow = String(cause.ticks / total);
    stack.append(part);
  }
  byId("split-body").append(element("p.caption", {}, "The VMM's time by cause"), stack,
    element("ul.split-keys", {}, ...causes.slice(0, 3).map((cause) => element("li", {},
      element(`i.fill.${causeColour(cause.name)}`), element("span", {}, cause.name), element("span.dim", {}, percent(cause.ticks, total))))));
}

/** `choose(name)` is called for the function that is clicked. */
function drawFunctions(choose) {
  const body = byId("functions-body");
  const five = hottestFunctions();
  if (five.length === 0) {
    body.append(element("p.empty", {}, NOW.sites.length
      ? "No names: the dump has no symbols. Give trapmap the guest's ELF file with --elf."
      : "No trap sites, so no functions."));
    return;
  }
  const list = element("ol.ranking");
  let running = 0;
  for (const entry of five) {
    running += entry.count;
    const facts = `${compact(entry.count)} exits, ${plural(entry.sites, "site")}, ${duration(microseconds(entry.ticks))}`;
    const button = element("button", { type: "button", title: "show its sites in the table" },
      element("span.name", {}, entry.name),
      element("span.value", {}, percent(entry.count, TRAPPED)),
      bar(entry.count / five[0].count),
      element("span.dim", {}, `${facts}; ${percent(running, TRAPPED)} so far`));
    button.addEventListener("click", () => choose(entry.name));
    list.append(element("li", {}, button));
  }
  body.append(list);
}

function drawHead() {
  document.title = `${TITLE} – Trapeze heatmap`;
  byId("title").textContent = TITLE;
  drawTags();
  drawNotices();
  drawNumbers();
  drawSplit();
  drawVmmTime();
}
