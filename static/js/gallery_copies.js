// Near copies stand behind the tile of the frame that they repeat: a verdict goes to all of them, and they come out when
// somebody wants to see each.

import { toast } from "./app.js";
import { query } from "./gallery_form.js";
import { frameOf, labelOf, showSpan } from "./tiles.js";

const gallery = () => document.getElementById("reviewer").dataset.gallery;

/** The frames folded into a tile: [{frame, version, verdict, reason}]; none while they are out. */
export function foldedIn(tile) {
  if (!tile.dataset.folded || tile.dataset.open === "") return [];
  return JSON.parse(tile.dataset.folded).map(([frame, version, verdict, reason]) => ({ frame, version, verdict, reason }));
}

/** The frames that a verdict on this tile is about, each {frame, label}: its own, and the folded ones that nobody judged
 * otherwise than it. */
export function standsFor(tile, reviewer) {
  const own = { frame: frameOf(tile), label: labelOf(tile) };
  const said = reviewer.verdictOf(own.frame);
  const folded = foldedIn(tile).filter(({ frame }) => ["", said].includes(reviewer.verdictOf(frame)));
  return [own, ...folded.map(({ frame }) => ({ frame, label: `${own.label} (copy)` }))];
}

/** Let the reviewer know of what is folded into a tile, and say where some were judged apart. */
export function learnFolded(tile, reviewer) {
  for (const { frame, verdict, reason, version } of foldedIn(tile)) reviewer.learn(frame, verdict, reason, version);
  tellApart(tile, reviewer);
}

/** On the tile: how many frames its verdict is on, and how many of its copies were judged otherwise. */
export function tellApart(tile, reviewer) {
  const button = tile.querySelector("[data-copies]");
  if (!button) return;
  const said = reviewer.verdictOf(frameOf(tile));
  const folded = foldedIn(tile);
  const apart = folded.filter(({ frame }) => !["", said].includes(reviewer.verdictOf(frame))).length;
  const with_ = folded.filter(({ frame }) => said && reviewer.verdictOf(frame) === said).length;
  button.classList.toggle("has-apart", apart > 0);
  button.textContent = `×${1 + JSON.parse(tile.dataset.folded).length}${apart ? ` (${apart} apart)` : ""}`;
  showSpan(tile, with_ ? 1 + with_ : 0);
}

async function cardsOf(tile) {
  const url = `${gallery()}?${query()}&part=copies&of=${frameOf(tile)}`;
  const response = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!response.ok || response.redirected) throw new Error("The near copies can’t be shown now. Try again.");
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  return [...template.content.querySelectorAll(".tile")];
}

/** The tiles of a head's copies that are out, right after it. */
function outOf(head) {
  const found = [];
  for (let next = head.nextElementSibling; next?.classList.contains("is-copy"); next = next.nextElementSibling) found.push(next);
  return found;
}

/** The tile whose copies these are: itself, or the head that it came out of. */
export function headOf(tile) {
  let head = tile;
  while (head?.classList.contains("is-copy")) head = head.previousElementSibling;
  return head?.dataset.folded ? head : null;
}

function mark(head, isOpen) {
  if (isOpen) head.dataset.open = "";
  else delete head.dataset.open;
  head.querySelector("[data-copies]").setAttribute("aria-expanded", String(isOpen));
}

/** Bring the copies of a tile out, or fold them again. Resolves to what to say; "" where there are none. */
export async function flipCopies(tile, { adopt, reviewer }) {
  const head = tile && headOf(tile);
  if (!head) return "";
  if (head.dataset.open === "") {
    const out = outOf(head);
    head.dataset.folded = JSON.stringify(out.map((each) => [frameOf(each), ...stateOf(each, reviewer)]));
    for (const each of out) each.remove();
    mark(head, false);
    learnFolded(head, reviewer);
    return "Near copies folded";
  }
  try {
    const cards = await cardsOf(head);
    if (!cards.length || head.dataset.open === "") return "";
    mark(head, true);
    head.after(...cards);
    adopt();
    tellApart(head, reviewer);
    return `${cards.length} near copies shown`;
  } catch (error) {
    toast(error.message, { kind: "danger" });
    return "";
  }
}

function stateOf(tile, reviewer) {
  const { verdict, reason, version } = reviewer.known(frameOf(tile));
  return [version, verdict, reason];
}
