// How the scores are spread, above the tiles: bars by verdict, a brush that filters, and a threshold to be tried out.

import { api, csrfToken, toast } from "./app.js";
import { axis, keep, measure, short, tick, uPlot } from "./charts.js";
import { unfold } from "./gallery_controls.js";
import { query, show } from "./gallery_form.js";
import { above, root, series, shareAt, stack, thresholdAt, ticks } from "./score_bars.js";
import { Brush, ThresholdLine } from "./spread_controls.js";

const HEIGHT = 118;
const REST_MS = 140; // after the last movement, before the server is asked for the exact count
const AFTER_VERDICTS_MS = 1500;
const OPEN = "framesift:spread";
const VERDICTS = ["none", "in", "out", "unsure"];

const section = document.getElementById("spread");
const toggle = document.getElementById("spread-toggle");
const plot = section?.querySelector(".spread-plot");
const words = section?.querySelector("[data-words]");
const [save, reset, filter] = ["save", "reset", "filter"].map((name) => section?.querySelector(`[data-${name}]`));

let data = null; // as the server told it, with `counts` of all verdicts
let tried = null; // a threshold that is being tried, or null for the version's own
let exact = null; // counts above the tried threshold by verdict, once the server has said
let chart = null;
let asking = null;

const address = (extra = "") => `${section.dataset.url}?${[query(), extra].filter(Boolean).join("&")}`;
const total = (counts) => VERDICTS.reduce((sum, name) => sum + counts[name], 0);
const number = (value) => value.toLocaleString("en");

// ---- bars stand side by side whatever the scores between their edges are: places are counted in bars

function placeOf(value) {
  const { edges } = data;
  const beyond = edges.findIndex((edge) => edge > value);
  if (beyond === 0) return 0;
  if (beyond < 0) return edges.length - 1;
  return beyond - 1 + (value - edges[beyond - 1]) / (edges[beyond] - edges[beyond - 1]);
}

function valueAt(place) {
  const { edges } = data;
  const bar = Math.min(Math.max(Math.floor(place), 0), edges.length - 2);
  return edges[bar] + (edges[bar + 1] - edges[bar]) * Math.min(Math.max(place - bar, 0), 1);
}

/** Round scores that lie far enough apart to be read under the bars. */
function marks(width) {
  const bars = data.edges.length - 1;
  const [first, last] = [data.edges[0], data.edges.at(-1)];
  const steps = Array.from({ length: 12 }, (_, power) => 10 ** (power - 5)).flatMap((ten) => [ten, 2 * ten, 5 * ten]);
  const step = steps.find((each) => (last - first) / each <= 12) ?? last - first;
  const even = Array.from({ length: 14 }, (_, n) => (Math.ceil(first / step) + n) * step);
  const isFar = first > 0 && last / first > 8;
  const wanted = (isFar ? steps : even).filter((value) => value >= first && value <= last);
  let before = -Infinity;
  return wanted.map((value) => placeOf(value)).filter((place) => {
    if (((place - before) / bars) * width < 46) return false;
    before = place;
    return true;
  });
}

function draw(width) {
  const bars = data.edges.length - 1;
  const counts = stack({ ...data, edges: data.edges.map((_, place) => place) });
  return new uPlot({
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false }, select: { show: false }, padding: [4, 16, 0, 0],
    scales: { x: { time: false, range: [0, bars] }, y: root },
    axes: [
      axis({ size: 20, gap: 3, grid: { show: false }, splits: () => marks(width - 40), values: (u, splits) => splits.map((place) => tick(Number(valueAt(place).toPrecision(3)), data.score)) }),
      axis({ size: 40, filter: (u, splits) => splits, splits: (u) => ticks(u.scales.y.max).filter((_, n, all) => n === all.length - 1 || n % 2 === 0), values: (u, splits) => splits.map(short) }),
    ],
    series: [{}, series("not judged", "--chart-rest"), series("IN", "--chart-in"), series("OUT", "--chart-out")],
    hooks: { ready: [(u) => layControls(u)] },
  }, counts, plot);
}

function layControls(u) {
  const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = u.over;
  const over = section.querySelector(".spread-over");
  over.style.inset = `${offsetTop}px auto auto ${offsetLeft}px`;
  over.style.width = `${offsetWidth}px`;
  over.style.height = `${offsetHeight}px`;
  over.hidden = false;
  drawControls();
}

function drawControls() {
  brush.draw();
  line.draw();
}

// ---- the threshold

const threshold = () => tried ?? data.threshold;
const canSave = () => section.hasAttribute("data-can-save") && data.quantiles.length > 1;

/** Where a saved threshold could lie next to this one: it is kept as the share of held-out frames that it accepts. */
function nearest(value) {
  if (data.quantiles.length < 2) return { value, share: null };
  const share = Math.min(0.999, Math.max(0.5, Math.round(shareAt(data.quantiles, value) * 10_000) / 10_000));
  return { value: thresholdAt(data.quantiles, share), share };
}

function tryOut(value) {
  tried = section.hasAttribute("data-can-save") ? nearest(value).value : value;
  exact = null;
  tell();
  askExactly();
}

function askExactly() {
  clearTimeout(asking);
  const wanted = tried;
  asking = setTimeout(async () => {
    const found = await api(address(`threshold=${wanted}`)).catch(() => null);
    if (!found || wanted !== tried) return;
    exact = found.above;
    tell();
  }, REST_MS);
}

function sentence() {
  if (threshold() === null) return `Version ${data.version} has no threshold of the ${data.label}.`;
  const counts = exact ?? (tried === null ? data.above : null);
  const all = total(data.sums);
  const beyond = counts ? total(counts) : above(data, tried);
  const judged = counts ? ` (${number(counts.out)} OUT, ${number(counts.in)} IN)` : "";
  const share = tried !== null && data.quantiles.length > 1 ? `; it accepts ${(nearest(tried).share * 100).toFixed(1)} % of held-out frames` : "";
  return `Threshold ${measure(threshold(), data.score)}: ${counts ? "" : "about "}${number(beyond)} of ${number(all)} frames above${judged}${share}.`;
}

function tell() {
  words.textContent = sentence();
  reset.hidden = tried === null;
  filter.hidden = threshold() === null;
  save.hidden = tried === null || !canSave();
  drawControls();
}

async function saveThreshold() {
  const { share } = nearest(tried);
  save.disabled = true;
  const body = new URLSearchParams({ target_tpr: (share * 100).toFixed(2), csrfmiddlewaretoken: csrfToken() });
  const answer = await fetch(`${section.dataset.models}?by=${data.sort}`, { method: "POST", body, redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect") return location.reload();
  save.disabled = false;
  return toast("The threshold was not saved. Check your connection and try again.", { kind: "danger" });
}

const line = new ThresholdLine(section, {
  bars: () => data.edges.length - 1,
  place: () => (threshold() === null ? null : placeOf(threshold())),
  words: () => sentence(),
  move: (place) => tryOut(valueAt(place)),
  reset: () => backToOwn(),
});

function backToOwn() {
  tried = exact = null;
  tell();
}

// ---- the brush

const tidy = (value) => String(Number(value.toPrecision(4)));

const brush = new Brush(section, {
  bars: () => data.edges.length - 1,
  ends: () => [data.low === null ? 0 : placeOf(data.low), data.high === null ? data.edges.length - 1 : placeOf(data.high)],
  words: (place) => measure(valueAt(place), data.score),
  commit: ([from, to]) => {
    const last = data.edges.length - 1;
    show({ low: from <= 0 ? "" : tidy(valueAt(from)), high: to >= last ? "" : tidy(valueAt(to)), from: "" });
  },
});

// ---- loading

async function load() {
  const found = await api(address()).catch((error) => { words.textContent = error.message; });
  if (!found) return;
  section.classList.toggle("is-empty", !found.edges.length);
  if (!found.edges.length) {
    words.textContent = "No frame has this score yet.";
    return;
  }
  const counts = found.edges.slice(1).map((_, bar) => total({ none: found.none[bar], in: found.in[bar], out: found.out[bar], unsure: found.unsure[bar] }));
  const sums = Object.fromEntries(VERDICTS.map((name) => [name, found[name].reduce((sum, count) => sum + count, 0)]));
  if (data && data.sort !== found.sort) tried = exact = null;
  data = { ...found, counts, sums };
  if (chart) chart.redraw();
  else chart = keep(plot, draw);
  tell();
}

function open(isOpen) {
  toggle.setAttribute("aria-expanded", String(isOpen));
  section.hidden = !isOpen;
  if (isOpen) load();
}

function remembered() {
  try {
    return localStorage.getItem(OPEN);
  } catch {
    return null;
  }
}

function flip() {
  const isOpen = section.hidden;
  try {
    localStorage.setItem(OPEN, isOpen ? "open" : "closed");
  } catch {
    // Storage may be forbidden; the choice then lasts for this page.
  }
  open(isOpen);
}

/** Open or close it, as the key and the button do. */
export function toggleSpread() { if (section && !(unfold() && !section.hidden)) flip(); }

let late = 0;

if (section) {
  toggle.addEventListener("click", flip);
  save.addEventListener("click", saveThreshold);
  reset.addEventListener("click", backToOwn);
  filter.addEventListener("click", () => show({ low: tidy(threshold()), high: "", from: "", side: "" }));
  document.addEventListener("htmx:after:swap", (event) => { if (!section.hidden && event.detail?.ctx?.target?.id === "gallery") load(); });
  document.body.addEventListener("reviewed", () => {
    clearTimeout(late);
    late = setTimeout(() => { if (!section.hidden) load(); }, AFTER_VERDICTS_MS);
  });
  open(remembered() ? remembered() === "open" : innerWidth > 720);
}
