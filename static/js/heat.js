// How much of the input shows through the picture of the error; one choice for all frames.

const KEY = "framesift:heat";
const USUAL = "60";

function chosen() {
  try {
    return localStorage.getItem(KEY) ?? USUAL;
  } catch {
    return USUAL;
  }
}

/** Show the pictures inside `root` by the slider's last position. */
export function setHeat(root, percent = chosen()) {
  const slider = root.querySelector("[name=heat]");
  if (!slider) return;
  slider.value = percent;
  slider.setAttribute("aria-valuetext", `${slider.value} %`);
  slider.parentElement.querySelector("output").textContent = `${slider.value} %`;
  for (const picture of root.querySelectorAll("[data-heat]")) picture.style.opacity = slider.value / 100;
}

document.addEventListener("input", (event) => {
  if (event.target.name !== "heat") return;
  setHeat(event.target.closest(".pictures"), event.target.value);
  try {
    localStorage.setItem(KEY, event.target.value);
  } catch {
    // Without storage the choice lasts for this frame.
  }
});

document.addEventListener("htmx:after:swap", () => setHeat(document));
