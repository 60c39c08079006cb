// The film strip of a stretch: as many stills as fit, decoded before they are shown.

import { measure } from "./charts.js";
import { verdictMarks } from "./tiles.js";
import { clock } from "./stretch.js";

const NARROWEST = 168;
const [FEWEST, MOST] = [3, 12];
const ROWS_ON_PHONE = 2;

/** How many stills fit into a box of this width. */
export function fitting(width) {
  if (width < 560) return 3 * ROWS_ON_PHONE;
  return Math.min(MOST, Math.max(FEWEST, Math.floor((width + 8) / (NARROWEST + 8))));
}

function words(stretch, number, worst) {
  const places = { first: stretch.first, last: stretch.last, worst };
  const named = Object.keys(places).filter((name) => stretch.count > 1 && places[name] === number);
  const line = document.createElement("span");
  line.className = "still-words tabular";
  const time = document.createElement("b");
  time.textContent = clock(stretch.time(number));
  const where = document.createElement("span");
  where.className = `still-place${number === worst ? " is-worst" : ""}`;
  where.textContent = named.join(", ");
  line.append(time, where);
  return line;
}

function still(stretch, number, worst, { thumb, score, threshold }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "still";
  button.dataset.number = number;
  const value = stretch.value(number);
  const image = document.createElement("img");
  Object.assign(image, { src: thumb(stretch.id(number)), alt: "", width: 320, height: 180, decoding: "async", draggable: false });
  const figure = document.createElement("span");
  figure.className = `still-score tabular${value !== null && threshold !== null && value > threshold ? " is-outlier" : ""}`;
  figure.textContent = value === null ? "" : measure(value, score);
  const line = words(stretch, number, worst);
  line.append(figure);
  const said = stretch.verdict(number);
  const mark = document.createElement("span");
  mark.className = "still-verdict";
  if (said) mark.append(...verdictMarks(said));
  button.append(image, mark, line);
  button.setAttribute("aria-label", `Frame at ${clock(stretch.time(number))}${said ? `, ${said}` : ""}: show it in the video`);
  return button;
}

/** The stills of a stretch, in order; `look` = {thumb(id), score, threshold}. `decoded` resolves when all can be painted. */
export function film(stretch, count, look) {
  const worst = stretch.worst();
  const stills = stretch.film(count).map((number) => still(stretch, number, worst, look));
  const images = stills.map((button) => button.querySelector("img"));
  return { key: `${stretch.key}/${count}`, stills, decoded: Promise.allSettled(images.map((image) => image.decode())) };
}

/** Strips made ahead: each kept until it has been shown or is no longer near. */
export class Strips {
  #made = new Map();

  constructor(look) { this.look = look; }

  /** The strip of this stretch as it is now. */
  of(stretch, count) {
    const key = `${stretch.key}/${count}`;
    const made = this.#made.get(key) ?? film(stretch, count, this.look);
    this.#made.set(key, made);
    return made;
  }

  /** Make these ready, in the order in which they will be wanted, and forget the others. */
  prepare(stretches, count) {
    const wanted = new Set(stretches.map((stretch) => `${stretch.key}/${count}`));
    for (const key of this.#made.keys()) if (!wanted.has(key)) this.#made.delete(key);
    for (const stretch of stretches) this.of(stretch, count);
  }

  forget() { this.#made.clear(); }
}

const warmed = new Set();

/** Have the browser fetch the stills of a stretch into its cache, at low priority. */
export function warm(stretch, count, thumb) {
  for (const number of stretch.film(count)) {
    const url = thumb(stretch.id(number));
    if (warmed.has(url)) continue;
    warmed.add(url);
    const image = new Image();
    image.fetchPriority = "low";
    image.src = url;
  }
}
