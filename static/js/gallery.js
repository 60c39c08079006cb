// The gallery: one focused tile, keys that decide on it, and the server's word when it comes.

import { toast } from "./app.js";
import { drawRibbon, drawSelection, drawUnsent, wireDock } from "./dock.js";
import { onKeys } from "./keys.js";
import { askReason, reasonKeys } from "./reasons.js";
import { Reviewer, spoken } from "./reviewer.js";
import { Selection } from "./selection.js";
import { onSwipe } from "./swipe.js";
import { conflictSentence, frameOf, labelOf, rowNeighbour, showConflict, showVerdict, tileOf, tiles } from "./tiles.js";

const reviewer = new Reviewer(document.getElementById("reviewer"));
const selection = new Selection();
let current = null; // the tile with the focus, or the last that had it
let isWaitingForMore = false;

function say(text) { document.getElementById("spoken").textContent = text; }

// ---- focus

function focus(tile, { center = false } = {}) {
  if (!tile) return;
  if (current && current !== tile) current.tabIndex = -1;
  current = tile;
  tile.tabIndex = 0;
  tile.focus({ preventScroll: true });
  tile.scrollIntoView({ block: center ? "center" : "nearest" });
}

function here() {
  if (!current?.isConnected) current = tiles()[0] ?? null;
  return current;
}

function step(by) {
  const all = tiles();
  const next = all[all.indexOf(here()) + by];
  if (next) return focus(next);
  if (by > 0) waitForMore();
  return focus(here());
}

/** At the last loaded tile: ask for more, and go on when they are there. */
function waitForMore() {
  const more = document.querySelector("#gallery .more");
  isWaitingForMore = Boolean(more);
  if (more) htmx.trigger(more, "more");
}

function move(direction) {
  const next = rowNeighbour(here(), direction);
  if (next === here() && direction > 0) waitForMore();
  focus(next);
}

// ---- deciding

function decide(chosen, verdict, source, reason) {
  if (!reviewer.canReview) return toast("You may look here, but not decide: ask an admin of the data set for the role curator.");
  if (!chosen.length) return undefined;
  reviewer.decide(chosen.map((tile) => ({ frame: frameOf(tile), label: labelOf(tile) })), verdict, source, reason);
  const said = spoken(verdict, reason);
  return say(chosen.length > 1 ? `${chosen.length} frames: ${said}` : said);
}

function judge(verdict, reason) {
  if (selection.size) return judgeSelected(verdict, reason);
  const tile = here();
  if (!tile) return undefined;
  decide([tile], verdict, "gallery", reason);
  return reviewer.canReview && step(1);
}

function judgeSelected(verdict, reason) {
  const chosen = selection.chosen();
  const all = tiles();
  const next = all[all.indexOf(chosen.at(-1)) + 1] ?? chosen.at(-1);
  decide(chosen, verdict, "bulk", reason);
  selection.clear();
  focus(next);
}

function undo(decision) {
  const items = reviewer.undo(decision);
  if (!items) return say("There is nothing to undo.");
  const tile = tileOf(items[0].frame);
  if (tile) focus(tile);
  else toast(`Undone: ${items.length > 1 ? `${items.length} frames` : items[0].label} (not in this list).`);
  return say(`Undone: ${items[0].label}`);
}

function open(tile) { if (tile) location.assign(tile.querySelector(".tile-image").href); }

function pick(target) {
  if (!target || !reviewer.canReview) return;
  selection.extend(here(), target);
  focus(target);
}

// ---- the order

const filters = document.querySelector("form.filters");

/** The next of the choices of a control that can be chosen, round and round; the form asks for the list itself. */
function chooseNext(choices, isChosen, choose) {
  const free = choices.filter((choice) => !choice.disabled);
  const next = free[(free.findIndex(isChosen) + 1) % free.length];
  if (!next || isChosen(next)) return;
  choose(next);
  filters.dispatchEvent(new Event("change", { bubbles: true }));
}

function sortByNext() {
  const choices = [...filters.querySelectorAll("[name=sort]")];
  chooseNext(choices, (radio) => radio.checked, (radio) => {
    radio.checked = true;
    say(`By ${radio.parentElement.textContent.trim()}`);
  });
}

function reverseOrder() {
  chooseNext([...filters.elements.order.options], (option) => option.selected, (option) => {
    option.selected = true;
    say(option.textContent);
  });
}

onKeys({
  a: () => judge("out"),
  d: () => judge("in"),
  s: () => judge("unsure"),
  ...reasonKeys(judge),
  u: () => undo(),
  x: () => here() && reviewer.canReview && selection.toggle(here()),
  o: sortByNext,
  r: reverseOrder,
  Space: () => step(1),
  Enter: () => open(here()),
  Escape: () => selection.clear(),
  Home: () => focus(tiles()[0]),
  End: () => focus(tiles().at(-1)),
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  ArrowUp: () => move(-1),
  ArrowDown: () => move(1),
  "Shift+ArrowLeft": () => pick(tiles()[tiles().indexOf(here()) - 1]),
  "Shift+ArrowRight": () => pick(tiles()[tiles().indexOf(here()) + 1]),
  "Shift+ArrowUp": () => pick(rowNeighbour(here(), -1)),
  "Shift+ArrowDown": () => pick(rowNeighbour(here(), 1)),
  "Mod+a": () => reviewer.canReview && selection.all(),
}, new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Space",
  "Shift+ArrowLeft", "Shift+ArrowRight", "Shift+ArrowUp", "Shift+ArrowDown"]));

// ---- pointer

document.addEventListener("click", (event) => {
  const tile = event.target.closest("#gallery .tile");
  if (!tile || event.target.closest(".conflict")) return;
  const button = event.target.closest("[data-say]");
  if (button) return onVerdictButton(tile, button.dataset.say);
  const why = event.target.closest("[data-why]");
  if (why) return askReason(why, (reason) => onVerdictButton(tile, "out", reason));
  if (event.target.closest(".tile-pick")) return onPick(event, tile);
  if (event.shiftKey && event.target.closest(".tile-image")) {
    event.preventDefault();
    return pick(tile);
  }
  return undefined;
});

function onVerdictButton(tile, verdict, reason) {
  decide([tile], verdict, "gallery", reason);
  focus(tile);
}

function onPick(event, tile) {
  if (!event.target.matches("input")) return;
  if (event.shiftKey && current) selection.extend(current, tile);
  else selection.toggle(tile, event.target.checked);
  focus(tile);
}

onSwipe(document.getElementById("main"), {
  of: "#gallery .tile",
  left: (tile) => onVerdictButton(tile, "out"),
  right: (tile) => onVerdictButton(tile, "in"),
});

document.addEventListener("focusin", (event) => {
  const tile = event.target.closest?.("#gallery .tile");
  if (!tile || tile === current) return;
  if (current) current.tabIndex = -1;
  current = tile;
  tile.tabIndex = 0;
});

// ---- what the server says

reviewer.addEventListener("verdict", ({ detail: { frame, verdict, reason } }) => {
  const tile = tileOf(frame);
  if (tile) showVerdict(tile, verdict, reason);
});

reviewer.addEventListener("conflict", ({ detail }) => {
  const { item, outcome } = detail;
  const tile = tileOf(item.frame);
  const useMine = () => reviewer.decide([{ frame: item.frame, label: item.label }], item.verdict, "gallery", item.reason);
  if (tile) return showConflict(tile, detail, useMine);
  const action = item.verdict ? { label: "Use mine", run: useMine } : null;
  return toast(`${item.label}: ${conflictSentence(outcome)}.`, { kind: "danger", action, seconds: 0 });
});

reviewer.addEventListener("refused", ({ detail: { item, sentence } }) => toast(`${item.label}: ${sentence}`, { kind: "danger", seconds: 0 }));
reviewer.addEventListener("history", () => drawRibbon(reviewer, undo));
reviewer.addEventListener("state", ({ detail }) => drawUnsent(detail, reviewer.outbox));
selection.addEventListener("change", () => drawSelection(selection.size));
wireDock({ undo, bulk: judgeSelected, clear: () => selection.clear() });

// ---- lists that come in

function adopt() {
  for (const tile of document.querySelectorAll("#gallery .tile:not([data-known])")) {
    tile.dataset.known = "";
    const { frame, verdict, reason, version } = tile.dataset;
    const known = reviewer.learn(Number(frame), verdict, reason, Number(version));
    if (known.verdict !== verdict || known.reason !== reason) showVerdict(tile, known.verdict, known.reason);
  }
}

/** A phone has no use for the focus, and would scroll past the filters for it. */
const hasKeys = () => !matchMedia("(hover: none)").matches;

/** Where to begin: the frame somebody comes back from, else the first that nobody has judged. */
function begin() {
  const url = new URL(location.href);
  const start = document.getElementById("gallery")?.dataset.startsAt;
  const isTold = document.querySelector("#gallery > .note-warn"); // not to be scrolled past before it is read
  const tile = (start && tileOf(start)) || (!isTold && tiles().find((each) => !each.dataset.verdict)) || tiles()[0];
  if (start || hasKeys()) focus(tile, { center: Boolean(start) });
  if (!url.searchParams.has("at")) return;
  url.searchParams.delete("at");
  history.replaceState(history.state, "", url);
}

let isByPointer = false;
document.addEventListener("pointerdown", () => { isByPointer = true; });
document.addEventListener("keydown", () => { isByPointer = false; });

let list = document.getElementById("gallery");

/** Nothing else would lose the focus: the tile that had it went with its list, or one of the new list was given it. */
const isFocusFree = () => document.activeElement === document.body || list.contains(document.activeElement);

document.addEventListener("htmx:after:swap", () => {
  const isNewList = !list.isConnected;
  list = document.getElementById("gallery");
  adopt();
  if (isWaitingForMore && current?.isConnected) {
    isWaitingForMore = false;
    step(1);
  } else if (isNewList) {
    selection.clear();
    current = null;
    if (isByPointer || isFocusFree()) begin();
  }
});

document.addEventListener("htmx:error", (event) => event.target.closest?.(".more")?.classList.add("is-stuck"));
document.addEventListener("htmx:response:error", (event) => event.target.closest?.(".more")?.classList.add("is-stuck"));

adopt();
begin();
reviewer.start();
