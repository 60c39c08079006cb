// The score along a stretch, with what comes before and after: threshold, the chosen part, and the frame in the player.

import { axis, keep, measure, tick, token, uPlot } from "./charts.js";
import { clock } from "./stretch.js";

const HEIGHT = 208;
const ON_PHONE = 112;
const LOSS = "reconstruction_loss";

// Losses go logarithmic: an advertisement's is fifty times a match's, and the near cases lie between.
const logarithmic = { distr: 3, log: 10 };

function scaleOf(values, threshold, score) {
  if (score === "probability") return { range: [0, 1.04] };
  const known = values.filter((value) => value !== null).concat(threshold ?? []);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (score === LOSS && low > 0) return { ...logarithmic, range: [low * 0.85, high * 1.2] };
  const room = (high - low || 1) * 0.08;
  return { range: [low - room, high + room] };
}

/** Ticks of a logarithmic axis: 1, 2, 5, 10, ..., or each tenth, where that would be too many. */
function decades(low, high) {
  const all = Array.from({ length: 14 }, (_, power) => 10 ** (power - 4)).flatMap((ten) => [ten, 2 * ten, 5 * ten]);
  const inside = all.filter((value) => value >= low && value <= high);
  return inside.length > 5 ? inside.filter((value) => Number.isInteger(Math.log10(value))) : inside;
}

function lines(look) {
  return {
    hooks: {
      drawAxes: (u) => shade(u, look()),
      draw: (u) => {
        const { stretch, threshold, number } = look();
        if (threshold !== null) rule(u, "y", threshold, "--out", [4, 4]);
        for (const shot of stretch.frames.shots) tickAt(u, shot);
        judged(u, stretch);
        rule(u, "x", number, "--text", []);
      },
    },
  };
}

/** The chosen frames lie on a ground of their own; what was dropped from the stretch on a fainter one. */
function shade(u, { stretch }) {
  const { ctx, bbox } = u;
  for (const [first, last, colour] of [[stretch.whole.first, stretch.whole.last, "--bg-sunken"], [stretch.first, stretch.last, "--bg-active"]]) {
    const [from, to] = [first - 0.5, last + 0.5].map((end) => u.valToPos(Math.min(Math.max(end, u.scales.x.min), u.scales.x.max), "x", true));
    ctx.fillStyle = token(colour);
    ctx.fillRect(from, bbox.top, to - from, bbox.height);
  }
}

function rule(u, along, value, colour, dash) {
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

function tickAt(u, number) {
  const { ctx, bbox } = u;
  ctx.fillStyle = token("--line-strong");
  ctx.fillRect(Math.round(u.valToPos(number - 0.5, "x", true)), bbox.top, devicePixelRatio, bbox.height * 0.06);
}

const COLOURS = { in: "--in-solid", out: "--out-solid", unsure: "--text-3" };

/** A line along the foot where people have judged. */
function judged(u, { frames }) {
  const { ctx, bbox } = u;
  const high = 4 * devicePixelRatio;
  const edge = (number) => u.valToPos(Math.min(Math.max(number, u.scales.x.min), u.scales.x.max), "x", true);
  frames.verdicts.forEach((verdict, place) => {
    if (!verdict) return;
    const from = edge(frames.from + place - 0.5);
    ctx.fillStyle = token(COLOURS[verdict]);
    ctx.fillRect(from, bbox.top + bbox.height - high, Math.max(edge(frames.from + place + 0.5) - from, 1), high);
  });
}

/** Draws into `box`; `look()` gives {stretch, score, threshold, number}; `seek(number)` follows a press or a drag. */
export class Curve {
  constructor(box, look, seek) {
    this.box = box;
    this.look = look;
    this.kept = keep(box, (width) => (look().stretch ? this.#draw(width) : null));
    let isDown = false;
    const follow = (event) => { if (isDown && this.kept.chart) seek(this.#numberAt(event)); };
    box.addEventListener("pointerdown", (event) => { isDown = true; box.setPointerCapture(event.pointerId); follow(event); });
    box.addEventListener("pointermove", follow);
    for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, () => { isDown = false; });
  }

  /** Another stretch, or other edges. */
  redraw() {
    this.kept.redraw();
    const { stretch, score } = this.look();
    const worst = stretch.value(stretch.worst());
    this.box.setAttribute("aria-label", `The score from ${clock(stretch.start)} to ${clock(stretch.end)}${worst === null ? "" : `, at most ${measure(worst, score)}`}`);
  }

  /** The frame in the player has changed. */
  mark() { this.kept.chart?.redraw(false, false); }

  #numberAt(event) {
    const { frames } = this.look().stretch;
    const over = this.kept.chart.over.getBoundingClientRect();
    const number = Math.round(this.kept.chart.posToVal(event.clientX - over.left, "x"));
    return Math.min(Math.max(number, frames.from), frames.last);
  }

  #draw(width) {
    const { stretch, score, threshold } = this.look();
    const { from, last, values } = stretch.frames;
    const numbers = values.map((_, place) => from + place);
    const beside = Math.max(4, Math.round((stretch.whole.last - stretch.whole.first + 1) / 2));
    const range = [Math.max(from, stretch.whole.first - beside) - 0.5, Math.min(last, stretch.whole.last + beside) + 0.5];
    return new uPlot({
      width, height: width < 480 ? ON_PHONE : HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [6, 6, 0, 0],
      scales: { x: { time: false, range }, y: scaleOf(values, threshold, score) },
      axes: [
        axis({ size: 22, grid: { show: false }, space: 64, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000], values: (u, at) => at.map((number) => (stretch.time(number) === undefined ? "" : clock(stretch.time(number)))) }),
        axis({ size: 44, space: 34, ...(score === LOSS && { splits: (u) => decades(u.scales.y.min, u.scales.y.max), filter: (u, at) => at }), values: (u, at) => at.map((value) => tick(value, score)) }),
      ],
      series: [{}, { stroke: () => token("--text-2"), width: 1.5, points: { show: numbers.length < 80, size: 4, fill: token("--text-2") }, spanGaps: true }],
      plugins: [lines(this.look)],
    }, [numbers, values], this.box);
  }
}
