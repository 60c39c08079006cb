// The histogram of a score with its threshold, and the control that moves it before anything is saved.

import { api } from "./app.js";
import { axis, band, keep, marker, measure, short, tick, uPlot } from "./charts.js";
import { above, root, series, stack, thresholdAt, ticks } from "./score_bars.js";

const HEIGHT = 220;

function draw(box, data, state, width) {
  const { threshold } = state;
  const first = Math.min(data.edges[0], threshold ?? Infinity, data.low ?? Infinity);
  const last = Math.max(data.edges.at(-1), threshold ?? -Infinity, data.high ?? -Infinity);
  return new uPlot({
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [8, 16, 0, 0],
    scales: { x: { time: false, range: [first, last] }, y: root },
    axes: [
      axis({ label: data.label, labelSize: 18, labelGap: 2, size: 26, grid: { show: false }, values: (u, splits) => splits.map((v) => tick(v, data.score)) }),
      axis({ size: 44, filter: (u, splits) => splits, splits: (u) => ticks(u.scales.y.max), values: (u, splits) => splits.map(short) }),
    ],
    series: [{}, series("not judged", "--chart-rest"), series("IN", "--chart-in"), series("OUT", "--chart-out")],
    plugins: [
      band(() => (state.isMoved || data.low === null || data.high === null ? null : [data.low, data.high]), "--chart-interval"),
      marker(() => state.threshold, () => `threshold ${measure(state.threshold, data.score)}`),
    ],
  }, stack(data), box);
}

function bindTarget(form, data, show) {
  const range = form.querySelector("[name=target_tpr]");
  const value = form.querySelector("output");
  const words = form.querySelector("[data-target-words]");
  const save = form.querySelector("button");
  const first = range.value;
  range.addEventListener("input", () => {
    const threshold = thresholdAt(data.quantiles, range.value / 100);
    value.textContent = `${Number(range.value).toFixed(1)} %`;
    words.textContent = `what is above ${measure(threshold, data.score)} is outlying, about ${above(data, threshold)} frames`;
    save.disabled = range.value === first;
    save.classList.toggle("btn-primary", !save.disabled);
    show(threshold, !save.disabled);
  });
}

/** What was measured holds for the threshold as it is saved; while it is moved, the interval is not known. */
function showInterval(section, data, isMoved) {
  const isKnown = data.low !== null && data.high !== null;
  section.querySelector(".key-interval").hidden = !isKnown || isMoved;
  const words = section.querySelector("[data-interval-words]");
  if (words) words.hidden = isMoved;
}

async function start(box) {
  box.dataset.drawn = box.dataset.histogram;
  const plot = box.querySelector(".histogram-plot");
  const data = await api(box.dataset.histogram);
  plot.replaceChildren();
  if (!data.edges.length) {
    plot.textContent = "No frame has this score yet.";
    return;
  }
  const section = box.closest("section");
  const state = { threshold: data.threshold, isMoved: false };
  const kept = keep(plot, (width) => draw(plot, data, state, width));
  showInterval(section, data, false);
  const form = section.querySelector("[data-target-form]");
  if (!form || data.quantiles.length < 2) return;
  bindTarget(form, data, (threshold, isMoved) => {
    Object.assign(state, { threshold, isMoved });
    showInterval(section, data, isMoved);
    kept.chart?.redraw(false);
  });
}

function startAll() {
  for (const box of document.querySelectorAll("[data-histogram]")) {
    if (box.dataset.drawn === box.dataset.histogram) continue;
    start(box).catch((error) => { box.querySelector(".histogram-plot").textContent = error.message; });
  }
}

document.addEventListener("htmx:after:swap", startAll);
startAll();
