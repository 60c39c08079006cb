// Loaded before the first paint, so that no page flashes in the wrong theme, nor jumps when the gallery's controls
// open. Not a module: modules run too late.
(() => {
  let chosen = null;
  let controls = null;
  try {
    chosen = localStorage.getItem("theme");
    controls = localStorage.getItem("framesift:controls");
  } catch {
    // Storage may be forbidden; the system's wish then holds.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  if (controls === "open") document.documentElement.dataset.controls = controls;
})();
