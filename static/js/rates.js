// Charts of honest rates: ROC, precision-recall, how a score is spread per verdict and reason, and rates by reviews.

import { axis, keep, marker, measure, short, tick, token, uPlot } from "./charts.js";

const HEIGHT = 240;
const SHARES = [0, 0.25, 0.5, 0.75, 1];
const FAINTEST = 0.3; // of the reasons for OUT; each is drawn lighter than the one before

const data = JSON.parse(document.getElementById("rates-data")?.textContent ?? "{}");
const points = JSON.parse(document.getElementById("points-data")?.textContent ?? "{}");
const box = document.getElementById("rates-charts");
const stepped = uPlot.paths.stepped({ align: 1 });

function square(plot, rows, { x, y, paths = stepped, colour = "--chart-new" }, width) {
  const best = new Map(rows); // points climb: the last of one x is its own
  return new uPlot({
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [12, 14, 0, 0],
    scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1.02] } },
    axes: [
      axis({ label: x, labelSize: 18, labelGap: 0, size: 26, splits: () => SHARES }),
      axis({ label: y, labelSize: 18, labelGap: 0, size: 40, splits: () => SHARES }),
    ],
    series: [{}, { width: 2, stroke: () => token(colour), paths, points: { show: false } }],
  }, [[...best.keys()], [...best.values()]], plot);
}

/** Kinds from the axis up: the reasons for OUT, the most frequent first, then IN. */
function kinds() {
  const sum = (name) => data.kinds[name].reduce((total, count) => total + count, 0);
  const out = Object.keys(data.kinds).filter((name) => name !== "in").sort((one, other) => sum(other) - sum(one));
  const step = out.length > 1 ? (1 - FAINTEST) / (out.length - 1) : 0;
  const made = out.map((name, place) => ({ name, colour: "--chart-out", strength: 1 - place * step, frames: sum(name) }));
  return data.kinds.in ? [...made, { name: "in", colour: "--chart-in", strength: 1, frames: sum("in") }] : made;
}

/** A lighter tone that still hides what is behind it. */
const towardsPage = (colour, strength) => `color-mix(in srgb, ${token(colour)} ${Math.round(strength * 100)}%, ${token("--bg")})`;

/** Series are drawn over the higher ones, so the sums come first. */
function stacked(shown) {
  const bins = data.edges.slice(1).map((_, bin) => bin);
  return shown.map((_, place) => bins.map((bin) => total(shown, place, bin))).reverse();
}

function total(shown, last, bin) {
  return shown.slice(0, last + 1).reduce((sum, { name }) => sum + data.kinds[name][bin], 0);
}

const root = { distr: 100, fwd: (v) => Math.sqrt(Math.max(0, v)), bwd: (v) => v * v, range: (u, low, high) => [0, Math.max(high * 1.12, 4)] };

function drawKinds(plot, width) {
  const shown = kinds();
  const centres = data.edges.slice(1).map((edge, i) => (edge + data.edges[i]) / 2);
  const bars = uPlot.paths.bars({ size: [0.92, 60], align: 0 });
  const low = Math.min(data.edges[0], data.threshold);
  const high = Math.max(data.edges.at(-1), data.threshold);
  return new uPlot({
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [8, 8, 0, 0],
    scales: { x: { time: false, range: [low, high] }, y: root },
    axes: [
      axis({ label: data.label, labelSize: 18, labelGap: 2, size: 26, grid: { show: false }, values: (u, splits) => splits.map((v) => tick(v, scoreName())) }),
      axis({ size: 48, values: (u, splits) => splits.map(short) }),
    ],
    series: [{}, ...[...shown].reverse().map(({ colour, strength }) => ({
      width: 0, fill: () => towardsPage(colour, strength), stroke: () => towardsPage(colour, strength), paths: bars, points: { show: false },
    }))],
    plugins: [marker(() => data.threshold, () => `threshold ${measure(data.threshold, scoreName())}`)],
  }, [centres, ...stacked(shown)], plot);
}

const scoreName = () => ({ loss: "reconstruction_loss", ood: "ood_score", probability: "probability" })[data.score];

function drawLegend(place) {
  place.replaceChildren(...kinds().map(({ name, strength, frames }) => {
    const key = document.createElement("span");
    key.className = `key key-${name === "in" ? "in" : "out"}`;
    key.style.setProperty("--key-alpha", strength);
    const words = name === "in" ? "IN" : `OUT${name === "out" ? "" : `: ${name}`}`;
    key.textContent = `${words}, about ${Math.round(frames).toLocaleString("en")}`;
    return key;
  }));
}

/** A rate with its interval as a bar through each point. */
function whiskers(names) {
  return {
    hooks: {
      draw: (u) => {
        const { ctx } = u;
        ctx.save();
        ctx.lineWidth = 1.5 * devicePixelRatio;
        for (const [name, colour] of names) {
          ctx.strokeStyle = token(colour);
          points[name].forEach((found, i) => { if (found) whisker(u, points.reviews[i], found[1], found[2]); });
        }
        ctx.restore();
      },
    },
  };
}

function whisker(u, x, low, high) {
  const at = u.valToPos(x, "x", true);
  u.ctx.beginPath();
  u.ctx.moveTo(at, u.valToPos(low, "y", true));
  u.ctx.lineTo(at, u.valToPos(high, "y", true));
  u.ctx.stroke();
}

function drawEfficiency(plot, width) {
  const names = [["tpr", "--chart-in"], ["fpr", "--chart-out"], ["auroc", "--chart-new"]];
  const line = ([, colour]) => ({
    width: 2, stroke: () => token(colour), spanGaps: true, points: { show: true, size: 7, fill: () => token(colour), stroke: () => token(colour) },
  });
  const most = Math.max(...points.reviews, 10);
  return new uPlot({
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [12, 14, 0, 0],
    scales: { x: { time: false, range: [-most * 0.04, most * 1.04] }, y: { range: [0, 1.02] } },
    axes: [
      axis({ label: "reviews to learn from", labelSize: 18, labelGap: 0, size: 26, grid: { show: false }, values: (u, splits) => splits.map((v) => (v < 0 ? "" : short(v))) }),
      axis({ size: 46, splits: () => SHARES, values: (u, splits) => splits.map((v) => `${v * 100} %`) }),
    ],
    series: [{}, ...names.map(line)],
    plugins: [whiskers(names)],
  }, [points.reviews, ...names.map(([name]) => points[name].map((found) => found?.[0] ?? null))], plot);
}

function start() {
  const plot = (name) => box?.querySelector(`[data-plot="${name}"]`);
  if (!box) return;
  if (data.roc?.length) keep(plot("roc"), (width) => square(plot("roc"), data.roc, { x: "FPR", y: "TPR" }, width));
  else plot("roc").textContent = "Frames of both kinds are needed.";
  if (data.pr?.length) keep(plot("pr"), (width) => square(plot("pr"), data.pr, { x: "recall of OUT", y: "precision", paths: uPlot.paths.linear() }, width));
  else plot("pr").textContent = "An OUT frame is needed.";
  keep(plot("kinds"), (width) => drawKinds(plot("kinds"), width));
  drawLegend(box.querySelector("[data-legend]"));
  if (plot("efficiency")) keep(plot("efficiency"), (width) => drawEfficiency(plot("efficiency"), width));
}

start();
