"""Every page in a real browser: it fits a phone, axe finds nothing serious, verdicts survive a lost network."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from scoring import demo
from tests.e2e.conftest import sign_in
from tests.e2e.instance import Instance

SLUG = "pages"
PAGES = ("", "review/", "frames/", "models/", "exports/", "jobs/", "members/", "settings/")
SHOWN = [f"/d/{slug}/{path}" for slug in (SLUG, "void") for path in PAGES]


@pytest.fixture(scope="module")
def dataset(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A data set with the frames of one short video, before there is a model."""
    clip = tmp_path_factory.mktemp("pages") / "clip.mp4"
    demo.make_clip(clip, kinds=[("match", 12.0)], seed=3)
    instance.manage("import_videos", SLUG, str(clip), "--reference", "--create", "--wait")
    return f"{instance.url}/d/{SLUG}/"


@pytest.fixture(scope="module")
def void(instance: Instance) -> str:
    """A data set without anything in it."""
    made = "Dataset.objects.create(slug='void', name='Nothing in it')"
    instance.manage("shell", "-c", f"from curation.models import Dataset; {made}")
    return f"{instance.url}/d/void/"


@pytest.fixture(scope="module", params=[("dark", 390), ("light", 1440)], ids=lambda param: f"{param[0]}-{param[1]}")
def tab(request: pytest.FixtureRequest, browser: Browser, instance: Instance) -> Iterator[Page]:
    scheme, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=width < 500, color_scheme=scheme)
    page = context.new_page()
    sign_in(page, instance)
    yield page
    context.close()


@pytest.mark.parametrize("path", [*SHOWN, "/", "/preferences/", "/password/"])
def test_it_fits_the_window_and_axe_finds_nothing_serious(
    tab: Page, instance: Instance, dataset: str, void: str, path: str
) -> None:
    page = tab
    page.goto(instance.url + path)
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    serious = [(rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in ("serious", "critical")]
    assert not serious


def test_it_keeps_verdicts_while_the_network_is_away_and_sends_each_once(page: Page, dataset: str) -> None:
    page.goto(f"{dataset}frames/")
    page.locator(".tile").first.focus()
    page.context.set_offline(True)
    for _ in range(5):
        page.keyboard.press("d")
    expect(page.locator('.tile[data-verdict="in"]')).to_have_count(5)
    expect(page.get_by_text("5 verdicts wait")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("verdicts wait")).to_be_hidden()
    page.reload()
    expect(page.locator('.tile[data-verdict="in"]')).to_have_count(5)
    log = page.request.get(f"{dataset}".replace(f"/d/{SLUG}/", f"/api/v1/datasets/{SLUG}/reviews")).json()
    assert len(log["items" if "items" in log else "reviews"]) == 5


def test_it_shows_the_keys_of_the_page(page: Page, dataset: str) -> None:
    page.goto(f"{dataset}frames/")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Out of distribution")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_it_takes_back_a_bulk_verdict_with_one_undo(page: Page, dataset: str) -> None:
    page.goto(f"{dataset}frames/")
    tiles = page.locator(".tile")
    before = page.locator('.tile[data-verdict="out"]').count()
    tiles.nth(6).focus()
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("a")
    expect(page.locator('.tile[data-verdict="out"]')).to_have_count(before + 3)
    page.keyboard.press("u")
    expect(page.locator('.tile[data-verdict="out"]')).to_have_count(before)


def test_it_says_what_is_missing_on_an_empty_data_set(page: Page, instance: Instance) -> None:
    page.goto(f"{instance.url}/datasets/new/")
    page.get_by_label("Name").fill("Nothing yet")
    page.get_by_role("button", name="Create data set").click()
    expect(page.get_by_text("Upload reference videos").first).to_be_visible()
    for path in PAGES:
        answer = page.goto(f"{instance.url}/d/nothing-yet/{path}")
        assert answer is not None and answer.status == 200


def test_it_fills_an_empty_gallery_as_frames_arrive(page: Page, instance: Instance, tmp_path: Path) -> None:
    clip = tmp_path / "first.mp4"
    demo.make_clip(clip, kinds=[("match", 8.0)], seed=9)
    media = instance.pid_of("media")
    os.kill(media, signal.SIGSTOP)
    try:
        instance.manage("import_videos", "growing", str(clip), "--create")
        page.goto(f"{instance.url}/d/growing/frames/")
        expect(page.get_by_role("heading", name="The first frames are on their way")).to_be_visible()
        expect(page.get_by_text("Waiting for a worker.")).to_be_visible()
        expect(page.locator(".ghost")).to_have_count(12)
    finally:
        os.kill(media, signal.SIGCONT)
    expect(page.locator(".tile").first).to_be_visible(timeout=60_000)
    expect(page.locator(".ghost")).to_have_count(0, timeout=60_000)
    shown = page.locator(".tile").count()
    page.reload()
    assert page.locator(".tile").count() == shown  # nothing was missed or shown twice
