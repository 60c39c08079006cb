"""The demo, as `dev.py up` makes it: a full review of both recordings by segment, with the keys that people press."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.instance import Instance, start_instance

DEMO_S = 500
Truth = dict[tuple[str, int], bool]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with start_instance(tmp_path_factory.mktemp("demo") / "data", demo=True) as running:
        yield running


@pytest.fixture
def page(browser: Browser, demo: Instance) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    sign_in(tab, demo)
    yield tab
    context.close()
    assert not wrong


def truth_of(demo: Instance) -> Truth:
    """Whether each sampled frame belongs: (video, number) -> in distribution."""
    rows = [json.loads(line) for line in demo.manage("demo", "--truth").splitlines()]
    return {(row["video"], row["number"]): row["in_distribution"] for row in rows}


def recordings(page: Page, demo: Instance) -> dict[str, int]:
    """Name and id of the videos that aren't references."""
    found = page.request.get(f"{demo.url}/api/v1/datasets/demo/videos").json()
    return {video["name"]: video["id"] for video in found if not video["is_reference"]}


def look(page: Page, demo: Instance, video: int) -> dict[str, object]:
    answer: dict[str, object] = page.request.get(f"{demo.url}/d/demo/videos/{video}/timeline.json").json()
    return answer


def chosen(page: Page) -> tuple[int, int]:
    """First and last frame of what is shown. The strip has both."""
    numbers = page.locator(".still").evaluate_all("stills => stills.map(still => Number(still.dataset.number))")
    return min(numbers), max(numbers)


def review(page: Page, truth: Truth, name: str) -> tuple[int, int]:
    """Judge everything that the queue shows of one recording: how many verdicts and how many halvings that took. A
    halving is a key pressed too, so it counts like a verdict."""
    said = halved = 0
    while not page.get_by_role("heading", name="Nothing is left here").is_visible():
        if not page.locator("#segment").is_visible():  # keys can be faster than what comes next
            page.wait_for_timeout(50)
            continue
        first, last = chosen(page)
        kinds = {truth[name, number] for number in range(first, last + 1)}
        if len(kinds) > 1:
            page.keyboard.press("k")  # of different kinds: look at the first half alone
            halved += 1
        else:
            page.keyboard.press("d" if kinds.pop() else "a")
            said += 1
    return said, halved


@pytest.mark.timeout(DEMO_S + 100)  # drawing, taking in and training are most of it
def test_a_review_by_segment_takes_a_tenth_of_the_decisions(page: Page, demo: Instance) -> None:
    truth = truth_of(demo)
    found = recordings_with_segments(page, demo)
    frames = verdicts = halvings = 0
    for name, video in found.items():
        page.goto(f"{demo.url}/d/demo/review/?video={video}")
        expect(page.locator(".still").first).to_be_visible()
        said, halved = review(page, truth, name)
        expect(page.get_by_role("heading", name="Nothing is left here")).to_be_visible()
        expect(page.locator(".unsent")).to_be_hidden()
        verdicts, halvings = verdicts + said, halvings + halved
        frames += check_verdicts(look(page, demo, video), truth, name)
    print(f"{frames} frames, {verdicts} verdicts, {halvings} halvings")
    assert frames >= 400  # a review by frame takes a verdict for each
    assert (verdicts + halvings) * 10 <= frames


def recordings_with_segments(page: Page, demo: Instance) -> dict[str, int]:
    """Once the first model has trained and cut them into segments."""
    until = time.monotonic() + DEMO_S
    while not is_cut(page, demo):
        assert time.monotonic() < until, demo.said()
        time.sleep(2)  # polling must not keep the training waiting
    return recordings(page, demo)


def is_cut(page: Page, demo: Instance) -> bool:
    looks = [look(page, demo, video) for video in recordings(page, demo).values()]
    return len(looks) == 2 and all(each["segments"] and each["isCurrent"] for each in looks)


def check_verdicts(found: dict[str, object], truth: Truth, name: str) -> int:
    """Every frame carries the verdict that it would have got by itself; returns how many there are."""
    runs = found["verdicts"]
    assert isinstance(runs, list)
    verdicts = [verdict for verdict, count in runs for _ in range(count)]
    assert verdicts == ["in" if truth[name, number] else "out" for number in range(len(verdicts))]
    return len(verdicts)
