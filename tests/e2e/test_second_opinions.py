"""What verdicts teach as they are given, and two people who judge the same frames, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from scoring import demo
from tests.e2e.conftest import sign_in
from tests.e2e.instance import Instance

pytestmark = pytest.mark.timeout(420)
SLUG, PASSWORD = "two-people", "correct horse battery"
PREPARE = f"""
from django.contrib.auth.models import User
from uuid import uuid4
from curation import second_looks
from curation.models import Dataset, Frame, Membership, SecondLook
from curation.reviews import ReviewRequest, record
dataset = Dataset.objects.get(slug={SLUG!r})
ana, bea = (User.objects.create_user(name, password={PASSWORD!r}) for name in ("ana", "bea"))
for user in (ana, bea):
    Membership.objects.create(dataset=dataset, user=user, role="curator")
def judge(user, frames, verdict):
    record(dataset=dataset, user=user, requests=[
        ReviewRequest(frame_id=pk, verdict=verdict, client_uuid=uuid4(), seen_version=0) for pk in frames])
frames = Frame.objects.filter(video__dataset=dataset).order_by("video", "number")
inside = list(frames.filter(video__name="mixed.mp4", time_s__lt=7.5).values_list("pk", flat=True))
out = list(frames.filter(video__name="mixed.mp4", time_s__gt=8.5).values_list("pk", flat=True))
reference = list(frames.filter(video__is_reference=True).values_list("pk", flat=True))
judge(ana, [*inside, *reference[:30]], "in")
judge(ana, out[:-2], "out")
second_looks.set_share(dataset=dataset, share=1.0)
dataset.refresh_from_db()
judge(ana, out[-2:], "out")
SecondLook.objects.exclude(frame__in=out[:3]).delete()
"""


@pytest.fixture(scope="module")
def dataset(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model, 40 verdicts of Ana's that it learned from, and three frames that wait for Bea's word."""
    folder = tmp_path_factory.mktemp("people")
    plans = {"one.mp4": [("match", 12.0)], "two.mp4": [("match", 12.0)], "mixed.mp4": [("match", 8.0), ("ad", 10.0)]}
    for seed, (name, kinds) in enumerate(plans.items()):
        demo.make_clip(folder / name, kinds=kinds, seed=seed)
    clips = [str(folder / name) for name in plans]
    instance.manage("import_videos", SLUG, *clips[:2], "--reference", "--create", "--wait")
    instance.manage("train", SLUG, "--epochs", "3", "--wait", limit_s=240)
    instance.manage("import_videos", SLUG, clips[2], "--wait")
    instance.manage("shell", "--no-imports", "-c", PREPARE)
    return f"{instance.url}/d/{SLUG}/"


@pytest.fixture
def bea(browser: Browser, instance: Instance, dataset: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    sign_in(page, instance, "bea", PASSWORD)
    yield page
    context.close()


def test_it_learns_from_a_verdict_while_the_page_is_open(page: Page, dataset: str) -> None:
    page.goto(f"{dataset}frames/?verdict=unreviewed&copies=all")
    fit = page.locator("#live-fit")
    expect(fit).to_contain_text("learned from", timeout=60_000)
    before = int(re.search(r"learned from (\d+)", fit.inner_text())[1])  # type: ignore[index]
    fit.locator("summary").click()
    expect(fit).to_contain_text("Suggested threshold")
    page.locator(".tile").first.focus()
    page.keyboard.press("a")
    expect(fit).to_contain_text(f"learned from {before + 1} verdicts")
    expect(fit).to_contain_text("1 of them is newer")
    expect(fit.locator(".live-fit-body")).to_be_visible()  # it stays open
    page.keyboard.press("u")
    expect(fit).to_contain_text(f"learned from {before} verdicts")
    page.goto(f"{dataset}review/")
    expect(page.locator("#live-fit")).to_contain_text("learned from")


def test_it_asks_a_second_person_blind_and_keeps_what_is_unsent(bea: Page, dataset: str, instance: Instance) -> None:
    bea.goto(f"{dataset}review/")
    bea.get_by_role("link", name="Second opinions").click()
    expect(bea.locator("#look")).to_be_visible()
    expect(bea.locator("#spoken")).to_be_attached()
    for word in ("OUT by", "ana", "threshold"):
        assert word not in bea.locator("#look").inner_text()
    expect(bea.locator("[data-words] li")).to_have_count(0)
    bea.context.set_offline(True)
    bea.keyboard.press("d")
    expect(bea.get_by_text("1 verdict waits")).to_be_visible()
    bea.context.set_offline(False)
    expect(bea.get_by_text("1 verdict waits")).to_be_hidden()
    bea.keyboard.press("1")
    bea.keyboard.press("u")
    bea.keyboard.press("d")
    bea.keyboard.press("s")
    expect(bea.get_by_text("No frame waits for your word")).to_be_visible()
    address = f"{instance.url}/api/v1/datasets/{SLUG}/agreement"
    assert instance.wait_until(lambda: bea.request.get(address).json()["frames"] == 3)
    instance.manage("verify_log", SLUG)


def test_it_shows_both_words_and_settles_them(page: Page, dataset: str, instance: Instance) -> None:
    page.goto(f"{dataset}review/conflicts/")
    words = page.locator("[data-words] li")
    expect(words).to_have_count(2)
    assert "ana" in words.nth(0).inner_text() and "bea" in words.nth(1).inner_text()
    expect(page.locator(".agreement")).to_contain_text("ana and bea")
    first = page.locator("[data-time]").inner_text()
    page.keyboard.press("a")
    expect(page.locator("[data-time]")).not_to_have_text(first)
    page.keyboard.press("u")
    expect(page.locator("[data-time]")).to_have_text(first)
    while page.locator("#look").is_visible():
        page.keyboard.press("1")
        page.wait_for_timeout(100)
    expect(page.get_by_text("No conflict is open")).to_be_visible()
    page.reload()
    expect(page.get_by_text("No conflict is open")).to_be_visible()
    log = page.request.get(f"{instance.url}/api/v1/datasets/{SLUG}/reviews?limit=500").json()["reviews"]
    assert {row["source"] for row in log} >= {"second", "settle"}
    instance.manage("verify_log", SLUG)
    instance.manage("check_invariants")
