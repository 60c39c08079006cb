// What the gallery shows: its form of filters, the chips that say what it holds, and controls outside it that belong to it.

import { firstControl, unfold } from "./gallery_controls.js";

export const form = document.getElementById("filters");

/** Fields that mean something under one score only. */
const OF_ONE_SCORE = ["low", "high", "from"];

function put(name, value) {
  const field = form.elements[name];
  if (!field || field instanceof RadioNodeList) return;
  if (field.type === "checkbox") field.checked = Boolean(value);
  else field.value = value;
}

function clear(...names) { for (const name of names) put(name, ""); }

/** Whatever narrows a frozen list lets go of it. */
function changed(names) {
  if (names.includes("sort")) clear(...OF_ONE_SCORE);
  if (!names.includes("selection")) clear("selection");
}

/** Ask for the list anew. */
function ask() { form.dispatchEvent(new Event("change", { bubbles: true })); }

/** Set fields ({low: "40", high: ""}) and ask for the list. */
export function show(fields) {
  for (const [name, value] of Object.entries(fields)) put(name, value);
  changed(Object.keys(fields));
  ask();
}

/** The query string of the list as the address says it: the server wrote it there. */
export function query() {
  const params = new URLSearchParams(location.search);
  for (const name of ["at", "after", "part"]) params.delete(name);
  return params.toString();
}

document.addEventListener("change", (event) => {
  const { target } = event;
  if (target.form !== form || !target.name) return;
  changed([target.name]);
  if (!form.contains(target)) ask();
}, true);

document.addEventListener("click", (event) => {
  const chip = event.target.closest?.("[data-clears]");
  if (!chip || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const names = chip.dataset.clears.split(" ").filter(Boolean);
  show(Object.fromEntries(names.map((name) => [name, ""])));
  firstControl(form).focus({ preventScroll: true });
});

// ---- the order

/** The next of the choices of a control that can be chosen, round and round. */
function chooseNext(choices, isChosen, choose) {
  const free = choices.filter((choice) => !choice.disabled);
  const next = free[(free.findIndex(isChosen) + 1) % free.length];
  if (!next || isChosen(next)) return "";
  return choose(next);
}

/** Sort by the next score; returns its name, or "" when there is no other. */
export function sortByNext() {
  const said = chooseNext([...form.querySelectorAll("[name=sort]")], (radio) => radio.checked, (radio) => {
    radio.checked = true;
    return `By ${radio.parentElement.textContent.trim()}`;
  });
  if (said) show({ sort: "" });
  return said;
}

/** Reverse the order; returns what it is now. */
export function reverseOrder() {
  const said = chooseNext([...form.elements.order.options], (option) => option.selected, (option) => {
    option.selected = true;
    return option.textContent;
  });
  if (said) ask();
  return said;
}

// ---- jump to a score

const jump = document.getElementById("jump");

/** A score as it was typed: "87.3", "+1.24", "87 %". */
function typed(text) {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  const number = Number(plain.replace("%", "").trim());
  if (!plain || Number.isNaN(number)) return plain;
  return String(plain.includes("%") ? number / 100 : number);
}

export function goToJump() {
  unfold();
  jump?.focus();
  jump?.select();
}

jump?.addEventListener("change", () => { jump.value = typed(jump.value); });
