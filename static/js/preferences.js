// Keys and display: a field takes the key that is pressed in it, and says at once whose key it already is.

import { keyName } from "./keys.js";

const form = document.getElementById("keys-form");
const fields = [...form.querySelectorAll(".key-input")];
const reset = form.elements.reset;

const labelOf = (field) => field.labels[0].firstChild.textContent.trim();

function mistake(field) {
  const twin = fields.find((other) => other !== field && other.value === field.value);
  if (!field.value) return "Press a key for it.";
  return twin ? `The same key as “${labelOf(twin)}”. Give each its own.` : "";
}

function check() {
  for (const field of fields) {
    const sentence = mistake(field);
    const words = document.getElementById(`wrong-${field.name}`);
    if (words.textContent !== sentence) words.textContent = sentence;
    if (sentence) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    field.classList.toggle("is-changed", field.value !== field.dataset.usual);
  }
  reset.disabled = fields.every((field) => field.value === field.dataset.usual);
}

/** A key that can be bound; others (Tab, Enter, Escape, arrows) keep doing what they do in a form. */
const isBindable = (name) => name === "Space" || /^[!-@[-~]$/.test(name);

const refusals = { "?": "? shows the keys of a page." };

form.addEventListener("keydown", (event) => {
  const field = event.target.closest(".key-input");
  const name = keyName(event);
  if (!field || event.altKey || !isBindable(name)) return;
  event.preventDefault();
  const refusal = refusals[name] ?? (/[1-9]/.test(name) ? "1 to 9 give a reason." : "");
  if (!refusal) field.value = name;
  check();
  if (refusal) document.getElementById(`wrong-${field.name}`).textContent = refusal;
});

form.addEventListener("input", check); // phones send no key presses
form.addEventListener("focusin", (event) => { if (event.target.matches(".key-input")) event.target.select(); });

// ---- light or dark

function stored() {
  try {
    return localStorage.getItem("theme") ?? "";
  } catch {
    return "";
  }
}

function setTheme(theme) {
  const root = document.documentElement;
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  try {
    if (theme) localStorage.setItem("theme", theme);
    else localStorage.removeItem("theme");
  } catch {
    // Storage may be forbidden; the choice then lasts for this page.
  }
}

const themes = [...document.querySelectorAll("#theme input")];
const showTheme = () => { for (const choice of themes) choice.checked = choice.value === stored(); };

document.getElementById("theme").addEventListener("change", (event) => setTheme(event.target.value));
document.addEventListener("click", (event) => { if (event.target.closest("[data-theme-toggle]")) showTheme(); });
showTheme();
