// What all charts share: colours read off the page's tokens, and uPlot set up to look like the rest of it.

import uPlot from "../vendor/uPlot.esm.js";

export { uPlot };

/** A token's colour as it is now; charts are drawn anew when the theme changes. */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const FONT = "11.5px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

export function axis(extra = {}) {
  return {
    stroke: () => token("--text-3"),
    font: FONT,
    labelFont: FONT,
    grid: { stroke: () => token("--line"), width: 1 },
    ticks: { show: false },
    gap: 6,
    ...extra,
  };
}

export function short(value) {
  if (value === null) return ""; // uPlot's word for a tick it leaves out
  const size = Math.abs(value);
  if (size >= 10000) return `${Math.round(value / 1000)} k`;
  return size >= 100 || Number.isInteger(value) ? `${Math.round(value)}` : value.toPrecision(2);
}

/** A score's number as people read it, the way the server writes it: 87.3, +1.24, 87 %. */
export function measure(value, score) {
  if (score === "probability") return `${Math.min(Math.max(Math.round(value * 100), Number(value > 0)), value < 1 ? 99 : 100)} %`;
  if (score === "ood_score") return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
  return value.toFixed(1);
}

/** Ticks of an axis of this score. */
export function tick(value, score) {
  if (value === null) return "";
  return score === "probability" ? `${Math.round(value * 100)} %` : short(value).replace("-", "−");
}

/** Keep a chart as wide as its box, and redraw it when the theme changes. `draw(width)` makes a fresh uPlot. */
export function keep(box, draw) {
  let chart = null;
  let drawnWidth = 0;
  const redraw = () => {
    chart?.destroy();
    drawnWidth = box.clientWidth;
    chart = drawnWidth ? draw(drawnWidth) : null;
  };
  new ResizeObserver(() => { if (box.clientWidth !== drawnWidth) redraw(); }).observe(box);
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  redraw();
  return { redraw, get chart() { return chart; } };
}

/** A vertical line with words, as a uPlot plugin; `where()` gives the x value or null. */
export function marker(where, words, colour = "--text") {
  return {
    hooks: {
      draw: (u) => {
        const at = where();
        if (at === null || at < u.scales.x.min || at > u.scales.x.max) return;
        drawMarker(u, Math.round(u.valToPos(at, "x", true)), words(), token(colour));
      },
    },
  };
}

/** A shaded stretch of the x axis, as a uPlot plugin; `where()` gives [low, high] or null. */
export function band(where, colour) {
  return {
    hooks: {
      drawAxes: (u) => {
        const ends = where();
        if (!ends) return;
        const [low, high] = ends.map((end) => u.valToPos(Math.min(Math.max(end, u.scales.x.min), u.scales.x.max), "x", true));
        u.ctx.save();
        u.ctx.fillStyle = token(colour);
        u.ctx.fillRect(low, u.bbox.top, Math.max(high - low, 1), u.bbox.height);
        u.ctx.restore();
      },
    },
  };
}

function drawMarker(u, x, words, colour) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = 1.5 * ratio;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.font = `560 ${11.5 * ratio}px system-ui, sans-serif`;
  const fits = x + ctx.measureText(words).width + 12 * ratio < bbox.left + bbox.width;
  ctx.textAlign = fits ? "left" : "right";
  ctx.textBaseline = "top";
  ctx.fillText(words, x + (fits ? 6 : -6) * ratio, bbox.top + 2 * ratio);
  ctx.restore();
}
