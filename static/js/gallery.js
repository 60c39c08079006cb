// The gallery: keys and clicks that decide on tiles, and the server's word when it comes.

import { toast } from "./app.js";
import { drawRibbon, drawSelection, drawUnsent, wireDock } from "./dock.js";
import { flipCopies, foldedIn, headOf, learnFolded, standsFor, tellApart } from "./gallery_copies.js";
import { begin, focus, forget, goOn, here, move, step } from "./gallery_focus.js";
import { openViews } from "./gallery_controls.js";
import { goToJump, reverseOrder, sortByNext } from "./gallery_form.js";
import { WholeList } from "./gallery_whole.js";
import { TileWindow } from "./gallery_window.js";
import { onKeys } from "./keys.js";
import { askReason, reasonKeys } from "./reasons.js";
import { Reviewer, spoken } from "./reviewer.js";
import { draw, Selection } from "./selection.js";
import { moreLikeThis } from "./similar.js";
import { toggleSpread } from "./spread.js";
import { onSwipe } from "./swipe.js";
import { stepSize } from "./tile_size.js";
import { conflictSentence, frameOf, rowNeighbour, showConflict, showVerdict, tileOf, tiles } from "./tiles.js";

const element = document.getElementById("reviewer");
const reviewer = new Reviewer(element);
const selection = new Selection((tile) => standsFor(tile, reviewer));
const inPage = () => tiles().flatMap((tile) => [frameOf(tile), ...foldedIn(tile).map(({ frame }) => frame)]);
const whole = new WholeList(element, reviewer, inPage);

function say(text) { if (text) document.getElementById("spoken").textContent = text; }

// ---- deciding

const NOT_YOURS = "You may look here, but not decide: ask an admin of the data set for the role curator.";

function decide(frames, verdict, source, reason) {
  if (!reviewer.canReview) return toast(NOT_YOURS);
  if (!frames.length) return undefined;
  reviewer.decide(frames, verdict, source, reason);
  const said = spoken(verdict, reason);
  return say(frames.length > 1 ? `${frames.length} frames: ${said}` : said);
}

function judge(verdict, reason) {
  if (whole.isOn) return judgeWhole(verdict, reason);
  if (selection.size) return judgeSelected(verdict, reason);
  const tile = here();
  if (!tile) return undefined;
  decide(standsFor(tile, reviewer), verdict, "gallery", reason);
  return reviewer.canReview && step(1);
}

function judgeSelected(verdict, reason) {
  const chosen = tiles().filter((tile) => selection.has(tile));
  const all = tiles();
  const next = all[all.indexOf(chosen.at(-1)) + 1] ?? chosen.at(-1);
  decide(selection.chosen(), verdict, "bulk", reason);
  selection.clear();
  focus(next);
}

async function judgeWhole(verdict, reason) {
  const count = await whole.judge(verdict, reason);
  if (count) say(`${count} frames: ${spoken(verdict, reason)}`);
}

const bulk = (verdict, reason) => (whole.isOn ? judgeWhole(verdict, reason) : judgeSelected(verdict, reason));

/** Verdicts on frames and on lists, as one history. */
const past = {
  get history() { return [...reviewer.history, ...whole.decider.history].sort((a, b) => (a.at ?? 0) - (b.at ?? 0)); },
  isOvertaken: (decision) => (decision.items ? reviewer : whole.decider).isOvertaken(decision),
};

function undo(decision = past.history.at(-1)) {
  if (decision && !decision.items) return say(whole.undo(decision));
  const items = reviewer.undo(decision);
  if (!items) return say("There is nothing to undo.");
  const tile = tileOf(items[0].frame);
  if (tile) focus(tile);
  else toast(`Undone: ${items.length > 1 ? `${items.length} frames` : items[0].label} (not in this list).`);
  return say(`Undone: ${items.length > 1 ? `${items.length} frames` : items[0].label}`);
}

// ---- choosing

function open(tile) { if (tile) location.assign(tile.querySelector(".tile-image").href); }

async function selectAll() {
  if (!reviewer.canReview) return toast(NOT_YOURS);
  selection.clear();
  say("Selecting everything that matches");
  if (await whole.take()) say(`${whole.count} frames selected: everything that matches`);
  return undefined;
}

function pick(target) {
  if (!target || !reviewer.canReview) return;
  whole.clear();
  selection.extend(here(), target);
  focus(target);
}

function toggle(tile, isOn) {
  if (!tile || !reviewer.canReview) return;
  whole.clear();
  selection.toggle(tile, isOn);
}

function clear() {
  whole.clear();
  selection.clear();
}

async function showCopies(tile) {
  const head = tile && headOf(tile);
  const said = await flipCopies(tile, { adopt, reviewer });
  say(said || "No near copies are folded into this frame");
  if (head && !tile.isConnected) focus(head);
}

function similar(tile) {
  const button = tile?.querySelector("[data-similar]");
  if (button) moreLikeThis(button.dataset.similar);
}

const at = (by) => tiles()[tiles().indexOf(here()) + by];

onKeys({
  a: () => judge("out"),
  d: () => judge("in"),
  s: () => judge("unsure"),
  ...reasonKeys(judge),
  u: () => undo(),
  x: () => toggle(here()),
  c: () => showCopies(here()),
  m: () => similar(here()),
  o: () => say(sortByNext()),
  r: () => say(reverseOrder()),
  g: goToJump,
  h: toggleSpread,
  v: openViews,
  "+": () => stepSize(1),
  "-": () => stepSize(-1),
  Space: () => step(1),
  Enter: () => open(here()),
  Escape: clear,
  Home: () => tileWindow.toTop().then(() => focus(tiles()[0])),
  End: () => focus(tiles().at(-1)),
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  ArrowUp: () => move(-1),
  ArrowDown: () => move(1),
  "Shift+ArrowLeft": () => pick(at(-1)),
  "Shift+ArrowRight": () => pick(at(1)),
  "Shift+ArrowUp": () => pick(rowNeighbour(here(), -1)),
  "Shift+ArrowDown": () => pick(rowNeighbour(here(), 1)),
  "Mod+a": selectAll,
}, new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Space",
  "Shift+ArrowLeft", "Shift+ArrowRight", "Shift+ArrowUp", "Shift+ArrowDown", "+", "-"]));

// ---- pointer

document.addEventListener("click", (event) => {
  const tile = event.target.closest("#gallery .tile");
  if (!tile || event.target.closest(".conflict")) return undefined;
  const button = event.target.closest("[data-say]");
  if (button) return onVerdictButton(tile, button.dataset.say);
  const why = event.target.closest("[data-why]");
  if (why) return askReason(why, (reason) => onVerdictButton(tile, "out", reason));
  if (event.target.closest("[data-copies]")) return showCopies(tile);
  if (event.target.closest(".tile-pick")) return onPick(event, tile);
  if (event.shiftKey && event.target.closest(".tile-image")) {
    event.preventDefault();
    return pick(tile);
  }
  return undefined;
});

function onVerdictButton(tile, verdict, reason) {
  decide(standsFor(tile, reviewer), verdict, "gallery", reason);
  focus(tile);
}

function onPick(event, tile) {
  if (!event.target.matches("input")) return;
  if (event.shiftKey) pick(tile);
  else toggle(tile, event.target.checked);
  focus(tile);
}

onSwipe(document.getElementById("main"), {
  of: "#gallery .tile",
  left: (tile) => onVerdictButton(tile, "out"),
  right: (tile) => onVerdictButton(tile, "in"),
});

// ---- what the server says

const folders = new Map(); // frame folded into a tile -> the frame of that tile

reviewer.addEventListener("verdict", ({ detail: { frame, verdict, reason } }) => {
  const tile = tileOf(frame);
  if (tile) showVerdict(tile, verdict, reason);
  const head = tile ?? tileOf(folders.get(frame));
  if (head?.dataset.folded) tellApart(head, reviewer);
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

for (const each of [reviewer, whole]) each.addEventListener("history", () => drawRibbon(past, undo));

/** What waits in both outboxes, as one. */
const states = new Map();
const outboxes = [reviewer.outbox, whole.decider.outbox];
const both = { retry: () => outboxes.forEach((each) => each.retry()), discard: () => outboxes.forEach((each) => each.discard()) };

for (const [name, each] of Object.entries({ reviewer, whole })) {
  each.addEventListener("state", ({ detail }) => {
    states.set(name, detail);
    const all = [...states.values()];
    const told = all.find((state) => state.trouble) ?? detail;
    drawUnsent({ ...told, waiting: all.reduce((sum, state) => sum + state.waiting, 0) }, both);
  });
}

function drawChosen() {
  const count = whole.count || selection.size;
  document.getElementById("gallery").classList.toggle("is-selecting", count > 0);
  drawSelection(count, whole.count > 0);
}

selection.addEventListener("change", drawChosen);
whole.addEventListener("change", () => {
  for (const tile of tiles()) draw(tile, whole.count > 0 || selection.has(tile));
  drawChosen();
});
wireDock({ undo, bulk, clear });

// ---- lists that come in

function adopt() {
  for (const tile of document.querySelectorAll("#gallery .tile:not([data-known])")) {
    tile.dataset.known = "";
    const { frame, verdict, reason, version } = tile.dataset;
    const known = reviewer.learn(Number(frame), verdict, reason, Number(version));
    if (known.verdict !== verdict || known.reason !== reason) showVerdict(tile, known.verdict, known.reason);
    for (const folded of foldedIn(tile)) folders.set(folded.frame, Number(frame));
    learnFolded(tile, reviewer);
    if (whole.count) draw(tile, true);
    else selection.redraw(tile);
  }
}

function dropped(tile) {
  for (const frame of [frameOf(tile), ...foldedIn(tile).map((folded) => folded.frame)]) {
    reviewer.drop(frame);
    folders.delete(frame);
  }
}

const tileWindow = new TileWindow({ adopt: () => { adopt(); goOn(); }, dropped });

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
  if (!isNewList) {
    tileWindow.trim();
    goOn();
    return;
  }
  clear();
  forget();
  tileWindow.reset();
  if (isByPointer || isFocusFree()) begin();
});

document.addEventListener("htmx:error", (event) => event.target.closest?.(".more")?.classList.add("is-stuck"));
document.addEventListener("htmx:response:error", (event) => event.target.closest?.(".more")?.classList.add("is-stuck"));

adopt();
begin();
reviewer.start();
whole.start();
