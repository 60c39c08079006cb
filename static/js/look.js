// One frame at a time: for a second opinion, given blind, or to settle what two people said. A key decides, the next frame
// is there already; what isn't sent yet waits in the page, as everywhere.

import { drawRibbon, drawUnsent, wireDock } from "./dock.js";
import { onKeys } from "./keys.js";
import { Outbox } from "./outbox.js";
import { askReason, reasonKeys } from "./reasons.js";
import { Reviewer, spoken, WORDS } from "./reviewer.js";
import { clock } from "./stretch.js";
import { onSwipe } from "./swipe.js";
import { toast } from "./app.js";
import { showConflict } from "./tiles.js";

const FEW = 4;
const MOST_TOLD = 200; // ids of frames that the page has, in an address

const box = document.getElementById("look");
const end = document.getElementById("look-end");
const element = document.getElementById("reviewer");
const { source, thumb, items: address } = box.dataset;
const reviewer = new Reviewer(element);
const seen = new Map(); // frame -> item, of all that this page was given
let queue = [];
let current = null;
let isAtEnd = false;
let isFetching = false;

const part = (name) => box.querySelector(`[data-${name}]`);
const picture = (frame) => thumb.replace("/0/", `/${frame}/`);
function say(text) { document.getElementById("spoken").textContent = text; }
const label = (item) => `${clock(item.time)} ${item.video}`;

// ---- which frame

/** Those that the page has no word on yet: an unsent one is on its way. */
function take(items) {
  const unsent = new Set(reviewer.outbox.items().map((item) => item.frame));
  for (const item of items) {
    if (seen.has(item.frame)) continue;
    seen.set(item.frame, item);
    reviewer.learn(item.frame, item.verdict, "", item.version);
    if (!unsent.has(item.frame)) queue.push(item);
  }
}

async function fetchMore() {
  if (isFetching || isAtEnd || queue.length > FEW) return;
  isFetching = true;
  const url = new URL(address, location.href);
  url.searchParams.set("but", [...seen.keys()].slice(-MOST_TOLD).join(","));
  try {
    const answer = await fetch(url, { credentials: "same-origin", redirect: "manual" });
    if (!answer.ok) return;
    const { items } = await answer.json();
    take(items);
    isAtEnd = !items.some((item) => queue.includes(item));
  } catch {
    // Without a network there is nothing to fetch; the next decision asks again.
  } finally {
    isFetching = false;
    if (!current) advance();
  }
}

function advance() {
  show(queue.shift() ?? null);
  fetchMore();
}

function show(item) {
  current = item;
  box.hidden = !item;
  end.hidden = Boolean(item) || !isAtEnd;
  if (!item) return;
  part("time").textContent = clock(item.time);
  part("video").textContent = item.video;
  part("still").src = picture(item.frame);
  part("still").alt = `The frame at ${clock(item.time)} of ${item.video}`;
  part("strip").replaceChildren(...item.strip.map((frame) => small(frame, frame === item.frame)));
  part("words").replaceChildren(...(item.words ?? []).map(wordOf));
  for (const next of queue.slice(0, 2)) new Image().src = picture(next.frame);
}

function small(frame, isHere) {
  const image = document.createElement("img");
  Object.assign(image, { src: picture(frame), alt: isHere ? "This frame" : "", width: 160, height: 90, draggable: false });
  image.classList.toggle("is-here", isHere);
  return image;
}

function wordOf({ who, verdict, reason }, place) {
  const row = document.createElement("li");
  const mark = document.createElement("span");
  mark.className = `verdict verdict-${verdict || "none"}`;
  mark.textContent = WORDS[verdict];
  row.append(mark, ...[["look-who truncate", who], ["look-why small truncate", reason], ["look-first small", place ? "second, blind" : "first"]].map(([name, text]) => {
    const span = document.createElement("span");
    span.className = name;
    span.textContent = text;
    return span;
  }));
  return row;
}

// ---- deciding

function judge(verdict, reason = "") {
  if (!reviewer.canReview) return toast("You may look here, but not decide: ask an admin of the data set for the role curator.");
  if (!current) return undefined;
  const item = current;
  reviewer.decide([{ frame: item.frame, label: label(item) }], verdict, source, reason);
  say(`${spoken(verdict, reason)}: ${label(item)}`);
  return advance();
}

/** Take a decision back and show its frame again. */
function undo(decision) {
  if (!reviewer.canReview) return undefined;
  const items = reviewer.undo(decision);
  if (!items) return say("There is nothing to undo.");
  say(`Undone: ${items[0].label}`);
  return bringBack(items[0].frame);
}

function bringBack(frame) {
  const known = seen.get(frame);
  if (!known) return undefined;
  queue = queue.filter((item) => item !== known);
  if (current && current !== known) queue.unshift(current);
  return show(known);
}

function skip() {
  if (!current) return;
  queue.push(current);
  say("Skipped.");
  advance();
}

// ---- what the server says

reviewer.addEventListener("history", () => drawRibbon(reviewer, undo));
reviewer.addEventListener("state", ({ detail }) => drawUnsent(detail, reviewer.outbox));
reviewer.addEventListener("refused", ({ detail: { item, sentence } }) => toast(`${item.label}: ${sentence}`, { kind: "danger", seconds: 0 }));
reviewer.addEventListener("conflict", ({ detail: { item, outcome } }) => {
  const place = document.createElement("div");
  place.className = "review-notice";
  document.getElementById("notices").append(place);
  const useMine = () => reviewer.decide([{ frame: item.frame, label: item.label }], item.verdict, source, item.reason);
  showConflict(place, { item, outcome: { message: `${item.label}: ${outcome.message}` } }, useMine);
  place.addEventListener("click", () => { if (!place.querySelector(".conflict")) place.remove(); });
});
wireDock({ undo, bulk: () => {}, clear: () => {} });

// ---- keys, pointer, touch

onKeys({ a: () => judge("out"), d: () => judge("in"), s: () => judge("unsure"), ...reasonKeys(judge), u: () => undo(), Space: skip });

box.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return undefined;
  if (button.dataset.say) return judge(button.dataset.say);
  if ("why" in button.dataset) return askReason(button, (reason) => judge("out", reason));
  return "skip" in button.dataset ? skip() : undefined;
});

onSwipe(part("still"), { left: () => judge("out"), right: () => judge("in") });

// ---- begin

take(JSON.parse(document.getElementById("payload").textContent));
if (element.dataset.store) new Outbox({ url: element.dataset.reviews, slug: element.dataset.slug, user: Number(element.dataset.user) }).start(); // verdicts that were left on another page
reviewer.start();
advance();
