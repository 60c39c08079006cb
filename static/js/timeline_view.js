// The timeline: curve and lanes on one scale, the playhead over both, handles for edges, and what part of it is shown.

import { token } from "./charts.js";
import { redrawn } from "./recording.js";
import { TimelineCurve } from "./timeline_curve.js";
import { Edges } from "./timeline_edges.js";
import { drawLanes, fresh } from "./timeline_lanes.js";
import { listen } from "./timeline_pointer.js";
import { Window } from "./timeline_window.js";
import { clock } from "./stretch.js";

const STEP = 1.6;
const OVERVIEW_PX = 14;

/** Events: "seek" {number}, where somebody wants to go; "edge" {segment, edge, number}, one that was moved; "current", when
 * another segment lies under the playhead or its edges move. */
export class TimelineView extends EventTarget {
  #place = 0;
  #preview = null; // the segments while an edge is being moved
  #from = 0; // the frame that was shown before
  #isSeeking = false;

  /** `hasEdges`: whether this person moves edges at all; `mayMove()`: whether now. */
  constructor(box, { hasEdges, mayMove }) {
    super();
    this.box = box;
    this.hasEdges = hasEdges;
    this.recording = null;
    this.current = undefined;
    this.window = new Window(0, 0);
    this.area = this.#part("area");
    this.playhead = this.#part("playhead");
    this.edges = new Edges(this.#part("edges"), {
      look: () => ({ recording: this.recording, current: this.current }),
      xOf: (place) => this.#xOf(place), placeOf: (x) => this.#placeOf(x),
      show: (moved) => this.#show(moved), commit: (moved) => this.#commit(moved), mayMove,
    });
    this.curve = new TimelineCurve(this.#part("curve"), () => ({ recording: this.recording, range: this.window.range }), () => this.#laid());
    this.#listen();
  }

  #part(name) { return this.box.querySelector(`[data-${name}]`); }

  /** Whether somebody is in the middle of a movement. */
  get isBusy() { return this.#isSeeking || Boolean(this.edges.moved); }

  get segments() { return this.#preview ?? this.recording.segments; }

  // ---- what is shown

  show(recording) {
    const isSame = this.recording?.first === recording.first && this.recording?.last === recording.last;
    this.recording = recording;
    this.#preview = null;
    if (!isSame) this.window = new Window(recording.first, recording.last);
    this.curve.redraw();
    this.#find();
  }

  /** Verdicts or segments have changed. */
  changed() {
    this.recording.changed();
    this.#lanes();
    this.#find();
  }

  /** The recording is at a place, in frames and parts of one. */
  follow(place, { isPlaying }) {
    this.#place = place;
    if (!this.recording) return;
    if (!this.#isSeeking && this.window.isZoomed && this.window.follow(place)) this.#moved();
    this.#drawPlayhead(isPlaying);
    this.#find();
  }

  zoom(way) {
    if (way) this.window.zoom(way > 0 ? 1 / STEP : STEP, this.#middle());
    else this.window.showAll();
    this.#moved();
  }

  /** Zooming keeps the playhead where it is while one sees it. */
  #middle() {
    const [low, high] = this.window.range;
    return this.#place >= low && this.#place <= high ? this.#place : (low + high) / 2;
  }

  #find() {
    const found = this.recording.segmentAt(Math.round(this.#place), this.segments);
    const isOther = found !== this.current;
    this.current = found;
    if (isOther) this.#lanes();
    this.#handles();
    if (isOther) this.dispatchEvent(new CustomEvent("current"));
  }

  // ---- drawing

  #xOf(place) {
    const [low, high] = this.window.range;
    return ((place - low) / (high - low)) * this.area.clientWidth;
  }

  #placeOf(x) {
    const [low, high] = this.window.range;
    return low + (x / this.area.clientWidth) * (high - low);
  }

  #numberAt(x) { return this.recording.within(Math.round(this.#placeOf(x))); }

  /** Another part is shown. */
  #moved() {
    this.curve.move();
    this.#drawPlayhead(false);
    this.#handles();
  }

  /** The curve has been drawn: where its plotted part lies is where everything else does. */
  #laid() {
    queueMicrotask(() => { // after uPlot has put its own parts in place
      if (!this.curve.isDrawn) return;
      for (const each of [this.area, this.#part("edges"), this.#part("overview")]) {
        each.style.left = `${this.curve.left}px`;
        each.style.width = `${this.curve.width}px`;
      }
      this.#lanes();
      this.#drawPlayhead(false);
      this.#handles();
    });
  }

  #lanes() {
    if (!this.curve.isDrawn) return;
    const look = { recording: this.recording, segments: this.segments, current: this.current };
    drawLanes(this.#part("lanes"), { ...look, range: this.window.range }, this.curve);
    this.#overview();
  }

  #overview() {
    const box = this.#part("overview");
    this.box.classList.toggle("is-zoomed", this.window.isZoomed);
    if (!this.window.isZoomed) return;
    const width = this.curve.width;
    const ctx = fresh(box.querySelector("canvas"), width, OVERVIEW_PX);
    const [low, high] = this.window.all;
    const x = (place) => ((place - low) / (high - low)) * width;
    ctx.fillStyle = token("--text-3");
    for (const each of this.segments) if (each.isOutlier) ctx.fillRect(x(each.first - 0.5), 4, Math.max(x(each.last + 0.5) - x(each.first - 0.5), 1), OVERVIEW_PX - 8);
    const part = box.querySelector("span");
    part.style.translate = `${x(this.window.range[0])}px 0`;
    part.style.width = `${Math.max(x(this.window.range[1]) - x(this.window.range[0]), 6)}px`;
  }

  #handles() { this.edges.draw(this.hasEdges ? this.current : undefined, this.window.range); }

  #drawPlayhead(isPlaying) {
    const [low, high] = this.window.range;
    this.playhead.hidden = this.#place < low || this.#place > high;
    this.playhead.style.translate = `${this.#xOf(this.#place)}px 0`;
    const number = this.recording.within(Math.round(this.#place));
    if (isPlaying && this.area.ariaValueNow === String(number)) return;
    const said = { valuemin: this.recording.first, valuemax: this.recording.last, valuenow: number, valuetext: `${clock(this.recording.time(number) ?? 0)}, frame ${number}` };
    for (const [name, value] of Object.entries(said)) this.area.setAttribute(`aria-${name}`, value);
  }

  // ---- edges

  /** Move an edge of the segment under the playhead to the frame under it. */
  setEdge(edge, number) { if (this.current) this.edges.set(edge, number); }

  #show(moved) {
    if (moved && !this.#preview) this.#from = Math.round(this.#place);
    this.#preview = moved && redrawn(this.recording.segments, moved.segment, moved.edge, moved.number);
    this.#seek(moved ? moved.number : this.#from);
    this.changed();
  }

  /** Shown as moved until the server has answered. */
  #commit(moved) {
    const before = this.recording.segments;
    this.recording.segments = redrawn(before, moved.segment, moved.edge, moved.number);
    this.#preview = null;
    this.changed();
    this.dispatchEvent(new CustomEvent("edge", { detail: { ...moved, before } }));
  }

  // ---- pointer

  #seek(number) { this.dispatchEvent(new CustomEvent("seek", { detail: { number } })); }

  #listen() {
    listen(this.area, {
      press: (x) => { this.#isSeeking = true; this.#seek(this.#numberAt(x)); },
      drag: (x) => { if (this.#isSeeking) this.#seek(this.#numberAt(x)); },
      release: () => { this.#isSeeking = false; },
      zoom: (factor, x) => { this.window.zoom(factor, this.#placeOf(x)); this.#moved(); },
      pan: (px) => { if (this.window.isZoomed) { this.window.pan((px / this.area.clientWidth) * this.window.span); this.#moved(); } },
    });
    const overview = this.#part("overview");
    const to = (x) => { this.window.centre(this.window.all[0] + (x / overview.clientWidth) * (this.window.all[1] - this.window.all[0])); this.#moved(); };
    listen(overview, { press: to, drag: to, release: () => {}, zoom: () => {}, pan: () => {} });
  }
}
