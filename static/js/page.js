// What every page does: theme, menus, dialogs, two-press buttons, toasts that leave, and htmx's failures in words.

import { isLogin, toast } from "./app.js";

const TOAST_MS = 8000;
const ARMED_MS = 4000;

function toggleTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Storage may be forbidden; the choice then lasts for this page.
  }
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
}

const armed = new WeakMap(); // button -> what disarms it

function arm(button) {
  const label = button.querySelector("[data-label]") ?? button;
  const words = label.textContent;
  button.classList.add("is-armed");
  label.textContent = button.dataset.confirm;
  const disarm = () => {
    if (!armed.delete(button)) return;
    button.classList.remove("is-armed");
    label.textContent = words;
  };
  armed.set(button, disarm);
  setTimeout(disarm, ARMED_MS);
  button.addEventListener("blur", disarm, { once: true });
}

/** A button with data-confirm asks on its own face: the first press arms it, the second within 4 s goes through. */
function isHeldBack(button) {
  if (!button) return false;
  const disarm = armed.get(button);
  if (disarm) {
    disarm();
    setTimeout(closeMenus); // after the press has done its work
    return false;
  }
  arm(button);
  return true;
}

// In the capture phase, before htmx hears of the click.
document.addEventListener("click", (event) => {
  if (!isHeldBack(event.target.closest?.("[data-confirm]"))) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

document.addEventListener("click", (event) => {
  const target = event.target;
  if (target.closest("[data-theme-toggle]")) toggleTheme();
  if (target.closest("[data-dismiss]")) target.closest(".toast")?.remove();
  if (target.closest("[data-close]") || target.matches("dialog.dialog")) target.closest("dialog")?.close();
  const opener = target.closest("[data-open]");
  if (opener) document.querySelector(opener.dataset.open)?.showModal();
  const refused = target.closest("[data-refusal]"); // a choice that isn't there yet says why when it is pressed
  if (refused) toast(refused.dataset.refusal);
  closeMenus(target.closest("details.menu"));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.activeElement?.closest("details.menu[open]");
  closeMenus();
  menu?.querySelector("summary").focus();
});

// Copy to the clipboard, with the button's own face as the answer.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = "Copied";
});

// A control that submits its own form (filters, roles) carries data-autosubmit.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
});

// Toasts that came from the server leave by themselves; the same words are shown once.
function adopt(box) {
  const twins = [...document.querySelectorAll("#toasts .toast")].filter((other) => other !== box && other.textContent === box.textContent);
  for (const twin of twins) twin.remove();
  setTimeout(() => box.remove(), TOAST_MS);
}

const toasts = document.getElementById("toasts");
for (const box of toasts.children) adopt(box);
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node.matches?.("[data-toast]")) adopt(node);
}).observe(toasts, { childList: true });

document.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

const isPoll = (context) => context?.sourceEvent?.type === "every";

// A poll waits while nobody looks, and while somebody is in the middle of a menu or a second press.
function holdPoll(event) {
  const { ctx } = event.detail;
  if (!isPoll(ctx)) return;
  if (document.hidden || ctx.target?.querySelector?.("details.menu[open], .is-armed")) event.preventDefault();
}
document.addEventListener("htmx:before:request", holdPoll);
document.addEventListener("htmx:before:swap", holdPoll); // one that was under way when the menu opened

document.addEventListener("htmx:before:response", (event) => {
  const response = event.detail.ctx.response.raw;
  if (!response.redirected || !isLogin(response.url)) return;
  event.preventDefault();
  location.assign(`${new URL(response.url).pathname}?next=${encodeURIComponent(location.pathname + location.search)}`);
});

// A failed poll says nothing: the next one may pass. Anything a person pressed must answer.
document.addEventListener("htmx:error", (event) => {
  if (!isPoll(event.detail.ctx)) toast("The server can't be reached. Check your connection and try again.", { kind: "danger" });
});
