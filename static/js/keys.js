// Key presses by name ("a", "Space", "ArrowLeft", "Shift+ArrowLeft", "Mod+a"), whatever the keyboard's layout. Pages know
// keys by their usual names; who has chosen others presses those, and reads them beside the buttons.

import { isTyping } from "./app.js";

const ON_CONTROLS = new Set(["Enter", "Space"]);
const ON_SLIDERS = /^(Shift\+)?(Arrow\w+|Home|End|Page\w+)$/;

const usualOf = chosenKeys(); // pressed -> usual; "" for a usual key that was given up
const chosenFor = new Map([...usualOf].filter(([, usual]) => usual).map(([pressed, usual]) => [usual, pressed]));

function chosenKeys() {
  try {
    return new Map(Object.entries(JSON.parse(document.querySelector('meta[name="keys"]').content)));
  } catch {
    return new Map();
  }
}

/** What the person presses for the key that a page knows by this name. */
export const boundKey = (usual) => chosenFor.get(usual) ?? usual;

/** The name of the key pressed; letters are taken from the key's place when the layout has no Latin ones, and digits
 * when they need Shift on the layout. */
export function keyName(event) {
  let name = event.key === " " ? "Space" : event.key;
  if (/^[a-z]$/i.test(name)) name = name.toLowerCase();
  else if (/^Key[A-Z]$/.test(event.code) && !/^[\x20-\x7e]$/.test(name)) name = event.code.slice(3).toLowerCase();
  else if (/^Digit[0-9]$/.test(event.code) && !event.shiftKey) name = event.code.slice(5);
  const isMod = event.ctrlKey || event.metaKey;
  return `${isMod ? "Mod+" : ""}${event.shiftKey && name.length > 1 ? "Shift+" : ""}${name}`;
}

function belongsElsewhere(event, name) {
  const isAll = name === "Mod+a" && !event.target.closest?.("input, textarea, select, dialog[open]");
  if (!isAll && isTyping(event)) return true;
  if (document.querySelector("[popover]:popover-open")) return true;
  if (ON_SLIDERS.test(name) && event.target.matches?.("input[type=range]")) return true;
  return ON_CONTROLS.has(name) && Boolean(event.target.closest?.("a, button, summary, input"));
}

/** Call handlers[name] for keys that nothing else wants; `name` is the usual one. Held-down keys repeat only where
 * `repeats` names them. */
export function onKeys(handlers, repeats = new Set()) {
  document.addEventListener("keydown", (event) => {
    const pressed = keyName(event);
    const name = usualOf.get(pressed) ?? pressed;
    const handler = handlers[name];
    if (!handler || event.defaultPrevented || belongsElsewhere(event, pressed)) return;
    event.preventDefault();
    if (!event.repeat || repeats.has(name)) handler(event);
  });
}

/** Write the chosen keys where the page shows the usual ones: beside buttons, and in their titles. */
function relabel() {
  for (const cap of document.querySelectorAll("main kbd:not([data-bound])")) {
    cap.dataset.bound = "";
    cap.textContent = boundKey(cap.textContent);
  }
  for (const button of document.querySelectorAll("[data-say][title]:not([data-bound])")) {
    button.dataset.bound = "";
    button.title = button.title.replace(/\((\S+)\)$/, (_, usual) => `(${boundKey(usual)})`);
  }
}

if (chosenFor.size) {
  relabel();
  new MutationObserver(relabel).observe(document.getElementById("main"), { childList: true, subtree: true });
}
