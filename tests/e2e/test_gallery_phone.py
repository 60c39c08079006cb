"""The gallery on a phone: pictures first, and the controls behind one button, by finger, by keys and read aloud."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.instance import Instance

FILTERS = "Filters"


@pytest.fixture(scope="module")
def gallery(instance: Instance) -> str:
    instance.manage("fill", "--frames", "120", "--videos", "2", "--dataset", "pocket", "--reviewed", "0", "--seed", "4")
    return f"{instance.url}/d/pocket/frames/"


@pytest.fixture
def phone(browser: Browser, instance: Instance, gallery: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    sign_in(page, instance)
    page.goto(gallery)
    listening(page)
    yield page
    context.close()


def listening(page: Page) -> None:
    expect(page.locator(".tile[data-known]").first).to_be_visible()


def top(place: Locator) -> float:
    box = place.bounding_box()
    assert box is not None
    return box["y"]


def test_it_shows_pictures_before_controls(phone: Page) -> None:
    first = phone.locator(".tile").first
    assert top(first) < 180
    for name in ("video", "verdict", "side", "from", "copies"):
        expect(phone.locator(f"[name={name}]")).to_be_hidden()
    phone.locator("[name=order]").select_option("asc")  # the one that stays
    expect(phone).to_have_url(re.compile("_asc"))


def test_it_opens_the_controls_and_they_stay_open_over_a_reload(phone: Page) -> None:
    button = phone.get_by_role("button", name=FILTERS)
    expect(button).to_have_attribute("aria-expanded", "false")
    button.tap()
    expect(button).to_have_attribute("aria-expanded", "true")
    phone.locator("[name=verdict]").select_option("unreviewed")
    expect(phone).to_have_url(re.compile("verdict=unreviewed"))
    phone.reload()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(phone.locator("[name=verdict]")).to_have_value("unreviewed")
    found = Axe().run(phone).response["violations"]
    assert not [(rule["id"], rule["nodes"]) for rule in found if rule["impact"] in ("serious", "critical")]
    button.tap()
    expect(phone.locator("[name=verdict]")).to_be_hidden()
    chip = phone.get_by_role("link", name="Take away: Unreviewed")
    chip.tap()  # what filters is said, and can be taken away, with the controls folded
    expect(phone).not_to_have_url(re.compile("verdict="))
    expect(button).to_be_focused()


def test_its_keys_unfold_what_they_lead_to(phone: Page) -> None:
    phone.keyboard.press("g")
    expect(phone.get_by_label("Jump to score")).to_be_focused()
    phone.reload()
    expect(phone.get_by_label("Jump to score")).to_be_hidden()  # a key opens them once, the button for good
    listening(phone)
    phone.keyboard.press("h")
    expect(phone.locator(".spread-over")).to_be_visible()
    phone.keyboard.press("h")
    expect(phone.locator(".spread-over")).to_be_hidden()
    expect(phone.locator("[name=verdict]")).to_be_visible()
    phone.get_by_role("button", name=FILTERS).tap()
    phone.keyboard.press("v")
    expect(phone.get_by_text("No view is saved yet")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_folds_nothing_where_there_is_room(page: Page, gallery: str) -> None:
    page.goto(gallery)
    expect(page.get_by_role("button", name=FILTERS)).to_be_hidden()
    expect(page.locator("[name=verdict]")).to_be_visible()
