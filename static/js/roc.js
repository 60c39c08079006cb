// Two versions in the same picture: losses of all frames in units of each one's threshold, and their ROC curves.

import { api } from "./app.js";
import { axis, keep, marker, token, uPlot } from "./charts.js";

const HEIGHT = 240;
const BINS = 60;
const WIDEST = 4; // times the threshold; what lies beyond is counted in the last bin

/** Share of frames per bin of loss / threshold, for bins that both versions have in common. */
function inUnits(data, top) {
  const shares = new Array(BINS).fill(0);
  const total = data.counts.reduce((sum, count) => sum + count, 0) || 1;
  data.counts.forEach((count, i) => spread(shares, count / total, data.edges[i] / data.threshold, data.edges[i + 1] / data.threshold, BINS / top));
  return shares;
}

/** Lay one bin's share over the new bins that it covers. */
function spread(shares, share, low, high, scale) {
  const [from, to] = [low * scale, Math.max(high * scale, low * scale + 1e-9)];
  for (let bin = Math.floor(from); bin < to; bin += 1) {
    const part = (Math.min(to, bin + 1) - Math.max(from, bin)) / (to - from);
    shares[Math.min(BINS - 1, bin)] += share * part;
  }
}

const stepped = uPlot.paths.stepped({ align: 1 });

function curve(label, colour, fill, paths) {
  return { label, width: 2, stroke: () => token(colour), fill: fill ? () => token(fill) : undefined, paths, points: { show: false } };
}

function drawLosses(plot, old, fresh, width) {
  const top = Math.min(WIDEST, Math.max(old.edges.at(-1) / old.threshold, fresh.edges.at(-1) / fresh.threshold, 1.5));
  const edges = Array.from({ length: BINS }, (_, i) => (i * top) / BINS);
  return new uPlot({
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [12, 10, 0, 0],
    scales: { x: { time: false, range: [0, top] }, y: { distr: 100, fwd: (v) => Math.sqrt(Math.max(0, v)), bwd: (v) => v * v, range: (u, low, high) => [0, high * 1.1 || 1] } },
    axes: [
      axis({ label: "loss / threshold", labelSize: 18, labelGap: 0, size: 26, grid: { show: false }, values: (u, splits) => splits.map((v) => (v === WIDEST ? `${v}+` : v)) }),
      axis({ size: 46, filter: (u, splits) => splits, splits: (u) => [0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8].filter((v) => v <= u.scales.y.max), values: (u, splits) => splits.map((v) => `${Math.round(v * 100)} %`) }),
    ],
    series: [{}, curve("old", "--chart-old", "--chart-old-soft", stepped), curve("new", "--chart-new", null, stepped)],
    plugins: [marker(() => 1, () => "threshold", "--text-3")],
  }, [edges, inUnits(old, top), inUnits(fresh, top)], plot);
}

/** One x axis for two curves that have points at different places. */
function joined(old, fresh) {
  return uPlot.join([old, fresh].map((points) => {
    const best = new Map(points.map(([fpr, tpr]) => [fpr, tpr])); // points climb: the last of one FPR is its highest
    return [[...best.keys()], [...best.values()]];
  }));
}

function drawRoc(plot, old, fresh, width) {
  return new uPlot({
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [12, 14, 0, 0],
    scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1.02] } },
    axes: [
      axis({ label: "FPR", labelSize: 18, labelGap: 0, size: 26, splits: () => [0, 0.25, 0.5, 0.75, 1] }),
      axis({ label: "TPR", labelSize: 18, labelGap: 0, size: 40, splits: () => [0, 0.25, 0.5, 0.75, 1] }),
    ],
    series: [{}, { ...curve("old", "--chart-old", null, stepped), spanGaps: true }, { ...curve("new", "--chart-new", null, stepped), spanGaps: true }],
  }, joined(old, fresh), plot);
}

function read(id) {
  return JSON.parse(document.getElementById(id)?.textContent ?? "[]");
}

async function start(box) {
  const roc = box.querySelector('[data-plot="roc"]');
  if (roc) keep(roc, (width) => drawRoc(roc, read("roc-old"), read("roc-new"), width));
  const losses = box.querySelector('[data-plot="losses"]');
  const [old, fresh] = await Promise.all([api(box.dataset.old), api(box.dataset.new)]);
  if (old.edges.length && fresh.edges.length) keep(losses, (width) => drawLosses(losses, old, fresh, width));
  else losses.textContent = "Not every version has scored frames yet.";
}

for (const box of document.querySelectorAll("[data-compare]")) {
  start(box).catch((error) => { box.querySelector(".plot").textContent = error.message; });
}
