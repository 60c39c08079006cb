// How a segment is shown: film strip, player, curve, and where it is.

import { measure } from "./charts.js";
import { fitting, Strips, warm } from "./filmstrip.js";
import { Curve } from "./review_curve.js";
import { Player } from "./review_player.js";
import { clock } from "./stretch.js";

const DECODED_AHEAD = 3;
const FLASH_MS = 220;

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

export class SegmentView {
  #score = "";
  #threshold = null;
  #videos = {};
  #stretch = null;

  constructor(box) {
    this.box = box;
    this.strip = this.#part("strip");
    const { thumb } = box.dataset;
    this.thumb = (id) => thumb.replace("/0/", `/${id}/`);
    this.player = new Player(this.#part("player"), { urls: (video) => this.#videos[video].url, thumb: this.thumb });
    this.curve = new Curve(this.#part("curve"), () => this.#look(), (number) => this.player.seek(number));
    this.player.addEventListener("at", ({ detail }) => this.#follow(detail.number));
    this.player.addEventListener("state", () => this.#drawPlay());
    new ResizeObserver(() => this.#fit()).observe(this.strip);
  }

  get url() { return this.box.dataset.url; }

  #part(name) { return this.box.querySelector(`[data-${name}]`); }

  #look() { return { stretch: this.#stretch, score: this.#score, threshold: this.#threshold, number: this.player.number }; }

  get #count() { return fitting(this.strip.clientWidth); }

  /** Show a stretch, at its worst frame unless another is named. */
  show(stretch, { score, threshold, videos }, number = stretch.worst()) {
    const isOther = Boolean(this.#stretch) && this.#stretch !== stretch; // the first one stays where the page begins
    this.#stretch = stretch;
    [this.#score, this.#threshold, this.#videos] = [score, threshold, videos];
    this.strips ??= new Strips({ thumb: this.thumb, score, threshold });
    this.#drawStrip();
    this.#drawWords();
    this.player.show(stretch, number);
    this.curve.redraw();
    this.#drawPlay();
    if (isOther) this.box.scrollIntoView({ block: "nearest" });
  }

  /** Decode the strips that may come next, let the cache take those after them, and load the next recording. */
  prepare(ahead) {
    const count = this.#count;
    if (!count) return;
    const near = ahead.slice(0, DECODED_AHEAD);
    this.strips.prepare([this.#stretch, ...near], count);
    this.player.prepare(near[0]);
    for (const stretch of ahead.slice(DECODED_AHEAD)) warm(stretch, count, this.thumb);
  }

  /** A breath of the verdict's colour, so that one sees that it was taken. */
  flash(verdict) {
    this.strip.dataset.said = verdict;
    clearTimeout(this.flashing);
    this.flashing = setTimeout(() => { delete this.strip.dataset.said; }, FLASH_MS);
  }

  step(by) { if (this.#stretch) this.player.seek(this.player.number + by); }

  framesUrl() {
    const worst = this.#stretch.id(this.#stretch.worst());
    return `${this.box.dataset.gallery}?video=${this.#stretch.video}&at=${worst}`;
  }

  rangeWords() {
    const { whole, count, isNarrowed } = this.#stretch;
    return isNarrowed ? `${count} of ${whole.last - whole.first + 1} frames` : plural(count, "frame");
  }

  #fit() {
    if (this.#stretch && this.strip.childElementCount !== Math.min(this.#count, this.#stretch.count)) this.#drawStrip();
  }

  #drawStrip() {
    const { stills } = this.strips.of(this.#stretch, this.#count);
    this.strip.style.setProperty("--stills", this.#count); // also for fewer: nothing below it moves
    this.strip.replaceChildren(...stills);
  }

  #drawWords() {
    const stretch = this.#stretch;
    const { name } = this.#videos[stretch.video];
    this.#part("time").textContent = `${clock(stretch.start)}–${clock(stretch.end)}`;
    const link = this.#part("video-link");
    link.textContent = link.title = name;
    link.href = this.box.dataset.videoPage.replace("/0/", `/${stretch.video}/`);
    this.#part("facts").textContent = this.#facts().join(" · ");
    const side = this.#part("side");
    side.textContent = stretch.isOutlier ? "above the threshold" : "below the threshold";
    side.classList.toggle("is-outlier", stretch.isOutlier);
    this.#part("range").textContent = this.rangeWords();
    this.#part("range").classList.toggle("is-narrowed", stretch.isNarrowed);
    this.#part("open-frames").href = this.framesUrl();
  }

  #facts() {
    const stretch = this.#stretch;
    const [mean, worst, judged] = [stretch.mean(), stretch.value(stretch.worst()), stretch.judged()];
    const every = stretch.step ? `every ${Number(stretch.step.toPrecision(2))} s` : "";
    return [
      this.rangeWords(),
      every,
      mean === null ? "no score yet" : `mean ${measure(mean, this.#score)}`,
      worst === null ? "" : `worst ${measure(worst, this.#score)}`,
      judged ? `${judged} judged already` : "",
    ].filter(Boolean);
  }

  #drawPlay() {
    const { isPlaying, canPlay } = this.player;
    this.box.querySelector("[data-play-words]").textContent = isPlaying ? "Pause" : "Play";
    this.#part("player").classList.toggle("is-playing", isPlaying);
    this.#part("play").title = canPlay ? "" : "This browser can't play the file: its sampled frames are shown one after the other";
  }

  #follow(number) {
    this.curve?.mark();
    for (const each of this.strip.children) each.classList.toggle("is-here", Number(each.dataset.number) === number);
  }
}
