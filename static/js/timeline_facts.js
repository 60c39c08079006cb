// The line under the timeline: which segment lies under the playhead, and what is known of it.

import { measure } from "./charts.js";
import { verdictMarks } from "./tiles.js";
import { clock } from "./stretch.js";

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function said(segment, stretch, word) {
  if (word) return [...verdictMarks(word, segment.verdict === word ? segment.reason : ""), segment.verdict === word && segment.by ? `by ${segment.by}` : ""];
  const judged = stretch.judged();
  return [judged ? `${judged} of ${plural(stretch.count, "frame")} judged` : "not judged"];
}

function numbers(stretch, score) {
  const [mean, worst] = [stretch.mean(), stretch.value(stretch.worst())];
  if (mean === null) return [plural(stretch.count, "frame"), "no score yet"];
  return [plural(stretch.count, "frame"), `mean ${measure(mean, score)}`, `worst ${measure(worst, score)}`];
}

/** Fill `box` with the words on a segment; undefined: there is none. */
export function showFacts(box, recording, segment, sentence) {
  const [where, facts, side, verdict] = ["where", "facts", "side", "verdict"].map((name) => box.querySelector(`[data-${name}]`));
  box.classList.toggle("is-none", !segment);
  for (const part of [side, verdict]) part.replaceChildren();
  if (!segment) {
    where.textContent = "";
    facts.textContent = sentence;
    return;
  }
  const stretch = recording.stretch(segment);
  where.textContent = `${clock(stretch.start)}–${clock(stretch.end)}`;
  facts.textContent = numbers(stretch, recording.score).join(" · ");
  side.textContent = segment.isOutlier ? "above the threshold" : "below the threshold";
  side.classList.toggle("is-outlier", segment.isOutlier);
  verdict.append(...said(segment, stretch, recording.word(segment)));
}
