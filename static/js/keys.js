// Key presses by name ("a", "Space", "ArrowLeft", "Shift+ArrowLeft", "Mod+a"), whatever the keyboard's layout.

import { isTyping } from "./app.js";

const ON_CONTROLS = new Set(["Enter", "Space"]);

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
  return ON_CONTROLS.has(name) && Boolean(event.target.closest?.("a, button, summary, input"));
}

/** Call handlers[name] for keys that nothing else wants. Held-down keys repeat only where `repeats` names them. */
export function onKeys(handlers, repeats = new Set()) {
  document.addEventListener("keydown", (event) => {
    const name = keyName(event);
    const handler = handlers[name];
    if (!handler || event.defaultPrevented || belongsElsewhere(event, name)) return;
    event.preventDefault();
    if (!event.repeat || repeats.has(name)) handler(event);
  });
}
