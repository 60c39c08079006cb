"""An audit in a real browser: drawn by an admin, judged blind with keys, and rates with intervals at the end."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.instance import Instance

SLUG = "audited"
FRAMES = 24


@pytest.fixture(scope="module")
def dataset(instance: Instance) -> str:
    """Made-up recordings under an active version; nothing of them was trained on."""
    instance.manage("fill", "--frames", "600", "--videos", "12", "--dataset", SLUG, "--reviewed", "0")
    return f"{instance.url}/d/{SLUG}/"


def test_it_goes_from_a_draw_to_rates_that_hold(page: Page, dataset: str) -> None:
    page.goto(f"{dataset}rates/")
    expect(page.get_by_role("heading", name="No audit serves yet")).to_be_visible()
    page.get_by_label("Frames", exact=True).fill(str(FRAMES))
    page.get_by_role("button", name="Draw an audit").click()
    expect(page.get_by_text("24 frames of 6 videos are drawn")).to_be_visible()
    page.get_by_role("link", name="Judge 24 audit frames").click()

    frame = page.locator("#audit")
    expect(frame).to_have_attribute("data-frame", re.compile(r"\d+"))  # the keys are listening
    expect(frame.locator("img")).to_have_js_property("complete", True)
    assert not re.search(r"threshold|loss|score \d", page.locator("main").inner_text().lower().replace("no score", ""))
    first = frame.get_attribute("data-frame")
    page.keyboard.press("1")  # OUT, for the first reason
    expect(frame).not_to_have_attribute("data-frame", str(first))
    page.keyboard.press("u")
    expect(frame).to_have_attribute("data-frame", str(first))

    page.context.set_offline(True)
    page.keyboard.press("a")
    page.keyboard.press("d")
    expect(page.get_by_text("verdicts wait")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("verdicts wait")).to_be_hidden()
    for place in range(FRAMES - 2):
        before = frame.get_attribute("data-frame")
        page.keyboard.press("a" if place % 3 == 0 else "d")
        if place < FRAMES - 3:
            expect(frame).not_to_have_attribute("data-frame", str(before))
    expect(page.get_by_role("heading", name="The audit is judged")).to_be_visible()
    expect(page.locator("#audit-state")).to_contain_text("24 of 24 judged")

    page.get_by_role("link", name="See the rates").last.click()
    cards = page.locator(".rate-card")
    expect(cards).to_have_count(6)
    expect(cards.first).to_contain_text(re.compile(r"\d+\.\d %.*\d+\.\d % to \d+\.\d %", re.S))
    expect(page.locator(".chart canvas")).to_have_count(3)
    log = page.request.get(dataset.replace(f"/d/{SLUG}/", f"/api/v1/datasets/{SLUG}/reviews?limit=100")).json()
    assert sum(row["source"] == "audit" for row in log["reviews"]) == FRAMES + 1


def test_its_pages_fit_a_phone_and_axe_finds_nothing_serious(
    browser: Browser, instance: Instance, dataset: str
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, color_scheme="dark")
    page = context.new_page()
    sign_in(page, instance)
    for path in ("rates/", "review/audit/"):
        page.goto(dataset + path)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390, path
        found = Axe().run(page).response["violations"]
        serious = [
            (rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in ("serious", "critical")
        ]
        assert not serious, path
    context.close()
