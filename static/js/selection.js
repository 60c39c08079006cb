// Which tiles are selected, with the frames that each stands for, and the anchor that a range is drawn from. What was
// selected stays so when its tile leaves the page.

import { frameOf, tiles } from "./tiles.js";

export class Selection extends EventTarget {
  #frames = new Map(); // frame of a tile -> the frames it stands for
  #anchor = null;
  #reach = new Set();

  /** `standsFor(tile)`: the frames that a verdict on it is about, each {frame, label}. */
  constructor(standsFor) {
    super();
    this.standsFor = standsFor;
  }

  /** Frames, near copies included. */
  get size() { return this.chosen().length; }

  /** The selected frames, each {frame, label}. */
  chosen() { return [...this.#frames.values()].flat(); }

  has(tile) { return this.#frames.has(frameOf(tile)); }

  toggle(tile, isOn = !this.has(tile)) {
    this.#mark(tile, isOn);
    this.#anchor = tile;
    this.#reach.clear();
    this.#tell();
  }

  /** Select from the anchor to `tile`; what the range reached before and no longer does is let go. */
  extend(from, tile) {
    this.#anchor = this.#anchor?.isConnected ? this.#anchor : from;
    const all = tiles();
    const [start, end] = [all.indexOf(this.#anchor), all.indexOf(tile)].sort((a, b) => a - b);
    const range = new Set(all.slice(start, end + 1));
    for (const old of this.#reach) if (!range.has(old)) this.#mark(old, false);
    for (const each of range) this.#mark(each, true);
    this.#reach = range;
    this.#tell();
  }

  clear() {
    for (const tile of tiles()) draw(tile, false);
    this.#frames.clear();
    this.#anchor = null;
    this.#reach.clear();
    this.#tell();
  }

  /** Show on a tile that came (again) whether it is selected. */
  redraw(tile) { if (this.has(tile)) draw(tile, true); }

  #mark(tile, isOn) {
    if (isOn) this.#frames.set(frameOf(tile), this.standsFor(tile));
    else this.#frames.delete(frameOf(tile));
    draw(tile, isOn);
  }

  #tell() { this.dispatchEvent(new CustomEvent("change")); }
}

/** The look of a selected tile. */
export function draw(tile, isOn) {
  tile.classList.toggle("is-selected", isOn);
  const box = tile.querySelector(".tile-pick input");
  if (box) box.checked = isOn;
}
