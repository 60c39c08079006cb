// Which part of the recording the timeline shows: all of it, or less. In frames and halves of one.

const FEWEST = 12;

export class Window {
  constructor(first, last) {
    this.all = [first - 0.5, Math.max(last, first) + 0.5];
    this.range = this.all;
  }

  get isZoomed() { return this.range !== this.all; }
  get span() { return this.range[1] - this.range[0]; }
  get #most() { return this.all[1] - this.all[0]; }

  /** Show `factor` times as much, `at` staying where it is. */
  zoom(factor, at) {
    const span = Math.min(this.#most, Math.max(Math.min(FEWEST, this.#most), this.span * factor));
    const share = (at - this.range[0]) / this.span;
    this.#show(at - share * span, span);
  }

  showAll() { this.range = this.all; }

  /** Move by so many frames. */
  pan(by) { this.#show(this.range[0] + by, this.span); }

  centre(at) { this.#show(at - this.span / 2, this.span); }

  /** Have a place inside, with some room beside it; true when that moved the window. */
  follow(place) {
    const [low, high] = this.range;
    if (place >= low && place <= high) return false;
    this.#show(place - this.span * (place < low ? 0.7 : 0.3), this.span);
    return true;
  }

  #show(low, span) {
    const begin = Math.min(Math.max(low, this.all[0]), this.all[1] - span);
    this.range = span >= this.#most ? this.all : [begin, begin + span];
  }
}
