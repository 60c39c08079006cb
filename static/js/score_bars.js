// Bars of scores by verdict: how they are stacked and scaled, and what a threshold among them would mean.

import { token, uPlot } from "./charts.js";

/** Counts per bin stacked from the axis up: OUT, then IN, then the rest; each series is drawn over the higher one. */
export function stack(data) {
  const centres = data.counts.map((_, i) => (data.edges[i] + data.edges[i + 1]) / 2);
  const judged = data.counts.map((_, i) => data.in[i] + data.out[i]);
  return [centres, data.counts, judged, data.out];
}

export function series(label, colour) {
  return {
    label, fill: () => token(colour), stroke: () => token(colour), width: 0,
    paths: uPlot.paths.bars({ size: [0.92, 60], align: 0 }), points: { show: false },
  };
}

// A square-root scale keeps the few outliers visible beside thousands of frames that belong.
export const root = { distr: 100, fwd: (v) => Math.sqrt(Math.max(0, v)), bwd: (v) => v * v, range: (u, low, high) => [0, Math.max(high * 1.12, 4)] };

/** Ticks of the root scale, far enough apart to be read. */
export function ticks(highest) {
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

/** The share of held-out frames that a threshold accepts: the other way round than thresholdAt. */
export function shareAt(quantiles, threshold) {
  const last = quantiles.length - 1;
  const beyond = quantiles.findIndex((value) => value > threshold);
  if (beyond === 0) return 0;
  if (beyond < 0) return 1;
  const [low, high] = [quantiles[beyond - 1], quantiles[beyond]];
  return (beyond - 1 + (high > low ? (threshold - low) / (high - low) : 0)) / last;
}
