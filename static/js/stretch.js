// A stretch of a video to be judged: its frames and some around them, what is known of each, and the part that is chosen.

import { compress, expand } from "./runs.js";

const expandIds = (steps) => steps.flatMap(([first, count]) => Array.from({ length: count }, (_, place) => first + place));

/** Seconds as m:ss or h:mm:ss. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, "0")];
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

const ROUNDING_S = 0.02; // a player's clock may lie that much before the time it was sent to

/** The last place of an ordered array where this holds; -1 where it holds nowhere. */
export function lastWhere(ordered, holds) {
  let [low, high] = [0, ordered.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(ordered[middle])) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const median = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;

/** The frames of a video that one answer of the server knows; stretches cut from the same answer share them. */
export class Frames {
  #begun = null; // the latest time up to each frame: times may go backwards

  constructor(data) {
    this.from = data.from;
    this.ids = expandIds(data.ids);
    this.times = data.times;
    this.values = data.values;
    this.verdicts = expand(data.verdicts);
    this.versions = expand(data.versions);
    this.shots = new Set(data.shots);
    this.step = median(this.times.slice(1).map((time, place) => time - this.times[place]).filter((gap) => gap > 0));
  }

  get last() { return this.from + this.ids.length - 1; }

  /** The frame shown at a second: the last one that has begun. */
  at(seconds) {
    this.#begun ??= this.times.reduce((begun, time, place) => { begun.push(Math.max(time, begun[place - 1] ?? time)); return begun; }, []);
    return this.from + Math.max(0, lastWhere(this.#begun, (time) => time <= seconds + ROUNDING_S));
  }
}

export class Stretch {
  #starts = [];
  #ends = [];

  /** `data` as the server sends it, or with `frames` that another stretch knows. */
  constructor(data, frames = new Frames(data)) {
    const { video, first, last, cursor, isOutlier } = data;
    this.frames = frames;
    this.video = video;
    this.cursor = cursor;
    this.isOutlier = isOutlier;
    [this.whole, this.first, this.last] = [{ first, last }, first, last];
  }

  get count() { return this.last - this.first + 1; }
  get isNarrowed() { return this.first !== this.whole.first || this.last !== this.whole.last; }
  get step() { return this.frames.step; }
  get key() { return `${this.video}:${this.first}-${this.last}`; }

  id(number) { return this.frames.ids[number - this.frames.from]; }
  time(number) { return this.frames.times[number - this.frames.from]; }
  value(number) { return this.frames.values[number - this.frames.from]; }
  verdict(number) { return this.frames.verdicts[number - this.frames.from]; }

  /** Numbers of the chosen frames. */
  numbers() { return Array.from({ length: this.count }, (_, place) => this.first + place); }

  get start() { return this.time(this.first); }
  /** Where the frame after the last one begins. */
  get end() {
    const next = this.last < this.frames.last ? this.time(this.last + 1) : this.time(this.last) + this.step;
    return Math.max(next, this.time(this.last));
  }

  /** Of the chosen frames, the one shown at a second. */
  at(seconds) {
    return Math.min(Math.max(this.frames.at(seconds), this.first), this.last);
  }

  worst() {
    return this.numbers().reduce((best, number) => ((this.value(number) ?? -Infinity) > (this.value(best) ?? -Infinity) ? number : best), this.first);
  }

  mean() {
    const known = this.numbers().map((number) => this.value(number)).filter((value) => value !== null);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  }

  judged() { return this.numbers().filter((number) => this.verdict(number)).length; }

  /** At most `most` frames that stand for it: the first, the worst and the last, and evenly spaced ones between. */
  film(most) {
    if (this.count <= most) return this.numbers();
    const worst = this.worst();
    const even = Array.from({ length: most }, (_, place) => this.first + Math.round((place * (this.count - 1)) / (most - 1)));
    if (even.includes(worst)) return even;
    const nearest = even.slice(1, -1).reduce((best, number) => (Math.abs(number - worst) < Math.abs(best - worst) ? number : best), Infinity);
    return even.map((number) => (number === nearest ? worst : number)).sort((one, other) => one - other);
  }

  // ---- narrowing

  /** Drop the half of the chosen frames at this edge; false when there is one frame only. What people look for mostly
   * begins with a shot, so the cut is at the start of the shot nearest to the middle, if one is near. */
  narrow(edge) {
    if (this.count < 2) return false;
    const shot = this.#shotInTheMiddle();
    const half = Math.floor(this.count / 2);
    this.#undo(edge).push(edge === "start" ? this.first : this.last);
    if (edge === "start") this.first = shot ?? this.first + half;
    else this.last = shot ? shot - 1 : this.last - half;
    return true;
  }

  /** The start of the shot nearest to the middle, within the middle half of the chosen frames. */
  #shotInTheMiddle() {
    const middle = this.first + this.count / 2;
    const off = (number) => Math.abs(number - middle);
    const near = this.numbers().slice(1).filter((number) => this.frames.shots.has(number) && off(number) <= this.count / 4);
    return near.sort((one, other) => off(one) - off(other))[0];
  }

  /** Give back what was dropped last at this edge. */
  widen(edge) {
    const before = this.#undo(edge).pop();
    if (before === undefined) return false;
    if (edge === "start") this.first = before;
    else this.last = before;
    return true;
  }

  #undo(edge) { return edge === "start" ? this.#starts : this.#ends; }

  /** Frames `first` to `last` of the same video as a stretch of their own. */
  part(first, last) { return new Stretch({ ...this, first, last }, this.frames); }

  /** What remains of the whole on both sides of these frames, in the order of the video. */
  rest({ first, last } = this) {
    const before = first > this.whole.first ? [this.part(this.whole.first, Math.min(first - 1, this.whole.last))] : [];
    const after = last < this.whole.last ? [this.part(Math.max(last + 1, this.whole.first), this.whole.last)] : [];
    return [...before, ...after];
  }

  // ---- what people said

  /** The versions of the chosen frames, as runs. */
  seen() {
    const start = this.first - this.frames.from;
    return compress(this.frames.versions.slice(start, start + this.count));
  }

  /** Lay a verdict over the chosen frames as the server will: over those that nobody judged, or over all where none is
   * left. Returns what undoes it. */
  judge(verdict) {
    const numbers = this.numbers();
    const open = numbers.filter((number) => !this.verdict(number));
    const before = new Map((open.length ? open : numbers).map((number) => [number, this.verdict(number)]));
    for (const number of before.keys()) this.#set(number, verdict);
    return () => { for (const [number, was] of before) this.#set(number, was); };
  }

  #set(number, verdict) {
    this.frames.verdicts[number - this.frames.from] = verdict;
    this.frames.versions[number - this.frames.from] += 1;
  }

  /** The server's word on the versions of frames from `first` on. */
  learn(first, versions) {
    expand(versions).forEach((version, place) => {
      const at = first + place - this.frames.from;
      if (at >= 0 && at < this.frames.versions.length) this.frames.versions[at] = version;
    });
  }
}
