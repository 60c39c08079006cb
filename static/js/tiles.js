// The tiles of the gallery: finding them, showing a verdict on one, and a conflict.

import { spoken, WORDS } from "./reviewer.js";

export const tiles = () => [...document.querySelectorAll("#gallery .tile")];
export const tileOf = (frame) => document.getElementById(`frame-${frame}`);
export const frameOf = (tile) => Number(tile.dataset.frame);

/** How people name the frame of a tile: time and video. */
export function labelOf(tile) {
  return tile.querySelector(".tile-where").textContent.trim().replace(/\s+/g, " ");
}

/** The badge of a verdict, and its reason beside it where there is one. */
export function verdictMarks(verdict, reason = "") {
  const mark = document.createElement("span");
  mark.className = `verdict verdict-${verdict || "none"} verdict-solid`;
  mark.title = spoken(verdict, reason);
  mark.textContent = WORDS[verdict];
  if (!reason) return [mark];
  const why = document.createElement("span");
  why.className = "reason truncate";
  why.title = reason;
  why.textContent = reason;
  return [mark, why];
}

export function showVerdict(tile, verdict, reason = "") {
  tile.dataset.verdict = verdict;
  tile.querySelector(".tile-verdict").replaceChildren(...(verdict ? verdictMarks(verdict, reason) : []));
}

/** Beside the verdict: how many frames it is on; 0 says nothing. */
export function showSpan(tile, frames) {
  tile.querySelector(".tile-span")?.remove();
  if (!frames) return;
  const span = document.createElement("span");
  span.className = "reason tile-span tabular";
  span.textContent = `${frames} frames`;
  tile.querySelector(".tile-verdict").append(span);
}

/** A verdict in a sentence: "OUT (advertisement)". */
const inWords = (verdict, reason) => (verdict === "unsure" ? "UNSURE" : WORDS[verdict]) + (reason ? ` (${reason})` : "");

/** Who said what, when: as one sentence, with the hour of the reader's own clock. */
export function conflictSentence({ by, verdict, reason, at, message }) {
  if (!by) return message || "This frame has changed since you saw it.";
  const hour = at ? ` at ${new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })}` : "";
  return verdict ? `${by} said ${inWords(verdict, reason)}${hour}` : `${by} took the verdict back${hour}`;
}

function choice(text, run) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.addEventListener("click", run);
  return button;
}

/** Lay the question over a tile (or put it into `place`): keep theirs, or use mine. */
export function showConflict(place, { item, outcome }, useMine) {
  place.querySelector(".conflict")?.remove();
  const box = document.createElement("div");
  box.className = "conflict";
  box.setAttribute("role", "alert");
  const sentence = document.createElement("span");
  sentence.textContent = conflictSentence(outcome);
  const close = (then) => () => { box.remove(); then?.(); place.focus?.({ preventScroll: true }); };
  box.append(sentence, choice("Keep theirs", close()));
  if (item.verdict) box.append(choice(`Use mine: ${inWords(item.verdict, item.reason)}`, close(useMine)));
  place.append(box);
}

/** The tile in the row above (-1) or below (1) that is nearest in its column; the tile itself at the edge. */
export function rowNeighbour(tile, direction) {
  const all = tiles();
  const here = all.indexOf(tile);
  const beyond = direction > 0 ? all.slice(here + 1) : all.slice(0, here).reverse();
  const first = beyond.find((other) => (other.offsetTop - tile.offsetTop) * direction > 4);
  if (!first) return tile;
  const row = beyond.filter((other) => Math.abs(other.offsetTop - first.offsetTop) < 4);
  return row.reduce((best, other) => (distance(other, tile) < distance(best, tile) ? other : best), first);
}

const distance = (one, other) => Math.abs(one.offsetLeft - other.offsetLeft);
