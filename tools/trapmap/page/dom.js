// SPDX-License-Identifier: Apache-2.0
// Making elements, writing numbers, the tooltip. Text only ever becomes text nodes and attributes.
"use strict";

/** element("td.num", {title: "x"}, "text", child): a tag with classes, attributes, children. */
function element(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function svgElement(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);

const wholeNumbers = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const shortNumbers = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

const number = (value) => wholeNumbers.format(value);
const compact = (value) => shortNumbers.format(value);
const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;

/** A few significant digits, without exponent. */
function decimal(value) {
  if (value >= 100) return number(value);
  if (value >= 10) return value.toFixed(1);
  return value >= 0.01 || value === 0 ? value.toFixed(2) : value.toPrecision(1);
}

function percent(part, whole) {
  if (!(whole > 0)) return "–";
  const share = (100 * part) / whole;
  if (share > 0 && share < 0.1) return "<0.1 %";
  return `${share.toFixed(1)} %`;
}

/** A duration given in microseconds, in the unit that suits it. */
function duration(us) {
  if (us >= 1e6) return `${decimal(us / 1e6)} s`;
  if (us >= 1e3) return `${decimal(us / 1e3)} ms`;
  return `${decimal(us)} µs`;
}

function bytes(count) {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (count >= size) return `${Number((count / size).toFixed(1))} ${unit}`;
  }
  return `${count} bytes`;
}

/** Rates of two dumps as a factor: "×3.1", "÷2.0", "same", "new", "gone". */
function factor(now, before) {
  if (before === 0) return now === 0 ? "" : "new";
  if (now === 0) return "gone";
  const ratio = now / before;
  if (Math.abs(ratio - 1) < 0.005) return "same";
  const text = (value) => (value >= 9.95 ? number(value) : value.toFixed(value < 1.95 ? 2 : 1));
  return ratio >= 1 ? `×${text(ratio)}` : `÷${text(1 / ratio)}`;
}

/** Rows of name and value, for tooltips and the details of a word. */
function definitionList(rows) {
  const list = element("dl.facts");
  for (const [name, ...values] of rows) {
    if (values.every((value) => value === null || value === undefined || value === "")) continue;
    list.append(element("dt", {}, name), element("dd", {}, ...values));
  }
  return list;
}

/** A horizontal bar; `share` from 0 to 1. */
function bar(share, kind = "") {
  const fill = element("i");
  fill.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return element(`span.bar${kind && `.${kind}`}`, { "aria-hidden": "true" }, fill);
}

/** Buttons of which one is pressed. `options`: [value, label]; calls `choose(value)`. */
function choice(label, options, current, choose) {
  const buttons = options.map(([value, text, hint]) =>
    element("button", { type: "button", "data-value": value, title: hint,
      "aria-pressed": String(value === current) }, text));
  const group = element("div.choice", { role: "group", "aria-label": label }, ...buttons);
  group.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (!pressed) return;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === pressed));
    choose(pressed.dataset.value);
  });
  return group;
}

const tooltip = element("div.tooltip", { hidden: "", "aria-hidden": "true" });

/** Shows `children` beside a rectangle of the window, inside the window. */
function showTooltip(around, ...children) {
  tooltip.replaceChildren(...children);
  tooltip.hidden = false;
  const own = tooltip.getBoundingClientRect();
  const wide = document.documentElement.clientWidth;
  const left = Math.max(8, Math.min(wide - own.width - 8, around.left + around.width / 2 - own.width / 2));
  const below = around.bottom + 8;
  const top = below + own.height > window.innerHeight ? around.top - own.height - 8 : below;
  tooltip.style.left = `${left}px`;
  tooltip.style.top = `${Math.max(8, top)}px`;
}

function hideTooltip() {
  tooltip.hidden = true;
}

/**
 * A field of cells (elements that match `.cell` inside `root`) as one stop of the Tab key. Arrow
 * keys go to `neighbour(cell, dx, dy)`; what is hovered or focused is given to `tell(cell)`, and
 * `quiet()` is called when that ends.
 */
function cellField(root, neighbour, tell, quiet) {
  const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const cellOf = (event) => event.target.closest?.(".cell");
  let under = null;
  // Only a pointer that moves asks: one that rests where cells appear does not.
  root.addEventListener("pointermove", (event) => {
    const cell = cellOf(event);
    if (cell && cell !== under) tell(cell);
    under = cell;
  });
  root.addEventListener("pointerleave", () => {
    under = null;
    quiet();
  });
  root.addEventListener("pointerout", (event) => {
    if (!event.relatedTarget?.closest?.(".cell")) quiet();
  });
  root.addEventListener("focusin", (event) => {
    const cell = cellOf(event);
    if (!cell) return;
    root.querySelector('.cell[tabindex="0"]')?.setAttribute("tabindex", "-1");
    cell.setAttribute("tabindex", "0");
    tell(cell);
  });
  root.addEventListener("focusout", quiet);
  root.addEventListener("keydown", (event) => {
    const step = keys[event.key];
    const cell = cellOf(event);
    if (!step || !cell) return;
    event.preventDefault();
    neighbour(cell, ...step)?.focus();
  });
}

/** The colour scale of heat, with what its ends mean. */
function heatLegend(most) {
  const legend = element("div.legend", { role: "img",
    "aria-label": `Colour scale, logarithmic, from 1 to ${number(most)} exits` }, element("span", {}, "1"));
  for (let level = 1; level <= HEAT_LEVELS; level++) {
    const low = heatBound(level, most);
    const high = level === HEAT_LEVELS ? most : heatBound(level + 1, most) - 1;
    legend.append(element(`i.h${level}`, { title: high > low ? `${number(low)} to ${number(high)}` : number(low) }));
  }
  legend.append(element("span", {}, `${number(most)} exits`));
  return legend;
}

function changeLegend() {
  const legend = element("div.legend", { role: "img",
    "aria-label": "Colour scale of change, from gone or divided by 32 to new or times 32" },
  element("span", {}, "gone, ÷32"));
  for (let level = -CHANGE_LEVELS; level <= CHANGE_LEVELS; level++) {
    const size = 2 ** Math.abs(level);
    legend.append(element(`i.c${level}`, { title: level === 0 ? "about the same" : `${level < 0 ? "÷" : "×"}${size}` }));
  }
  legend.append(element("span", {}, "×32, new"));
  return legend;
}
