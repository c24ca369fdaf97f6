// SPDX-License-Identifier: Apache-2.0
// The table of trap sites: sorted by any column, filtered by text and change, grouped.
"use strict";

/** Rows made at once; the rest follows in steps of as many, so that typing never waits. */
const CHUNK = 250;

/** Widths of columns in pixels; those of names share what is left. */
const WIDTHS = Object.fromEntries(Object.entries({ ea: 88, disassembly: 132, count: 100, share: 68, total: 78, mean: 74,
  longest: 78, recent: 74, pid: 70, first: 68, last: 68, before: 92, beforeRate: 76, nowRate: 76, change: 132, sites: 68,
  state: BEFORE ? 168 : 96, saved: 92, patched: 72 })
  .map(([id, width]) => [id, `${width}px`]));
WIDTHS.function = "minmax(0, 1.4fr)";
/** Columns that paper has no room for; it has for three quarters of the others' width. */
const SCREEN_ONLY = new Set(["pid", "first", "last", "recent", "beforeRate", "nowRate"]);

function columnWidths(columns, scale) {
  return columns.map(({ id }) => {
    const width = WIDTHS[id] ?? "minmax(0, 1fr)";
    return width.endsWith("px") ? `${parseInt(width, 10) * scale}px` : width;
  }).join(" ");
}


const table = { group: "site", sort: "count", down: true, filter: "", change: "", state: "", run: 0 };

const numeric = (id, title, get, show, hint) => ({ id, title, get, show: (row) => show(get(row), row), hint, number: true });
const textual = (id, title, get, hint, show) => ({ id, title, get, show: show ?? get, hint, number: false });

const heatColumn = numeric("count", "Exits", (row) => row.count, (value) => number(value), "times it trapped");
const COST = [
  numeric("share", "Share", (row) => row.count / TRAPPED, (value) => percent(value, 1), "of all trapped instructions"),
  numeric("total", "Time", (row) => row.total, duration, "spent in the VMM"),
  numeric("mean", "Mean", (row) => row.mean, duration, "per exit"),
  numeric("longest", "Longest", (row) => row.longest, duration, "the longest single exit"),
  numeric("recent", "Lately", (row) => row.recent, (value) => `${compact(value)}/s`,
    "exits per second when the dump was made; decays"),
];
const COMPARED = BEFORE ? [
  numeric("before", "Before", (row) => row.beforeCount, number, "exits in the earlier dump"),
  numeric("beforeRate", "Before/s", (row) => row.beforeRate, compact, "exits per second in the earlier dump, idle time left out"),
  numeric("nowRate", "Now/s", (row) => row.nowRate, compact, "exits per second, idle time left out"),
  { id: "change", title: "Change", hint: "of the rate", number: false,
    get: (row) => (row.beforeRate ? row.nowRate / row.beforeRate : row.nowRate ? Infinity : 1),
    show: (row) => element("span", {}, element(`span.badge.${row.change}`, {}, row.change), " ",
      row.change === "warmed" || row.change === "cooled" ? factor(row.nowRate, row.beforeRate) : "") },
] : [];
const savedColumn = numeric("saved", "Saved", (row) => row.saved, (value) => (value ? number(value) : ""),
  "exits that its patch saved, an estimate");
const PATCHES = PATCHING ? [
  { id: "state", title: "State", hint: "what patching has made of it", number: false, get: (row) => row.state, show: stateCell },
  savedColumn,
] : [];
const PATCHES_OF_GROUP = PATCHING ? [
  numeric("patched", "Patched", (row) => row.patched, (value) => (value ? number(value) : ""), "sites that are patched now"),
  savedColumn,
] : [];
const COUNTS = [heatColumn, ...COMPARED, ...COST];
/** The end of a path tells more than its beginning; the whole is in the cell's title. */
function shortSource(row) {
  const source = row.source ?? "";
  return element("span", { title: source }, source.split("/").slice(-2).join("/"));
}

const addressText = (row) => element("a.mono", { href: `#page=${hex(row.page)}&ea=${hex(row.ea)}` }, hex(row.ea));
/** A group's name; choosing it, as its row, shows its sites. */
const nameButton = (row) => element("button.plain", { type: "button", title: row.name }, row.name);
const COLUMNS = {
  site: [
    numeric("ea", "Address", (row) => row.ea, (_, row) => addressText(row), "effective address"),
    textual("disassembly", "Instruction", (row) => row.disassembly ?? ""),
    textual("function", "Function", (row) => row.label),
    textual("source", "Source", (row) => row.source ?? "", "file and line", shortSource),
    ...PATCHES,
    ...COUNTS,
    numeric("pid", "Process", (row) => row.pid, (value) => (value ? String(value) : "every"), "PID of the guest's mapping"),
    numeric("first", "First", (row) => row.firstSeen, (value) => `${value.toFixed(2)} s`, "first seen"),
    numeric("last", "Last", (row) => row.lastSeen, (value) => `${value.toFixed(2)} s`, "last seen"),
  ],
  function: [textual("name", "Function", (row) => row.name, "as the symbols have it", nameButton)],
  instruction: [textual("name", "Instruction", (row) => row.name, "mnemonic", nameButton)],
  page: [numeric("ea", "Page", (row) => row.ea, (_, row) => element("a.mono", { href: `#page=${hex(row.ea)}` }, hex(row.ea)))],
};
const GROUPED = [numeric("sites", "Sites", (row) => row.sites, number, "trap sites"), ...PATCHES_OF_GROUP, ...COUNTS];
const GROUP_KEY = {
  function: (site) => site.function ?? "(no name)",
  instruction: (site) => site.instruction ?? "",
  page: (site) => site.page,
};
const columnsOf = (group) => (group === "site" ? COLUMNS.site : [...COLUMNS[group], ...GROUPED]);

function groupSites(sites, group) {
  const groups = new Map();
  for (const site of sites) {
    const key = GROUP_KEY[group](site);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(site);
  }
  return [...groups].map(([key, members]) => {
    const total = (field) => sum(members, (site) => site[field]);
    const count = total("count");
    const row = { name: String(key), ea: key, sites: members.length, count };
    for (const field of ["total", "recent", "beforeCount", "nowRate", "beforeRate"]) row[field] = total(field);
    row.patched = members.filter(isPatched).length;
    row.saved = total("saved");
    row.mean = count ? row.total / count : 0;
    row.longest = largest(members, (site) => site.longest);
    row.change = BEFORE ? changeOf(row.nowRate, row.beforeRate) : "";
    return row;
  });
}

/** What a word of the filter asks of a site: function=NAME and instruction=NAME exactly, else text.
 *  A name with blanks stands in quotation marks. */
function matcher(word) {
  const [, field, quoted, plain] = /^(function|instruction)=(?:"(.*)"|(.+))$/.exec(word) ?? [];
  const name = quoted ?? plain;
  if (field) return (site) => (site[field] ?? "").toLowerCase() === name;
  // An address may be written with 0x, but an offset such as +0x10 is text.
  const text = word.replace(/^0x(?=[0-9a-f])/, "");
  return (site) => site.search.includes(text);
}

function selectedSites() {
  const wanted = (table.filter.toLowerCase().match(/\w+="[^"]*"?|\S+/g) ?? []).map(matcher);
  return SITES.filter((site) => (!table.change || site.change === table.change)
    && (!table.state || site.state === table.state) && wanted.every((matches) => matches(site)));
}

function sortedRows(sites) {
  const rows = table.group === "site" ? sites.slice() : groupSites(sites, table.group);
  const column = columnsOf(table.group).find((entry) => entry.id === table.sort) ?? heatColumn;
  const sign = table.down ? -1 : 1;
  const value = column.get;
  rows.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    // Rows without a text come last both ways.
    if (x === "" || y === "") return Number(x === "") - Number(y === "") || a.ea - b.ea;
    if (x !== y) return (x < y ? -1 : 1) * sign;
    return b.count - a.count || (a.ea > b.ea ? 1 : -1);
  });
  return rows;
}

/** The cell of a row in one column. Rows are grids (see views.css), so roles keep the table a table. */
function makeCellOf(row, column, most) {
  const cell = document.createElement("td");
  cell.setAttribute("role", "cell");
  const shown = column.show(row);
  cell.append(shown);
  if (column.number && column.id !== "ea") cell.className = "num";
  if (!column.number && typeof shown === "string") cell.title = shown;
  if (column === heatColumn) cell.append(bar(row.count / most, `h${heatLevel(row.count, most)}`));
  if (column.id === "disassembly") cell.className = "mono";
  if (SCREEN_ONLY.has(column.id)) cell.classList.add("screen");
  return cell;
}

function makeRow(row, columns, most) {
  const made = document.createElement("tr");
  made.setAttribute("role", "row");
  made.append(...columns.map((column) => makeCellOf(row, column, most)));
  made.row = row;
  return made;
}

/** A body for each chunk: the browser lays out only those that can be seen. */
function fillTable(made, rows, columns) {
  const run = ++table.run;
  const most = largest(rows, (row) => row.count, 1);
  made.dataset.rows = String(rows.length);
  made.setAttribute("aria-rowcount", rows.length + 1);
  const step = (from) => {
    if (run !== table.run) return;
    const chunk = rows.slice(from, from + CHUNK).map((row) => makeRow(row, columns, most));
    const body = element("tbody", { role: "rowgroup" }, ...chunk);
    body.style.setProperty("--rows", chunk.length);
    made.append(body);
    made.dataset.drawn = String(Math.min(rows.length, from + CHUNK));
    if (from + CHUNK < rows.length) setTimeout(step, 0, from + CHUNK);
  };
  step(0);
}

function drawHeadRow(columns) {
  return element("tr", { role: "row" }, ...columns.map((column) => {
    const sorted = column.id === table.sort;
    const [state, arrow] = !sorted ? ["none", ""] : table.down ? ["descending", "▼"] : ["ascending", "▲"];
    const button = element("button", { type: "button", title: column.hint }, column.title,
      element("span.arrow", { "aria-hidden": "true" }, arrow));
    button.addEventListener("click", () => {
      // Figures begin with the largest, names and addresses with the first.
      const downwards = column.id !== "ea" && (column.number || column.id === "change");
      table.down = sorted ? !table.down : downwards;
      table.sort = column.id;
      drawTable();
      byId("sites-table").querySelector(`th[data-column="${column.id}"] button`).focus();
    });
    const classes = `${column.number && column.id !== "ea" ? ".num" : ""}${SCREEN_ONLY.has(column.id) ? ".screen" : ""}`;
    return element(`th${classes}`,
      { scope: "col", role: "columnheader", "aria-sort": state, "data-column": column.id }, button);
  }));
}

function drawTable() {
  const sites = selectedSites();
  const columns = columnsOf(table.group);
  const rows = sortedRows(sites);
  const scroll = byId("sites-table");
  const made = element(`table.sites.by-${table.group}`, { role: "table", "aria-label": "Trap sites" },
    element("thead", { role: "rowgroup" }, drawHeadRow(columns)));
  made.style.setProperty("--columns", columnWidths(columns, 1));
  made.style.setProperty("--columns-print", columnWidths(columns.filter(({ id }) => !SCREEN_ONLY.has(id)), 0.75));
  scroll.replaceChildren(made);
  scroll.dataset.group = table.group;
  scroll.scrollTop = 0;
  fillTable(made, rows, columns);
  const groups = table.group === "site" ? "" : ` in ${plural(rows.length, table.group)}`;
  byId("sites-count").textContent = `${number(sites.length)} of ${plural(SITES.length, "site")}${groups}`;
  if (rows.length === 0) scroll.append(element("p.empty", {}, "No site matches. Clear the filter to see all."));
}

function chooseRow(row) {
  if (table.group === "site") location.hash = `#page=${hex(row.page)}&ea=${hex(row.ea)}`;
  else if (table.group === "page") location.hash = `#page=${hex(row.ea)}`;
  else if (row.name !== "(no name)") showSitesOf(table.group, row.name);
}

/** The sites of a function or an instruction (`field`), in the table. */
function showSitesOf(field, name) {
  table.filter = `${field}=${/\s/.test(name) ? `"${name}"` : name}`;
  byId("sites-filter").value = table.filter;
  byId("sites-group").querySelector('[data-value="site"]').click();
}

/** Buttons in `id` that leave only the sites whose `field` is one of `names`; `make` makes a label. */
function drawFilters(id, field, names, make) {
  const keys = byId(id);
  keys.hidden = false;
  for (const name of names) {
    const count = SITES.filter((site) => site[field] === name).length;
    const button = element("button", { type: "button", [`data-${field}`]: name, "aria-pressed": "false" },
      make(name), element("span.dim", {}, number(count)));
    button.addEventListener("click", () => {
      table[field] = table[field] === name ? "" : name;
      for (const other of keys.querySelectorAll("button")) {
        other.setAttribute("aria-pressed", String(other.dataset[field] === table[field]));
      }
      drawTable();
    });
    keys.append(button);
  }
}

function setUpTable() {
  const filter = element("input", { type: "search", id: "sites-filter",
    placeholder: "function, mfmsr, file.c, c0012344 ...",
    "aria-label": "Filter sites by function, instruction, source or hexadecimal address",
    spellcheck: "false", autocomplete: "off" });
  filter.addEventListener("input", () => {
    table.filter = filter.value;
    drawTable();
  });
  const kinds = [["site", "sites"], ["function", "functions"], ["instruction", "instructions"], ["page", "pages"]];
  const group = choice("Group by", kinds, "site", (value) => {
    table.group = value;
    if (!columnsOf(value).some((column) => column.id === table.sort)) {
      table.sort = "count";
      table.down = true;
    }
    drawTable();
  });
  group.id = "sites-group";
  byId("sites-controls").append(element("span.count", { id: "sites-count", role: "status" }), filter, group);
  if (BEFORE) {
    drawFilters("sites-badges", "change", ["appeared", "vanished", "warmed", "cooled", "same"],
      (name) => element(`span.badge.${name}`, {}, name));
  }
  if (PATCHING) {
    drawFilters("sites-states", "state", Object.keys(STATES).filter((name) => SITES.some((site) => site.state === name)),
      (name) => stateBadge(name));
  }
  byId("sites-table").addEventListener("click", (event) => {
    const line = event.target.closest("tbody tr");
    if (line && !event.target.closest("a") && !String(getSelection())) chooseRow(line.row);
  });
  drawTable();
}
