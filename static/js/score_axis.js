// The axis of a score, and the lines that every curve of it has.

import { axis, tick, token } from "./charts.js";

const LOSS = "reconstruction_loss";
// Losses go logarithmic: an advertisement's is fifty times a match's, and the near cases lie between.
const LOGARITHMIC = { distr: 3, log: 10 };

/** Colours of the verdicts, as tokens; never shown without a letter or a shape. */
export const COLOURS = { in: "--in-solid", out: "--out-solid", unsure: "--text-3" };

function ends(values) {
  return values.reduce(([low, high], value) => (value === null ? [low, high] : [Math.min(low, value), Math.max(high, value)]), [Infinity, -Infinity]);
}

/** uPlot's scale for these values and the threshold; a threshold of null is none. */
export function scoreScale(values, threshold, score) {
  if (score === "probability") return { range: [0, 1.04] };
  const [low, high] = ends(threshold === null ? values : [...values, threshold]);
  if (low > high) return { range: [0, 1] };
  if (score === LOSS && low > 0) return { ...LOGARITHMIC, range: [low * 0.85, high * 1.2] };
  const room = (high - low || 1) * 0.08;
  return { range: [low - room, high + room] };
}

/** Ticks of a logarithmic axis: 1, 2, 5, 10, ..., or each tenth, where that would be too many. */
function decades(low, high) {
  const all = Array.from({ length: 14 }, (_, power) => 10 ** (power - 4)).flatMap((ten) => [ten, 2 * ten, 5 * ten]);
  const inside = all.filter((value) => value >= low && value <= high);
  return inside.length > 5 ? inside.filter((value) => Number.isInteger(Math.log10(value))) : inside;
}

/** uPlot's axis of a score. */
export function scoreAxis(score, extra = {}) {
  const steps = { splits: (u) => decades(u.scales.y.min, u.scales.y.max), filter: (u, at) => at };
  return axis({ size: 44, space: 34, ...(score === LOSS && steps), values: (u, at) => at.map((value) => tick(value, score)), ...extra });
}

/** A line across the plot at a value of the x or y scale. */
export function rule(u, along, value, colour, dash) {
  const { ctx, bbox } = u;
  const at = Math.round(u.valToPos(value, along, true));
  ctx.save();
  ctx.strokeStyle = token(colour);
  ctx.lineWidth = (along === "x" ? 2 : 1.25) * devicePixelRatio;
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  ctx.beginPath();
  ctx.moveTo(along === "x" ? at : bbox.left, along === "x" ? bbox.top : at);
  ctx.lineTo(along === "x" ? at : bbox.left + bbox.width, along === "x" ? bbox.top + bbox.height : at);
  ctx.stroke();
  ctx.restore();
}

/** A tick at the top where a shot begins. */
export function shotTick(u, number) {
  const { ctx, bbox } = u;
  ctx.fillStyle = token("--line-strong");
  ctx.fillRect(Math.round(u.valToPos(number - 0.5, "x", true)), bbox.top, devicePixelRatio, bbox.height * 0.06);
}
