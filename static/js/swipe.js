// A finger that swipes: what it touches follows it, and past a threshold letting go means something. Scrolling stays the
// browser's: only a movement that begins across the page is taken.

const SLOP_PX = 10; // a movement shorter than this is a tap
const LEAST_PX = 56;
const SHARE = 0.3; // of the width of what is swiped
const AWAY_MS = 140;

const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Which way a movement goes: "left", "right", "up", or "" for one that is the browser's. */
function wayOf(dx, dy, ways) {
  const way = Math.abs(dx) > Math.abs(dy) * 1.2 ? (dx < 0 ? "left" : "right") : dy < 0 && Math.abs(dy) > Math.abs(dx) * 1.2 ? "up" : "";
  return ways[way] ? way : "";
}

class Swipe {
  constructor(piece, event, ways) {
    [this.piece, this.id, this.x, this.y, this.ways] = [piece, event.pointerId, event.clientX, event.clientY, ways];
    this.isTaken = false;
  }

  /** False when the movement turns out not to be a swipe. */
  move(event) {
    const [dx, dy] = [event.clientX - this.x, event.clientY - this.y];
    if (!this.isTaken) {
      if (Math.hypot(dx, dy) < SLOP_PX) return true;
      if (!wayOf(dx, dy, this.ways)) return false;
      this.#take();
    }
    this.#follow(dx, dy);
    return true;
  }

  #take() {
    this.isTaken = true;
    this.piece.classList.add("is-swiping");
    this.piece.setPointerCapture(this.id);
  }

  #follow(dx, dy) {
    const way = wayOf(dx, dy, this.ways);
    const gone = way === "up" ? -dy : Math.abs(dx);
    const needed = Math.max(LEAST_PX, (way === "up" ? this.piece.offsetHeight : this.piece.offsetWidth) * SHARE);
    this.chosen = way && gone >= needed ? way : "";
    this.piece.dataset.swipe = this.chosen;
    if (!isCalm()) this.piece.style.translate = way === "up" ? `0 ${dy}px` : `${dx}px 0`;
  }

  /** Put everything back; `isDone`: let it fly off first. */
  end(isDone) {
    const { piece, chosen } = this;
    if (isDone && chosen && !isCalm()) piece.animate([{ opacity: 0.4 }, { opacity: 1 }], { duration: AWAY_MS, easing: "ease-out" });
    piece.style.translate = "";
    piece.classList.remove("is-swiping");
    delete piece.dataset.swipe;
    return isDone && this.isTaken ? chosen : "";
  }
}

/** The click that follows a swipe is no click; one beside what was swiped is somebody's next decision. */
function swallowClick(element) {
  const swallow = (event) => {
    if (!element.contains(event.target)) return;
    document.removeEventListener("click", swallow, { capture: true });
    event.preventDefault();
    event.stopPropagation();
  };
  document.addEventListener("click", swallow, { capture: true });
  setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 50);
}

/** Call left, right or up with the element that was swiped: `element` itself, or the one inside it that matches `of`. The
 * ways that aren't given are left to the browser. Returns what stops listening. */
export function onSwipe(element, { of = "", ...ways }) {
  let swipe = null;
  const listening = new AbortController();
  const listen = (name, run) => element.addEventListener(name, run, { signal: listening.signal });
  element.style.touchAction = ways.up ? "pan-up pinch-zoom" : "pan-y pinch-zoom";
  const finish = (isDone) => {
    const was = swipe;
    swipe = null;
    if (was?.isTaken) swallowClick(element);
    const way = was?.end(isDone);
    if (way) ways[way](was.piece);
  };
  listen("pointerdown", (event) => {
    if (swipe) finish(false); // a second finger: this is a pinch
    const piece = of ? event.target.closest(of) : element;
    if (event.isPrimary && event.pointerType !== "mouse" && piece) swipe = new Swipe(piece, event, ways);
  });
  listen("pointermove", (event) => { if (swipe?.id === event.pointerId && !swipe.move(event)) finish(false); });
  listen("pointerup", (event) => { if (swipe?.id === event.pointerId) finish(true); });
  listen("pointercancel", (event) => { if (swipe?.id === event.pointerId) finish(false); });
  return () => listening.abort();
}
