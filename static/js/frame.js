// The frame page: decide and go on. The next frame is fetched ahead, so that going on shows it at once.

import { toast } from "./app.js";
import { drawCurve } from "./curve.js";
import { drawRibbon, drawUnsent, wireDock } from "./dock.js";
import { setHeat } from "./heat.js";
import { onKeys } from "./keys.js";
import { askReason, reasonKeys } from "./reasons.js";
import { Reviewer } from "./reviewer.js";
import { moreLikeThis } from "./similar.js";
import { conflictSentence, showConflict, verdictMarks } from "./tiles.js";

const FRAGMENT = { headers: { "HX-Request": "true", Accept: "text/html" }, credentials: "same-origin", redirect: "manual" };
const ENLARGE = "framesift:enlarge";

const reviewer = new Reviewer(document.getElementById("reviewer"));
const ahead = new Map(); // url -> promise of the page's element
const trail = []; // where we came from: a verdict may have taken that frame out of the list
let visit = 0;

const page = () => document.getElementById("frame");
const frame = () => Number(page().dataset.frame);
const href = (id) => document.getElementById(id)?.getAttribute("href");
const urlOf = (other) => location.pathname.replace(/frames\/\d+/, `frames/${other}`) + location.search;

// ---- going from frame to frame

async function fetched(url) {
  const response = await fetch(url, FRAGMENT);
  if (!response.ok) throw new Error(`status ${response.status}`);
  const element = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("frame");
  if (!element) throw new Error("no frame in the answer");
  return element;
}

function decodeAhead(...sources) {
  for (const source of sources) if (source) new Image().src = source;
}

async function withPictures(element) {
  const place = element.querySelector("#pictures");
  if (!place) return element;
  const response = await fetch(place.getAttribute("hx-get"), FRAGMENT);
  const made = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("#pictures[data-ready]");
  if (response.ok && made) {
    place.replaceWith(made);
    decodeAhead(...[...made.querySelectorAll("img")].map((image) => image.getAttribute("src")));
  }
  return element;
}

function fetchAhead(url) {
  if (!url || ahead.has(url)) return;
  const thumb = document.getElementById("next")?.dataset.thumb;
  decodeAhead(thumb);
  ahead.clear();
  const coming = fetched(url).then((element) => withPictures(element).catch(() => element));
  coming.catch(() => ahead.delete(url));
  ahead.set(url, coming);
}

async function go(url, { push = true, isBack = false } = {}) {
  if (!url) return say(isBack ? "This is the first frame of this list." : "This is the last frame of this list.");
  if (push && !isBack) trail.push(location.pathname + location.search);
  visit += 1;
  const mine = visit;
  try {
    const element = await (ahead.get(url) ?? fetched(url));
    if (mine !== visit) return undefined;
    ahead.delete(url);
    page().replaceWith(document.adoptNode(element));
    if (push) history.pushState({ frame: true }, "", url);
    return arrive();
  } catch {
    return location.assign(url); // the full page says what is wrong, or asks to sign in
  }
}

function arrive() {
  const { label, title, verdict, reason, version } = page().dataset;
  document.title = [title, ...document.title.split(" · ").slice(1)].join(" · ");
  showVerdict(reviewer.learn(frame(), verdict, reason, Number(version)));
  htmx.process(page());
  showCurve();
  watchVideo();
  setEnlarge(localStorage.getItem(ENLARGE) ?? "pixels");
  setHeat(page());
  fetchAhead(href("next"));
  say(label);
}

// ---- the score along the video

let curveScore = null; // chosen by hand, for as long as the page stays; else the score that sorts the gallery

function showCurve() {
  const data = JSON.parse(document.getElementById("curve-data").textContent);
  const wanted = curveScore && data.curves[curveScore].points.length ? curveScore : data.shown;
  for (const choice of page().querySelectorAll("[name=curve]")) {
    choice.checked = choice.value === wanted;
    choice.disabled = !data.curves[choice.value].points.length;
  }
  drawCurve(document.getElementById("curve"), data, wanted, (other) => go(urlOf(other)));
}

document.addEventListener("change", (event) => {
  if (event.target.name !== "curve") return;
  curveScore = event.target.value;
  showCurve();
});

// ---- the video at that second

function watchVideo() {
  const video = document.getElementById("video");
  const seek = () => { video.currentTime = Number(video.dataset.time); };
  if (video.readyState >= 1) seek();
  else video.addEventListener("loadedmetadata", seek, { once: true });
  video.addEventListener("error", () => { videoFailed(video); });
}

/** A URL that ran out is asked for anew, once; a codec that the browser lacks is said in words. */
async function videoFailed(video) {
  const isOld = video.dataset.played === "" && !video.dataset.renewed;
  if (!isOld) {
    document.getElementById("video-trouble").hidden = false;
    video.hidden = true;
    return;
  }
  video.dataset.renewed = "";
  const element = await fetched(location.href).catch(() => null);
  if (element) video.src = element.querySelector("#video").getAttribute("src");
}

document.addEventListener("loadeddata", (event) => { if (event.target.id === "video") event.target.dataset.played = ""; }, true);

function playOrPause() {
  const video = document.getElementById("video");
  if (video.paused) video.play().catch(() => {});
  else video.pause();
}

// ---- deciding

function say(text) { document.getElementById("spoken").textContent = text; }

function showVerdict({ verdict, reason }) {
  document.getElementById("verdict").replaceChildren(...verdictMarks(verdict, reason));
  page().dataset.verdict = verdict;
  for (const button of page().querySelectorAll("[data-say]")) button.setAttribute("aria-pressed", String(button.dataset.say === verdict));
}

function judge(verdict, reason) {
  if (!reviewer.canReview) return toast("You may look here, but not decide: ask an admin of the data set for the role curator.");
  reviewer.decide([{ frame: frame(), label: page().dataset.label }], verdict, "frame", reason);
  if (href("next")) return go(href("next"));
  return say(`${SPOKEN[verdict]}. This was the last frame of this list.`);
}

function undo(decision) {
  const items = reviewer.undo(decision);
  if (!items) return say("There is nothing to undo.");
  if (items[0].frame === frame()) return say("Undone.");
  return go(urlOf(items[0].frame));
}

reviewer.addEventListener("verdict", ({ detail }) => { if (detail.frame === frame()) showVerdict(detail); });
reviewer.addEventListener("conflict", ({ detail }) => {
  const { item, outcome } = detail;
  const useMine = () => reviewer.decide([{ frame: item.frame, label: item.label }], item.verdict, "frame", item.reason);
  if (item.frame === frame()) return showConflict(document.getElementById("still"), detail, useMine);
  const action = item.verdict ? { label: "Use mine", run: useMine } : null;
  return toast(`${item.label}: ${conflictSentence(outcome)}.`, { kind: "danger", action, seconds: 0 });
});
reviewer.addEventListener("refused", ({ detail: { item, sentence } }) => toast(`${item.label}: ${sentence}`, { kind: "danger", seconds: 0 }));
reviewer.addEventListener("history", () => drawRibbon(reviewer, undo));
reviewer.addEventListener("state", ({ detail }) => drawUnsent(detail, reviewer.outbox));
wireDock({ undo, bulk: () => {}, clear: () => {} });

// ---- how the small pictures are enlarged

function setEnlarge(how) {
  page().classList.toggle("is-smooth", how === "smooth");
  for (const choice of page().querySelectorAll("[name=enlarge]")) choice.checked = choice.value === how;
}

document.addEventListener("change", (event) => {
  if (event.target.name !== "enlarge") return;
  localStorage.setItem(ENLARGE, event.target.value);
  setEnlarge(event.target.value);
});

// ---- keys and clicks

onKeys({
  a: () => judge("out"),
  d: () => judge("in"),
  s: () => judge("unsure"),
  ...reasonKeys(judge),
  u: () => undo(),
  p: playOrPause,
  m: () => { const button = page().querySelector("[data-similar]"); if (button) moreLikeThis(button.dataset.similar); },
  Space: () => go(href("next")),
  ArrowRight: () => go(href("next")),
  ArrowLeft: () => go(trail.pop() ?? href("previous"), { isBack: true }),
  Escape: () => location.assign(href("back")),
}, new Set(["ArrowRight", "ArrowLeft", "Space"]));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-say]");
  if (button) return judge(button.dataset.say);
  const why = event.target.closest("[data-why]");
  if (why) return askReason(why, (reason) => judge("out", reason));
  const step = event.target.closest("#previous[href], #next[href]");
  if (!step || event.ctrlKey || event.metaKey || event.shiftKey) return undefined;
  event.preventDefault();
  return step.id === "next" ? go(step.getAttribute("href")) : go(trail.pop() ?? step.getAttribute("href"), { isBack: true });
});

addEventListener("popstate", () => go(location.pathname + location.search, { push: false }));

arrive();
reviewer.start();
