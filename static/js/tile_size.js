// How wide the tiles are: a slider, two keys, applied at once and remembered for the person.

import { csrfToken } from "./app.js";

const REST_MS = 500;

const slider = document.getElementById("tile-size");
const page = document.querySelector(".gallery-page");
const widths = slider ? slider.dataset.widths.split(" ") : [];
let late = 0;

function apply() {
  const width = widths[slider.value];
  page.dataset.tile = width;
  slider.setAttribute("aria-valuetext", `${width} pixels`);
  clearTimeout(late);
  late = setTimeout(() => remember(width), REST_MS);
}

function remember(width) {
  const body = new URLSearchParams({ tile: width, csrfmiddlewaretoken: csrfToken() });
  fetch(slider.dataset.url, { method: "POST", body, keepalive: true }).catch(() => {}); // the size then lasts for this page
}

/** One size larger or smaller. */
export function stepSize(by) {
  if (!slider) return;
  slider.value = String(Number(slider.value) + by);
  apply();
}

slider?.addEventListener("input", apply);
