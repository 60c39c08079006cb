// The review queue: one segment at a time, a key decides, and the next one is there already.

import { toast } from "./app.js";
import { Decider } from "./decider.js";
import { tellOf } from "./decision_notices.js";
import { drawRibbon, drawUnsent, wireDock } from "./dock.js";
import { onKeys } from "./keys.js";
import { Outbox } from "./outbox.js";
import { Pace } from "./pace.js";
import { askReason, reasonKeys } from "./reasons.js";
import { ReviewQueue, without } from "./review_queue.js";
import { SegmentView } from "./review_view.js";
import { spoken } from "./reviewer.js";
import { onSwipe } from "./swipe.js";
import { clock } from "./stretch.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const element = document.getElementById("reviewer");
const { slug, user } = element.dataset;
const decider = new Decider(element, read("log").map((entry) => ({ ...entry, label: labelOf(entry.start, entry.name, entry.frames) })));
const view = new SegmentView(document.getElementById("segment"));
const pace = new Pace(`framesift:pace:${user}:${slug}`);
const queue = new ReviewQueue({
  url: view.url,
  payload: read("payload"),
  leftOf: (stretch) => without(stretch, decider.pending(stretch).filter((item) => item.kind === "segment")),
});
const decided = new Map(); // uuid of a decision -> {stretch, undo}, made on this page
const end = document.getElementById("review-end");
let current = null;
let passed = ""; // cursor of the segment before this one
let wasOutlier = true;
let trouble = ""; // why verdicts wait
let isStarted = false; // a segment has been shown: before that, the page says itself why there is none

function say(text) { document.getElementById("spoken").textContent = text; }

function labelOf(start, name, frames) {
  return [start === null ? "" : clock(start), name].filter(Boolean).join(" ") || `${frames} frames`;
}

// ---- which segment

function show(stretch, { number } = {}) {
  current = stretch ?? null;
  view.box.hidden = !current;
  end.hidden = true;
  if (!current) return showEnd();
  isStarted = true;
  view.show(current, queue, number);
  if (wasOutlier && !current.isOutlier && current.cursor) toast("The outlying segments are through. Those below the threshold follow.");
  wasOutlier = current.isOutlier;
  keepPlace();
  return prepare();
}

/** A reload, or coming back from the frames, opens at this segment again. */
function keepPlace() {
  const url = new URL(location.href);
  if (passed) url.searchParams.set("after", passed);
  else url.searchParams.delete("after");
  history.replaceState(history.state, "", url);
}

function prepare() { view.prepare(queue.ahead(24)); }

function advance() {
  if (current?.cursor) passed = current.cursor;
  show(queue.next());
}

/** Nothing to show: either it is on its way, or the server says what to do next. It must know the last word first, so
 * this is called again when that has been sent. */
async function showEnd() {
  if (!queue.isAtEnd) return queue.fill();
  if (decider.outbox.waiting) return trouble && showAlone();
  const answer = await fetchEnd();
  if (current) return undefined;
  if (!answer?.ok) return showAlone();
  end.hidden = false;
  end.innerHTML = await answer.text();
  return htmx.process(end);
}

function fetchEnd() {
  const url = new URL(view.url, location.href);
  url.searchParams.set("part", "end");
  return fetch(url, { credentials: "same-origin" }).catch(() => null);
}

function showAlone() {
  const line = document.createElement("p");
  line.className = "empty review-empty";
  line.textContent = "That was the last segment known here. What comes next shows once the server can be reached.";
  end.replaceChildren(line);
  end.hidden = false;
}

queue.addEventListener("more", () => { if (current) prepare(); else show(queue.next()); });
queue.addEventListener("trouble", () => { if (!current) showAlone(); });
addEventListener("online", () => queue.fill());

// ---- deciding

function mayDecide() {
  if (!decider.canReview) toast("You may look here, but not decide: ask an admin of the data set for the role curator.");
  return decider.canReview && current;
}

function judge(verdict, reason = "") {
  if (!mayDecide()) return undefined;
  const stretch = current;
  const { video, first, last } = stretch;
  const seen = stretch.seen();
  const undo = stretch.judge(verdict);
  const label = labelOf(stretch.start, queue.videos[video].name, stretch.count);
  const made = decider.decide({ video, first, last, seen, label }, verdict, reason);
  decided.set(made.uuid, { stretch, undo });
  queue.push(...stretch.rest());
  pace.beat();
  view.flash(verdict);
  say(`${spoken(verdict, reason)}: ${stretch.count} frames from ${label}`);
  return advance();
}

/** Take a decision back and show its frames again. */
async function undo(entry) {
  if (!decider.canReview) return undefined;
  const taken = decider.undo(entry);
  if (!taken) return say("There is nothing to undo.");
  say(`Undone: ${taken.label}`);
  const known = decided.get(taken.uuid);
  if (known) return bringBack(known);
  if (taken.kind !== "segment") return toast(`Undone: ${taken.label}.`);
  return settled(taken.uuid, () => findAgain(taken));
}

function bringBack({ stretch, undo: restore }) {
  restore();
  const parts = new Set(stretch.rest().map((part) => part.key));
  queue.drop((item) => item.frames === stretch.frames && parts.has(item.key));
  const isPart = current && current.frames === stretch.frames && parts.has(current.key);
  if (current && !isPart) queue.push(current);
  wasOutlier = stretch.isOutlier;
  show(stretch);
}

/** Once the server has taken it back: the versions of its frames are known only then. */
function settled(uuid, then) {
  const listen = ({ detail: { item } }) => {
    if (item.undoes !== uuid) return;
    decider.removeEventListener("outcome", listen);
    then();
  };
  decider.addEventListener("outcome", listen);
}

async function findAgain({ video, first, last, label }) {
  const stretch = await queue.find({ video, first, last }).catch(() => null);
  if (!stretch) return toast(`Undone: ${label}.`);
  if (current) queue.push(current);
  wasOutlier = stretch.isOutlier;
  return show(stretch);
}

function narrow(edge, isBack) {
  if (!current) return undefined;
  const done = isBack ? current.widen(edge) : current.narrow(edge);
  if (!done) return say(isBack ? "Nothing to give back." : "One frame is left.");
  view.show(current, queue, edge === "start" ? current.first : current.last);
  prepare();
  return say(view.rangeWords());
}

// ---- what the server says

decider.addEventListener("outcome", ({ detail: { item, outcome } }) => {
  if (!outcome.versions?.length || decider.pending(item).length) return;
  const known = decided.get(item.undoes ?? item.uuid);
  known?.stretch.learn(item.first, outcome.versions);
});

tellOf(decider, document.getElementById("notices"));
decider.addEventListener("history", () => drawRibbon(decider, undo));
decider.addEventListener("state", ({ detail }) => {
  drawUnsent(detail, decider.outbox);
  trouble = detail.trouble;
  if (!current && queue.isAtEnd && isStarted && (trouble || !detail.waiting)) showEnd();
});
wireDock({ undo, bulk: () => {}, clear: () => {} });

// ---- how far

function drawPace() {
  const open = Number(document.getElementById("review-state").dataset.open);
  document.getElementById("pace").textContent = decider.canReview ? pace.left(open) : "";
}

document.addEventListener("htmx:after:swap", drawPace);

// ---- keys, pointer, touch

function openFrames() { if (current) location.assign(view.framesUrl()); }

onKeys({
  a: () => judge("out"),
  d: () => judge("in"),
  s: () => judge("unsure"),
  ...reasonKeys(judge),
  u: () => undo(),
  j: (event) => narrow("start", event.shiftKey),
  k: (event) => narrow("end", event.shiftKey),
  p: () => current && view.player.toggle(),
  Space: advanceOnly,
  Enter: openFrames,
  ArrowLeft: () => view.step(-1),
  ArrowRight: () => view.step(1),
  Home: () => current && view.player.seek(current.first),
  End: () => current && view.player.seek(current.last),
}, new Set(["ArrowLeft", "ArrowRight"]));

function advanceOnly() {
  if (!current) return;
  say("Skipped.");
  advance();
}

view.box.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !current) return undefined;
  if (button.dataset.say) return judge(button.dataset.say);
  if ("why" in button.dataset) return askReason(button, (reason) => judge("out", reason));
  if (button.dataset.edge) return narrow(button.dataset.edge, event.shiftKey);
  if ("skip" in button.dataset) return advanceOnly();
  if ("play" in button.dataset) return view.player.toggle();
  if (button.dataset.number) return view.player.seek(Number(button.dataset.number));
  return undefined;
});

onSwipe(view.strip, { left: () => judge("out"), right: () => judge("in") });

// ---- begin

passed = new URL(location.href).searchParams.get("after") ?? "";
new Outbox({ url: element.dataset.url, slug, user: Number(user) }).start(); // verdicts that were left on another page
decider.start();
if (queue.length || !queue.isAtEnd) show(queue.next());
drawPace();
