"""What only a real browser can tell: first paint, the echo of a key on the screen, memory after many tiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import CDPSession, Page, sync_playwright

from bench.instance import Instance
from bench.load import report
from bench.report import figure
from tests.browser import FLAGS, find_browser

LOADS = 12
KEYS = 30
FEW_TILES, MANY_TILES = 1_000, 10_000
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
# From the key's own time stamp to the frame after the one in which the mark was drawn.
WATCH = """(selector) => {
  window.echoes = [];
  let pressed = null;
  addEventListener("keydown", (event) => { pressed = event.timeStamp; }, true);
  new MutationObserver(() => {
    if (pressed === null) return;
    const began = pressed;
    pressed = null;
    requestAnimationFrame(() => requestAnimationFrame(() => window.echoes.push(performance.now() - began)));
  }).observe(document.querySelector(selector), { attributes: true, childList: true, subtree: true,
    attributeFilter: ["data-verdict", "data-segment"] });
}"""
SEEN = """() => {
  window.seen ??= new Set();
  for (const tile of document.querySelectorAll("#gallery .tile")) window.seen.add(tile.dataset.frame);
  scrollTo(0, document.body.scrollHeight);
  return window.seen.size;
}"""


@contextmanager
def page_of(instance: Instance) -> Iterator[Page]:
    """A page of the admin's in a Chromium of 1440 x 900."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(find_browser(install=True)), args=list(FLAGS))
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{instance.url}/login/")
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill(instance.password)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"^(?!.*/login/)"))
        yield page
        chromium.close()


def measure_gallery(bench: str, case: str, instance: Instance, path: str) -> None:
    with page_of(instance) as page:
        first_paint(bench, case, page, instance.url + path, "#gallery .tile")
        echo(bench, case, page, "#gallery", ["d", "d", "a"])
        _memory(bench, case, page)


def first_paint(bench: str, case: str, page: Page, url: str, selector: str) -> None:
    """Milliseconds from the start of the navigation, as the browser itself says."""
    spent = []
    for _ in range(LOADS):
        page.goto(url)
        page.wait_for_selector(selector)
        spent.append(float(page.evaluate(PAINT)))
    report(bench, case, "first paint", spent)


def echo(bench: str, case: str, page: Page, selector: str, keys: list[str]) -> None:
    """Milliseconds from a key to its mark on the screen, one key after the other."""
    page.evaluate(WATCH, selector)
    for place in range(KEYS):
        page.keyboard.press(keys[place % len(keys)])
        page.wait_for_function("(count) => window.echoes.length > count", arg=place)
    report(bench, case, "verdict echo", page.evaluate("window.echoes"))


def _memory(bench: str, case: str, page: Page) -> None:
    """Heap and DOM nodes after a few and after very many tiles were scrolled past."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    found = {}
    for wanted in (FEW_TILES, MANY_TILES):
        while page.evaluate(SEEN) < wanted:
            page.wait_for_timeout(60)
        found[wanted] = _used(session)
    for place, name in enumerate(("heap", "nodes")):
        few, many = found[FEW_TILES][place], found[MANY_TILES][place]
        unit = "ratio"
        figure(
            bench,
            case,
            f"{name} after {MANY_TILES:,} tiles / {FEW_TILES:,}",
            round(many / few, 2),
            unit,
            few=few,
            many=many,
        )


def _used(session: CDPSession) -> tuple[float, float]:
    """Megabytes of the heap after a collection, and DOM nodes."""
    session.send("HeapProfiler.collectGarbage")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return round(metrics["JSHeapUsedSize"] / 1e6, 1), metrics["Nodes"]
