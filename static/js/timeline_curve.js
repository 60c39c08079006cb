// The score over the whole recording: threshold and shots. Frames that share a pixel are drawn as their lowest and highest.

import { axis, keep, token, uPlot } from "./charts.js";
import { rule, scoreAxis, scoreScale } from "./score_axis.js";
import { clock, lastWhere } from "./stretch.js";

const HEIGHT = 176;
const ON_PHONE = 124;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800];
const PX_PER_TICK = 76;
const MOST_DOTS = 80;
const MOST_SHOTS_PER_PX = 0.25; // more are a grey band that says nothing

/** Frames at round times, as ticks. */
function timeSplits({ frames }, [low, high], width) {
  const [from, to] = [low, high].map((end) => frames.times[Math.min(Math.max(Math.round(end), frames.from), frames.last) - frames.from]);
  const wanted = Math.max(1, width / PX_PER_TICK);
  const step = STEPS_S.find((each) => (to - from) / each <= wanted) ?? STEPS_S.at(-1);
  const ticks = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) ticks.push(frames.at(time));
  return [...new Set(ticks)];
}

function shots(u, recording) {
  const { ctx, bbox } = u;
  const [low, high] = [u.scales.x.min, u.scales.x.max];
  const inside = recording.shots.slice(lastWhere(recording.shots, (shot) => shot - 0.5 < low) + 1, lastWhere(recording.shots, (shot) => shot - 0.5 <= high) + 1);
  if (inside.length > (bbox.width / devicePixelRatio) * MOST_SHOTS_PER_PX) return;
  ctx.fillStyle = token("--line-strong");
  for (const shot of inside) ctx.fillRect(Math.round(u.valToPos(shot - 0.5, "x", true)), bbox.top + bbox.height * 0.92, devicePixelRatio, bbox.height * 0.08);
}

export class TimelineCurve {
  /** Draws into `box`; `look()` gives {recording, range: [first, last] of what is shown}; `drawn()` is called after each
   * drawing, for what lies below on the same scale. */
  constructor(box, look, drawn) {
    this.look = look;
    this.drawn = drawn;
    this.box = box;
    this.kept = keep(box, (width) => (look().recording ? this.#made(width) : null));
  }

  /** Another recording. */
  redraw() { this.kept.redraw(); }

  /** Another part of the same recording. */
  move() {
    const [min, max] = this.look().range;
    this.kept.chart?.setScale("x", { min, max });
  }

  get isDrawn() { return Boolean(this.kept.chart); }
  get left() { return this.kept.chart.over.offsetLeft; }
  get width() { return this.kept.chart.over.offsetWidth; }

  #made(width) {
    const { recording } = this.look();
    const { frames, score, threshold } = recording;
    const numbers = frames.values.map((_, place) => frames.from + place);
    const isScored = frames.values.some((value) => value !== null);
    return new uPlot({
      width, height: width < 480 ? ON_PHONE : HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [0, 6, 4, 0],
      scales: { x: { time: false, range: () => this.look().range }, y: scoreScale(frames.values, threshold, score) },
      axes: [
        axis({
          side: 0, size: 22, grid: { show: false },
          splits: () => timeSplits(recording, this.look().range, width), filter: (u, at) => at,
          values: (u, at) => at.map((number) => clock(recording.time(number) + 0.02)),
        }),
        scoreAxis(score, isScored ? {} : { values: (u, at) => at.map(() => "") }),
      ],
      series: [{}, { stroke: () => token("--text-2"), width: 1.25, points: { show: numbers.length < MOST_DOTS, size: 4, fill: token("--text-2") }, spanGaps: true }],
      plugins: [this.#lines(recording)],
    }, [numbers, frames.values], this.box);
  }

  #lines(recording) {
    return {
      hooks: {
        draw: (u) => {
          if (recording.threshold !== null) rule(u, "y", recording.threshold, "--out", [4, 4]);
          shots(u, recording);
          this.drawn();
        },
      },
    };
  }
}
