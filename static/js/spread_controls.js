// What one takes hold of in the picture of the scores: the two ends of the brush and the threshold, by mouse, finger and
// keys. Places are counted in bars; what they mean is the caller's.

const COMMIT_MS = 350; // after the last key
const CLICK_PX = 4;
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

function keyStep(event, bars) {
  if (event.key === "Home") return -Infinity;
  if (event.key === "End") return Infinity;
  const step = STEPS[event.key];
  return step === undefined ? null : step * (event.shiftKey ? 0.2 : 1) * Math.max(1, bars / 80);
}

const within = (place, low, high) => Math.min(Math.max(place, low), high);

/** Follow one pointer from its press on `element` to its end; `on`: {start, move, end}, each with the event. */
function follow(element, on) {
  let id = null;
  element.addEventListener("pointerdown", (event) => {
    if (event.button || on.start(event) === false) return;
    id = event.pointerId;
    element.setPointerCapture(id);
    event.preventDefault();
    event.stopPropagation();
  });
  element.addEventListener("pointermove", (event) => { if (event.pointerId === id) on.move(event); });
  for (const name of ["pointerup", "pointercancel"]) {
    element.addEventListener(name, (event) => {
      if (event.pointerId !== id) return;
      id = null;
      on.end?.(event);
    });
  }
}

/** What is common: an area, and places in it. */
class Control {
  constructor(section, calls) {
    this.over = section?.querySelector(".spread-over");
    this.calls = calls;
  }

  placeAt(event) {
    const { left, width } = this.over.getBoundingClientRect();
    return within((event.clientX - left) / width, 0, 1) * this.calls.bars();
  }

  share(place) { return `${(100 * place) / this.calls.bars()}%`; }

  tell(handle, place, words) {
    handle.style.left = this.share(place);
    handle.setAttribute("aria-valuemax", String(this.calls.bars()));
    handle.setAttribute("aria-valuenow", String(Math.round(place * 10) / 10));
    handle.setAttribute("aria-valuetext", words);
  }
}

export class ThresholdLine extends Control {
  constructor(section, calls) {
    super(section, calls);
    this.handle = this.over?.querySelector(".spread-threshold");
    if (!this.handle) return;
    follow(this.handle, {
      start: () => { this.handle.focus({ preventScroll: true }); },
      move: (event) => calls.move(this.placeAt(event)),
    });
    this.handle.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    if (event.key === "Escape") { event.stopPropagation(); return this.calls.reset(); }
    const step = keyStep(event, this.calls.bars());
    if (step === null) return undefined;
    event.preventDefault();
    event.stopPropagation();
    return this.calls.move(within(this.calls.place() + step, 0, this.calls.bars()));
  }

  draw() {
    const place = this.calls.place();
    this.handle.hidden = place === null;
    if (place !== null) this.tell(this.handle, place, this.calls.words());
  }
}

/** Two ends; dragging across the bars draws a new stretch, a click lets go of it. */
export class Brush extends Control {
  #ends = null; // while it moves
  #timer = 0;

  constructor(section, calls) {
    super(section, calls);
    if (!this.over) return;
    this.handles = [...this.over.querySelectorAll(".spread-end")];
    this.dims = [...this.over.querySelectorAll(".spread-dim")];
    this.handles.forEach((handle, which) => this.#bind(handle, which));
    this.#bindArea();
  }

  get ends() { return this.#ends ?? this.calls.ends(); }

  #bind(handle, which) {
    follow(handle, {
      start: () => { handle.focus({ preventScroll: true }); this.#ends = [...this.ends]; },
      move: (event) => this.#put(which, this.placeAt(event)),
      end: () => this.#commit(),
    });
    handle.addEventListener("keydown", (event) => {
      const step = keyStep(event, this.calls.bars());
      if (step === null) return;
      event.preventDefault();
      event.stopPropagation();
      this.#ends = [...this.ends];
      this.#put(which, this.#ends[which] + step);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#commit(), COMMIT_MS);
    });
  }

  #bindArea() {
    let from = 0;
    let x = 0;
    follow(this.over, {
      start: (event) => { [from, x] = [this.placeAt(event), event.clientX]; },
      move: (event) => {
        if (!this.#ends && Math.abs(event.clientX - x) < CLICK_PX) return;
        const to = this.placeAt(event);
        this.#ends = [Math.min(from, to), Math.max(from, to)];
        this.draw();
      },
      end: (event) => {
        if (event.type === "pointercancel") { this.#ends = null; return this.draw(); }
        if (!this.#ends) this.#ends = [0, this.calls.bars()];
        return this.#commit();
      },
    });
  }

  #put(which, place) {
    const [low, high] = which ? [this.#ends[0], this.calls.bars()] : [0, this.#ends[1]];
    this.#ends[which] = within(place, low, high);
    this.draw();
  }

  #commit() {
    const [before, now] = [this.calls.ends(), this.#ends];
    this.#ends = null;
    const isSame = now.every((place, which) => Math.abs(place - before[which]) < 1e-6);
    if (isSame) return this.draw();
    return this.calls.commit(now);
  }

  draw() {
    const { ends } = this;
    this.handles.forEach((handle, which) => this.tell(handle, ends[which], this.calls.words(ends[which])));
    this.dims[0].style.width = this.share(ends[0]);
    this.dims[1].style.width = this.share(this.calls.bars() - ends[1]);
  }
}
