// The score along a stretch, with what comes before and after: threshold, the chosen part, and the frame in the player.

import { axis, keep, measure, token, uPlot } from "./charts.js";
import { COLOURS, rule, scoreAxis, scoreScale, shotTick } from "./score_axis.js";
import { clock } from "./stretch.js";

const HEIGHT = 208;
const ON_PHONE = 112;

function lines(look) {
  return {
    hooks: {
      drawAxes: (u) => shade(u, look()),
      draw: (u) => {
        const { stretch, threshold, number } = look();
        if (threshold !== null) rule(u, "y", threshold, "--out", [4, 4]);
        for (const shot of stretch.frames.shots) shotTick(u, shot);
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
      scales: { x: { time: false, range }, y: scoreScale(values, threshold, score) },
      axes: [
        axis({ size: 22, grid: { show: false }, space: 64, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000], values: (u, at) => at.map((number) => (stretch.time(number) === undefined ? "" : clock(stretch.time(number)))) }),
        scoreAxis(score),
      ],
      series: [{}, { stroke: () => token("--text-2"), width: 1.5, points: { show: numbers.length < 80, size: 4, fill: token("--text-2") }, spanGaps: true }],
      plugins: [lines(this.look)],
    }, [numbers, values], this.box);
  }
}
