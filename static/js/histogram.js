// The histogram of a score with its threshold, and the control that moves it before anything is saved.

import { api } from "./app.js";
import { axis, band, keep, marker, measure, short, tick, token, uPlot } from "./charts.js";

const HEIGHT = 220;

/** Counts per bin stacked from the axis up: OUT, then IN, then the rest; each series is drawn over the higher one. */
function stack(data) {
  const centres = data.counts.map((_, i) => (data.edges[i] + data.edges[i + 1]) / 2);
  const judged = data.counts.map((_, i) => data.in[i] + data.out[i]);
  return [centres, data.counts, judged, data.out];
}

function series(label, colour) {
  return {
    label, fill: () => token(colour), stroke: () => token(colour), width: 0,
    paths: uPlot.paths.bars({ size: [0.92, 60], align: 0 }), points: { show: false },
  };
}

// A square-root scale keeps the few outliers visible beside thousands of frames that belong.
const root = { distr: 100, fwd: (v) => Math.sqrt(Math.max(0, v)), bwd: (v) => v * v, range: (u, low, high) => [0, Math.max(high * 1.12, 4)] };

function draw(box, data, state, width) {
  const { threshold } = state;
  const first = Math.min(data.edges[0], threshold ?? Infinity, data.low ?? Infinity);
  const last = Math.max(data.edges.at(-1), threshold ?? -Infinity, data.high ?? -Infinity);
  return new uPlot({
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [8, 8, 0, 0],
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

function ticks(highest) {
  const steps = [0, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000];
  const fitting = steps.filter((step) => step <= highest);
  return fitting.filter((step, i) => i === 0 || Math.sqrt(step / highest) > 0.16).filter((step, i, all) => i === 0 || i === all.length - 1 || Math.sqrt(all[i + 1] / highest) - Math.sqrt(step / highest) > 0.1);
}

/** The threshold that accepts `share` of held-out frames, from evenly spaced quantiles: as the server computes it. */
export function thresholdAt(quantiles, share) {
  const place = share * (quantiles.length - 1);
  const below = Math.min(Math.floor(place), quantiles.length - 2);
  return quantiles[below] + (quantiles[below + 1] - quantiles[below]) * (place - below);
}

/** Frames above the threshold, as far as the bins tell. */
export function above(data, threshold) {
  return Math.round(data.counts.reduce((sum, count, i) => {
    const [low, high] = [data.edges[i], data.edges[i + 1]];
    const share = high === low ? Number(low > threshold) : Math.min(1, Math.max(0, (high - threshold) / (high - low)));
    return sum + count * share;
  }, 0));
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
