// "More like this": asks until a worker has compared the frames, then opens them as a list in the gallery.

import { api, RequestFailed, toast } from "./app.js";

const POLL_MS = 600;
const PATIENCE_MS = 15_000;

const later = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function words({ progress, problem }, since) {
  if (problem) return problem;
  if (progress !== null) return `Comparing the frames, ${Math.round(100 * progress)} % …`;
  return performance.now() - since > PATIENCE_MS ? "No worker has answered yet: look whether one is running for the queue “inspect”." : "Comparing the frames …";
}

/** Asks `url` (the address "similar" of a frame) until the answer is there; `tell(sentence)` says how far it is.
 * Resolves to {uuid, count, url} of the list; rejects with a RequestFailed, or an AbortError. */
export async function findSimilar(url, tell, signal) {
  const since = performance.now();
  for (let wait = POLL_MS; ; wait = Math.min(wait * 1.3, 3000)) {
    const found = await api(url, { signal });
    if (found.is_ready) return api(url, { method: "POST", signal });
    tell(words(found, since));
    await later(wait);
    signal?.throwIfAborted();
  }
}

let looking = null;

/** Open the frames like one in the gallery. Pressing again gives up the search before. */
export async function moreLikeThis(url) {
  looking?.abort();
  const mine = new AbortController();
  looking = mine;
  let close = () => {};
  let said = "";
  const tell = (sentence) => {
    if (sentence === said) return;
    close();
    said = sentence;
    close = toast(sentence, { seconds: 0, action: { label: "Stop", run: () => mine.abort() } });
  };
  try {
    const list = await findSimilar(url, tell, mine.signal);
    location.assign(list.url);
  } catch (error) {
    if (error instanceof RequestFailed) toast(error.message, { kind: "danger" });
    else if (error.name !== "AbortError") throw error;
  } finally {
    close();
    if (looking === mine) looking = null;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-similar]");
  if (button) moreLikeThis(button.dataset.similar);
});
