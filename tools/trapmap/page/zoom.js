// SPDX-License-Identifier: Apache-2.0
// One page of the guest: its 1024 words as a grid, the word that is pointed at, and what else exits.
"use strict";

const GRID = 32;
const WORDS = PAGE_BYTES / WORD_BYTES;

const zoom = { page: null, pinned: null, colour: "heat" };

/** Pages with trap sites, by address, for the way to the next one. */
const sitePages = [...PAGES.values()].filter((page) => page.sites.length > 0)
  .map((page) => page.ea).sort((a, b) => a - b);

function siteFacts(site) {
  const rows = [
    ["instruction", element("code", {}, site.disassembly ?? ""), element("span.dim", {}, ` ${hex(site.word)}`)],
    ["function", site.label],
    ["source", site.source],
    ["exits", number(site.count), element("span.dim", {}, ` ${percent(site.count, TRAPPED)} of all trapped`)],
    ...(PATCHING && site.state ? [["patching", stateBadge(site.state), ` ${reasonText(site)}`],
      ["saved", site.saved ? plural(site.saved, "exit") : ""]] : []),
    ["lately", `${compact(site.recent)}/s`],
    ["time", `${duration(site.total)}, mean ${duration(site.mean)}, longest ${duration(site.longest)}`],
    ["seen", `${site.firstSeen.toFixed(3)} s to ${site.lastSeen.toFixed(3)} s`],
    ["where", [`GPA ${hex(site.gpa)}`, `${site.mode} mode`, site.pid ? `process ${site.pid}` : "every process",
      `address space ${site.space}`].join(", ")],
  ];
  if (BEFORE) {
    const rates = `${compact(site.beforeRate)}/s against ${compact(site.nowRate)}/s now `;
    rows.push(["before", `${number(site.beforeCount)} exits, ${rates}`,
      element(`span.badge.${site.change}`, {}, site.change)]);
  }
  return definitionList(rows);
}

function drawWord(index) {
  const ea = zoom.page.ea + index * WORD_BYTES;
  const sites = zoom.words.get(index) ?? [];
  const panel = byId("zoom-word");
  panel.dataset.ea = hex(ea);
  panel.replaceChildren(element("h3", {}, "Word ", element("span.mono", {}, hex(ea))),
    ...(sites.length ? sites.map(siteFacts) : [element("p.dim", {}, "No trap site here.")]));
}

function hottestWord() {
  const hottest = zoom.page.sites[0];
  return hottest ? (hottest.ea - zoom.page.ea) / WORD_BYTES : 0;
}

/** The word shown while none is pointed at: the pinned one, else the hottest. */
function restWord() {
  drawWord(zoom.pinned ?? hottestWord());
}

function drawGrid() {
  const counts = Array.from({ length: WORDS }, (_, index) => {
    const sites = zoom.words.get(index) ?? [];
    return { now: sum(sites, (site) => site.count), before: sum(sites, (site) => site.beforeCount), sites };
  });
  const most = largest(counts, (entry) => entry.now);
  const change = zoom.colour === "change";
  const grid = element("div.words", { role: "group", "aria-label": `The 1024 words of page ${hex(zoom.page.ea)}` });
  for (let row = 0; row < GRID; row++) {
    grid.append(element("span.address", { "aria-hidden": "true" }, hex(row * GRID * WORD_BYTES, 3)));
    for (let index = row * GRID; index < (row + 1) * GRID; index++) {
      const { now, before, sites } = counts[index];
      const level = change ? `c${changeLevel(now, before)}` : `h${heatLevel(now, most)}`;
      const shade = sites.length === 0 ? "h0" : level;
      const text = sites.length === 0 ? "no trap site"
        : `${number(now)} exits, ${sites[0].disassembly ?? ""} in ${sites[0].label || "unknown function"}`
          + (PATCHING && sites[0].state ? `, ${sites[0].state}` : "");
      const cell = element(`button.cell.${shade}`, { type: "button", tabindex: "-1", "data-word": index,
        "data-count": now, "aria-label": `${hex(zoom.page.ea + index * WORD_BYTES)}: ${text}` });
      if (sites.length) cell.classList.add("site");
      if (PATCHING && sites.some(isPatched)) cell.classList.add("patched");
      grid.append(cell);
    }
  }
  grid.querySelector(`[data-word="${hottestWord()}"]`).setAttribute("tabindex", "0");
  cellField(grid, (cell, dx, dy) => {
    const index = Number(cell.dataset.word);
    const column = (index % GRID) + dx;
    const row = Math.floor(index / GRID) + dy;
    if (column < 0 || column >= GRID || row < 0 || row >= GRID) return null;
    return grid.querySelector(`[data-word="${row * GRID + column}"]`);
  }, (cell) => drawWord(Number(cell.dataset.word)), restWord);
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) pinWord(Number(cell.dataset.word));
  });
  const legend = most ? heatLegend(most) : element("p.dim", {}, "No trap site in this page.");
  byId("zoom-grid").replaceChildren(...[grid, change ? changeLegend() : legend, patchLegend("patched")].filter(Boolean));
}

function pinWord(index) {
  zoom.pinned = index;
  byId("zoom-grid").querySelector('.cell[aria-current="true"]')?.removeAttribute("aria-current");
  const cell = byId("zoom-grid").querySelector(`[data-word="${index}"]`);
  cell.setAttribute("aria-current", "true");
  drawWord(index);
  return cell;
}

/** A short list of names with bars; rows of [name, now, before, title]. */
function shortList(id, title, rows, nothing) {
  const most = largest(rows, ([, now]) => now, 1);
  const items = rows.map(([name, now, before, hint]) => element("li", { title: hint, "data-count": now },
    element("span.name", {}, name), element("span.value", {}, number(now),
      BEFORE ? element("small", {}, ` ${factor(perSecond(now, NOW), perSecond(before, BEFORE))}`) : null), bar(now / most)));
  return element("section", { id }, element("h3", {}, title),
    items.length ? element("ul.short", {}, ...items) : element("p.dim", {}, nothing));
}

function pageFunctions(page) {
  const found = new Map();
  for (const site of page.sites) {
    const name = site.function ?? "(no name)";
    const entry = found.get(name) ?? { now: 0, before: 0, sites: 0 };
    entry.now += site.count;
    entry.before += site.beforeCount;
    entry.sites += 1;
    found.set(name, entry);
  }
  return [...found].sort((a, b) => b[1].now - a[1].now)
    .map(([name, entry]) => [name, entry.now, entry.before, plural(entry.sites, "site")]);
}

function zoomHead(page) {
  const trapped = sum(page.sites, (site) => site.count);
  const live = page.sites.filter((site) => site.count > 0).length;
  const other = sum([...page.other.values()], (row) => row.count);
  const next = sitePages.find((ea) => ea > page.ea);
  const previous = sitePages.filter((ea) => ea < page.ea).at(-1);
  const step = (ea, text, name) => (ea === undefined ? element("span.dim", {}, text)
    : element("a", { href: `#page=${hex(ea)}`, "aria-label": name, title: `${name}, ${hex(ea)}` }, text));
  const steps = element("span.steps", {}, step(previous, "← previous", "Previous page with trap sites"),
    step(next, "next →", "Next page with trap sites"));
  const controls = element("div.controls", {}, steps);
  if (BEFORE) {
    controls.append(choice("Colours", [["heat", "heat"], ["change", "change"]], zoom.colour, (colour) => {
      zoom.colour = colour;
      drawGrid();
    }));
  }
  return element("div.bar-head", {}, element("div", {},
    element("nav.crumbs", { "aria-label": "Breadcrumb" },
      element("a", { href: "#map", id: "zoom-back" }, "Address space"), " › ",
      element("b.mono", { id: "zoom-title", "aria-current": "page" }, `page ${hex(page.ea)}`)),
    element("p.caption", {}, `${plural(live, "trap site")} with ${plural(trapped, "exit")} `
      + `(${percent(trapped, TRAPPED)} of all trapped); ${plural(other, "other exit")}. `
      + "One cell is one instruction word; a row is 128 bytes.")), controls);
}

/** Shows the page at `ea`; with `word` (an address in it), that word. Returns the cell to look at. */
function openZoom(ea, word) {
  const page = PAGES.get(ea) ?? { ea, sites: [], other: new Map() };
  zoom.page = page;
  zoom.pinned = null;
  zoom.words = groupWords(page);
  const causes = [...page.other.values()].sort((a, b) => b.count - a.count);
  const other = causes.map((row) => [row.cause, row.count, row.before,
    `${CAUSE_TEXT[row.cause] ?? row.cause}${row.user ? `; ${number(row.user)} in user mode` : ""}`]);
  const side = element("div.zoom-side", {}, element("section", { id: "zoom-word" }),
    shortList("zoom-functions", "Functions in this page", pageFunctions(page), "No trap sites here."),
    shortList("zoom-causes", "Other exits of this page", other, "None: all its exits are trapped instructions."));
  byId("zoom").replaceChildren(zoomHead(page),
    element("div.zoom-body", {}, element("div", { id: "zoom-grid" }), side));
  drawGrid();
  restWord();
  byId("strip").hidden = true;
  byId("zoom").hidden = false;
  return word === undefined ? null : pinWord(Math.floor((word - ea) / WORD_BYTES));
}

function groupWords(page) {
  const words = new Map();
  for (const site of page.sites) {
    const index = (site.ea - page.ea) / WORD_BYTES;
    words.set(index, [...(words.get(index) ?? []), site]);
  }
  return words;
}

/** Back to the strip; the focus goes to the page that was left, so that the keyboard goes on there. */
function closeZoom() {
  if (!zoom.page) return;
  const left = hex(zoom.page.ea);
  zoom.page = null;
  byId("zoom").hidden = true;
  byId("zoom").replaceChildren();
  byId("strip").hidden = false;
  byId("strip-rows").querySelector(`[data-page="${left}"]`)?.focus({ preventScroll: true });
  hideTooltip();
}
