// One focused tile: the keys act on it, and it moves on.

import { rowNeighbour, tiles, tileOf } from "./tiles.js";

let current = null; // the tile with the focus, or the last that had it
let after = null; // what to do when more tiles have come

export function focus(tile, { center = false } = {}) {
  if (!tile) return;
  take(tile);
  tile.focus({ preventScroll: true });
  tile.scrollIntoView({ block: center ? "center" : "nearest" });
}

function take(tile) {
  if (current && current !== tile) current.tabIndex = -1;
  current = tile;
  tile.tabIndex = 0;
}

/** The tile that the keys act on. When it has left the page, the first that can be seen. */
export function here() {
  if (current?.isConnected) return current;
  const all = tiles();
  const top = document.querySelector(".gallery-bar")?.getBoundingClientRect().bottom ?? 0;
  current = all.find((tile) => tile.getBoundingClientRect().top >= top) ?? all[0] ?? null;
  return current;
}

export const isLost = () => current !== null && !current.isConnected;

/** Begin anew, with another list. */
export function forget() { current = null; }

export function step(by) {
  const all = tiles();
  const next = all[all.indexOf(here()) + by];
  if (next) return focus(next);
  waitForMore(by);
  return focus(here());
}

export function move(direction) {
  const tile = here();
  if (!tile) return;
  const next = rowNeighbour(tile, direction);
  if (next === tile) waitForMore(direction);
  focus(next);
}

/** At the first or last tile in the page: ask for more, and go on when they are there. */
function waitForMore(by) {
  const more = document.querySelector(by > 0 ? "#gallery .more" : "#gallery .tiles-above:not([hidden])");
  after = more ? { by, from: current } : null;
  if (more && by > 0) htmx.trigger(more, "more");
  else if (more) more.dispatchEvent(new CustomEvent("wanted", { bubbles: true }));
}

/** More tiles have come: take the step that waited for them, if nobody has gone elsewhere meanwhile. */
export function goOn() {
  const { by, from } = after ?? {};
  after = null;
  if (by && from === current && current?.isConnected) step(by);
}

document.addEventListener("focusin", (event) => {
  const tile = event.target.closest?.("#gallery .tile");
  if (tile && tile !== current) take(tile);
});

/** A phone has no use for the focus, and would scroll past the filters for it. */
const hasKeys = () => !matchMedia("(hover: none)").matches;

/** Where to begin: the frame somebody comes back from, else the first that nobody has judged. */
export function begin() {
  const url = new URL(location.href);
  const start = document.getElementById("gallery")?.dataset.startsAt;
  const isTold = document.querySelector("#gallery > .note-warn"); // not to be scrolled past before it is read
  const tile = (start && tileOf(start)) || (!isTold && tiles().find((each) => !each.dataset.verdict)) || tiles()[0];
  if (start || hasKeys()) focus(tile, { center: Boolean(start) });
  if (!url.searchParams.has("at")) return;
  url.searchParams.delete("at");
  history.replaceState(history.state, "", url);
}
