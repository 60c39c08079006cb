// What a person is told of decisions that did not go through as they were made: somebody else was faster, or they were refused.

import { toast } from "./app.js";
import { showConflict } from "./tiles.js";

function ask(decider, notices, { item, outcome }) {
  const place = document.createElement("div");
  place.className = "review-notice";
  notices.append(place);
  const message = `${item.label}: ${outcome.message}`;
  const { video, first, last, label, verdict, reason } = item;
  const useMine = () => decider.decide({ video, first, last, label, seen: outcome.versions }, verdict, reason);
  showConflict(place, { item: item.kind === "segment" ? item : {}, outcome: { message } }, useMine);
  place.addEventListener("click", () => { if (!place.querySelector(".conflict")) place.remove(); });
}

/** Say into `notices` who and what, and let the person decide. */
export function tellOf(decider, notices) {
  for (const name of ["conflict", "kept"]) decider.addEventListener(name, ({ detail }) => ask(decider, notices, detail));
  decider.addEventListener("refused", ({ detail: { item, sentence } }) => toast(`${item.label}: ${sentence}`, { kind: "danger", seconds: 0 }));
}
