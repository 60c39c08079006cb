// Charts of a training run, fed from metrics.json each second while the run is open. The page's live part is morphed
// around them by htmx, which skips this element (hx-morph-skip), so they never flicker.

import { api } from "./app.js";
import { axis, keep, marker, short, token, uPlot } from "./charts.js";

const HEIGHT = 220;
const EVERY_MS = 1000;

const box = document.getElementById("run-charts");
let metrics = null;

function columns(name) {
  if (!metrics?.epoch.length) return [[0], [null], [null]];
  return [metrics.epoch, metrics[`train_${name}`], metrics[`heldout_${name}`]];
}

function line(label, colour, dash) {
  return {
    label, width: 2, dash, stroke: () => token(colour), spanGaps: true,
    points: { show: (u) => u.data[0].length < 40, size: 5, fill: () => token(colour), stroke: () => token(colour) },
    value: (u, value) => (value === null || value === undefined ? "–" : value.toFixed(1)),
  };
}

/** Away from the pointer, the legend tells the newest epoch. */
function showLatest(u) {
  const last = u.data[0].length - 1;
  if (metrics?.epoch.length && u.legend.idxs?.[0] !== last) u.setLegend({ idx: last }, false);
}

function draw(plot, name, width) {
  return new uPlot({
    width, height: HEIGHT, padding: [12, 14, 0, 0], legend: { live: true, markers: { width: 2, dash: (u, i) => (i === 1 ? "dashed" : "solid") } },
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: false, range: (u, low, high) => [Math.min(low, 1) - 0.2, Math.max(high, 4) + 0.4] } },
    axes: [
      axis({ label: "epoch", labelSize: 18, labelGap: 0, size: 26, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] }),
      axis({ size: 52, values: (u, splits) => splits.map(short) }),
    ],
    series: [
      { label: "epoch", value: (u, value) => value ?? "–" },
      line("training", "--chart-train", [5, 4]),
      line("held-out", "--chart-heldout"),
    ],
    hooks: { ready: [showLatest], setData: [showLatest], setCursor: [(u) => { if (u.cursor.idx === null || u.cursor.left < 0) showLatest(u); }] },
    plugins: [marker(() => metrics?.best_epoch ?? null, () => "best", "--text-3")],
  }, columns(name), plot);
}

const charts = [...box.querySelectorAll("[data-plot]")].map((plot) => {
  const name = plot.dataset.plot;
  return { name, kept: keep(plot, (width) => draw(plot, name, width)) };
});

async function refresh() {
  if (!document.hidden || metrics === null) {
    const seen = metrics?.epoch.length;
    const best = metrics?.best_epoch;
    metrics = await api(box.dataset.metrics);
    const isNew = metrics.epoch.length !== seen || metrics.best_epoch !== best;
    if (isNew) for (const { name, kept } of charts) kept.chart?.setData(columns(name));
  }
  return metrics.is_open;
}

async function follow() {
  let goesOn = true;
  try {
    goesOn = await refresh();
  } catch {
    // The next one may pass; the page around says when the server is gone.
  }
  if (goesOn) setTimeout(follow, EVERY_MS);
}

follow();
