// What comes next in the review queue, fetched well ahead: also without a network there is something to decide on.

import { api } from "./app.js";
import { Stretch } from "./stretch.js";

const FEWEST_AHEAD = 20;

/** Events: "more" when stretches came in, "trouble" {sentence} when they could not be had. */
export class ReviewQueue extends EventTarget {
  #items = [];
  #fetching = null;

  /** `payload` came with the page; `isDecided(stretch)` gives what is left of it apart from what waits to be sent. */
  constructor({ url, payload, leftOf }) {
    super();
    this.url = url;
    this.leftOf = leftOf;
    this.videos = {};
    this.cursor = "";
    this.isAtEnd = false;
    this.#adopt(payload);
  }

  /** The stretches that follow, nearest first. */
  ahead(count) { return this.#items.slice(0, count); }

  get length() { return this.#items.length; }

  /** Take the next one out; undefined when there is none here (yet, or any more: see isAtEnd). */
  next() {
    const item = this.#items.shift();
    this.fill();
    return item;
  }

  /** Put these before all others. */
  push(...items) { this.#items.unshift(...items); }

  /** Take the remains of this stretch out: it is whole again. */
  drop(isGone) { this.#items = this.#items.filter((item) => !isGone(item)); }

  /** Fetch until enough is ahead; one request at a time. */
  fill() {
    if (this.#fetching || this.isAtEnd || this.#items.length >= FEWEST_AHEAD) return this.#fetching;
    this.#fetching = this.#fetch().finally(() => { this.#fetching = null; });
    return this.#fetching;
  }

  async #fetch() {
    try {
      while (!this.isAtEnd && this.#items.length < FEWEST_AHEAD) {
        this.#adopt(await api(this.#address({ part: "items", after: this.cursor })));
        this.dispatchEvent(new CustomEvent("more"));
      }
    } catch (error) {
      this.dispatchEvent(new CustomEvent("trouble", { detail: { sentence: error.message } }));
    }
  }

  /** The frames of a decision of an earlier session. */
  async find({ video, first, last }) {
    const payload = await api(this.#address({ part: "item", video, first, last }));
    Object.assign(this.videos, payload.videos);
    return new Stretch(payload.items[0]);
  }

  #address(asked) {
    const url = new URL(this.url, location.href);
    for (const [name, value] of Object.entries(asked)) if (value !== "") url.searchParams.set(name, value);
    return url;
  }

  #adopt({ items, videos, score, threshold }) {
    Object.assign(this.videos, videos);
    [this.score, this.threshold] = [score, threshold];
    this.isAtEnd = !items.length;
    if (items.length) this.cursor = items.at(-1).cursor;
    this.#items.push(...items.flatMap((data) => this.leftOf(new Stretch(data))));
  }
}

/** What is left of a stretch when these decisions, which wait to be sent, have been made. */
export function without(stretch, decisions) {
  let left = [stretch];
  for (const made of decisions) {
    left = left.flatMap((each) => (made.first > each.last || made.last < each.first ? [each] : each.rest(made)));
  }
  return left;
}
