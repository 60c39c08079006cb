// One request to the object store, and the patience around it: back-off with jitter, waiting out lost connections.

const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;
export const TRIES = 6;

export class PartFailed extends Error {
  constructor(message, { status = 0, aborted = false } = {}) {
    super(message);
    this.status = status; // 0: no answer at all
    this.aborted = aborted;
  }
}

/** PUT one part. `onProgress(bytes)` counts this attempt's bytes; `signal` aborts. Rejects with PartFailed. */
export function putPart(url, blob, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch() can't report how much went up
    const stop = () => request.abort();
    const fail = (message, more) => reject(new PartFailed(message, more));
    request.open("PUT", url);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else fail(`The object store answered ${request.status}.`, { status: request.status });
    });
    request.addEventListener("error", () => fail("The connection to the object store broke."));
    request.addEventListener("abort", () => fail("Stopped.", { aborted: true }));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
    if (signal.aborted) return fail("Stopped.", { aborted: true });
    signal.addEventListener("abort", stop);
    request.send(blob);
  });
}

/** Before try number `attempt` (1 = first repeat): 0.5 s doubling to 30 s, each drawn between half and all of it. */
export function delayMs(attempt, random = Math.random) {
  const full = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (attempt - 1));
  return full / 2 + (random() * full) / 2;
}

export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => { clearTimeout(timer); reject(new PartFailed("Stopped.", { aborted: true })); };
    const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); resolve(); }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Resolves at once when the browser is online, else when it is again. */
export function online(signal) {
  if (navigator.onLine) return Promise.resolve();
  return new Promise((resolve, reject) => {
    window.addEventListener("online", resolve, { once: true });
    signal?.addEventListener("abort", () => reject(new PartFailed("Stopped.", { aborted: true })), { once: true });
  });
}

/** Run `task` up to TRIES times. `isFinal(error)` ends it early; tries that fail while offline don't count. */
export async function patiently(task, { signal, isFinal }) {
  for (let attempt = 1; ; attempt += 1) {
    await online(signal);
    try {
      return await task();
    } catch (error) {
      if (error.aborted || error.name === "AbortError" || isFinal(error)) throw error;
      if (!navigator.onLine) { attempt -= 1; continue; }
      if (attempt >= TRIES) throw error;
      await sleep(delayMs(attempt), signal);
    }
  }
}

/** At most `limit` holders at a time, first come first served; shared by all files. */
export class Slots {
  constructor(limit) {
    this.free = limit;
    this.waiting = [];
  }

  async take() {
    if (this.free > 0) this.free -= 1;
    else await new Promise((resolve) => this.waiting.push(resolve));
  }

  give() {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}
