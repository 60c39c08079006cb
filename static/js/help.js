// The `?` dialog: the keys of this page as this person has them, read off the elements that carry them
// (data-key, data-key-label).

import { isTyping } from "./app.js";
import { boundKey } from "./keys.js";

const dialog = document.getElementById("help");
const list = document.getElementById("help-keys");

function sources() {
  const template = document.getElementById("keys");
  return [...document.querySelectorAll("[data-key-label]"), ...(template?.content.querySelectorAll("[data-key-label]") ?? [])];
}

function keyCaps(keys) {
  const cell = document.createElement("dd");
  for (const name of keys.split(" ")) {
    const cap = document.createElement("kbd");
    cap.textContent = boundKey(name);
    cell.append(cap, " ");
  }
  return cell;
}

function fill() {
  const rows = new Map(sources().map((each) => [each.dataset.keyLabel, each.dataset.key]));
  list.replaceChildren();
  for (const [label, keys] of rows) {
    const term = document.createElement("dt");
    term.textContent = label;
    list.append(term, keyCaps(keys));
  }
}

new MutationObserver(() => { if (dialog.open) fill(); }).observe(dialog, { attributes: true, attributeFilter: ["open"] });

document.addEventListener("keydown", (event) => {
  if (event.key !== "?" || isTyping(event)) return;
  event.preventDefault();
  dialog.showModal();
});
