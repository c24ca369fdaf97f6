// SPDX-License-Identifier: Apache-2.0
// The time line: exits per second by cause, stacked on a linear scale or as lines on a logarithmic
// one (a sum of logarithms would mean nothing).
"use strict";

const PLOT = { height: 260, left: 64, right: 12, top: 12, bottom: 30, columns: 360 };

const timeline = { scale: "linear", hidden: new Set(), causes: [], columns: [], at: -1 };

/** Spans joined to at most PLOT.columns columns: {from, to (seconds), counts by cause}. */
function readSpans() {
  const { ticks, causes, counts } = NOW.spans;
  const width = ticks / NOW.rate;
  const step = Math.max(1, Math.ceil(counts.length / PLOT.columns));
  const columns = [];
  for (let first = 0; first < counts.length; first += step) {
    const group = counts.slice(first, first + step);
    const totals = causes.map((_, index) => sum(group, (row) => row[index] ?? 0));
    const from = first * width;
    const whole = (first + group.length) * width;
    // The last span is cut off by the dump.
    const to = NOW.seconds > from ? Math.min(whole, Math.max(NOW.seconds, from + width / 100)) : whole;
    columns.push({ from, to, totals });
  }
  // A remnant of a span is too short for a rate that means something: it joins the one before.
  const last = columns.at(-1);
  if (columns.length > 1 && last.to - last.from < 0.4 * step * width) {
    const joined = columns[columns.length - 2];
    joined.to = last.to;
    joined.totals = joined.totals.map((count, index) => count + last.totals[index]);
    columns.pop();
  }
  timeline.columns = columns;
  timeline.causes = causes.map((name, index) => ({ name, index, total: sum(columns, (c) => c.totals[index]) }))
    .filter((cause) => cause.total > 0).sort((a, b) => b.total - a.total);
}

const shownCauses = () => timeline.causes.filter((cause) => !timeline.hidden.has(cause.name));
const rateOf = (column, cause) => column.totals[cause.index] / (column.to - column.from);

/** Round steps from 0 to at least `most`. */
function linearTicks(most) {
  const raw = most / 4 || 1;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * magnitude).find((s) => s >= raw);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step);
}

function timeScale(width) {
  const end = timeline.columns.at(-1).to;
  const inner = width - PLOT.left - PLOT.right;
  return { end, x: (seconds) => PLOT.left + (seconds / end) * inner, width };
}

function valueScale(causes) {
  const bottom = PLOT.height - PLOT.bottom;
  const inner = bottom - PLOT.top;
  if (timeline.scale === "log") {
    const rates = timeline.columns.flatMap((column) => causes.map((cause) => rateOf(column, cause))).filter((rate) => rate > 0);
    const low = Math.floor(Math.log10(Math.min(1e9, ...rates)));
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(1, ...rates))));
    const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
    const y = (rate) => (rate > 0 ? bottom - ((Math.log10(rate) - low) / (high - low)) * inner : bottom);
    return { ticks: rates.length ? ticks : [], y };
  }
  const most = Math.max(1, ...timeline.columns.map((column) => sum(causes, (cause) => rateOf(column, cause))));
  return { ticks: linearTicks(most), y: (rate) => bottom - (rate / most) * inner };
}

/** A path along the tops of columns, stepwise. */
function stepPath(x, y, values) {
  return timeline.columns.map((column, index) =>
    `${index ? "L" : "M"}${x(column.from).toFixed(1)} ${y(values[index]).toFixed(1)}H${x(column.to).toFixed(1)}`).join("");
}

function stepPathBack(x, y, values) {
  return timeline.columns.map((column, index) =>
    `L${x(column.to).toFixed(1)} ${y(values[index]).toFixed(1)}H${x(column.from).toFixed(1)}`).reverse().join("");
}

function drawShapes(svg, time, value, causes) {
  let base = timeline.columns.map(() => 0);
  for (const cause of causes) {
    const rates = timeline.columns.map((column) => rateOf(column, cause));
    const attributes = { "data-cause": cause.name };
    if (timeline.scale === "log") {
      svg.append(svgElement("path", { ...attributes, class: `line ${causeColour(cause.name)}`,
        d: stepPath(time.x, value.y, rates) }));
      continue;
    }
    const top = base.map((below, index) => below + rates[index]);
    svg.append(svgElement("path", { ...attributes, class: `area ${causeColour(cause.name)}`,
      d: `${stepPath(time.x, value.y, top)}${stepPathBack(time.x, value.y, base)}Z` }));
    base = top;
  }
}

function drawAxes(svg, time, value) {
  for (const tick of value.ticks) {
    const y = value.y(tick).toFixed(1);
    svg.append(svgElement("line", { class: "grid", x1: PLOT.left, x2: time.width - PLOT.right, y1: y, y2: y }),
      svgElement("text", { x: PLOT.left - 8, y, dy: "0.32em", "text-anchor": "end" },
        tick >= 1 || tick === 0 ? compact(tick) : String(Number(tick.toPrecision(1)))));
  }
  const seconds = linearTicks(time.end);
  for (const tick of seconds) {
    const x = time.x(tick);
    const close = x > time.width - 60;
    svg.append(svgElement("text", { x: x.toFixed(1), y: PLOT.height - 8,
      "text-anchor": close ? "end" : tick === 0 ? "start" : "middle" }, `${Number(tick.toPrecision(6))} s`));
  }
}

/** Marks a column and tells its values. */
function pointAt(svg, index, time) {
  timeline.at = index;
  const column = timeline.columns[index];
  const guide = svg.querySelector(".guide");
  const left = time.x(column.from);
  guide.setAttribute("x", left.toFixed(1));
  guide.setAttribute("width", Math.max(1.5, time.x(column.to) - left).toFixed(1));
  guide.setAttribute("visibility", "visible");
  const rows = shownCauses().filter((cause) => column.totals[cause.index] > 0);
  const countOf = (cause) => number(column.totals[cause.index]);
  const span = `${column.from.toFixed(2)} to ${column.to.toFixed(2)} s`;
  const list = element("dl.facts");
  for (const cause of rows) {
    list.append(element("dt", {}, element(`i.key.${causeColour(cause.name)}`), cause.name),
      element("dd", {}, `${compact(rateOf(column, cause))}/s`, element("span.dim", {}, ` ${countOf(cause)}`)));
  }
  const box = svg.getBoundingClientRect();
  const place = { left: box.left + left, width: 0, top: box.top, bottom: box.bottom - PLOT.bottom - 20 };
  showTooltip(place, element("b", {}, span), list);
  byId("timeline-live").textContent =
    `${span}: ${rows.map((cause) => `${cause.name} ${countOf(cause)}`).join(", ")}`;
}

function drawPlot() {
  const plot = byId("timeline-plot");
  const width = Math.max(360, plot.clientWidth || 1000);
  const causes = shownCauses();
  const time = timeScale(width);
  const value = valueScale(causes);
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${PLOT.height}`, tabindex: "0", role: "img",
    "aria-label": `Exits per second over ${duration(time.end * 1e6)}; arrow keys read the values` });
  svg.dataset.scale = timeline.scale;
  const grid = svgElement("g");
  const shapes = svgElement("g", { class: "shapes" });
  drawAxes(grid, time, value);
  drawShapes(shapes, time, value, causes);
  const guide = svgElement("rect", { class: "guide", visibility: "hidden", y: PLOT.top,
    height: PLOT.height - PLOT.top - PLOT.bottom });
  // The lines of the grid lie over areas, but under lines.
  svg.append(...(timeline.scale === "log" ? [grid, shapes] : [shapes, grid]), guide);
  plot.replaceChildren(svg);

  const leave = () => {
    guide.setAttribute("visibility", "hidden");
    hideTooltip();
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const seconds = ((event.clientX - box.left) * (width / box.width) - PLOT.left) / (width - PLOT.left - PLOT.right) * time.end;
    const index = timeline.columns.findIndex((column) => seconds >= column.from && seconds < column.to);
    if (index >= 0) pointAt(svg, index, time);
    else leave();
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") leave();
    if (!step) return;
    event.preventDefault();
    pointAt(svg, Math.max(0, Math.min(timeline.columns.length - 1, timeline.at + step)), time);
  });
}

function drawTimeline() {
  readSpans();
  if (timeline.causes.length === 0) {
    byId("timeline-plot").append(element("p.empty", {},
      "This dump has no time line (live dumps have none, nor a guest that ended at once)."));
    return;
  }
  const scales = [["linear", "linear", "stacked"], ["log", "log", "one line a cause"]];
  byId("timeline-controls").append(choice("Scale", scales, "linear", (scale) => {
    timeline.scale = scale;
    drawPlot();
  }));
  for (const cause of timeline.causes) {
    const key = element("button", { type: "button", "data-cause": cause.name, "aria-pressed": "true",
      title: CAUSE_TEXT[cause.name] }, element(`i.key.${causeColour(cause.name)}`, { "aria-hidden": "true" }),
    cause.name, element("span.dim", {}, compact(cause.total)));
    key.addEventListener("click", () => {
      const show = timeline.hidden.delete(cause.name);
      if (!show) timeline.hidden.add(cause.name);
      key.setAttribute("aria-pressed", String(show));
      drawPlot();
    });
    byId("timeline-legend").append(key);
  }
  drawPlot();
  let width = byId("timeline-plot").clientWidth;
  new ResizeObserver(() => {
    if (byId("timeline-plot").clientWidth === width) return;
    width = byId("timeline-plot").clientWidth;
    drawPlot();
  }).observe(byId("timeline-plot"));
}
