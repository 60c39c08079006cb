"""Saying why a frame is OUT, in a real browser: by key, by menu, for a selection, without a network, and undone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from scoring import demo
from tests.e2e.conftest import sign_in
from tests.e2e.instance import Instance

SLUG = "reasons"
AD, OTHER, GRAPHICS = "advertisement", "other content", "graphics"  # what a new data set offers first


@pytest.fixture(scope="module")
def dataset(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> str:
    clip = tmp_path_factory.mktemp("reasons") / "clip.mp4"
    demo.make_clip(clip, kinds=[("match", 12.0)], seed=4)
    instance.manage("import_videos", SLUG, str(clip), "--reference", "--create", "--wait")
    return f"{instance.url}/d/{SLUG}/"


@pytest.fixture
def tiles(page: Page, dataset: str) -> Locator:
    page.goto(f"{dataset}frames/")
    expect(page.locator('.tile[tabindex="0"]')).to_have_count(1)  # the keys are listening
    return page.locator(".tile")


def said(tile: Locator) -> tuple[str | None, str]:
    return tile.get_attribute("data-verdict"), tile.locator(".tile-verdict").inner_text().replace("\n", " ")


def log(page: Page, dataset: str) -> list[tuple[str, str]]:
    answer = page.request.get(dataset.replace(f"/d/{SLUG}/", f"/api/v1/datasets/{SLUG}/reviews")).json()
    return [(row["verdict"], row["reason"]) for row in answer["reviews"]]


def test_it_judges_out_with_a_reason_at_the_press_of_a_digit(
    page: Page, tiles: Locator, dataset: str, instance: Instance
) -> None:
    tiles.first.focus()
    page.keyboard.press("1")
    assert said(tiles.nth(0)) == ("out", f"OUT {AD}")
    expect(tiles.nth(1)).to_be_focused()
    page.keyboard.press("2")
    page.keyboard.press("a")
    page.keyboard.press("9")  # no such reason: nothing happens
    assert [said(tiles.nth(place)) for place in (1, 2, 3)] == [("out", f"OUT {OTHER}"), ("out", "OUT"), ("", "")]
    page.keyboard.press("u")
    page.keyboard.press("u")
    assert [said(tiles.nth(place)) for place in (1, 2)] == [("", ""), ("", "")]
    assert instance.wait_until(lambda: len(log(page, dataset)) == 5)  # three verdicts and two undone
    page.reload()
    assert said(tiles.nth(0)) == ("out", f"OUT {AD}")
    assert log(page, dataset)[:3] == [("out", AD), ("out", OTHER), ("out", "")]


def test_it_takes_the_key_by_its_place_where_digits_need_shift(page: Page, tiles: Locator) -> None:
    tiles.nth(4).focus()
    event = "new KeyboardEvent('keydown', {key: '&', code: 'Digit1', bubbles: true})"
    page.evaluate(f"() => document.activeElement.dispatchEvent({event})")
    assert said(tiles.nth(4)) == ("out", f"OUT {AD}")


def test_it_offers_the_reasons_in_a_menu_and_brings_one_back_by_undo(page: Page, tiles: Locator) -> None:
    tile = tiles.nth(5)
    tile.hover()
    tile.get_by_label("OUT, with a reason").click()
    menu = page.get_by_role("menu")
    menu.get_by_role("menuitem", name=GRAPHICS).click()
    expect(menu).to_be_hidden()
    assert said(tile) == ("out", f"OUT {GRAPHICS}")
    page.keyboard.press("d")
    assert said(tile) == ("in", "IN")
    page.keyboard.press("u")
    assert said(tile) == ("out", f"OUT {GRAPHICS}")
    tile.hover()
    tile.get_by_label("OUT, with a reason").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert said(tile) == ("out", f"OUT {OTHER}")
    tile.get_by_label("OUT, with a reason").click()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    assert said(tile) == ("out", f"OUT {OTHER}")


def test_it_gives_a_selection_one_reason_and_keeps_it_while_the_network_is_away(page: Page, tiles: Locator) -> None:
    tiles.nth(7).focus()
    page.keyboard.press("Shift+ArrowRight")
    page.context.set_offline(True)
    page.keyboard.press("2")
    assert [said(tiles.nth(place)) for place in (7, 8)] == [("out", f"OUT {OTHER}")] * 2
    expect(page.get_by_text("2 verdicts wait")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("verdicts wait")).to_be_hidden()
    page.reload()
    assert [said(tiles.nth(place)) for place in (7, 8)] == [("out", f"OUT {OTHER}")] * 2


def test_it_takes_a_reason_on_the_frame_page(page: Page, tiles: Locator) -> None:
    tiles.nth(9).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#frame")).to_be_visible()
    expect(page.locator("#spoken")).not_to_be_empty()  # the keys are listening
    frame = page.url
    page.keyboard.press("1")
    expect(page).not_to_have_url(frame)  # on to the next frame
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#verdict")).to_contain_text(AD)
    page.get_by_label("OUT, with a reason").first.click()
    page.get_by_role("menuitem", name=GRAPHICS).click()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#verdict")).to_contain_text(GRAPHICS)


def test_it_has_a_menu_for_fingers(browser: Browser, instance: Instance, dataset: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    sign_in(page, instance)
    page.goto(f"{dataset}frames/")
    tile = page.locator(".tile").nth(2)
    tile.get_by_label("OUT, with a reason").tap()
    page.get_by_role("menuitem", name=AD).tap()
    expect(tile.locator(".tile-verdict")).to_contain_text(AD)
    context.close()


def test_it_closes_the_menu_by_the_button_that_opened_it(page: Page, tiles: Locator) -> None:
    caret = tiles.nth(3).get_by_label("OUT, with a reason")
    tiles.nth(3).hover()
    for is_open in (True, False, True):
        caret.click()
        expect(page.get_by_role("menu")).to_be_visible(visible=is_open)
