// The two edges of the segment under the playhead: handles that are dragged, or moved by keys, and snap to shots.

import { clock } from "./stretch.js";

const SNAP_PX = 8;
const SETTLE_MS = 600; // after the last key, an edge that was moved by keys is sent

const NAMES = { start: "Start", end: "End" };

export class Edges {
  #moved = null; // {segment, edge, number} that is shown and not sent yet
  #timer = 0;
  #isShown = false;

  /** `area`: the plotted part. `on` = {look() -> {recording, current}, xOf(place), placeOf(x), show(moved), commit(moved),
   * mayMove()}; `show(null)` takes the preview back. */
  constructor(area, on) {
    this.on = on;
    this.handles = Object.fromEntries(["start", "end"].map((edge) => [edge, area.querySelector(`[data-handle="${edge}"]`)]));
    for (const [edge, handle] of Object.entries(this.handles)) this.#wire(edge, handle);
  }

  get moved() { return this.#moved; }

  /** Put the handles where the segment's edges are. */
  draw(segment, [low, high]) {
    for (const [edge, handle] of Object.entries(this.handles)) {
      const place = segment && (edge === "start" ? segment.first - 0.5 : segment.last + 0.5);
      handle.hidden = !segment || place < low || place > high || !this.#isMovable(segment, edge);
      if (handle.hidden) continue;
      handle.style.translate = `${this.on.xOf(place)}px 0`;
      this.#say(edge, handle, segment);
    }
  }

  /** The recording's own ends stay where they are. */
  #isMovable(segment, edge) {
    const { recording } = this.on.look();
    return edge === "start" ? segment.first > recording.first : segment.last < recording.last;
  }

  #say(edge, handle, segment) {
    const { recording } = this.on.look();
    const number = edge === "start" ? segment.first : segment.last;
    const [least, most] = recording.limits(this.#whole(segment), edge);
    const said = { valuemin: least, valuemax: most, valuenow: number, valuetext: `${clock(recording.time(number))}, frame ${number}` };
    for (const [name, value] of Object.entries(said)) handle.setAttribute(`aria-${name}`, value);
    handle.setAttribute("aria-label", `${NAMES[edge]} of the segment`);
  }

  /** The segment as it is without the move that is shown. */
  #whole(segment) { return this.#moved?.segment ?? segment; }

  #wire(edge, handle) {
    const drag = (event) => this.#drag(edge, event);
    handle.addEventListener("pointerdown", (event) => {
      if (event.button || !this.on.mayMove()) return;
      event.preventDefault();
      event.stopPropagation();
      handle.focus({ preventScroll: true });
      handle.setPointerCapture(event.pointerId);
      this.#begin(edge);
      handle.addEventListener("pointermove", drag);
    });
    handle.addEventListener("pointerup", () => { handle.removeEventListener("pointermove", drag); this.settle(); });
    handle.addEventListener("pointercancel", () => { handle.removeEventListener("pointermove", drag); this.cancel(); });
    handle.addEventListener("keydown", (event) => this.#press(edge, event));
    handle.addEventListener("blur", () => this.settle());
  }

  #begin(edge) {
    const { current } = this.on.look();
    if (this.#moved?.edge === edge) return;
    this.settle();
    this.#moved = { segment: current, edge, number: edge === "start" ? current.first : current.last };
  }

  #drag(edge, event) {
    const x = event.clientX - this.handles[edge].parentElement.getBoundingClientRect().left;
    const place = this.on.placeOf(x);
    const number = Math.round(edge === "start" ? place + 0.5 : place - 0.5);
    this.moveTo(event.altKey ? number : this.#snapped(edge, number, x));
  }

  #snapped(edge, number, x) {
    const { recording } = this.on.look();
    const shot = recording.shotNear(edge === "start" ? number : number + 1);
    const isNear = shot !== undefined && Math.abs(this.on.xOf(shot - 0.5) - x) <= SNAP_PX;
    if (!isNear) return number;
    return edge === "start" ? shot : shot - 1;
  }

  /** Show the edge that is being moved at a frame. */
  moveTo(number) {
    if (!this.#moved) return;
    const { segment, edge } = this.#moved;
    const [least, most] = this.on.look().recording.limits(segment, edge);
    this.#moved = { segment, edge, number: Math.min(Math.max(number, least), most) };
    this.#isShown = true;
    this.on.show(this.#moved);
  }

  /** Move an edge of the current segment to a frame, at once. */
  set(edge, number) {
    this.#begin(edge);
    this.moveTo(number);
    this.settle();
  }

  #press(edge, event) {
    const way = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") this.settle();
    else if (event.key === "Escape" && this.#moved) this.cancel();
    else if (way && this.on.mayMove()) this.#nudge(edge, way, event.shiftKey);
    else return;
    event.preventDefault();
  }

  #nudge(edge, way, isToShot) {
    this.#begin(edge);
    const { number } = this.#moved;
    this.moveTo(isToShot ? this.on.look().recording.shotBeyond(edge, number, way) : number + way);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.settle(), SETTLE_MS);
  }

  /** Send what is shown. */
  settle() {
    clearTimeout(this.#timer);
    const moved = this.#moved;
    this.#moved = null;
    if (!moved) return;
    const before = moved.edge === "start" ? moved.segment.first : moved.segment.last;
    if (moved.number === before) this.#unshow();
    else this.on.commit(moved);
    this.#isShown = false;
  }

  /** Take back what is shown. */
  cancel() {
    clearTimeout(this.#timer);
    this.#moved = null;
    this.#unshow();
  }

  #unshow() {
    if (this.#isShown) this.on.show(null);
    this.#isShown = false;
  }
}
