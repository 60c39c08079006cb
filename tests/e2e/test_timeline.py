"""The timeline of a recording and the page of a frame in a real browser: every key, edges, a lost network, a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from scoring import demo
from tests.e2e import timelines
from tests.e2e.conftest import sign_in
from tests.e2e.instance import Instance

SLUG = "timelines"
SEGMENTS = [(0, 5), (6, 9), (10, 14), (15, 19)]


@pytest.fixture(scope="module")
def made(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    clip = tmp_path_factory.mktemp("timelines") / "clip.mp4"
    demo.make_clip(clip, kinds=[("match", 20.0)], seed=3)
    code = f"from tests.e2e import timelines; timelines.make({SLUG!r}, {str(clip)!r})"
    ids: list[int] = json.loads(instance.manage("shell", "-c", code).splitlines()[-1])
    return ids


@pytest.fixture(scope="module")
def unused(made: list[int]) -> Iterator[int]:
    return iter(made[1 : timelines.PLAYABLE])


@pytest.fixture
def video(unused: Iterator[int]) -> int:
    """A recording that no other test has touched."""
    return next(unused)


@pytest.fixture
def timeline(page: Page, instance: Instance, video: int) -> Page:
    return opened(page, instance, video)


def url(instance: Instance, path: str) -> str:
    return f"{instance.url}/d/{SLUG}/{path}"


def opened(page: Page, instance: Instance, video: int, query: str = "") -> Page:
    page.goto(url(instance, f"videos/{video}/{query}"))
    expect(page.locator("[data-playhead]")).to_be_visible()
    expect(page.locator("[data-where]")).not_to_be_empty()
    return page


def visit(browser: Browser, instance: Instance, name: str = "", **context: Any) -> Page:
    """A page of somebody's in a context of its own, which the test closes."""
    page = browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | context)).new_page()
    sign_in(page, instance, *((f"{SLUG}-{name}", timelines.PASSWORD) if name else ()))
    return page


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def at(page: Page) -> int:
    """The frame under the playhead."""
    return int(page.locator("[data-area]").get_attribute("aria-valuenow") or -1)


def said(page: Page) -> str:
    return page.locator("[data-verdict]").inner_text().replace("\n", " ")


def known(page: Page, video: int) -> dict[str, Any]:
    """What the server knows of the recording now."""
    base = page.url.split("/d/")[0]
    found: dict[str, Any] = page.request.get(f"{base}/d/{SLUG}/videos/{video}/timeline.json").json()
    return found


def verdicts(page: Page, video: int) -> list[str]:
    return [word for word, count in known(page, video)["verdicts"] for _ in range(count)]


def borders(page: Page, video: int) -> list[tuple[int, int]]:
    return [(segment["first"], segment["last"]) for segment in known(page, video)["segments"]]


def settled(page: Page) -> None:
    """Everything has been sent."""
    page.wait_for_function("() => !Object.keys(localStorage).some(key => /^framesift:decisions:/.test(key))")


def x_of(page: Page, place: float, frames: int = len(timelines.LOSSES)) -> float:
    """Where a place, in frames, lies on the screen."""
    box = page.locator("[data-area]").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * (place + 0.5) / frames


def middle(part: Locator) -> tuple[float, float]:
    box = part.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def serious(page: Page) -> list[tuple[str, str]]:
    found = Axe().run(page).response["violations"]
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in ("serious", "critical")]


def test_it_steps_through_frames_and_jumps_between_segments(timeline: Page) -> None:
    press(timeline, "ArrowRight", "ArrowRight", "ArrowLeft")
    assert at(timeline) == 1
    timeline.wait_for_function("() => Math.abs(document.querySelector('#player video').currentTime - 1) < 0.1")
    press(timeline, "]")
    assert at(timeline) == 6
    press(timeline, "ArrowRight", "[")  # the start of this one first
    assert at(timeline) == 6
    press(timeline, "[")
    assert at(timeline) == 0
    press(timeline, "Shift+ArrowRight", "]")
    assert at(timeline) == 15
    press(timeline, "End")
    assert at(timeline) == 19
    press(timeline, "Home")
    expect(timeline.locator("[data-where]")).to_have_text(re.compile("0:00.0:06"))
    timeline.wait_for_url(re.compile(r"frame=0"))


def test_it_seeks_where_one_clicks_or_drags(timeline: Page) -> None:
    _, y = middle(timeline.locator("[data-area]"))
    timeline.mouse.click(x_of(timeline, 12), y)
    assert at(timeline) == 12
    timeline.mouse.move(x_of(timeline, 3), y)
    timeline.mouse.down()
    timeline.mouse.move(x_of(timeline, 7), y, steps=6)
    timeline.mouse.up()
    assert at(timeline) == 7
    timeline.wait_for_function("() => Math.abs(document.querySelector('#player video').currentTime - 7) < 0.1")
    playhead, _ = middle(timeline.locator("[data-playhead]"))
    assert abs(playhead - x_of(timeline, 7)) < 2


def test_it_follows_the_recording_while_it_plays(timeline: Page) -> None:
    press(timeline, "p")
    expect(timeline.locator("[data-play]")).to_contain_text("Pause")
    expect(timeline.locator("[data-area]")).to_have_attribute("aria-valuenow", "2")
    press(timeline, "p")
    expect(timeline.locator("[data-play]")).to_contain_text("Play")
    timeline.evaluate("() => { document.querySelector('#player video').currentTime = 12.4; }")  # the browser's controls
    expect(timeline.locator("[data-area]")).to_have_attribute("aria-valuenow", "12")


def test_it_decides_on_the_segment_under_the_playhead_and_goes_on(timeline: Page, video: int) -> None:
    press(timeline, "]", "ArrowRight", "a")
    assert at(timeline) == 10  # the next one that nobody judged, without waiting for the server
    expect(timeline.locator(".ribbon button").first).to_contain_text("OUT")
    press(timeline, "d", "2")
    assert at(timeline) == 0  # what was left out before
    settled(timeline)
    assert verdicts(timeline, video) == [""] * 6 + ["out"] * 4 + ["in"] * 5 + ["out"] * 5
    assert [(row["verdict"], row["reason"]) for row in known(timeline, video)["segments"][1:]] == [
        ("out", ""), ("in", ""), ("out", "replay"),
    ]  # fmt: skip
    press(timeline, "End")
    assert said(timeline) == "OUT replay by admin"
    press(timeline, "u")
    assert (at(timeline), said(timeline)) == (15, "not judged")
    settled(timeline)
    timeline.wait_for_url(re.compile("frame=15"))
    timeline.reload()
    expect(timeline.locator("[data-number]")).to_have_text("frame 15")
    assert said(timeline) == "not judged"
    press(timeline, "u")  # a decision of before the reload
    settled(timeline)
    expect(timeline.locator(".ribbon li")).to_have_count(1)
    assert verdicts(timeline, video) == [""] * 6 + ["out"] * 4 + [""] * 10
    press(timeline, "Home", "]", "]", "ArrowLeft")
    expect(timeline.locator("[data-verdict]")).to_have_text("OUTby admin")


def test_it_keeps_decisions_while_the_network_is_away(timeline: Page, video: int) -> None:
    timeline.context.set_offline(True)
    press(timeline, "a", "s")
    expect(timeline.get_by_text("2 verdicts wait")).to_be_visible()
    press(timeline, "Home")
    assert said(timeline) == "OUT by admin"
    timeline.context.set_offline(False)
    timeline.evaluate("() => dispatchEvent(new Event('online'))")
    expect(timeline.get_by_text("verdicts wait")).to_be_hidden()
    settled(timeline)
    assert verdicts(timeline, video)[:10] == ["out"] * 6 + ["unsure"] * 4


def drag(page: Page, handle: str, x: float) -> None:
    """Take an edge there, and hold it."""
    begin, y = middle(page.locator(f"[data-handle={handle}]"))
    page.mouse.move(begin, y)
    page.mouse.down()
    page.mouse.move(x, y, steps=5)


def test_it_moves_an_edge_by_mouse_and_snaps_it_to_a_shot(page: Page, instance: Instance, made: list[int]) -> None:
    opened(page, instance, made[-2], "?frame=106")
    shot = x_of(page, 107.5, timelines.LONG)
    assert x_of(page, 108.5, timelines.LONG) - shot < 6  # without the shot it would be the next frame
    drag(page, "start", shot + 6)
    expect(page.locator("[data-where]")).to_have_text(re.compile("1:48.1:50"))
    page.mouse.up()
    expect(page.locator("#spoken")).to_have_text("The segment starts at 1:48, frame 108.")
    assert (108, 109) in borders(page, made[-2]) and (100, 107) in borders(page, made[-2])


def test_it_takes_an_edge_back_at_the_press_of_escape(timeline: Page, video: int) -> None:
    press(timeline, "]", "ArrowRight")
    drag(timeline, "start", x_of(timeline, 2.5))
    expect(timeline.locator("[data-where]")).to_have_text(re.compile("0:03.0:10"))
    press(timeline, "Escape")
    timeline.mouse.up()
    expect(timeline.locator("[data-where]")).to_have_text(re.compile("0:06.0:10"))
    assert at(timeline) == 7
    assert borders(timeline, video) == SEGMENTS


def test_it_leaves_an_edge_where_it_was_when_the_server_is_away(timeline: Page, video: int) -> None:
    press(timeline, "]")
    timeline.context.set_offline(True)
    drag(timeline, "end", x_of(timeline, 12.5))
    timeline.mouse.up()
    expect(timeline.get_by_text("The edge stays where it was. The server can't be reached.")).to_be_visible()
    expect(timeline.locator("[data-where]")).to_have_text(re.compile("0:06.0:10"))
    assert at(timeline) == 9
    timeline.context.set_offline(False)
    assert borders(timeline, video) == SEGMENTS


def test_it_moves_edges_by_keys(timeline: Page, video: int) -> None:
    press(timeline, "]")
    timeline.locator("[data-handle=end]").focus()
    press(timeline, "ArrowRight", "Enter")
    expect(timeline.locator("#spoken")).to_have_text("The segment ends at 0:10, frame 10.")
    press(timeline, "Shift+ArrowRight", "Enter")  # to the shot that begins with frame 12
    expect(timeline.locator("#spoken")).to_have_text("The segment ends at 0:11, frame 11.")
    assert borders(timeline, video) == [(0, 5), (6, 11), (12, 14), (15, 19)]
    timeline.locator("[data-area]").focus()
    press(timeline, "ArrowLeft", "ArrowLeft", ".")
    expect(timeline.locator("#spoken")).to_have_text("The segment ends at 0:09, frame 9.")
    press(timeline, "[", "ArrowRight", ",")
    expect(timeline.locator("#spoken")).to_have_text("The segment starts at 0:07, frame 7.")
    assert borders(timeline, video) == [(0, 6), (7, 9), (10, 14), (15, 19)]


def test_it_stops_an_edge_before_a_segment_that_somebody_decided_on(timeline: Page, video: int) -> None:
    press(timeline, "]", "a")
    settled(timeline)
    timeline.locator("[data-handle=start]").focus()
    press(timeline, "PageUp", "PageUp", "Enter")
    expect(timeline.locator("#spoken")).to_have_text("The segment starts at 0:07, frame 7.")
    assert borders(timeline, video) == [(0, 5), (6, 6), (7, 14), (15, 19)]


def test_it_tells_who_was_faster(timeline: Page, browser: Browser, instance: Instance, video: int) -> None:
    other = opened(visit(browser, instance, "bea"), instance, video)
    press(other, "d")
    settled(other)
    press(timeline, "a")
    notice = timeline.locator("#notices")
    expect(notice).to_contain_text(f"{SLUG}-bea")
    press(timeline, "Home")
    expect(timeline.locator("[data-verdict]")).to_contain_text("IN")
    notice.get_by_role("button", name="Use mine").click()
    settled(timeline)
    expect(timeline.locator("[data-verdict]")).to_contain_text("OUT")
    assert verdicts(timeline, video)[:6] == ["out"] * 6
    other.context.close()


def test_it_lets_viewers_look_but_not_decide(browser: Browser, instance: Instance, made: list[int]) -> None:
    page = opened(visit(browser, instance, "vic"), instance, made[0])
    press(page, "]", "a")
    expect(page.get_by_text("You may look here, but not decide")).to_be_visible()
    press(page, ".")
    assert at(page) == 6
    expect(page.locator("[data-say]")).to_have_count(0)
    expect(page.locator("[data-handle]:visible")).to_have_count(0)
    assert borders(page, made[0]) == SEGMENTS
    page.context.close()


def test_it_shows_frames_where_the_browser_cannot_play_the_file(
    page: Page, instance: Instance, made: list[int]
) -> None:
    opened(page, instance, made[-1])
    expect(page.get_by_text("Its sampled frames are shown instead")).to_be_visible()
    still = page.locator("#player [data-still]")
    first = still.get_attribute("src")
    press(page, "ArrowRight")
    assert still.get_attribute("src") != first
    press(page, "p")
    expect(page.locator("[data-area]")).to_have_attribute("aria-valuenow", "3")
    press(page, "p")


def test_it_says_what_is_missing_before_there_is_a_model(page: Page, instance: Instance, made: list[int]) -> None:
    instance.manage("shell", "-c", f"from tests.e2e import timelines; timelines.make_bare({SLUG + '-bare'!r})")
    page.goto(f"{instance.url}/d/{SLUG}-bare/")
    page.locator("a.video-name").click()
    expect(page.get_by_text("Segments come with the first model.")).to_be_visible()
    expect(page.locator("[data-say=out]")).to_be_disabled()
    press(page, "ArrowRight", "a")
    assert at(page) == 1
    expect(page.locator(".toast").get_by_text("Segments come with the first model.")).to_be_visible()


def test_it_zooms_and_shows_its_keys(page: Page, instance: Instance, made: list[int]) -> None:
    opened(page, instance, made[0], "?frame=7")
    before = x_of(page, 9) - x_of(page, 8)
    press(page, "+")
    expect(page.locator("[data-overview]")).to_be_visible()
    start, _ = middle(page.locator("[data-handle=start]"))
    end, _ = middle(page.locator("[data-handle=end]"))
    assert end - start > 1.4 * 4 * before
    press(page, "End")  # what is shown follows the playhead
    expect(page.locator("[data-playhead]")).to_be_visible()
    press(page, "0")
    expect(page.locator("[data-overview]")).to_be_hidden()
    press(page, "?")
    keys = page.locator("#help-keys")
    for words in ("Segment: out of distribution", "OUT: replay", "Segment before, after", "One frame back, forward"):
        expect(keys).to_contain_text(words)


def test_it_works_by_touch_on_a_phone(browser: Browser, instance: Instance, video: int) -> None:
    phone = visit(browser, instance, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    opened(phone, instance, video)
    assert phone.evaluate("() => document.documentElement.scrollWidth") <= 390
    _, y = middle(phone.locator("[data-area]"))
    phone.touchscreen.tap(x_of(phone, 8), y)
    assert at(phone) == 8
    out = phone.locator("[data-say=out]")
    ground = out.evaluate("button => getComputedStyle(button).backgroundColor")
    out.tap()
    expect(out).to_have_css("background-color", ground)  # not as if it were pressed still
    expect(phone.locator("[data-number]")).to_have_text("frame 10")
    settled(phone)
    assert verdicts(phone, video)[6:10] == ["out"] * 4
    phone.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_has_nothing_serious_for_axe(
    browser: Browser, instance: Instance, made: list[int], scheme: str, width: int
) -> None:
    page = visit(browser, instance, viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened(page, instance, made[0], "?frame=7")
    assert not serious(page)
    page.goto(url(instance, "frames/"))
    page.goto(first_frame(page, instance, made[0]))
    expect(page.locator(".near-frames li")).to_have_count(3)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert not serious(page)
    page.context.close()


def first_frame(page: Page, instance: Instance, video: int) -> str:
    return url(instance, f"frames/{known(page, video)['ids'][0][0]}/")


@pytest.fixture
def frame(page: Page, instance: Instance, made: list[int]) -> Page:
    opened(page, instance, made[0])
    press(page, "Enter")
    expect(page.locator("#spoken")).not_to_be_empty()
    return page


def test_it_lays_the_error_over_the_input(frame: Page) -> None:
    slider, picture = frame.locator("#heat"), frame.locator("[data-heat]")
    expect(picture).to_have_css("opacity", "0.6")
    here = frame.url
    slider.focus()
    press(frame, "ArrowRight", "ArrowRight")  # the slider's own keys, not the next frame
    assert frame.url == here
    expect(picture).to_have_css("opacity", "0.7")
    press(frame, "Home")
    expect(picture).to_have_css("opacity", "0")
    slider.fill("85")
    frame.reload()
    expect(picture).to_have_css("opacity", "0.85")
    expect(frame.locator("output[for=heat]")).to_have_text("85 %")


def test_it_shows_what_the_model_learned_from_and_what_each_version_says(frame: Page) -> None:
    near = frame.locator("#near")
    expect(near.locator("li")).to_have_count(3)
    expect(near).to_contain_text("Of 120 frames that version 2 was trained on")
    rows = frame.locator("#versions tbody tr")
    expect(rows.nth(0)).to_contain_text("active")
    assert [cell.replace("\n", " ") for cell in rows.locator("td").all_inner_texts()][:1] == ["20.0"]
    near.get_by_role("link").first.click()
    expect(frame.locator(".frame-title")).to_contain_text("frame 1")


def test_it_opens_frames_like_this_one_in_the_gallery(frame: Page) -> None:
    press(frame, "m")
    frame.wait_for_url(re.compile("selection="))
    expect(frame.locator(".tile")).to_have_count(4)
