// Everything that matches, as one: a frozen list that the server keeps, judged with one word and taken back with one key.

import { api, toast } from "./app.js";
import { Decider } from "./decider.js";
import { query } from "./gallery_form.js";

const PATIENCE_MS = 4000; // for own verdicts that are still on their way
const STATES_AT_ONCE = 300;
const [FIRST_LOOK_MS, LAST_LOOK_MS] = [700, 3000];

const later = (ms) => new Promise((done) => { setTimeout(done, ms); });
const number = (value) => value.toLocaleString("en");

/** Events: "change" when a list is taken or let go of; "history"; "state" as the outbox tells it. */
export class WholeList extends EventTarget {
  #shown = new Map(); // uuid of a decision -> what was said before of the frames in the page
  #queued = new Map(); // uuid -> whether it is to be undone when it is done
  #taking = null;
  #isClaimed = false; // a word is waiting for the list that is being taken

  /** `inPage()`: the frames that the page shows, folded ones too. */
  constructor(element, reviewer, inPage) {
    super();
    const { user, slug } = element.dataset;
    this.reviewer = reviewer;
    this.inPage = inPage;
    this.urls = { select: element.dataset.selections, gallery: element.dataset.gallery };
    this.key = `framesift:lists:${user}:${slug}`;
    this.list = null; // {uuid, count}
    this.decider = new Decider(element, this.#stored());
    this.decider.outbox.inStepWith(reviewer.outbox);
    reviewer.outbox.inStepWith(this.decider.outbox);
    this.#listen();
  }

  start() { this.decider.start(); }

  get count() { return this.list?.count ?? 0; }

  /** A list is there, or is being taken; the next word is on it. */
  get isOn() { return Boolean(this.list || (this.#taking && !this.#isClaimed)); }

  /** Freeze all that match now. Resolves to whether there is a list. */
  take() {
    this.#taking ??= this.#take().finally(() => { this.#taking = null; });
    return this.#taking;
  }

  async #take() {
    if (!await this.reviewer.outbox.settled(PATIENCE_MS)) {
      toast("Your last verdicts are not sent yet. Select all once they are through.", { kind: "danger" });
      return false;
    }
    try {
      this.list = await api(this.urls.select, { method: "POST", body: { query: query() } });
    } catch (error) {
      toast(error.message, { kind: "danger" });
      return false;
    }
    this.#tell("change");
    return true;
  }

  clear() {
    if (!this.list) return;
    this.list = null;
    this.#tell("change");
  }

  /** One word on the list, also on one that is still being taken. Resolves to how many frames it is on; 0 for none. */
  async judge(verdict, reason) {
    this.#isClaimed = true;
    if (this.#taking) await this.#taking;
    this.#isClaimed = false;
    const { list } = this;
    if (!list) return 0;
    this.clear();
    const item = this.decider.decideList({ selection: list.uuid, count: list.count }, verdict, reason);
    const before = new Map();
    for (const frame of this.inPage()) before.set(frame, { ...this.reviewer.known(frame) });
    this.#shown.set(item.uuid, before);
    for (const frame of before.keys()) this.reviewer.assume(frame, { verdict, reason });
    return list.count;
  }

  /** Take a decision on a list back. Returns what to say. */
  undo(entry) {
    if (this.#queued.has(entry.uuid)) {
      this.#queued.set(entry.uuid, true);
      return "It is still being applied, and will be taken back as soon as that is done.";
    }
    this.decider.undo(entry);
    this.#putBack(entry.uuid);
    return `Undone: ${number(entry.frames)} frames`;
  }

  #putBack(uuid) {
    for (const [frame, state] of this.#shown.get(uuid) ?? []) if (this.reviewer.known(frame)) this.reviewer.assume(frame, state);
    this.#shown.delete(uuid);
  }

  #listen() {
    const { decider } = this;
    decider.addEventListener("history", () => { this.#store(); this.#tell("history"); });
    decider.addEventListener("state", ({ detail }) => this.#tell("state", detail));
    decider.addEventListener("outcome", ({ detail: { item, outcome } }) => this.#answered(item, outcome));
    decider.addEventListener("kept", ({ detail: { outcome } }) => toast(outcome.message, { seconds: 12 }));
    for (const name of ["conflict", "refused"]) {
      decider.addEventListener(name, ({ detail: { item, outcome, sentence } }) => {
        this.#putBack(item.uuid);
        toast(`${item.label}: ${sentence ?? outcome.message}`, { kind: "danger", seconds: 0 });
      });
    }
  }

  async #answered(item, outcome) {
    if (outcome.status === "queued") await this.#watch(item);
    return this.look();
  }

  /** A job applies a long list: wait for it, and say so. */
  async #watch(item) {
    this.#queued.set(item.uuid, false);
    const close = toast(`${number(item.frames ?? 0)} frames are being judged. You can go on meanwhile.`, { seconds: 0 });
    let outcome = null;
    for (let wait = FIRST_LOOK_MS; !outcome || outcome.status === "queued"; wait = Math.min(wait * 1.4, LAST_LOOK_MS)) {
      await later(wait);
      outcome = await this.decider.ask(item);
    }
    close();
    const isUnwanted = this.#queued.get(item.uuid);
    this.#queued.delete(item.uuid);
    if (outcome.kept) toast(outcome.message, { seconds: 12 });
    document.body.dispatchEvent(new CustomEvent("reviewed"));
    const entry = this.decider.history.find((each) => each.uuid === item.uuid);
    if (isUnwanted && entry) this.undo(entry);
  }

  /** Ask the server what is said of the frames in the page by now. */
  async look() {
    const frames = this.inPage();
    for (let start = 0; start < frames.length; start += STATES_AT_ONCE) {
      const part = frames.slice(start, start + STATES_AT_ONCE).join(",");
      const answer = await api(`${this.urls.gallery}?part=states&frames=${part}`).catch(() => null);
      if (this.decider.outbox.waiting || this.#queued.size) return; // a later word is on its way: its answer will come
      for (const [frame, state] of Object.entries(answer?.frames ?? {})) this.reviewer.correct(Number(frame), ...state);
    }
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
      sessionStorage.setItem(this.key, JSON.stringify(this.decider.history.filter((entry) => entry.kind === "selection")));
    } catch {
      // Without storage, undo reaches back to when this page was opened.
    }
  }

  #tell(name, detail = {}) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}
