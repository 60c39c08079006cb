// How fast a person decides, and how long what is left will take.

const KEPT = 20;
const FEWEST = 3;
const PAUSE_MS = 120_000; // longer than that is a break, not a decision

export class Pace {
  #intervals = [];
  #last = null;

  constructor(key) {
    this.key = key;
    try {
      this.#intervals = JSON.parse(sessionStorage.getItem(key)) ?? [];
    } catch {
      // Without storage the pace is found anew on each page.
    }
  }

  /** A decision was made now. */
  beat(now = performance.now()) {
    const took = this.#last === null ? Infinity : now - this.#last;
    this.#last = now;
    if (took > PAUSE_MS) return;
    this.#intervals = [...this.#intervals, took].slice(-KEPT);
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.#intervals));
    } catch {
      // See above.
    }
  }

  /** "about 6 min left at your pace"; empty while that can't be said. */
  left(count) {
    if (this.#intervals.length < FEWEST || !count) return "";
    const sorted = [...this.#intervals].sort((one, other) => one - other);
    const minutes = (sorted[Math.floor(sorted.length / 2)] * count) / 60_000;
    if (minutes < 1) return "less than a minute left at your pace";
    return minutes < 90 ? `about ${Math.round(minutes)} min left at your pace` : `about ${Math.round(minutes / 60)} h left at your pace`;
  }
}
