// What this page knows about frames (verdict and version), the decisions made in it, and how to take them back.
// The view is told at once; the server's answer follows and wins.

import { Outbox, uuid4, VERDICTS } from "./outbox.js";

const REMEMBERED = 200;

export const WORDS = { in: "IN", out: "OUT", unsure: "?", "": "unreviewed" };
export const SPOKEN = { in: "In distribution", out: "Out of distribution", unsure: "Unsure", "": "Unreviewed" };

/** A verdict as people say it, with its reason. */
export const spoken = (verdict, reason = "") => SPOKEN[verdict] + (reason ? `: ${reason}` : "");

/** Events: "verdict" {frame, verdict, reason}, "conflict" {item, outcome}, "refused" {item, sentence}, "history", "state". */
export class Reviewer extends EventTarget {
  #frames = new Map();

  constructor(element) {
    super();
    const { url, slug, user, store = VERDICTS.store } = element.dataset; // another store where others' verdicts don't belong
    this.canReview = element.hasAttribute("data-can-review");
    this.key = `framesift:decisions:${user}:${slug}${store === VERDICTS.store ? "" : `:${store}`}`;
    this.history = this.#stored();
    this.outbox = new Outbox({ url, slug, user: Number(user), kind: { ...VERDICTS, store } });
    this.outbox.addEventListener("outcome", (event) => this.#answered(event.detail));
    this.outbox.addEventListener("state", (event) => this.#emit("state", event.detail));
  }

  start() {
    this.outbox.start();
    this.#emit("history");
  }

  /** What the server says about a frame, as the page was made; verdicts still on their way are laid over it, and so is
   * what was answered since. Returns {verdict, reason} to be shown. */
  learn(frame, verdict, reason, version) {
    const known = this.#frames.get(frame);
    let state = known?.version > version ? known : { verdict, reason, version };
    for (const item of this.outbox.items()) {
      if (item.frame === frame) state = { verdict: item.verdict, reason: item.reason ?? "", version: Math.max(version, item.seen + 1) };
    }
    this.#frames.set(frame, state);
    return state;
  }

  /** What is known of a frame, or undefined. */
  known(frame) { return this.#frames.get(frame); }

  /** A word on many frames, sent elsewhere, was on this one too: show it; it will count as one more review. */
  assume(frame, { verdict, reason = "" }) {
    const version = (this.#frames.get(frame)?.version ?? 0) + 1;
    this.#show(frame, { verdict, reason, version });
  }

  /** What the server says of a frame by now, unless a verdict of this page's is still on its way. */
  correct(frame, verdict, reason, version) {
    if (!this.outbox.items().some((item) => item.frame === frame)) this.#show(frame, { verdict, reason, version });
  }

  /** A frame that the page no longer shows; it is learned again when it comes back. */
  drop(frame) { this.#frames.delete(frame); }

  verdictOf(frame) { return this.#frames.get(frame)?.verdict ?? ""; }

  /** Decide on frames, each {frame, label}, as one decision with one undo. Only OUT has a reason. */
  decide(frames, verdict, source, reason = "") {
    const items = frames.map(({ frame, label }) => {
      const { verdict: previous, reason: previousReason, version: seen } = this.#frames.get(frame);
      return { frame, label, verdict, reason, previous, previousReason, seen, source, uuid: uuid4() };
    });
    this.history = [...this.history.filter((each) => each.items.length), { items, verdict, reason, at: Date.now() }].slice(-REMEMBERED);
    this.#take(items);
  }

  /** Take a decision back (the last one if none is named); returns its items, or null when there is none. */
  undo(decision = this.history.at(-1)) {
    if (!decision) return null;
    this.history = this.history.filter((each) => each !== decision);
    const items = decision.items.map((item) => {
      const seen = this.#frames.get(item.frame)?.version ?? item.seen + 1;
      const before = { verdict: item.previous, reason: item.previousReason ?? "", previous: item.verdict, previousReason: item.reason };
      return { ...item, ...before, undoes: item.uuid, uuid: uuid4(), seen, source: "undo" };
    });
    this.#take(items);
    return decision.items;
  }

  /** A later decision on the same frame stands in the way of undoing this one by itself. */
  isOvertaken(decision) {
    const later = this.history.slice(this.history.indexOf(decision) + 1);
    return later.some((each) => each.items.some((item) => decision.items.some((mine) => mine.frame === item.frame)));
  }

  #take(items) {
    for (const { frame, verdict, reason, seen } of items) this.#show(frame, { verdict, reason, version: seen + 1 });
    this.#store();
    this.#emit("history");
    this.outbox.add(items);
  }

  #answered({ item, outcome }) {
    if (outcome.status === "refused" || outcome.status === "missing") return this.#refused(item, outcome.message);
    const isLatest = !this.outbox.items().some((other) => other.frame === item.frame);
    const { verdict, reason, version } = outcome;
    if (isLatest) this.#frames.set(item.frame, { verdict, reason, version });
    if (outcome.status === "conflict") return this.#lost(item, outcome);
    return isLatest && this.#show(item.frame, { verdict, reason, version });
  }

  #lost(item, outcome) {
    this.#forget(item);
    this.#emit("verdict", { frame: item.frame, verdict: outcome.verdict, reason: outcome.reason });
    const isSame = outcome.verdict === item.verdict && (outcome.reason ?? "") === (item.reason ?? "");
    if (!isSame) this.#emit("conflict", { item, outcome });
  }

  #refused(item, sentence) {
    this.#forget(item);
    this.#show(item.frame, { verdict: item.previous, reason: item.previousReason ?? "", version: item.seen });
    this.#emit("refused", { item, sentence });
  }

  #show(frame, state) {
    this.#frames.set(frame, state);
    this.#emit("verdict", { frame, verdict: state.verdict, reason: state.reason ?? "" });
  }

  /** A decision that the server did not take can't be undone. */
  #forget(item) {
    for (const decision of this.history) decision.items = decision.items.filter((each) => each.uuid !== item.uuid);
    this.history = this.history.filter((decision) => decision.items.length);
    this.#store();
    this.#emit("history");
  }

  #stored() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key)) ?? [];
    } catch {
      return [];
    }
  }

  #store() {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.history));
    } catch {
      // Without storage, undo reaches back to when this page was opened.
    }
  }

  #emit(name, detail = {}) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}
