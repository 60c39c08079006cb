"""Once around the loop in a real browser: upload, extract, train, score, review, retrain, compare, export."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from scoring import demo
from scoring.demo import script
from tests.e2e.instance import Instance

pytestmark = pytest.mark.timeout(420)
EPOCHS = "12"
SCORED_S, TRAINED_S = 60_000, 150_000


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two reference matches, and a recording with an ad break in the middle."""
    folder = tmp_path_factory.mktemp("clips")
    plans = {
        "home.mp4": [("match", 12.0)],
        "away.mp4": [("match", 12.0)],
        "mixed <b>&amp; recording.mp4": [("match", 6.0), ("ad", 4.0), ("match", 2.0)],
    }
    for seed, (name, kinds) in enumerate(plans.items()):
        demo.make_clip(folder / name, kinds=kinds, seed=seed)
    return {name: folder / name for name in plans}


def upload(page: Page, paths: list[Path], kind: str) -> None:
    page.locator(f'input[name="upload-kind"][value="{kind}"]').check(force=True)
    page.locator("#upload-input").set_input_files(paths)


def train(page: Page) -> None:
    page.get_by_role("link", name="Models", exact=True).first.click()
    page.get_by_text("More settings").click()
    page.get_by_label("Epochs").fill(EPOCHS)
    page.locator(".train-go").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+/"))
    expect(page.get_by_text(re.compile(r"Version \d+ is ready"))).to_be_visible(timeout=TRAINED_S)


def test_it_goes_once_around_the_loop(page: Page, instance: Instance, clips: dict[str, Path]) -> None:
    *references, mixed = clips.values()
    page.goto(f"{instance.url}/datasets/new/")
    page.get_by_label("Name").fill("Loop")
    page.get_by_label("n", exact=True).fill("0.5")
    page.get_by_role("button", name="Create data set").click()
    expect(page).to_have_url(re.compile("/d/loop/"))

    upload(page, references, "reference")
    expect(page.get_by_text("Waiting for a model")).to_have_count(2, timeout=SCORED_S)
    train(page)

    page.get_by_role("link", name="Videos", exact=True).first.click()
    upload(page, [mixed], "unsorted")
    name = page.get_by_text(mixed.name).first  # markup in a file name shows as text
    expect(name).to_be_visible()
    expect(page.get_by_text("Ready", exact=True)).to_have_count(3, timeout=SCORED_S)

    review(page, instance, mixed)
    sort_by_other_scores(page)
    open_worst_frame(page)
    train(page)
    compare_and_activate(page)
    export(page)


def review(page: Page, instance: Instance, mixed: Path) -> None:
    """The worst frames are the ads; keys judge them, the focus moves on, and an undo goes back."""
    page.get_by_role("link", name="Frames", exact=True).first.click()
    tiles = page.locator(".tile")
    expect(page.locator(".the-end")).to_be_visible()
    folded = tiles.count()  # near copies of a frame stand behind it
    page.goto(f"{page.url}?copies=all")
    expect(tiles).to_have_count(72)
    page.go_back()
    expect(tiles).to_have_count(folded)
    assert 36 <= folded < 72
    losses = [float(text.replace(",", "")) for text in page.locator(".tile-score").all_text_contents()]
    assert losses == sorted(losses, reverse=True)
    kinds = kinds_of_recording(mixed)
    seen = [label_time(tiles.nth(place).get_attribute("aria-label") or "", mixed) for place in range(4)]
    assert [kinds.get(time) for time in seen] == ["ad"] * 4

    expect(page.locator('.tile[tabindex="0"]')).to_have_count(1)  # the keys are listening
    tiles.first.focus()
    for key in ("a", "a", "a", "s", "u", "a"):
        page.keyboard.press(key)
    verdicts = [tiles.nth(place).get_attribute("data-verdict") for place in range(5)]
    assert verdicts == ["out", "out", "out", "out", ""]
    page.keyboard.press("End")
    page.keyboard.press("d")
    expect(page.locator('.tile[data-verdict="in"]')).to_have_count(1)
    expect(page.get_by_text(re.compile("5 of 72 reviewed"))).to_be_visible()
    page.reload()
    expect(page.locator('.tile[data-verdict="out"]')).to_have_count(4)


def sort_by_other_scores(page: Page) -> None:
    """A key goes from score to score, another reverses; the score that can't be had yet says why when it is pressed."""
    figures = page.locator(".tile-score")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(r"sort=ood$"))
    expect(figures.first).to_have_text(re.compile(r"^[+−]\d+\.\d\d$"))  # noqa: RUF001
    worst, shown = figures.first.inner_text(), numbers(figures)
    assert shown == sorted(shown, reverse=True)
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile(r"sort=ood_asc$"))
    expect(figures.first).not_to_have_text(worst)
    assert numbers(figures)[0] <= min(shown)
    expect(page.locator('.tile[tabindex="0"]')).to_be_focused()
    place = page.locator("[data-refusal]").bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + 10, place["y"] + 10)
    expect(page.get_by_text("Probabilities need 25 verdicts").first).to_be_visible()
    page.locator('.sort-scores [value="loss"]').check(force=True)
    expect(page).to_have_url(re.compile(r"sort=loss_asc$"))
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile(r"/frames/$"))


def numbers(figures: Locator) -> list[float]:
    return [float(text.replace("−", "-")) for text in figures.all_text_contents()]  # noqa: RUF001


def kinds_of_recording(mixed: Path) -> dict[int, str]:
    """Second -> kind, for seconds that show one kind only."""
    plan = script.clip(mixed.stem, [("match", 6.0), ("ad", 4.0), ("match", 2.0)], seed=2)
    return {second: plan.scene_at(second * script.FPS).kind for second in range(12)}


def label_time(label: str, mixed: Path) -> int:
    assert mixed.name in label, label
    minutes, seconds = re.findall(r" at (\d+):(\d+)", label)[0]
    return int(minutes) * 60 + int(seconds)


def open_worst_frame(page: Page) -> None:
    """Input, reconstruction and heat map come; the video stands at the frame's second; the earlier review is listed."""
    page.locator(".tile").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#pictures img")).to_have_count(4, timeout=40_000)  # the heat map lies over the input again
    loaded = "() => [...document.querySelectorAll('#pictures img')].every(i => i.complete && i.naturalWidth === 80)"
    page.wait_for_function(loaded)
    page.wait_for_function("() => document.querySelector('video') && document.querySelector('video').currentTime > 5")
    expect(page.get_by_role("listitem").filter(has_text="on version 1")).to_contain_text("admin")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"/d/loop/frames/"))


def compare_and_activate(page: Page) -> None:
    page.goto(re.sub(r"/d/loop/.*", "/d/loop/models/2/", page.url))
    expect(page.get_by_text(re.compile("reviewed frames")).first).to_be_visible()
    page.get_by_role("button", name="Activate").first.click()
    expect(page.get_by_text("Active", exact=True).first).to_be_visible()
    page.goto(re.sub(r"/d/loop/.*", "/d/loop/models/1/", page.url))
    page.get_by_role("button", name="Go back").first.click()
    expect(page.get_by_text("Active", exact=True).first).to_be_visible()


def export(page: Page) -> None:
    """The CSV says what people decided, by frame; a frame that nobody judged stays unreviewed."""
    page.get_by_role("link", name="Exports", exact=True).first.click()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download")).first.click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert len(rows) == 72
    judged = [row for row in rows if row["verdict"] != "unreviewed"]
    assert sorted(row["verdict"] for row in judged) == ["in", "out", "out", "out", "out"]
    assert {row["model_version"] for row in rows} == {"1"}
    assert {row["decision"] for row in rows if row not in judged} == {""}
