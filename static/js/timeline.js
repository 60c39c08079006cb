// The page of a video: the recording, its score along it, and its segments, each decided on with a key.

import { api, RequestFailed, toast } from "./app.js";
import { Decider } from "./decider.js";
import { tellOf } from "./decision_notices.js";
import { drawRibbon, drawUnsent, wireDock } from "./dock.js";
import { onKeys } from "./keys.js";
import { Outbox } from "./outbox.js";
import { askReason, reasonKeys } from "./reasons.js";
import { Recording } from "./recording.js";
import { RecordingPlayer } from "./recording_player.js";
import { spoken } from "./reviewer.js";
import { showFacts } from "./timeline_facts.js";
import { TimelineView } from "./timeline_view.js";
import { clock } from "./stretch.js";

const PLACE_MS = 400;
const FAR = 10; // frames
const [SOON_MS, LATE_MS] = [2000, 60_000];

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const box = document.getElementById("timeline");
const part = (name) => box.querySelector(`[data-${name}]`);
const element = document.getElementById("reviewer");
const { slug, user } = element.dataset;
const { url, edge: edgeUrl, thumb, frame: frameUrl, name, me } = box.dataset;
const addressed = (address, id) => address.replace("/0/", `/${id}/`);

const decider = new Decider(element, read("log").map((entry) => ({ ...entry, label: labelOf(entry.start, entry.name, entry.frames) })));
const player = new RecordingPlayer(document.getElementById("player"), { thumb: (id) => addressed(thumb, id) });
const view = new TimelineView(box, { hasEdges: decider.canReview, mayMove });
const decided = new Map(); // uuid of a decision -> {stretch, undo}, made on this page
let recording = null;
let edgesMoving = false;

function say(text) { document.getElementById("spoken").textContent = text; }

function labelOf(start, video, frames) {
  return [start === null ? "" : clock(start), video].filter(Boolean).join(" ") || `${frames} frames`;
}

// ---- the recording

async function load() {
  const data = await api(url);
  const at = recording ? player.number : Number(new URL(location.href).searchParams.get("frame") ?? data.from);
  recording = new Recording(data);
  decided.clear();
  for (const item of decider.pending(recording.whole)) if (item.kind === "segment") recording.stretch(item).judge(item.verdict);
  box.hidden = recording.isEmpty;
  showState();
  if (recording.isEmpty) return;
  view.show(recording);
  player.show(recording, at);
  showCurrent();
  part("label").textContent = recording.label;
  part("stale").hidden = recording.isCurrent || !recording.segments.length;
  part("cut").hidden = !recording.isCut;
  awaitSegments();
}

let asking = 0;
let patience = SOON_MS;

/** Segments that are not there yet, or not by what flags frames now, come by themselves. */
function awaitSegments() {
  clearTimeout(asking);
  if (recording.isCurrent) return;
  patience = Math.min(patience * 1.5, LATE_MS);
  asking = setTimeout(() => (document.hidden || view.isBusy || edgesMoving ? awaitSegments() : reload()), patience);
}

function reload() { return load().catch((error) => { toast(error.message, { kind: "danger" }); }); }

function sentence() {
  if (recording.score === "") return "Segments come with the first model.";
  return "This recording has no segments yet. They come once all of its frames are scored.";
}

function showCurrent() {
  showFacts(part("segment"), recording, view.current, sentence());
  for (const button of box.querySelectorAll(".segment-verdicts button")) button.disabled = !view.current;
}

let placing = 0;

/** A reload, or coming back, opens at this frame again. */
function keepPlace() {
  clearTimeout(placing);
  placing = setTimeout(() => {
    const here = new URL(location.href);
    here.searchParams.set("frame", player.number);
    history.replaceState(history.state, "", here);
  }, PLACE_MS);
}

player.addEventListener("at", ({ detail: { number, place } }) => {
  view.follow(place, { isPlaying: player.isPlaying });
  part("clock").textContent = `${clock(recording.time(number) + 0.02)} / ${clock(recording.duration)}`;
  part("number").textContent = `frame ${number}`;
  const link = part("open-frame");
  link.href = addressed(frameUrl, recording.id(number));
  keepPlace();
});

function showState() {
  part("play-words").textContent = player.isPlaying ? "Pause" : "Play";
  document.getElementById("unplayable").hidden = player.canPlay;
  document.getElementById("instead").hidden = !recording || recording.isEmpty;
}

player.addEventListener("state", showState);

view.addEventListener("seek", ({ detail }) => player.seek(detail.number));
view.addEventListener("current", showCurrent);

function jump(segment) {
  if (!segment) return say("There is no segment that way.");
  player.seek(segment.first);
  return say(`${clock(recording.time(segment.first))}, ${segment.isOutlier ? "above" : "below"} the threshold${recording.word(segment) ? `, ${recording.word(segment)}` : ""}`);
}

function jumpToOpen() {
  const next = recording?.nextOpen((view.current?.last ?? player.number) + 1) ?? recording?.nextOpen(recording.first);
  if (!next || next === view.current) return say("Every other segment of this recording has been judged.");
  return jump(next);
}

// ---- deciding

function mayDecide() {
  if (!decider.canReview) toast("You may look here, but not decide: ask an admin of the data set for the role curator.");
  return decider.canReview;
}

function judge(verdict, reason = "") {
  if (!mayDecide()) return undefined;
  if (!view.current) return toast(sentence());
  view.edges.settle();
  if (edgesMoving) return toast("The edge is still being moved. Decide again in a moment.");
  const segment = view.current;
  const stretch = recording.stretch(segment);
  const { video, first, last } = stretch;
  const before = { verdict: segment.verdict, reason: segment.reason, by: segment.by };
  const seen = stretch.seen();
  const restore = stretch.judge(verdict);
  recording.changed();
  if (recording.word(segment) === verdict) Object.assign(segment, { verdict, reason, by: me });
  const label = labelOf(stretch.start, name, stretch.count);
  const made = decider.decide({ video, first, last, seen, label }, verdict, reason);
  decided.set(made.uuid, { stretch, undo: () => { restore(); Object.assign(segment, before); } });
  view.changed();
  showCurrent();
  jumpToOpen();
  return say(`${spoken(verdict, reason)}: ${stretch.count} frames from ${label}`);
}

/** Take a decision back, and go to where it was made. */
function undo(entry) {
  if (!decider.canReview) return undefined;
  const taken = decider.undo(entry);
  if (!taken) return say("There is nothing to undo.");
  const known = decided.get(taken.uuid);
  if (known) {
    known.undo();
    view.changed();
    player.seek(known.stretch.first);
    showCurrent();
  } else if (taken.video !== recording?.video) toast(`Undone: ${taken.label}.`);
  return say(`Undone: ${taken.label}`);
}

/** What the server says of frames of this recording. Where it isn't what is shown here, all is asked for anew. */
decider.addEventListener("outcome", ({ detail: { item, outcome } }) => {
  if (item.video !== recording?.video || decider.pending(item).length) return;
  const known = decided.get(item.undoes ?? item.uuid);
  const isAsShown = known && !outcome.kept && ["applied", "repeated"].includes(outcome.status) && outcome.versions?.length;
  if (isAsShown) known.stretch.learn(item.first, outcome.versions);
  else reload();
});

tellOf(decider, document.getElementById("notices"));
decider.addEventListener("history", () => drawRibbon(decider, undo));
decider.addEventListener("state", ({ detail }) => drawUnsent(detail, decider.outbox));
wireDock({ undo, bulk: () => {}, clear: () => {} });

// ---- edges

function mayMove() {
  if (!mayDecide() || edgesMoving) return false;
  if (!view.current || !decider.pending(recording.stretch(view.current)).length) return Boolean(view.current);
  toast("The verdict on this segment is still on its way. Move its edges once it has been sent.");
  return false;
}

view.addEventListener("edge", async ({ detail: { segment, edge, number, before } }) => {
  edgesMoving = true;
  try {
    const answer = await api(addressed(edgeUrl, segment.id), { method: "POST", body: { edge, number } });
    recording.segments = answer.segments;
    say(`The segment ${edge === "start" ? "starts" : "ends"} at ${clock(recording.time(number))}, frame ${number}.`);
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    recording.segments = before;
    player.seek(edge === "start" ? segment.first : segment.last);
    toast(`The edge stays where it was. ${error.message}`, { kind: "danger" });
    if (error.status === 404 || error.status === 409) await reload();
  } finally {
    edgesMoving = false;
    view.changed();
    showCurrent();
  }
});

function setEdge(edge) { if (mayMove()) view.setEdge(edge, player.number); }

// ---- keys, pointer, touch

const onRecording = (run) => (event) => { if (recording && !recording.isEmpty) run(event); };

onKeys({
  a: () => judge("out"),
  d: () => judge("in"),
  s: () => judge("unsure"),
  ...reasonKeys(judge),
  u: () => undo(),
  p: onRecording(() => player.toggle()),
  Space: onRecording(jumpToOpen),
  "[": onRecording(() => jump(recording.before(player.number))),
  "]": onRecording(() => jump(recording.after(player.number))),
  ",": onRecording(() => setEdge("start")),
  ".": onRecording(() => setEdge("end")),
  ArrowLeft: onRecording(() => player.step(-1)),
  ArrowRight: onRecording(() => player.step(1)),
  "Shift+ArrowLeft": onRecording(() => player.step(-FAR)),
  "Shift+ArrowRight": onRecording(() => player.step(FAR)),
  Home: onRecording(() => player.seek(recording.first)),
  End: onRecording(() => player.seek(recording.last)),
  Enter: onRecording(() => location.assign(part("open-frame").href)),
  "+": onRecording(() => view.zoom(1)),
  "-": onRecording(() => view.zoom(-1)),
  "0": onRecording(() => view.zoom(0)),
}, new Set(["ArrowLeft", "ArrowRight", "Shift+ArrowLeft", "Shift+ArrowRight"]));

box.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !recording) return undefined;
  if (button.dataset.say) return judge(button.dataset.say);
  if ("why" in button.dataset) return askReason(button, (reason) => judge("out", reason));
  if ("play" in button.dataset) return player.toggle();
  if (button.dataset.zoom) return view.zoom(Number(button.dataset.zoom));
  if (button.dataset.jump) return jump(button.dataset.jump === "before" ? recording.before(player.number) : recording.after(player.number));
  return undefined;
});

// Frames and scores that arrive while one looks.
document.addEventListener("htmx:after:swap", () => {
  const frames = document.getElementById("video-state")?.dataset.frames;
  if (frames && frames !== box.dataset.frames) {
    box.dataset.frames = frames;
    reload();
  }
});

// ---- begin

new Outbox({ url: element.dataset.url, slug, user: Number(user) }).start(); // verdicts that were left on another page
decider.start();
showState();
reload();
