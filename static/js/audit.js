// Blind review: one frame of the audit after the other. Nothing that a model or anybody said comes to this page.

import { api, toast } from "./app.js";
import { drawRibbon, drawUnsent, wireDock } from "./dock.js";
import { onKeys } from "./keys.js";
import { Pace } from "./pace.js";
import { askReason, reasonKeys } from "./reasons.js";
import { Reviewer, spoken } from "./reviewer.js";
import { clock } from "./stretch.js";

const AHEAD = 5; // when fewer wait, more are fetched
const AROUND_S = 2;
const COMES_AGAIN = "Somebody judged this frame meanwhile. It comes once more, so that your own word counts.";

const box = document.getElementById("audit");
const end = document.getElementById("audit-end");
const image = box.querySelector("img");
const video = box.querySelector("video");
const element = document.getElementById("reviewer");
const reviewer = new Reviewer(element);
const pace = new Pace(`framesift:audit-pace:${element.dataset.user}:${element.dataset.slug}`);
const known = new Map(); // frame -> item

let queue = [];
let last = null; // the place of the last frame that was fetched
let isAll = false; // nothing follows
let coming = null;

const thumb = (frame) => box.dataset.thumb.replace("/0/", `/${frame}/`);

function take(items) {
  isAll = !items.length;
  const waiting = new Set(reviewer.outbox.items().map((item) => item.frame));
  for (const item of items) {
    last = item.place;
    known.set(item.frame, item);
    reviewer.learn(item.frame, "", "", item.seen);
    if (!waiting.has(item.frame)) queue.push(item);
  }
}

function refill() {
  if (isAll || coming || queue.length >= AHEAD) return coming;
  coming = api(`${box.dataset.url}?part=items${last === null ? "" : `&after=${last}`}`)
    .then(({ items }) => take(items))
    .catch((error) => toast(error.message, { kind: "danger" }))
    .finally(() => { coming = null; show(); });
  return coming;
}

function show() {
  const [item] = queue;
  const isOver = !item && !coming;
  box.hidden = !item;
  end.hidden = !isOver;
  document.getElementById("pace").textContent = pace.left(left());
  if (!item) return;
  stop();
  image.src = thumb(item.frame);
  [image.width, image.height] = [item.width, item.height];
  image.alt = `The frame at ${clock(item.time)} of ${item.video}`;
  box.querySelector("[data-time]").textContent = clock(item.time);
  box.querySelector("[data-video]").textContent = item.video;
  box.dataset.frame = item.frame;
  for (const next of queue.slice(1, 4)) new Image().src = thumb(next.frame);
}

/** The recording around the frame, for who can't tell from a still. */
function play() {
  const [item] = queue;
  if (!item || !video.hidden) return stop();
  const start = Math.max(0, item.time - AROUND_S);
  video.src = `${item.url}#t=${start}`;
  video.hidden = false;
  video.play().catch(() => {}); // what can't be played says so below
  return undefined;
}

function stop() {
  if (video.hidden) return;
  video.hidden = true;
  video.removeAttribute("src");
  video.load();
}

video.addEventListener("error", () => {
  if (video.hidden) return;
  stop();
  toast("This browser can't play the recording.");
});

const left = () => Number(document.getElementById("audit-state").dataset.left);

function say(words) {
  document.getElementById("spoken").textContent = words;
}

function judge(verdict, reason = "") {
  const [item] = queue;
  if (!item || !reviewer.canReview) return;
  pace.beat();
  queue.shift();
  reviewer.decide([{ frame: item.frame, label: `${clock(item.time)} ${item.video}` }], verdict, "audit", reason);
  say(spoken(verdict, reason));
  refill();
  show();
}

function skip() {
  if (queue.length > 1) queue.push(queue.shift());
  show();
}

/** What is taken back comes first again. */
function undo(decision) {
  const items = reviewer.undo(decision);
  if (!items) return toast("There is nothing to undo on this page.");
  const frames = items.map((item) => known.get(item.frame)).filter(Boolean);
  queue = [...frames, ...queue.filter((item) => !frames.includes(item))];
  say("Taken back.");
  return show();
}

function again(frame) {
  const item = known.get(frame);
  if (!item || queue.includes(item)) return;
  queue.push(item);
  toast(COMES_AGAIN);
  show();
}

// What became of a verdict: a stale one doesn't count, even where it says the same as the other person's.
reviewer.outbox.addEventListener("outcome", ({ detail }) => {
  if (detail.outcome.status === "conflict") again(detail.item.frame);
});
reviewer.addEventListener("refused", ({ detail }) => {
  toast(detail.sentence, { kind: "danger" });
  again(detail.item.frame);
});
reviewer.addEventListener("history", () => drawRibbon(reviewer, undo));
reviewer.addEventListener("state", ({ detail }) => drawUnsent(detail, reviewer.outbox));

for (const button of box.querySelectorAll("[data-say]")) button.addEventListener("click", () => judge(button.dataset.say));
box.querySelector("[data-skip]").addEventListener("click", skip);
box.querySelector("[data-play]").addEventListener("click", play);
box.querySelector("[data-why]")?.addEventListener("click", (event) => askReason(event.currentTarget, (reason) => judge("out", reason)));
wireDock({ undo: () => undo(), bulk: () => {}, clear: () => {} });
onKeys({ a: () => judge("out"), d: () => judge("in"), s: () => judge("unsure"), u: () => undo(), p: play, Space: skip, ...reasonKeys(judge) });

take(JSON.parse(document.getElementById("payload").textContent));
reviewer.start();
show();
refill();
