// The recording in place: the stretch plays in a loop. Where the browser can't play the file, its stills follow instead.

import { clock } from "./stretch.js";

const MOST_VIDEOS = 3;
const QUICKEST_MS = 120;
const INTO_FRAME_S = 0.004; // so that rounding doesn't show the frame before

/** Events: "at" {number}, the frame that is shown; "state" when it plays, stops, or turns out not to be playable. */
export class Player extends EventTarget {
  #videos = new Map(); // by id of the video, the one used last at the end
  #broken = new Set();
  #timer = 0;
  #stretch = null;
  #isOn = false;

  /** `box` holds an <img> for stills; `urls(video)` and `thumb(frame)` say where things are. */
  constructor(box, { urls, thumb }) {
    super();
    this.box = box;
    this.still = box.querySelector("img");
    this.urls = urls;
    this.thumb = thumb;
    this.number = 0;
  }

  get isPlaying() { return this.#isOn; }
  get canPlay() { return this.#stretch !== null && !this.#broken.has(this.#stretch.video); }
  get #video() { return this.#stretch && this.#videos.get(this.#stretch.video); }

  /** Show a stretch at one of its frames, and go on playing if the last one played. */
  show(stretch, number) {
    const before = this.#video;
    this.#stretch = stretch;
    const video = this.#of(stretch);
    if (before !== video) before?.pause();
    for (const each of this.#videos.values()) each.hidden = each !== video;
    this.seek(number);
    this.#run();
  }

  /** Load what will be wanted next, without showing it. */
  prepare(stretch) {
    if (stretch && stretch.video !== this.#stretch?.video) this.#of(stretch);
  }

  seek(number) {
    const stretch = this.#stretch;
    this.#tell(Math.min(Math.max(number, stretch.frames.from), stretch.frames.last));
    this.still.src = this.thumb(stretch.id(this.number));
    const video = this.#video;
    if (!video || !this.canPlay) return this.#reveal(false);
    const time = Math.max(0, stretch.time(this.number)) + INTO_FRAME_S;
    if (Math.abs(video.currentTime - time) < 0.005 && video.readyState >= 2) return this.#reveal(true);
    this.#reveal(false);
    return this.#seekTo(video, time);
  }

  #seekTo(video, time) {
    if (video.readyState >= 1) video.currentTime = time;
    else video.dataset.seek = time;
  }

  toggle() {
    this.#isOn = !this.#isOn;
    this.#run();
    this.dispatchEvent(new CustomEvent("state"));
  }

  #run() {
    clearInterval(this.#timer);
    const video = this.#video;
    if (!this.#isOn) return video?.pause();
    if (this.canPlay) return video?.play().catch(() => {});
    const pace = Math.max(QUICKEST_MS, this.#stretch.step * 1000);
    this.#timer = setInterval(() => this.seek(this.number < this.#stretch.last ? this.number + 1 : this.#stretch.first), pace);
    return undefined;
  }

  #of(stretch) {
    const known = this.#videos.get(stretch.video) ?? this.#made(stretch);
    this.#videos.delete(stretch.video);
    this.#videos.set(stretch.video, known);
    for (const [id, video] of this.#videos) {
      if (this.#videos.size <= MOST_VIDEOS) break;
      video.removeAttribute("src");
      video.load();
      video.remove();
      this.#videos.delete(id);
    }
    return known;
  }

  #made(stretch) {
    const video = document.createElement("video");
    Object.assign(video, { muted: true, playsInline: true, preload: "auto", hidden: true, tabIndex: -1 });
    video.setAttribute("aria-hidden", "true");
    const isShown = () => this.#video === video;
    video.addEventListener("loadedmetadata", () => { if (video.dataset.seek) video.currentTime = Number(video.dataset.seek); });
    video.addEventListener("seeked", () => { if (isShown()) this.#reveal(true); });
    video.addEventListener("timeupdate", () => { if (isShown()) this.#follow(video); });
    video.addEventListener("ended", () => { if (isShown()) this.#loop(video); });
    video.addEventListener("error", () => { if (video.hasAttribute("src")) this.#fail(stretch.video); });
    video.src = `${this.urls(stretch.video)}#t=${Math.max(0, stretch.start)}`;
    this.box.prepend(video);
    return video;
  }

  #follow(video) {
    if (!this.#isOn || video.seeking) return;
    if (video.currentTime >= this.#stretch.end || video.currentTime < this.#stretch.start - 0.1) return this.#loop(video);
    this.#tell(this.#stretch.at(video.currentTime));
  }

  #loop(video) {
    if (!this.#isOn) return;
    video.currentTime = Math.max(0, this.#stretch.start);
    video.play().catch(() => {});
  }

  #fail(id) {
    this.#broken.add(id);
    this.#reveal(false);
    this.#run();
    this.dispatchEvent(new CustomEvent("state"));
  }

  #reveal(isVideo) { this.box.classList.toggle("shows-video", isVideo); }

  #tell(number) {
    this.number = number;
    this.box.dataset.at = clock(this.#stretch.time(number));
    this.dispatchEvent(new CustomEvent("at", { detail: { number } }));
  }
}
