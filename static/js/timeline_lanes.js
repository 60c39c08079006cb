// The segments of a recording as two lanes, above the threshold and below it, and under them a line of what people said.
// A segment that was judged has the verdict's colour, its pattern, and its letters where they fit.

import { token } from "./charts.js";
import { COLOURS as THIN } from "./score_axis.js";
import { lastWhere } from "./stretch.js";

const LANE = 20;
const GAP = 3;
const FOOT = 8;
export const LANES_HEIGHT = 2 * LANE + 3 * GAP + FOOT;

const COLOURS = { ...THIN, unsure: "--text-2" };
const LETTERS = { in: "IN", out: "OUT", unsure: "?" };
const FOOT_HEIGHTS = { in: 4, out: FOOT, unsure: 2 };
const TILE = 6;

const paint = {
  in: () => {},
  out: (ctx) => { ctx.lineWidth = 1.4; for (const x of [-TILE, 0, TILE]) { ctx.moveTo(x, TILE); ctx.lineTo(x + TILE, 0); } ctx.stroke(); },
  unsure: (ctx) => { ctx.fillStyle = ctx.strokeStyle; ctx.fillRect(1, 1, 1.6, 1.6); ctx.fillRect(4, 4, 1.6, 1.6); },
};

/** A verdict's colour with its pattern: plain for IN, hatched for OUT, dotted for unsure. */
function fill(ctx, verdict) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = TILE * devicePixelRatio;
  const inner = tile.getContext("2d");
  inner.scale(devicePixelRatio, devicePixelRatio);
  inner.fillStyle = token(COLOURS[verdict]);
  inner.fillRect(0, 0, TILE, TILE);
  inner.strokeStyle = "rgb(255 255 255 / 34%)";
  paint[verdict](inner);
  return ctx.createPattern(tile, "repeat");
}

function fills(ctx) {
  return Object.fromEntries(["in", "out", "unsure"].map((verdict) => [verdict, fill(ctx, verdict)]));
}

/** Makes a canvas as large as its place on the page, in real pixels, and gives its context. */
export function fresh(canvas, width, height) {
  Object.assign(canvas, { width: Math.round(width * devicePixelRatio), height: Math.round(height * devicePixelRatio) });
  const ctx = canvas.getContext("2d");
  ctx.scale(devicePixelRatio, devicePixelRatio);
  return ctx;
}

/** The segments that reach into [low, high]. */
function inside(segments, [low, high]) {
  return segments.slice(Math.max(0, lastWhere(segments, (each) => each.first <= low)), lastWhere(segments, (each) => each.first <= high) + 1);
}

/** Draw onto `canvas`. `look`: {recording, segments, range, current}, the frames shown from range[0] to range[1]; `left` and
 * `width`, in CSS pixels, say where the plotted part lies. */
export function drawLanes(canvas, look, { left, width }) {
  const ctx = fresh(canvas, canvas.parentElement.clientWidth, LANES_HEIGHT);
  const [low, high] = look.range;
  const x = (number) => left + (Math.min(Math.max((number - low) / (high - low), 0), 1)) * width;
  names(ctx, left, look.segments.length);
  if (look.segments.length) for (const top of [GAP, LANE + 2 * GAP]) ground(ctx, left, top, width);
  boxes(ctx, look, x);
  if (look.current) outline(ctx, look.current, x);
  foot(ctx, look, x);
}

function names(ctx, left, isThere) {
  if (!isThere) return;
  ctx.fillStyle = token("--text-3");
  ctx.font = "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  ctx.fillText("above", left - 6, GAP + LANE / 2);
  ctx.fillText("below", left - 6, 2 * GAP + LANE * 1.5);
}

function ground(ctx, left, top, width) {
  ctx.fillStyle = token("--bg-sunken");
  ctx.fillRect(left, top, width, LANE);
}

const laneOf = ({ isOutlier }) => (isOutlier ? GAP : LANE + 2 * GAP);

function boxes(ctx, { recording, segments, range }, x) {
  const patterns = fills(ctx);
  const plain = [token("--line-strong"), `color-mix(in srgb, ${token("--text-3")} 58%, ${token("--bg")})`];
  const drawn = [-1, -1]; // per lane, the pixel that is taken: narrower segments are drawn as one
  for (const segment of inside(segments, range)) {
    const [from, to] = [x(segment.first - 0.5), x(segment.last + 0.5)];
    const lane = Number(segment.isOutlier);
    if (to - drawn[lane] < 0.5) continue;
    drawn[lane] = to;
    const word = recording.word(segment);
    ctx.fillStyle = word ? patterns[word] : plain[lane];
    ctx.fillRect(from, laneOf(segment), Math.max(to - from - (to - from > 3 ? 1 : 0), 1), LANE);
    if (word) letters(ctx, word, from, to, laneOf(segment));
  }
}

function letters(ctx, word, from, to, top) {
  ctx.font = "660 11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  const wide = ctx.measureText(LETTERS[word]).width;
  if (to - from < wide + 8) return;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillStyle = token(COLOURS[word]);
  ctx.fillRect(from + 2, top + 3, wide + 6, LANE - 6);
  ctx.fillStyle = token(word === "unsure" ? "--bg" : "--on-verdict");
  ctx.fillText(LETTERS[word], from + 5, top + LANE / 2 + 0.5);
}

function outline(ctx, segment, x) {
  const [from, to] = [x(segment.first - 0.5), x(segment.last + 0.5)];
  ctx.strokeStyle = token("--text");
  ctx.lineWidth = 2;
  ctx.strokeRect(from, laneOf(segment), Math.max(to - from - 1, 1), LANE);
}

/** Frame by frame what people said: low for IN, high for OUT, a thread for unsure. */
function foot(ctx, { recording, range: [low, high] }, x) {
  const { frames } = recording;
  const bottom = LANES_HEIGHT;
  const end = Math.min(frames.last, Math.ceil(high));
  let first = Math.max(frames.from, Math.floor(low));
  while (first <= end) {
    const verdict = frames.verdicts[first - frames.from];
    let last = first;
    while (last < end && frames.verdicts[last + 1 - frames.from] === verdict) last += 1;
    if (verdict) {
      const [from, to] = [x(first - 0.5), x(last + 0.5)];
      ctx.fillStyle = token(COLOURS[verdict]);
      ctx.fillRect(from, bottom - FOOT_HEIGHTS[verdict], Math.max(to - from, 1), FOOT_HEIGHTS[verdict]);
    }
    first = last + 1;
  }
}
