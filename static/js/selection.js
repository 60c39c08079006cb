// Which tiles are selected, and the anchor that a range is drawn from.

import { frameOf, tiles } from "./tiles.js";

export class Selection extends EventTarget {
  #frames = new Set();
  #anchor = null;
  #reach = new Set();

  get size() { return this.#frames.size; }

  /** Selected tiles in the order they are shown. */
  chosen() { return tiles().filter((tile) => this.#frames.has(frameOf(tile))); }

  toggle(tile, isOn = !this.#frames.has(frameOf(tile))) {
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

  all() {
    for (const tile of tiles()) this.#mark(tile, true);
    this.#tell();
  }

  clear() {
    for (const tile of tiles()) this.#mark(tile, false);
    this.#frames.clear();
    this.#anchor = null;
    this.#reach.clear();
    this.#tell();
  }

  #mark(tile, isOn) {
    this.#frames[isOn ? "add" : "delete"](frameOf(tile));
    tile.classList.toggle("is-selected", isOn);
    const box = tile.querySelector(".tile-pick input");
    if (box) box.checked = isOn;
  }

  #tell() {
    document.getElementById("gallery")?.classList.toggle("is-selecting", this.size > 0);
    this.dispatchEvent(new CustomEvent("change"));
  }
}
