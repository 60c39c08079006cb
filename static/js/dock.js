// The bar at the bottom: the last decisions (each can be undone), what is selected, and verdicts that wait to be sent.

import { askReason } from "./reasons.js";
import { spoken, WORDS } from "./reviewer.js";

const SHOWN = 8;
const PATIENCE_MS = 1500;

const dock = document.getElementById("dock");
const ribbonBox = dock.querySelector(".dock-ribbon");
const selectionBox = dock.querySelector(".dock-selection");
const unsent = dock.querySelector(".unsent");

function show() {
  const isSelecting = !selectionBox.hidden;
  const isEmpty = !ribbonBox.querySelector("li");
  ribbonBox.hidden = isSelecting || isEmpty;
  dock.hidden = !isSelecting && isEmpty && unsent.hidden;
  document.body.classList.toggle("has-dock", !dock.hidden);
}

function ribbonEntry(decision, reviewer, undo) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "ribbon-entry";
  const mark = document.createElement("span");
  mark.className = `verdict verdict-${decision.verdict || "none"}`;
  mark.textContent = WORDS[decision.verdict];
  const count = decision.frames ?? decision.items.length;
  const what = document.createElement("span");
  what.className = "truncate";
  what.textContent = decision.label ?? (count > 1 ? `${count} frames` : decision.items[0].label);
  button.append(mark, what);
  button.disabled = reviewer.isOvertaken(decision);
  button.title = button.disabled ? "You decided on this frame again since" : `Undo this decision (${spoken(decision.verdict, decision.reason)}${count > 1 ? `, ${count} frames` : ""})`;
  button.addEventListener("click", () => undo(decision));
  const entry = document.createElement("li");
  entry.append(button);
  return entry;
}

/** Draw the last decisions, newest first; `undo(decision)` takes one back. */
export function drawRibbon(reviewer, undo) {
  const last = reviewer.history.slice(-SHOWN).reverse();
  ribbonBox.querySelector("ol").replaceChildren(...last.map((decision) => ribbonEntry(decision, reviewer, undo)));
  show();
}

/** Draw what is selected; 0 hides it. `isWhole`: it is everything that matches, in this page or not. */
export function drawSelection(count, isWhole = false) {
  selectionBox.hidden = !count;
  selectionBox.querySelector("[data-selected]").textContent = isWhole ? `All ${count.toLocaleString("en")} that match` : `${count} selected`;
  show();
}

function plural(count) { return `${count} verdict${count === 1 ? "" : "s"}`; }

function link(text, href) {
  const made = document.createElement("a");
  made.className = "btn btn-sm btn-primary";
  made.href = href;
  made.textContent = text;
  return made;
}

function press(text, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "btn btn-sm";
  made.textContent = text;
  made.addEventListener("click", run);
  return made;
}

function signIn() {
  const login = document.querySelector('meta[name="login-url"]').content;
  return link("Sign in again", `${login}?next=${encodeURIComponent(location.pathname + location.search)}`);
}

function words({ waiting, trouble, sentence }, outbox) {
  const wait = `${plural(waiting)} wait${waiting === 1 ? "s" : ""}`;
  if (trouble === "login") return [`${sentence} ${wait} here.`, signIn()];
  if (trouble === "refused") return [`${sentence} ${wait} here.`, press("Try again", () => outbox.retry()), press("Discard", () => outbox.discard())];
  if (trouble) return [`${sentence} ${wait} here, safe, until it is back.`, press("Try now", () => outbox.retry())];
  return [`Sending ${plural(waiting)} …`];
}

let slow = 0;

/** Say how many verdicts are unsent, once that takes longer than one notices; trouble is said at once. */
export function drawUnsent(state, outbox) {
  clearTimeout(slow);
  unsent.classList.toggle("is-trouble", Boolean(state.trouble));
  const draw = () => {
    unsent.hidden = !state.waiting;
    if (state.waiting) unsent.replaceChildren(...words(state, outbox));
    show();
  };
  if (state.trouble || !state.waiting || !unsent.hidden) draw();
  else slow = setTimeout(draw, PATIENCE_MS);
}

/** Wire the bar's buttons. */
export function wireDock({ undo, bulk, clear }) {
  dock.querySelector("[data-undo-last]").addEventListener("click", () => undo());
  dock.querySelector("[data-clear]").addEventListener("click", clear);
  for (const button of dock.querySelectorAll("[data-bulk]")) button.addEventListener("click", () => bulk(button.dataset.bulk));
  dock.querySelector("[data-why]")?.addEventListener("click", (event) => askReason(event.currentTarget, (reason) => bulk("out", reason)));
}
