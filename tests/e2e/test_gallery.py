"""The gallery in a real browser: all that matches as one, near copies, the spread of the scores, chips and views."""

from __future__ import annotations

import itertools
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.instance import Instance

FRAMES, DEEP = 600, 2600  # the second list is longer than what is judged while somebody waits
COUNTER = itertools.count(1)
# What the encoder saw in each frame, for the worker that compares them: points on a line, so that neighbours are alike.
FEATURES = """
import numpy as np
from curation import storage
from curation.models import Pack
from scoring.features import features_to_bytes
for pack in Pack.objects.filter(video__dataset__slug="wall").select_related("video__dataset__active_version"):
    looks = np.outer(pack.video_id * 1000 + np.arange(pack.frame_count), np.linspace(1, 2, 24)) / 100
    key = pack.features_key(pack.video.dataset.active_version)
    storage.write(key, features_to_bytes(looks.astype(np.float16), np.arange(pack.frame_count, dtype=np.int64)))
"""


@pytest.fixture(scope="module")
def wall(instance: Instance) -> str:
    """The gallery of a data set with 600 made-up frames, none judged."""
    instance.manage(
        "fill", "--frames", str(FRAMES), "--videos", "4", "--dataset", "wall", "--reviewed", "0", "--seed", "4"
    )
    return f"{instance.url}/d/wall/frames/"


@pytest.fixture
def fresh(instance: Instance) -> str:
    """The same, for a test that judges: a data set of its own."""
    slug = f"fresh-{next(COUNTER)}"
    instance.manage(
        "fill", "--frames", str(FRAMES), "--videos", "4", "--dataset", slug, "--reviewed", "0", "--seed", "4"
    )
    return f"{instance.url}/d/{slug}/frames/"


@pytest.fixture(scope="module")
def deep(instance: Instance) -> str:
    instance.manage(
        "fill", "--frames", str(DEEP), "--videos", "8", "--dataset", "deep", "--reviewed", "0", "--seed", "4"
    )
    return f"{instance.url}/d/deep/frames/"


def opened(page: Page, url: str) -> Locator:
    """The tiles of a gallery whose keys are listening."""
    page.goto(url)
    expect(page.locator('.tile[tabindex="0"]')).to_have_count(1)
    return page.locator(".tile")


def judged(page: Page, verdict: str) -> Locator:
    return page.locator(f'.tile[data-verdict="{verdict}"]')


def reviewed(page: Page, count: int, of: int = FRAMES) -> None:
    expect(page.locator("#progress")).to_contain_text(f"{count:,} of {of:,} reviewed")


def scores(page: Page) -> list[float]:
    return [float(text.replace(",", "")) for text in page.locator(".tile-score").all_text_contents()]


def stands_for(page: Page) -> int:
    """Frames behind the tiles that are there."""
    folded = page.locator("[data-folded]").evaluate_all("all => all.map(t => JSON.parse(t.dataset.folded).length)")
    return page.locator(".tile").count() + int(sum(folded))


# ---- everything that matches


def test_it_judges_everything_that_matches_with_one_key_and_takes_it_back_with_one(page: Page, fresh: str) -> None:
    tiles = opened(page, f"{fresh}?low=58")
    shown, count = tiles.count(), stands_for(page)
    assert 2 <= shown < count
    page.keyboard.press("Control+a")
    expect(page.locator("[data-selected]")).to_have_text(f"All {count} that match")
    expect(page.locator(".is-selected")).to_have_count(shown)
    page.keyboard.press("a")
    expect(judged(page, "out")).to_have_count(shown)
    reviewed(page, count)
    page.reload()
    expect(judged(page, "out")).to_have_count(shown)
    page.keyboard.press("u")
    expect(judged(page, "out")).to_have_count(0)
    reviewed(page, 0)


def test_it_judges_frames_of_the_list_that_are_not_in_the_page(page: Page, fresh: str) -> None:
    opened(page, f"{fresh}?low=40")
    page.keyboard.press("Control+a")
    page.keyboard.press("d")  # right behind: it waits for the list
    expect(judged(page, "in").first).to_be_visible()
    expect(page.locator("#spoken")).to_contain_text("frames: In distribution")
    entry = page.locator(".ribbon-entry").first
    count = int((entry.text_content() or "").replace("IN", "").replace(" frames", "").replace(",", ""))
    assert count > 120
    reviewed(page, count)
    page.goto(f"{fresh}?low=40&verdict=unreviewed&copies=all")
    # what is left are near copies of frames below the limit: no tile of the list stood for them
    assert page.locator(".tile").count() < 30
    page.keyboard.press("u")
    reviewed(page, 0)


def test_it_keeps_a_word_on_the_list_while_the_network_is_away(page: Page, fresh: str) -> None:
    tiles = opened(page, f"{fresh}?low=58")
    shown, count = tiles.count(), stands_for(page)
    page.keyboard.press("Control+a")
    expect(page.locator("[data-selected]")).to_contain_text("that match")
    page.context.set_offline(True)
    page.keyboard.press("1")
    expect(judged(page, "out")).to_have_count(shown)
    tiles.first.focus()
    page.keyboard.press("d")  # on top of it, and sent after it
    expect(page.get_by_text("2 verdicts wait")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator(".unsent")).to_be_hidden()
    page.reload()
    expect(judged(page, "in")).to_have_count(1)
    expect(judged(page, "out")).to_have_count(shown - 1)
    page.keyboard.press("u")
    page.keyboard.press("u")
    reviewed(page, 0)
    expect(page.locator(".conflict")).to_have_count(0)
    assert stands_for(page) == count


def test_it_lets_go_of_the_list_by_escape_and_when_a_frame_is_chosen(page: Page, fresh: str) -> None:
    tiles = opened(page, f"{fresh}?low=58")
    for key, selected in (("Escape", 0), ("x", 1)):
        page.keyboard.press("Control+a")
        expect(page.locator("[data-selected]")).to_contain_text("that match")
        page.keyboard.press(key)
        expect(page.locator(".is-selected")).to_have_count(selected)
    page.keyboard.press("Escape")
    tiles.nth(1).focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".is-selected")).to_have_count(3)
    page.keyboard.press("s")
    expect(judged(page, "unsure")).to_have_count(3)
    page.keyboard.press("u")
    reviewed(page, 0)


def test_it_lets_a_worker_judge_a_long_list_and_takes_it_back_when_that_is_done(page: Page, deep: str) -> None:
    opened(page, deep)
    page.keyboard.press("Control+a")
    expect(page.locator("[data-selected]")).to_have_text(f"All {DEEP:,} that match")
    page.keyboard.press("d")
    expect(page.get_by_text(f"{DEEP:,} frames are being judged")).to_be_visible()
    page.keyboard.press("u")  # while it is still being applied
    expect(page.get_by_text("frames are being judged")).to_be_hidden(timeout=60_000)
    expect(judged(page, "in")).to_have_count(0)
    reviewed(page, 0, DEEP)
    log = page.request.get(deep.replace("/d/deep/frames/", "/api/v1/datasets/deep/reviews?limit=1")).json()
    assert log["reviews"]


# ---- near copies


def test_it_judges_the_near_copies_that_a_tile_stands_for(page: Page, fresh: str) -> None:
    opened(page, fresh)
    head = page.locator("[data-folded]").first
    frame = page.locator(f"#{head.get_attribute('id')}")
    count = 1 + int(head.evaluate("t => JSON.parse(t.dataset.folded).length"))
    expect(frame.locator(".tile-copies")).to_have_text(re.compile(rf".{count}$"))
    head.focus()
    page.keyboard.press("a")
    expect(frame.locator(".tile-verdict")).to_contain_text(f"{count} frames")
    reviewed(page, count)
    page.keyboard.press("u")
    reviewed(page, 0)
    expect(frame.locator(".tile-verdict")).to_be_empty()


def test_it_brings_copies_out_and_leaves_one_that_was_judged_apart(page: Page, fresh: str) -> None:
    opened(page, fresh)
    head = page.locator("[data-folded]").first
    frame = page.locator(f"#{head.get_attribute('id')}")
    copies = int(head.evaluate("t => JSON.parse(t.dataset.folded).length"))
    head.focus()
    page.keyboard.press("c")
    expect(page.locator(".is-copy")).to_have_count(copies)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("d")
    expect(judged(page, "in")).to_have_count(1)
    reviewed(page, 1)
    page.locator(".is-copy").last.focus()
    page.keyboard.press("c")
    expect(page.locator(".is-copy")).to_have_count(0)
    expect(frame).to_be_focused()
    expect(frame.locator(".tile-copies")).to_contain_text("1 apart")
    page.keyboard.press("a")
    reviewed(page, copies + 1)
    page.keyboard.press("u")
    page.keyboard.press("u")
    reviewed(page, 0)


# ---- the spread of the scores


def test_it_filters_by_a_brush_and_clears_it_by_its_chip(page: Page, wall: str) -> None:
    opened(page, wall)
    page.keyboard.press("h")
    expect(page.locator("#spread")).to_be_hidden()
    page.reload()
    expect(page.locator("#spread")).to_be_hidden()
    page.keyboard.press("h")
    expect(page.locator(".spread-threshold")).to_be_visible()
    box = page.locator(".spread-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"low=.*high="))
    low, high = (float(text) for text in re.findall(r"(?:low|high)=([\d.]+)", page.url))
    expect(page.locator(".gallery-chips .chip")).to_have_count(1)
    assert all(low - 0.1 <= score <= high + 0.1 for score in scores(page))
    end = page.get_by_role("slider", name="Highest score shown")
    end.focus()
    page.keyboard.press("ArrowLeft")
    expect(page).not_to_have_url(re.compile(f"high={high}"))
    expect(end).to_be_focused()
    page.locator(".gallery-chips .chip").click()
    expect(page).to_have_url(re.compile("/frames/$"))
    expect(page.locator(".gallery-chips")).to_have_count(0)


def test_it_tells_what_another_threshold_would_flag_and_lets_an_admin_save_it(page: Page, fresh: str) -> None:
    opened(page, fresh)
    words = page.locator("[data-words]")
    expect(words).to_contain_text("frames above")
    before = words.inner_text()
    handle = page.get_by_role("slider", name="Threshold")
    handle.focus()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    expect(words).to_contain_text("of held-out frames")
    assert words.inner_text() != before
    assert "frames above" in (handle.get_attribute("aria-valuetext") or "")
    page.keyboard.press("Escape")
    expect(words).to_have_text(before)
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    expect(words).not_to_contain_text("about")  # the server has counted
    said = re.search(r"Threshold ([\d.]+): ([\d,]+) of", words.inner_text())
    assert said is not None
    page.get_by_role("button", name="Save the threshold").click()
    expect(page.get_by_text("The thresholds now accept").first).to_be_visible()
    expect(page.locator("[data-words]")).to_contain_text(f"Threshold {said[1]}: {said[2]} of")
    page.get_by_role("button", name="Show what is above").click()
    expect(page).to_have_url(re.compile(r"low=[\d.]+$"))
    expect(page.locator(".the-end")).to_be_visible()
    assert min(scores(page)) >= float(said[1]) - 0.1


# ---- filters, places, views, sizes


def test_it_has_a_chip_for_each_filter_and_clears_them_all(page: Page, wall: str) -> None:
    opened(page, f"{wall}?verdict=unreviewed&side=below&copies=all&sort=ood")
    chips = page.locator(".gallery-chips .chip")
    expect(chips).to_have_text(["Unreviewed", "Below the threshold", "Near copies one by one", "Clear all"])
    chips.nth(1).click()
    expect(page).to_have_url(re.compile(r"\?verdict=unreviewed&copies=all&sort=ood$"))
    assert page.locator("select[name=side]").input_value() == ""
    page.get_by_role("link", name="Clear all").click()
    expect(page).to_have_url(re.compile(r"\?sort=ood$"))
    expect(page.get_by_label("Near copies one by one")).not_to_be_checked()
    page.get_by_label("Near copies one by one").check()
    expect(page).to_have_url(re.compile(r"copies=all"))


def test_it_jumps_to_a_score_anywhere_in_the_order(page: Page, wall: str) -> None:
    opened(page, wall)
    page.keyboard.press("g")
    expect(page.get_by_label("Jump to score")).to_be_focused()
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"from=40"))
    expect(page.locator("#gallery")).to_have_attribute("data-starts-at", re.compile(r"\d+"))
    here = page.locator(f"#frame-{page.locator('#gallery').get_attribute('data-starts-at')} .tile-score")
    assert float(here.inner_text()) <= 40 < scores(page)[0]
    expect(page.locator(".gallery-chips")).to_contain_text("From loss 40.0")


def open_views(page: Page) -> None:
    """By its key, as soon as the page listens."""
    for _ in range(100):
        page.keyboard.press("v")
        if page.locator("#views[open]").count():
            return
        page.wait_for_timeout(100)
    raise AssertionError("the menu of views stays closed")


def test_it_saves_opens_renames_and_deletes_a_view(page: Page, wall: str) -> None:
    opened(page, f"{wall}?verdict=unreviewed&low=50")
    open_views(page)
    menu = page.locator("#views")
    menu.get_by_label("Name of the view").fill("Odd ones")
    menu.get_by_label("Shared with all members").check()
    menu.get_by_role("button", name="Save this view").click()
    expect(menu.get_by_role("link", name="Odd ones")).to_be_visible()
    page.goto(f"{wall}?verdict=out")
    open_views(page)
    menu.get_by_label("Change Odd ones").click()
    menu.get_by_label("Name", exact=True).fill("Odder ones")
    menu.get_by_role("button", name="Save", exact=True).click()
    menu.get_by_role("link", name="Odder ones").click()
    expect(page).to_have_url(re.compile(r"\?verdict=unreviewed&low=50\.0$"))
    open_views(page)
    menu.get_by_label("Change Odder ones").click()
    for _ in range(2):  # it asks on its own face
        menu.locator("[name=delete]").click()
    expect(page.locator("#views[open]")).to_have_count(0)
    open_views(page)
    expect(menu.get_by_text("No view is saved yet")).to_be_visible()


def test_it_keeps_the_size_of_the_tiles(page: Page, wall: str) -> None:
    tiles = opened(page, wall)
    usual = tiles.first.evaluate("tile => tile.offsetWidth")
    with page.expect_response(re.compile("/preferences/")):
        page.keyboard.press("+")
        page.keyboard.press("+")
    assert tiles.first.evaluate("tile => tile.offsetWidth") > usual
    page.reload()
    assert tiles.first.evaluate("tile => tile.offsetWidth") > usual
    with page.expect_response(re.compile("/preferences/")):
        page.get_by_label("Size of the tiles").fill("3")
    assert tiles.first.evaluate("tile => tile.offsetWidth") == usual


def test_it_lists_more_frames_like_one(page: Page, wall: str, instance: Instance) -> None:
    instance.manage("shell", "--no-imports", "-c", FEATURES)
    tiles = opened(page, wall)
    frame = tiles.nth(3).get_attribute("data-frame")
    tiles.nth(3).focus()
    page.keyboard.press("m")
    expect(page).to_have_url(re.compile("selection="), timeout=60_000)
    expect(tiles.first).to_have_attribute("data-frame", str(frame))
    expect(page.locator(".gallery-chips")).to_contain_text(re.compile(r"\d+ frames like \d+:\d\d recording"))
    assert tiles.count() >= 60
    page.locator(".gallery-chips .chip").click()
    expect(page).to_have_url(re.compile("/frames/$"))


# ---- long lists, small screens


def test_it_keeps_only_the_tiles_around_what_is_seen_and_brings_the_others_back(page: Page, deep: str) -> None:
    tiles = opened(page, f"{deep}?copies=all")
    first = tiles.first.get_attribute("id")
    last_seen = 0
    while last_seen < 1200:
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(40)
        last_seen = int(tiles.last.get_attribute("aria-posinset") or 0)
    assert tiles.count() <= 480
    assert int(tiles.first.get_attribute("aria-posinset") or 0) > 1
    tiles.last.focus()
    focused = page.evaluate("document.activeElement.getBoundingClientRect().top")
    for _ in range(40):
        page.keyboard.press("ArrowUp")
        page.wait_for_timeout(20)
    assert abs(page.evaluate("document.activeElement.getBoundingClientRect().top") - focused) < 900
    shown = scores(page)
    assert shown == sorted(shown, reverse=True)
    ids = tiles.evaluate_all("all => all.map(tile => tile.id)")
    assert len(ids) == len(set(ids)) <= 720
    page.keyboard.press("Home")
    expect(page.locator(f"#{first}")).to_be_focused()
    expect(tiles.first).to_have_attribute("aria-posinset", "1")


def test_it_works_with_a_finger_on_a_phone(browser: Browser, instance: Instance, fresh: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    sign_in(page, instance)
    page.goto(f"{fresh}?low=58")
    tile = page.locator(".tile").nth(2)
    swipe(page, tile, 150)
    expect(tile).to_have_attribute("data-verdict", "in")
    expect(page.locator("#progress")).to_contain_text("11 of")  # with its near copies
    page.wait_for_timeout(1000)  # a tap right behind a swipe belongs to the swipe, for the browser too
    page.get_by_role("button", name="Undo").tap()
    expect(tile).to_have_attribute("data-verdict", "")
    page.get_by_role("button", name="Filters").tap()
    page.get_by_role("button", name="Scores").tap()
    expect(page.locator(".spread-over")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    swipe(page, page.locator(".spread-threshold"), -40)
    expect(page.get_by_role("button", name="Save the threshold")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    swipe(page, page.locator(".spread-end-high"), -60)
    expect(page).to_have_url(re.compile("high="))
    context.close()


def swipe(page: Page, place: Locator, dx: float) -> None:
    """Draw a finger across, as the browser's own input."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + min(box["height"] / 2, 40)
    session = page.context.new_cdp_session(page)
    points = [x + dx * share for share in (0, 0.2, 0.5, 0.8, 1)]
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": points[0], "y": y}]})
    for point in points[1:]:
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": point, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_with_everything_open(
    browser: Browser, instance: Instance, wall: str, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, instance)
    opened(page, f"{wall}?verdict=unreviewed&low=40")
    expect(page.locator(".spread-threshold")).to_be_visible()
    page.locator("[data-folded]").first.focus()
    page.keyboard.press("c")
    page.keyboard.press("v")
    expect(page.get_by_text("No view is saved yet")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+a")
    expect(page.locator("[data-selected]")).to_contain_text("that match")
    page.wait_for_timeout(300)
    found = Axe().run(page).response["violations"]
    serious = [(rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in ("serious", "critical")]
    context.close()
    assert not serious
