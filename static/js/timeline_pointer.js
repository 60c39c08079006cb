// Mouse, pen and fingers on the timeline: a press or a drag seeks, two fingers zoom, the wheel zooms with Ctrl and pans
// when it goes sideways. Scrolling up and down stays the browser's.

const WHEEL_ZOOM = 0.0022;
const LINE_PX = 16;

/** `area` is the plotted part; `on` = {press(x, event), drag(x, event), release(), zoom(factor, x), pan(px)},
 * x in CSS pixels from the left of the area. */
export function listen(area, on) {
  const down = new Map(); // pointer -> x
  const xOf = (event) => event.clientX - area.getBoundingClientRect().left;

  area.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    down.set(event.pointerId, xOf(event));
    area.setPointerCapture(event.pointerId);
    if (down.size === 1) on.press(xOf(event), event);
    else on.release();
  });

  area.addEventListener("pointermove", (event) => {
    if (!down.has(event.pointerId)) return;
    if (down.size === 1) on.drag(xOf(event), event);
    else if (down.size === 2) pinch(event);
    down.set(event.pointerId, xOf(event));
  });

  function pinch(event) {
    const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
    const [before, now] = [down.get(event.pointerId), xOf(event)];
    const [was, is] = [Math.abs(before - other), Math.abs(now - other)];
    on.pan((before - now) / 2);
    if (was > 8 && is > 8) on.zoom(was / is, (now + other) / 2);
  }

  const lift = (event) => {
    if (!down.delete(event.pointerId) || down.size) return;
    on.release();
  };
  area.addEventListener("pointerup", lift);
  area.addEventListener("pointercancel", lift);

  area.addEventListener("wheel", (event) => {
    const unit = event.deltaMode ? LINE_PX : 1;
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) on.zoom(Math.exp(event.deltaY * unit * WHEEL_ZOOM), xOf(event));
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) on.pan(sideways * unit);
    else return;
    event.preventDefault();
  }, { passive: false });
}
