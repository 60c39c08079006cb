// The score along a video as a small SVG: loss over time, the threshold, what people said, and where we are.

const WIDTH = 600;
const HEIGHT = 96;
const FOOT = 8; // room for the verdict ticks

function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Logarithmic: an advertisement's loss is fifty times a match's, and the near cases lie between.
function scales({ points, threshold, duration }) {
  const losses = points.map((point) => Math.max(point[2], 1e-3));
  const low = Math.log(Math.min(threshold, ...losses) * 0.9);
  const high = Math.log(Math.max(threshold * 1.3, ...losses));
  return {
    x: (time) => (duration ? (time / duration) * WIDTH : 0),
    y: (loss) => HEIGHT - FOOT - ((Math.log(Math.max(loss, 1e-3)) - low) / (high - low)) * (HEIGHT - FOOT - 3),
  };
}

function lineThrough(points, x, y) {
  return points.map(([, time, loss], n) => `${n ? "L" : "M"}${x(time).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
}

/** Draw into `place`; `go(frame, time)` is called with the frame nearest to a click. */
export function drawCurve(place, data, go) {
  const { points, threshold, time } = data;
  if (!points.length) return place.replaceChildren();
  const { x, y } = scales(data);
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" });
  const above = y(threshold);
  svg.append(
    shape("rect", { class: "curve-above", width: WIDTH, height: Math.max(0, above) }),
    shape("path", { class: "curve-line", d: lineThrough(points, x, y) }),
    shape("line", { class: "curve-threshold", x2: WIDTH, y1: above, y2: above }),
    ...points.filter((point) => point[3]).map(([, at, , verdict]) => shape("rect", { class: `curve-tick is-${verdict}`, x: x(at) - 1, y: HEIGHT - 5, width: 2.5, height: 5 })),
    shape("line", { class: "curve-here", x1: x(time), x2: x(time), y2: HEIGHT }),
  );
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * data.duration;
    const [frame, when] = points.reduce((best, point) => (Math.abs(point[1] - at) < Math.abs(best[1] - at) ? point : best));
    go(frame, when);
  });
  return place.replaceChildren(svg);
}
