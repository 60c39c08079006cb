// Why a frame is OUT: the data set's own words, a key each (1 to 9), and a small menu for mouse and touch.

const menu = document.getElementById("reason-menu");
const choices = () => [...(menu?.querySelectorAll("[data-reason]") ?? [])];
const GAP = 4;

let pick = null; // what becomes of a choice in the open menu
let anchor = null;
let pressedAt = 0; // the press that is going on, of a button or a key
let closedAt = -1;

export const reasons = choices().map((choice) => choice.dataset.reason);

/** Key handlers "1" to "9", each calling judge("out", reason). */
export function reasonKeys(judge) {
  return Object.fromEntries(reasons.map((reason, place) => [String(place + 1), () => judge("out", reason)]));
}

function place() {
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const isRoomBelow = at.bottom + GAP + height <= innerHeight;
  menu.style.left = `${Math.max(GAP, Math.min(at.left, innerWidth - width - GAP))}px`;
  menu.style.top = `${isRoomBelow ? at.bottom + GAP : Math.max(GAP, at.top - GAP - height)}px`;
}

/** Open the menu at a button; `onPick(reason)` is called once when a reason is chosen. */
export function askReason(button, onPick) {
  const isClosedByThisPress = anchor === button && closedAt >= pressedAt;
  if (isClosedByThisPress) return;
  [anchor, pick] = [button, onPick];
  menu.showPopover();
  place();
  choices()[0].focus({ preventScroll: true });
}

function choose(choice) {
  const then = pick;
  menu.hidePopover();
  if (choice) then?.(choice.dataset.reason);
}

menu?.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-reason]");
  if (choice) choose(choice);
});

menu?.addEventListener("keydown", (event) => {
  const all = choices();
  const here = all.indexOf(document.activeElement);
  const steps = { ArrowDown: here + 1, ArrowUp: here - 1 + all.length, Home: 0, End: all.length - 1 };
  if (event.key in steps) all[steps[event.key] % all.length].focus();
  else if (/^[1-9]$/.test(event.key)) choose(all[Number(event.key) - 1]);
  else return;
  event.preventDefault();
});

menu?.addEventListener("beforetoggle", (event) => {
  const isOpen = event.newState === "open";
  anchor?.setAttribute("aria-expanded", String(isOpen));
  if (!isOpen) closedAt = performance.now();
});

for (const press of ["pointerdown", "keydown"]) addEventListener(press, () => { pressedAt = performance.now(); }, true);
addEventListener("scroll", () => { if (menu?.matches(":popover-open")) menu.hidePopover(); }, { passive: true });
