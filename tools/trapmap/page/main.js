// SPDX-License-Identifier: Apache-2.0
// Puts the views together. The part of the address after # says which page is open:
// #page=c0012000, with &ea=c0012344 for one word of it.
"use strict";

function showHash() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const page = /^[0-9a-f]{1,8}$/i.test(asked.get("page") ?? "") ? pageOf(parseInt(asked.get("page"), 16)) : null;
  if (page === null) {
    if (location.hash === "" || location.hash === "#map") closeZoom();
    return;
  }
  const word = /^[0-9a-f]{1,8}$/i.test(asked.get("ea") ?? "") ? parseInt(asked.get("ea"), 16) : NaN;
  const inside = word >= page && word < page + PAGE_BYTES;
  const cell = openZoom(page, inside ? word : undefined);
  hideTooltip();
  byId("map").scrollIntoView({ block: "start" });
  (cell ?? byId("zoom").querySelector('.words .cell[tabindex="0"]'))?.focus({ preventScroll: true });
}

document.body.append(tooltip);
document.body.classList.toggle("compared", BEFORE !== null);
// Without sites or pages their views would be empty frames; the notice at the top tells why.
document.body.classList.toggle("no-sites", SITES.length === 0);
document.body.classList.toggle("no-pages", PAGES.size === 0);
drawHead();
setUpStrip((ea) => {
  location.hash = `#page=${hex(ea)}`;
});
setUpTable();
drawFunctions((name) => {
  showSitesOf("function", name);
  byId("sites").scrollIntoView({ block: "start" });
});
drawCauses();
drawInstructions();
drawPatching();
drawTimeline();
window.addEventListener("hashchange", showHash);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !byId("zoom").hidden && !event.target.closest("input, select, svg")) location.hash = "#map";
});
window.addEventListener("scroll", hideTooltip, { passive: true });
showHash();
document.body.dataset.ready = "true";
