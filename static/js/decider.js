// Decisions on many frames at once: a stretch of a video, or a frozen list. Each is one thing to send and one to undo.
// The page shows it at once; the server's answer follows and wins.

import { api } from "./app.js";
import { Outbox, uuid4 } from "./outbox.js";
import { compress, expand } from "./runs.js";

const REMEMBERED = 60;

const share = (one, other) => one.video !== undefined && one.video === other.video && one.first <= other.last && other.first <= one.last;

/** The later decision with the versions that the lost one had seen, where both are about the same frames. */
function rebase(lost, item) {
  if (!item.seen || !lost.seen) return item;
  const seen = expand(item.seen);
  expand(lost.seen).forEach((version, place) => {
    const at = lost.first + place - item.first;
    if (at >= 0 && at < seen.length) seen[at] = version;
  });
  return { ...item, seen: compress(seen) };
}

export const DECISIONS = {
  store: "decisions",
  field: "decisions",
  most: 20,
  wire: ({ uuid, kind, video, first, last, verdict, reason, seen, selection, undoes }) => (
    { uuid, kind, video, first, last, verdict, reason, seen, selection, undoes }
  ),
  touches: (one, other) => share(one, other) || (one.selection !== undefined && one.selection === other.selection),
  rebase,
};

/** Events: "outcome" {item, outcome} for every answer; "conflict" {item, outcome} where nobody's frames changed; "kept" the
 * same where some did not; "refused" {item, sentence}; "history"; "state" as the outbox tells it. */
export class Decider extends EventTarget {

  /** `log`: the last decisions that the server knows of, oldest first. */
  constructor(element, log = []) {
    super();
    const { decisions, slug, user } = element.dataset;
    this.canReview = element.hasAttribute("data-can-review");
    this.outbox = new Outbox({ url: decisions, slug, user: Number(user), kind: DECISIONS });
    this.history = this.#known(log);
    this.outbox.addEventListener("outcome", (event) => this.#answered(event.detail));
    this.outbox.addEventListener("state", (event) => this.#emit("state", event.detail));
  }

  start() {
    this.outbox.start();
    this.#emit("history");
  }

  /** What the server knows, and what still waits here. */
  #known(log) {
    const waiting = this.outbox.items();
    const undone = new Set(waiting.map((item) => item.undoes));
    const uuids = new Set(log.map((entry) => entry.uuid));
    const unsent = waiting.filter((item) => item.kind !== "undo" && !uuids.has(item.uuid));
    return [...log.filter((entry) => !undone.has(entry.uuid)), ...unsent.filter((item) => !undone.has(item.uuid))];
  }

  /** Decisions on this stretch of a video that wait for their answer, in the order they were made. */
  pending(stretch) { return this.outbox.items().filter((item) => share(item, stretch)); }

  /** One word on frames `first` to `last` of a video; `seen`: their versions, as runs; `label`: how people name them. */
  decide({ video, first, last, seen, label }, verdict, reason = "") {
    return this.#take({ kind: "segment", video, first, last, seen, label, frames: last - first + 1, verdict, reason });
  }

  /** One word on a frozen list of frames. */
  decideList({ selection, count }, verdict, reason = "") {
    return this.#take({ kind: "selection", selection, label: `${count} frames`, frames: count, verdict, reason });
  }

  /** Ask again what became of a decision that a job applies: the same id is the same decision. */
  async ask(item) {
    const body = { user: this.outbox.user, decisions: [DECISIONS.wire(item)] };
    const answer = await api(this.outbox.url, { method: "POST", body }).catch((error) => error.body);
    return answer?.outcomes?.[0] ?? null;
  }

  /** Take a decision back (the last one if none is named); returns it, or null when there is none. */
  undo(entry = this.history.at(-1)) {
    if (!entry) return null;
    this.history = this.history.filter((each) => each !== entry);
    const { video, first, last, selection, label, uuid, verdict, frames } = entry;
    this.outbox.add([{ kind: "undo", uuid: uuid4(), undoes: uuid, video, first, last, selection, label, verdict, frames }]);
    this.#emit("history");
    return entry;
  }

  /** A later decision on the same frames stands in the way of undoing this one by itself. */
  isOvertaken(entry) {
    return this.history.slice(this.history.indexOf(entry) + 1).some((later) => DECISIONS.touches(later, entry));
  }

  #take(fields) {
    const item = { ...fields, uuid: uuid4(), at: Date.now() };
    this.history = [...this.history, item].slice(-REMEMBERED);
    this.outbox.add([item]);
    this.#emit("history");
    return item;
  }

  #answered({ item, outcome }) {
    this.#emit("outcome", { item, outcome });
    if (outcome.status === "refused" || outcome.status === "missing") {
      this.#forget(item);
      return this.#emit("refused", { item, sentence: outcome.message });
    }
    if (outcome.status === "conflict") {
      this.#forget(item);
      return this.#emit("conflict", { item, outcome });
    }
    return outcome.kept && this.#emit("kept", { item, outcome });
  }

  /** A decision that nothing came of can't be undone. */
  #forget(item) {
    this.history = this.history.filter((entry) => entry.uuid !== item.uuid);
    this.#emit("history");
  }

  #emit(name, detail = {}) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}
