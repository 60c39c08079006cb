// Two versions in the same picture: how a score of all frames is spread, and their ROC curves on reviewed ones.

import { api } from "./app.js";
import { axis, keep, marker, token, uPlot } from "./charts.js";

const HEIGHT = 240;
const BINS = 60;
const WIDEST = 4; // times the threshold; what lies beyond is counted in the last bin

// Two versions' scores compare by where they lie to each one's threshold: losses as multiples of it, outlier scores,
// which are logarithms, by their distance from it; probabilities mean the same in both.
const PLACE = {
  reconstruction_loss: (value, threshold) => value / threshold,
  ood_score: (value, threshold) => value - threshold,
  probability: (value) => value,
};
const LABEL = { reconstruction_loss: "loss / threshold", ood_score: "outlier score − threshold", probability: "probability of OUT" };

/** From where to where the picture goes, so that it shows both versions. */
function span(old, fresh) {
  const place = (data, edge) => PLACE[data.score](data.edges.at(edge), data.threshold);
  if (old.score === "probability") return [0, 1];
  if (old.score === "reconstruction_loss") return [0, Math.min(WIDEST, Math.max(place(old, -1), place(fresh, -1), 1.5))];
  return [Math.min(place(old, 0), place(fresh, 0), -0.1), Math.max(place(old, -1), place(fresh, -1), 0.1)];
}

/** Share of frames per bin, for bins that both versions have in common. */
function inUnits(data, [bottom, top]) {
  const shares = new Array(BINS).fill(0);
  const total = data.counts.reduce((sum, count) => sum + count, 0) || 1;
  const place = (edge) => PLACE[data.score](edge, data.threshold) - bottom;
  data.counts.forEach((count, i) => spread(shares, count / total, place(data.edges[i]), place(data.edges[i + 1]), BINS / (top - bottom)));
  return shares;
}

/** Lay one bin's share over the new bins that it covers. */
function spread(shares, share, low, high, scale) {
  const [from, to] = [low * scale, Math.max(high * scale, low * scale + 1e-9)];
  for (let bin = Math.floor(from); bin < to; bin += 1) {
    const part = (Math.min(to, bin + 1) - Math.max(from, bin)) / (to - from);
    shares[Math.max(0, Math.min(BINS - 1, bin))] += share * part;
  }
}

const stepped = uPlot.paths.stepped({ align: 1 });

function curve(label, colour, fill, paths) {
  return { label, width: 2, stroke: () => token(colour), fill: fill ? () => token(fill) : undefined, paths, points: { show: false } };
}

function thresholdMarker(old, fresh) {
  const where = PLACE[fresh.score](fresh.threshold, fresh.threshold);
  const isShared = fresh.score !== "probability" || old.threshold === fresh.threshold;
  return isShared ? marker(() => where, () => "threshold", "--text-3") : null;
}

function tickWords(score) {
  if (score === "probability") return (v) => `${Math.round(v * 100)} %`;
  return (v) => (score === "reconstruction_loss" && v === WIDEST ? `${v}+` : `${v}`.replace("-", "−"));
}

function drawScores(plot, old, fresh, width) {
  const [bottom, top] = span(old, fresh);
  const edges = Array.from({ length: BINS }, (_, i) => bottom + (i * (top - bottom)) / BINS);
  return new uPlot({
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [12, 10, 0, 0],
    scales: { x: { time: false, range: [bottom, top] }, y: { distr: 100, fwd: (v) => Math.sqrt(Math.max(0, v)), bwd: (v) => v * v, range: (u, low, high) => [0, high * 1.1 || 1] } },
    axes: [
      axis({ label: LABEL[fresh.score], labelSize: 18, labelGap: 0, size: 26, grid: { show: false }, values: (u, splits) => splits.map(tickWords(fresh.score)) }),
      axis({ size: 46, filter: (u, splits) => splits, splits: (u) => [0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8].filter((v) => v <= u.scales.y.max), values: (u, splits) => splits.map((v) => `${Math.round(v * 100)} %`) }),
    ],
    series: [{}, curve("old", "--chart-old", "--chart-old-soft", stepped), curve("new", "--chart-new", null, stepped)],
    plugins: [thresholdMarker(old, fresh)].filter(Boolean),
  }, [edges, inUnits(old, [bottom, top]), inUnits(fresh, [bottom, top])], plot);
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
  const plot = box.querySelector('[data-plot="scores"]');
  const [old, fresh] = await Promise.all([api(box.dataset.old), api(box.dataset.new)]);
  if (old.edges.length && fresh.edges.length) keep(plot, (width) => drawScores(plot, old, fresh, width));
  else plot.textContent = "Not every version has scored frames yet.";
}

const onAudit = document.querySelector('[data-plot="roc-audit"]');
if (onAudit) keep(onAudit, (width) => drawRoc(onAudit, read("roc-audit-old"), read("roc-audit-new"), width));

for (const box of document.querySelectorAll("[data-compare]")) {
  start(box).catch((error) => { box.querySelector(".plot").textContent = error.message; });
}
