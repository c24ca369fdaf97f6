// SPDX-License-Identifier: Apache-2.0
// The map of the address space: a row for each 256 KiB in which something happened, a cell a page.
"use strict";

const ROW_PAGES = 64;
const ROW_BYTES = ROW_PAGES * PAGE_BYTES;
/** Rows left out are told in words from here on; smaller gaps are a line. */
const LARGE_GAP = 16 * 2 ** 20;

const strip = { metric: "sites", cause: "all", colour: "heat" };

/** Pages that the strip shows now, in order, with their exits and colour class. */
function stripPages() {
  const shown = [];
  for (const page of PAGES.values()) {
    const exits = exitsOfPage(page, strip.metric, strip.cause);
    if (exits.now > 0 || (strip.colour === "change" && exits.before > 0)) shown.push({ page, ...exits });
  }
  shown.sort((a, b) => a.page.ea - b.page.ea);
  const most = largest(shown, (entry) => entry.now);
  for (const entry of shown) {
    entry.shade = strip.colour === "change"
      ? `c${changeLevel(entry.now, entry.before)}` : `h${heatLevel(entry.now, most)}`;
  }
  return { shown, most };
}

/** What is told about a page: rows for the tooltip, and one line for its accessible name. */
function pageFacts(entry) {
  const { page } = entry;
  const hottest = hottestFunction(page.sites);
  const live = page.sites.filter((site) => site.count > 0).length;
  const rows = [[strip.metric === "other" && strip.cause !== "all" ? strip.cause : "exits", number(entry.now)]];
  if (BEFORE) {
    rows.push(["before", number(entry.before)],
      ["change", factor(perSecond(entry.now, NOW), perSecond(entry.before, BEFORE))]);
  }
  if (strip.metric !== "other") {
    rows.push(["trap sites", live ? number(live) : "none"]);
    if (hottest) rows.push(["hottest", `${hottest.name} (${compact(hottest.count)})`]);
  }
  rows.push(...patchFacts(page));
  if (strip.metric !== "sites") {
    const causes = [...page.other.values()].filter((row) => row.count > 0).sort((a, b) => b.count - a.count);
    for (const row of causes.slice(0, 4)) {
      if (strip.metric === "both" || strip.cause === "all") rows.push([row.cause, number(row.count)]);
    }
  }
  return rows;
}

function makeCell(entry) {
  const facts = pageFacts(entry).map(([name, value]) => `${name} ${value}`).join(", ");
  const cell = element(`button.cell.${entry.shade}`, { type: "button", tabindex: "-1",
    "data-page": hex(entry.page.ea), "data-count": entry.now,
    "aria-label": `Page ${hex(entry.page.ea)}: ${facts}` });
  if (PATCHING && entry.page.sites.some(isPatched)) cell.classList.add("patched");
  cell.style.gridColumn = String(1 + (entry.page.ea % ROW_BYTES) / PAGE_BYTES);
  cell.entry = entry;
  return cell;
}

function drawRows(shown) {
  const body = byId("strip-rows");
  const made = [];
  let row = null;
  for (const entry of shown) {
    const base = entry.page.ea - (entry.page.ea % ROW_BYTES);
    if (!row || row.base !== base) {
      if (row && base > row.base + ROW_BYTES) {
        const text = `${bytes(base - row.base - ROW_BYTES)} without`;
        const large = base - row.base > LARGE_GAP;
        made.push(element(large ? "div.gap.large" : "div.gap", { title: text }, large ? element("span", {}, text) : null));
      }
      row = { base, cells: element("div.cells"), total: 0, totalText: element("span.total") };
      made.push(element("div.row", { "data-row": hex(base) }, element("span.address", {}, hex(base)), row.cells, row.totalText));
    }
    row.cells.append(makeCell(entry));
    row.total += entry.now;
    row.totalText.textContent = compact(row.total);
  }
  body.replaceChildren(...made);
  body.querySelector(".cell")?.setAttribute("tabindex", "0");
}

function drawStrip() {
  const { shown, most } = stripPages();
  const body = byId("strip-rows");
  drawRows(shown);
  body.dataset.cells = String(shown.length);
  if (shown.length === 0) {
    body.append(element("p.empty", {},
      strip.metric === "sites" ? "No trap sites in this dump." : "No page has exits of this kind."));
  }
  byId("strip-legend").replaceChildren(...(shown.length
    ? [strip.colour === "change" ? changeLegend() : heatLegend(most),
      ...[patchLegend("page with patched sites")].filter(Boolean),
      element("span.dim", {}, `${plural(shown.length, "page")} with ${plural(sum(shown, (entry) => entry.now), "exit")}`)] : []));
}

function stripNeighbour(cell, dx, dy) {
  const cells = [...byId("strip-rows").querySelectorAll(".cell")];
  const at = cells.indexOf(cell);
  if (dx) return cells[at + dx];
  const rows = [...byId("strip-rows").querySelectorAll(".row")];
  const row = rows[rows.indexOf(cell.closest(".row")) + dy];
  if (!row) return null;
  const column = (other) => (other.entry.page.ea % ROW_BYTES) / PAGE_BYTES;
  const distance = (other) => Math.abs(column(other) - column(cell));
  return [...row.querySelectorAll(".cell")].sort((a, b) => distance(a) - distance(b))[0];
}

function drawStripControls() {
  const controls = byId("strip-controls");
  const causes = element("select", { "aria-label": "Cause of the other exits", id: "strip-cause", hidden: "" },
    element("option", { value: "all" }, "all causes"),
    ...OTHER_CAUSES.map((name) => element("option", { value: name }, name)));
  causes.addEventListener("change", () => {
    strip.cause = causes.value;
    drawStrip();
  });
  controls.append(causes, choice("What the map shows", [["sites", "trap sites", "trapped instructions"],
    ["other", "other exits", "TLB misses, system calls, interrupts and so on"], ["both", "both"]], strip.metric, (metric) => {
    strip.metric = metric;
    causes.hidden = metric !== "other";
    drawStrip();
  }));
  if (BEFORE) {
    const scales = [["heat", "heat", "exits now"], ["change", "change", "rate now against before"]];
    controls.append(choice("Colours", scales, "heat", (colour) => {
      strip.colour = colour;
      drawStrip();
    }));
  }
}

/** `open(ea)` is called for the page that is chosen. */
function setUpStrip(open) {
  if (NOW.sites.length === 0 && NOW.pages.length > 0) strip.metric = "other";
  drawStripControls();
  if (strip.metric === "other") byId("strip-cause").hidden = false;
  const rows = byId("strip-rows");
  cellField(rows, stripNeighbour, (cell) => showTooltip(cell.getBoundingClientRect(),
    element("b.mono", {}, `page ${hex(cell.entry.page.ea)}`), definitionList(pageFacts(cell.entry))), hideTooltip);
  rows.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) open(cell.entry.page.ea);
  });
  drawStrip();
}
