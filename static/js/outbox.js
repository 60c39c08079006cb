// Verdicts and decisions on their way to the server. Each waits in localStorage, per user and data set, until the server
// has answered it; its id makes a repeat harmless, so whatever is in doubt is sent again.

import { csrfToken } from "./app.js";

const LONGEST_WAIT_S = 30;
const KEEPALIVE_BYTES = 60_000;

/** A random UUID; crypto.randomUUID exists only on secure origins. */
export function uuid4() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function freshToken() {
  return document.cookie.match(/(?:^|; )(?:__Host-|__Secure-)?csrftoken=([^;]+)/)?.[1] ?? csrfToken();
}

let again = 0;

/** Let the counts on the page follow; once more after a pause, since one that is being replaced just now hears nothing. */
function tellAll() {
  const tell = () => document.body.dispatchEvent(new CustomEvent("reviewed"));
  tell();
  clearTimeout(again);
  again = setTimeout(tell, 2500);
}

/** What an outbox carries. store: its name in localStorage; field: of the request's body; most: in one request; wire: what
 * of an item the server is told; touches: whether two items are about the same frames, so that the second must learn what
 * became of the first; rebase: the later item, as one that was made without knowing what the lost one did not know. */
export const VERDICTS = {
  store: "outbox",
  field: "reviews",
  most: 500,
  wire: ({ frame, verdict, reason, uuid, seen, source, undoes }) => ({ frame, verdict, reason, uuid, seen, source, undoes }),
  touches: (one, other) => one.frame === other.frame,
  rebase: (lost, item) => ({ ...item, seen: lost.seen }),
};

/** Events: "outcome" {item, outcome}, "state" {waiting, trouble, sentence}; trouble is "", "offline", "login" or "refused". */
export class Outbox extends EventTarget {
  #items = new Map();
  #busy = false;
  #failures = 0;
  #order = 0;
  #oneGroup = false;
  #timer = 0;
  #trouble = "";
  #sentence = "";
  #other = null;

  constructor({ url, user, slug, kind = VERDICTS }) {
    super();
    this.url = url;
    this.user = user;
    this.kind = kind;
    this.prefix = `framesift:${kind.store}:${user}:${slug}:`;
    this.#load();
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.retry(); });
    addEventListener("beforeunload", (event) => { if (this.#trouble && this.waiting) event.preventDefault(); });
  }

  get waiting() { return this.#items.size; }

  /** Unanswered items in the order they were made. */
  items() { return [...this.#items.values()].sort((a, b) => a.order - b.order); }

  /** Take items in, each with a uuid; those of one call travel together. */
  add(items) {
    const group = uuid4();
    for (const item of items) {
      this.#order = Math.max(this.#order + 1, Date.now() * 1000);
      this.#keep({ ...item, group, order: this.#order });
    }
    this.#tell();
    if (!this.#trouble) queueMicrotask(() => this.#pump());
  }

  /** Let nothing overtake what waits in another outbox: what was decided first is sent first. */
  inStepWith(other) {
    this.#other = other;
    other.addEventListener("state", () => { if (!this.#trouble) queueMicrotask(() => this.#pump()); });
  }

  /** Resolves to whether nothing waits any more, after `ms` at the latest. */
  async settled(ms) {
    for (const end = performance.now() + ms; this.waiting && performance.now() < end;) await new Promise((done) => { setTimeout(done, 25); });
    return !this.waiting;
  }

  retry() {
    clearTimeout(this.#timer);
    this.#pump();
  }

  /** Give up what the server will not take. */
  discard() {
    for (const item of this.items()) this.#forget(item);
    this.#settle("", "");
  }

  #load() {
    try {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(this.prefix)) continue;
        const item = JSON.parse(localStorage.getItem(key));
        this.#items.set(item.uuid, item);
      }
    } catch {
      // Storage may be forbidden: the verdicts then wait in this page only.
    }
  }

  #keep(item) {
    this.#items.set(item.uuid, item);
    try {
      localStorage.setItem(this.prefix + item.uuid, JSON.stringify(item));
    } catch {
      // Full or forbidden: see #load.
    }
  }

  #forget(item) {
    this.#items.delete(item.uuid);
    try {
      localStorage.removeItem(this.prefix + item.uuid);
    } catch {
      // See #load.
    }
  }

  /** Whole groups in order, and no frame twice: what came second must be able to learn what became of the first. */
  #nextBatch() {
    const { most, touches } = this.kind;
    const elsewhere = this.#other?.items()[0]?.order ?? Infinity;
    const batch = [];
    const groups = Map.groupBy ? Map.groupBy(this.items(), (item) => item.group) : grouped(this.items());
    for (const group of groups.values()) {
      const isFull = batch.length && (this.#oneGroup || batch.length + group.length > most);
      if (isFull || group[0].order > elsewhere || group.some((item) => batch.some((earlier) => touches(earlier, item)))) break;
      batch.push(...group);
    }
    return batch.slice(0, most);
  }

  async #pump() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let batch = this.#nextBatch(); batch.length; batch = this.#nextBatch()) {
        if (!await this.#send(batch)) break;
      }
    } finally {
      this.#busy = false;
    }
  }

  async #send(batch) {
    let response;
    try {
      response = await this.#post(batch);
    } catch {
      return this.#later("offline", "The server can't be reached.");
    }
    if (response.type === "opaqueredirect") return this.#later("login", "You have been signed out.");
    const answer = await response.json().catch(() => null);
    if (answer?.outcomes) return this.#accept(batch, answer.outcomes);
    if (response.status >= 500 || response.status === 429) return this.#later("offline", "The server is having trouble.");
    if (response.status === 400 || response.status === 409) return this.#refuse(batch, answer?.error);
    return this.#later("refused", answer?.error ?? `The server answered ${response.status}.`);
  }

  #post(batch) {
    const body = JSON.stringify({ user: this.user, [this.kind.field]: batch.map(this.kind.wire) });
    const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": freshToken() };
    const keepalive = body.length < KEEPALIVE_BYTES;
    return fetch(this.url, { method: "POST", headers, body, keepalive, redirect: "manual", credentials: "same-origin" });
  }

  #accept(batch, outcomes) {
    const byUuid = new Map(outcomes.map((outcome) => [outcome.uuid, outcome]));
    for (const item of batch) {
      const outcome = byUuid.get(item.uuid);
      if (!outcome) continue;
      this.#forget(item);
      if (outcome.status === "conflict" || outcome.kept) this.#rebase(item);
      this.dispatchEvent(new CustomEvent("outcome", { detail: { item, outcome } }));
    }
    this.#failures = 0;
    this.#oneGroup = false;
    this.#settle("", "");
    tellAll();
    return true;
  }

  /** What was decided on top of a refused verdict was decided without knowing the other person's: it must not win unseen. */
  #rebase(lost) {
    const { touches, rebase } = this.kind;
    for (const item of this.items()) if (touches(lost, item)) this.#keep(rebase(lost, item));
  }

  /** The request itself is wrong: find the culprit by sending group after group, and put that one aside with a sentence. */
  #refuse(batch, sentence = "The server did not understand this verdict.") {
    if (new Set(batch.map((item) => item.group)).size > 1) {
      this.#oneGroup = true;
      return true;
    }
    for (const item of batch) {
      this.#forget(item);
      this.dispatchEvent(new CustomEvent("outcome", { detail: { item, outcome: { status: "refused", message: sentence } } }));
    }
    this.#settle("", "");
    return true;
  }

  #later(trouble, sentence) {
    this.#failures += 1;
    const longest = trouble === "offline" ? Math.min(LONGEST_WAIT_S, 2 ** (this.#failures - 1)) : LONGEST_WAIT_S;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#pump(), longest * (500 + 500 * Math.random()));
    this.#settle(trouble, sentence);
    return false;
  }

  #settle(trouble, sentence) {
    this.#trouble = trouble;
    this.#sentence = sentence;
    this.#tell();
  }

  #tell() {
    const detail = { waiting: this.waiting, trouble: this.waiting ? this.#trouble : "", sentence: this.#sentence };
    this.dispatchEvent(new CustomEvent("state", { detail }));
  }

  /** Begin with what was left from before. Call once the listeners are in place. */
  start() {
    this.#tell();
    this.#pump();
  }
}

function grouped(items) {
  const groups = new Map();
  for (const item of items) groups.set(item.group, [...(groups.get(item.group) ?? []), item]);
  return groups;
}
