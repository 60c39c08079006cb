// The recording on its page, with the browser's own controls. While it seeks, and where the browser can't play the file,
// the sampled frame stands in its place.

const QUICKEST_MS = 120;
const INTO_FRAME_S = 0.004; // so that rounding doesn't show the frame before
const SAME_S = 0.01;

/** Events: "at" {number, place}, the frame that is shown and how far the recording is, in frames and parts of one;
 * "state" when it plays, stops, or turns out not to be playable. */
export class RecordingPlayer extends EventTarget {
  #target = null; // seconds that were asked for last; null once it plays, or somebody went elsewhere
  #sent = null; // seconds that the video was sent to last
  #timer = 0;
  #isBroken = false;

  /** `box` holds the <video> and an <img>; `thumb(frame)` says where a frame's picture is. */
  constructor(box, { thumb }) {
    super();
    this.box = box;
    this.thumb = thumb;
    this.video = box.querySelector("video");
    this.still = box.querySelector("[data-still]");
    this.recording = null;
    this.number = 0;
    this.#listen();
  }

  get canPlay() { return !this.#isBroken; }
  get isPlaying() { return this.#isBroken ? Boolean(this.#timer) : !this.video.paused; }

  /** Show this recording, at a frame. */
  show(recording, number) {
    this.recording = recording;
    this.seek(number);
  }

  seek(number) {
    if (!this.recording || this.recording.isEmpty) return;
    this.number = this.recording.within(number);
    this.#tell(this.number);
    this.#reveal(false);
    if (this.canPlay) this.#seekTo(Math.max(0, this.recording.time(this.number)) + INTO_FRAME_S);
  }

  step(by) { this.seek(this.number + by); }

  toggle() {
    if (this.#isBroken) return this.#toggleStills();
    return this.video.paused ? this.video.play().catch(() => {}) : this.video.pause();
  }

  /** One seek at a time: a drag asks for many, and the last one counts. */
  #seekTo(time) {
    const { video } = this;
    this.#target = time;
    if (video.readyState < 1 || video.seeking) return;
    this.#sent = Math.min(time, video.duration);
    video.currentTime = this.#sent;
  }

  #listen() {
    const { video } = this;
    const on = (name, run) => video.addEventListener(name, run);
    on("loadedmetadata", () => (video.videoWidth ? this.#arrive() : this.#fail()));
    on("seeked", () => this.#arrive());
    on("seeking", () => { if (Math.abs(video.currentTime - this.#sent) > SAME_S) this.#wander(); });
    on("play", () => { this.#target = null; this.#reveal(true); this.#follow(); this.#tellState(); });
    on("pause", () => this.#tellState());
    on("error", () => this.#fail());
    if (video.error) this.#fail();
    else if (video.readyState >= 1 && !video.videoWidth) this.#fail();
  }

  #arrive() {
    const { video } = this;
    if (this.#target !== null && this.#sent !== Math.min(this.#target, video.duration)) this.#seekTo(this.#target);
    else if (video.readyState >= 2) this.#reveal(true);
    else video.addEventListener("loadeddata", () => this.#reveal(true), { once: true });
  }

  /** Somebody used the browser's own controls. */
  #wander() {
    this.#target = null;
    this.#reveal(true);
    this.#tellTime();
  }

  #follow() {
    if (this.video.paused) return;
    if (!this.video.seeking) this.#tellTime();
    requestAnimationFrame(() => this.#follow());
  }

  #tellTime() {
    const { recording } = this;
    if (!recording || recording.isEmpty) return;
    const seconds = this.video.currentTime;
    this.number = recording.frames.at(seconds);
    const begun = recording.time(this.number);
    const lasts = (recording.time(this.number + 1) ?? begun + recording.frames.step) - begun;
    const share = lasts > 0 ? Math.min(1, Math.max(0, (seconds - begun) / lasts)) : 0.5;
    this.#tell(this.number - 0.5 + share);
  }

  #toggleStills() {
    if (this.#timer) this.#stopStills();
    else this.#timer = setInterval(() => this.#nextStill(), Math.max(QUICKEST_MS, this.recording.frames.step * 1000));
    this.#tellState();
  }

  #nextStill() {
    if (this.number < this.recording.last) return this.step(1);
    this.#stopStills();
    return this.#tellState();
  }

  #stopStills() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  #fail() {
    this.#isBroken = true;
    this.video.hidden = true;
    this.box.classList.add("is-broken");
    this.#reveal(false);
    this.#tellState();
  }

  #reveal(isVideo) {
    this.box.classList.toggle("shows-video", isVideo && this.canPlay);
    const { recording } = this;
    if (isVideo || !recording || recording.isEmpty) return;
    this.still.hidden = false;
    this.still.src = this.thumb(recording.id(this.number));
  }

  #tell(place) { this.dispatchEvent(new CustomEvent("at", { detail: { number: this.number, place } })); }
  #tellState() { this.dispatchEvent(new CustomEvent("state")); }
}
