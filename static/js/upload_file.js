// One file on its way up. States: waiting, starting, sending, paused, finishing, failed, refused, done, cancelled.
// The server's answer says which parts are held; only missing ones are sent, so every step may be repeated.

import { api } from "./app.js";
import { PartFailed, Slots, patiently, putPart } from "./upload_transport.js";

const SIGN_BATCH = 20;
const PARTS_AT_ONCE = 4;
const SIGNED_MARGIN_MS = 60_000;
const slots = new Slots(PARTS_AT_ONCE);

export const fingerprintOf = (file) => `${file.name}|${file.size}|${file.lastModified}`;
const isFinal = (error) => error.status >= 400 && error.status < 500 && ![408, 429].includes(error.status);

export class UploadFile extends EventTarget {
  constructor(file, { url, dataset, isReference }) {
    super();
    Object.assign(this, { file, url, dataset, isReference });
    this.fingerprint = fingerprintOf(file);
    this.state = "waiting";
    this.message = "";
    this.videoUrl = "";
    this.held = new Set();
    this.flying = new Map(); // part number -> bytes of it that went up so far
    this.urls = new Map(); // part number -> {url, until}
  }

  get isActive() { return ["starting", "sending", "finishing"].includes(this.state); }
  get isOver() { return ["done", "refused", "cancelled"].includes(this.state); }

  get sentBytes() {
    if (this.state === "done") return this.file.size;
    let sum = 0;
    for (const number of this.held) sum += this.lengthOf(number);
    for (const bytes of this.flying.values()) sum += bytes;
    return Math.min(sum, this.file.size);
  }

  lengthOf(number) {
    return Math.min(this.partSize, this.file.size - (number - 1) * this.partSize);
  }

  become(state, message = "") {
    this.state = state;
    this.message = message;
    this.dispatchEvent(new Event("change"));
  }

  async run() {
    const controller = new AbortController();
    this.controller = controller;
    const { signal } = controller;
    this.become("starting");
    try {
      await this.begin(signal);
      this.become("sending");
      await this.sendMissing(signal);
      this.become("finishing");
      await this.finish(signal);
    } catch (error) {
      controller.abort();
      if (this.controller === controller) this.stopped(error); // else it was resumed meanwhile
    }
  }

  stopped(error) {
    this.flying.clear();
    if (this.state === "paused" || this.state === "cancelled") return; // we did that ourselves
    const isRefused = isFinal(error) && error.status !== 401 && !this.id;
    this.become(isRefused ? "refused" : "failed", error.message);
  }

  async begin(signal) {
    const body = {
      dataset: this.dataset, name: this.file.name, size: this.file.size,
      fingerprint: this.fingerprint, reference: this.isReference,
    };
    const ask = () => api(this.url, { method: "POST", body, signal });
    const answer = await patiently(ask, { signal, isFinal });
    this.id = answer.id;
    this.partSize = answer.part_size;
    this.partCount = answer.part_count;
    this.held = new Set(answer.held);
  }

  async sendMissing(signal) {
    const queue = [];
    for (let number = 1; number <= this.partCount; number += 1) if (!this.held.has(number)) queue.push(number);
    const lane = async () => {
      while (queue.length) {
        await slots.take();
        try {
          if (signal.aborted) throw new PartFailed("Stopped.", { aborted: true });
          const number = queue.shift();
          if (number !== undefined) await this.sendPart(number, signal);
        } finally {
          slots.give();
        }
      }
    };
    await Promise.all(Array.from({ length: PARTS_AT_ONCE }, lane));
  }

  async sendPart(number, signal) {
    const start = (number - 1) * this.partSize;
    const blob = this.file.slice(start, start + this.lengthOf(number));
    const onProgress = (bytes) => { if (!signal.aborted) this.flying.set(number, bytes); };
    const put = async () => {
      const url = await this.signed(number, signal);
      try {
        await putPart(url, blob, { signal, onProgress });
      } catch (error) {
        this.flying.delete(number);
        this.urls.delete(number); // expired or refused: the next try signs anew
        throw error;
      }
    };
    await patiently(put, { signal, isFinal: (error) => !(error instanceof PartFailed) && isFinal(error) });
    this.flying.delete(number);
    this.held.add(number);
  }

  hasUrl(number) {
    return (this.urls.get(number)?.until ?? 0) > Date.now();
  }

  /** A URL for the part; parts that follow are signed with it, and lanes that ask meanwhile wait for that one answer. */
  async signed(number, signal) {
    while (!this.hasUrl(number)) {
      this.signing ??= this.signFrom(number, signal).finally(() => { this.signing = null; });
      await this.signing;
    }
    return this.urls.get(number).url;
  }

  async signFrom(first, signal) {
    const parts = [];
    for (let number = first; number <= this.partCount && parts.length < SIGN_BATCH; number += 1) {
      if (!this.held.has(number) && !this.hasUrl(number)) parts.push(number);
    }
    const answer = await api(`${this.url}${this.id}/sign/`, { method: "POST", body: { parts }, signal });
    const until = Date.now() + answer.expires_s * 1000 - SIGNED_MARGIN_MS;
    for (const [key, url] of Object.entries(answer.urls)) this.urls.set(Number(key), { url, until });
  }

  async finish(signal) {
    const ask = () => api(`${this.url}${this.id}/complete/`, { method: "POST", body: {}, signal });
    const answer = await patiently(ask, { signal, isFinal });
    this.videoUrl = answer.url;
    this.become("done");
  }

  pause() {
    if (!this.isActive && this.state !== "waiting") return;
    this.state = "paused"; // before the abort, so that what it stops is not taken for a failure
    this.controller?.abort();
    this.flying.clear();
    this.become("paused");
  }

  /** Back into the queue; the parts that are there stay there. */
  wait() {
    this.become("waiting");
  }

  async cancel() {
    this.become("cancelled");
    this.controller?.abort();
    if (this.id) await api(`${this.url}${this.id}/`, { method: "DELETE" }).catch(() => {}); // strays are cleared in time
  }
}
