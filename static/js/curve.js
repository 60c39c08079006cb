// A score along a video as a small SVG: its value over time, the threshold, what people said, and where we are.

const WIDTH = 600;
const HEIGHT = 96;
const FOOT = 8; // room for the verdict ticks

function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const LOSS = "reconstruction_loss";
const NAMES = { [LOSS]: "Reconstruction loss", ood_score: "Outlier score", probability: "Probability of OUT" };

// Losses go logarithmic: an advertisement's is fifty times a match's, and the near cases lie between. The other scores
// are logarithms or shares already.
function heights(points, threshold, score) {
  const values = points.map((point) => point[2]).concat(threshold ?? []);
  if (score === "probability") return [(value) => value, 0, 1.04];
  if (score !== LOSS) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = (high - low || 1) * 0.06;
    return [(value) => value, low - room, high + room];
  }
  const above = threshold === null ? [] : [threshold * 1.3];
  const log = (value) => Math.log(Math.max(value, 1e-3));
  return [log, log(Math.min(...values) * 0.9), log(Math.max(...values, ...above))];
}

function scales({ points, threshold }, score, duration) {
  const [shaped, low, high] = heights(points, threshold, score);
  return {
    x: (time) => (duration ? (time / duration) * WIDTH : 0),
    y: (value) => HEIGHT - FOOT - ((shaped(value) - low) / (high - low || 1)) * (HEIGHT - FOOT - 3),
  };
}

function lineThrough(points, x, y) {
  return points.map(([, time, loss], n) => `${n ? "L" : "M"}${x(time).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
}

/** Draw one score into `place`; `go(frame, time)` is called with the frame nearest to a click. */
export function drawCurve(place, data, score, go) {
  const { points, threshold } = data.curves[score];
  place.setAttribute("aria-label", points.length ? `${NAMES[score]} along the video` : `No ${NAMES[score].toLowerCase()} along the video yet`);
  if (!points.length) return place.replaceChildren();
  const { x, y } = scales(data.curves[score], score, data.duration);
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" });
  if (threshold !== null) svg.append(shape("rect", { class: "curve-above", width: WIDTH, height: Math.max(0, y(threshold)) }));
  svg.append(shape("path", { class: "curve-line", d: lineThrough(points, x, y) }));
  if (threshold !== null) svg.append(shape("line", { class: "curve-threshold", x2: WIDTH, y1: y(threshold), y2: y(threshold) }));
  svg.append(
    ...points.filter((point) => point[3]).map(([, at, , verdict]) => shape("rect", { class: `curve-tick is-${verdict}`, x: x(at) - 1, y: HEIGHT - 5, width: 2.5, height: 5 })),
    shape("line", { class: "curve-here", x1: x(data.time), x2: x(data.time), y2: HEIGHT }),
  );
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * data.duration;
    const [frame, when] = points.reduce((best, point) => (Math.abs(point[1] - at) < Math.abs(best[1] - at) ? point : best));
    go(frame, when);
  });
  return place.replaceChildren(svg);
}
