// On a narrow screen the filters and what stands beside them wait behind one button, so that pictures come first.

const OPEN = "framesift:controls"; // theme.js reads it before the first paint
const root = document.documentElement;
const toggle = document.getElementById("controls-toggle");

function put(isOpen) {
  toggle.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) root.dataset.controls = "open";
  else delete root.dataset.controls;
}

function remember(isOpen) {
  try {
    localStorage.setItem(OPEN, isOpen ? "open" : "closed");
  } catch {
    // Storage may be forbidden; the choice then lasts for this page.
  }
}

const isFolded = () => Boolean(toggle.offsetParent) && toggle.getAttribute("aria-expanded") === "false";

/** Show what is folded away, before something in it takes the focus; says whether anything was. */
export function unfold() {
  const wasFolded = isFolded();
  if (wasFolded) put(true);
  return wasFolded;
}

/** Open or close the menu of saved views, as a press on it does. */
export function openViews() {
  unfold();
  document.querySelector("#views > summary").click();
}

/** What takes the focus when a filter went away: the first filter, or the button before them all. */
export const firstControl = (form) => (isFolded() ? toggle : form.querySelector("select"));

toggle.addEventListener("click", () => {
  const isOpen = toggle.getAttribute("aria-expanded") === "false";
  put(isOpen);
  remember(isOpen);
});
put(root.dataset.controls === "open");
