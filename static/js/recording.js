// What the timeline knows of a recording: its frames, its segments, and what people said of them.

import { Frames, lastWhere, Stretch } from "./stretch.js";

export class Recording {
  #words = null; // per segment, what all of its frames carry
  #shots = null;

  /** `data` as the server sends a timeline. */
  constructor(data) {
    const { video, score, label, threshold, segments, isCurrent, isCut, duration } = data;
    Object.assign(this, { video, score, label, threshold, segments, isCurrent, isCut });
    this.frames = new Frames(data);
    this.whole = new Stretch({ video, first: this.first, last: this.last, isOutlier: false }, this.frames);
    this.duration = Math.max(duration ?? 0, this.isEmpty ? 0 : this.whole.end);
  }

  get first() { return this.frames.from; }
  get last() { return this.frames.last; }
  get isEmpty() { return !this.frames.ids.length; }

  id(number) { return this.whole.id(number); }
  time(number) { return this.whole.time(number); }
  within(number) { return Math.min(Math.max(number, this.first), this.last); }

  // ---- segments

  /** The segment that holds a frame; undefined before there are any. */
  segmentAt(number, segments = this.segments) {
    const found = segments[lastWhere(segments, (segment) => segment.first <= number)];
    return found && found.last >= number ? found : undefined;
  }

  /** Its frames as a stretch, which can be judged. */
  stretch({ first, last }) { return this.whole.part(first, Math.min(last, this.last)); }

  /** The verdict that all frames of a segment carry; "" where they differ or one is open. */
  word(segment) {
    this.#words ??= new Map();
    if (!this.#words.has(segment)) this.#words.set(segment, this.#wordOf(segment));
    return this.#words.get(segment);
  }

  #wordOf({ first, last }) {
    const said = this.whole.verdict(first);
    for (let number = first + 1; said && number <= last; number += 1) if (this.whole.verdict(number) !== said) return "";
    return said ?? "";
  }

  isOpen({ first, last }) {
    for (let number = first; number <= last; number += 1) if (!this.whole.verdict(number)) return true;
    return false;
  }

  /** The first segment from frame `number` on with a frame that nobody judged. */
  nextOpen(number) { return this.segments.find((segment) => segment.first >= number && this.isOpen(segment)); }

  /** Where `[` leads: the start of this segment, or of the one before where this is the start already. */
  before(number) {
    const here = this.segmentAt(number);
    return here && here.first < number ? here : this.segmentAt((here?.first ?? number) - 1);
  }

  after(number) {
    const here = this.segmentAt(number);
    return here && this.segmentAt(here.last + 1);
  }

  /** Verdicts or segments have changed. */
  changed() { this.#words = null; }

  // ---- edges

  get shots() {
    this.#shots ??= [...this.frames.shots].sort((one, other) => one - other);
    return this.#shots;
  }

  /** The shot that begins nearest to frame `number`; undefined where there are no shots. */
  shotNear(number) {
    const place = lastWhere(this.shots, (shot) => shot <= number);
    const [below, above] = [this.shots[place], this.shots[place + 1]];
    if (below === undefined || above === undefined) return below ?? above;
    return number - below <= above - number ? below : above;
  }

  /** The next place for an edge in a direction (-1 or 1) where a shot begins or ends. */
  shotBeyond(edge, number, way) {
    const begins = edge === "start" ? number : number + 1;
    const place = lastWhere(this.shots, (shot) => (way > 0 ? shot <= begins : shot < begins));
    const shot = this.shots[way > 0 ? place + 1 : place];
    if (shot === undefined) return number;
    return edge === "start" ? shot : shot - 1;
  }

  /** How far an edge may go: not beyond the segment's other end, and not over one that somebody decided on. */
  limits(segment, edge) {
    const place = this.segments.indexOf(segment);
    if (edge === "start") {
      const judged = this.segments.slice(0, place).findLast((other) => other.verdict);
      return [judged ? judged.first + 1 : this.first, segment.last];
    }
    const judged = this.segments.slice(place + 1).find((other) => other.verdict);
    return [segment.first, judged ? judged.last - 1 : this.last];
  }
}

/** `each` without its frames from `first` to `last`; null when nothing is left. */
function trimmed(each, first, last) {
  if (each.last < first || each.first > last) return each;
  if (each.first < first) return { ...each, last: first - 1 };
  return each.last > last ? { ...each, first: last + 1 } : null;
}

/** The segments as the server will draw them once an edge ("start" or "end") of one is moved to frame `number`: it takes
 * frames from its neighbours; those that it gives up go to the neighbour, or stand alone beside one that was decided on. */
export function redrawn(segments, moving, edge, number) {
  const isStart = edge === "start";
  const [first, last] = isStart ? [number, moving.last] : [moving.first, number];
  const others = segments.filter((each) => each !== moving).map((each) => trimmed(each, first, last)).filter(Boolean);
  const given = isStart ? { first: moving.first, last: number - 1 } : { first: number + 1, last: moving.last };
  if (given.first <= given.last) {
    const beside = others.findIndex((each) => (isStart ? each.last === moving.first - 1 : each.first === moving.last + 1));
    if (beside >= 0 && !others[beside].verdict) others[beside] = { ...others[beside], ...(isStart ? { last: given.last } : { first: given.first }) };
    else others.push({ ...moving, id: null, ...given });
  }
  return [...others, { ...moving, first, last }].sort((one, other) => one.first - other.first);
}
