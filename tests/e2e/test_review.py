"""The review queue in a real browser: every key, a lost network, a reload, an expired session, two people, a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.instance import Instance

SLUG = "queue"
QUEUE = f"/d/{SLUG}/review/"
SECOND = ("zoe", "a-long-pass-phrase-7")
MAKE_SECOND = f"""
from django.contrib.auth.models import User
from curation.models import Dataset, Membership
from curation.permissions import Role
user = User.objects.create_user({SECOND[0]!r}, password={SECOND[1]!r})
Membership.objects.create(dataset=Dataset.objects.get(slug={SLUG!r}), user=user, role=Role.CURATOR)
Dataset.objects.filter(slug={SLUG!r}).update(reasons=["advertisement", "replay"])
"""
SIGN_ALL_OUT = "from django.contrib.sessions.models import Session; Session.objects.all().delete()"


@pytest.fixture(scope="module")
def dataset(instance: Instance) -> str:
    """Made-up recordings with segments on both sides of the threshold; nobody has judged any."""
    instance.manage("fill", "--frames", "3000", "--videos", "30", "--reviewed", "0", "--dataset", SLUG)
    instance.manage("shell", "-c", MAKE_SECOND)
    return f"{instance.url}{QUEUE}"


@pytest.fixture
def queue(page: Page, dataset: str) -> Page:
    return opened(page, dataset)


@pytest.fixture
def other(browser: Browser, instance: Instance, dataset: str) -> Iterator[Page]:
    """A page of a second curator's."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    sign_in(tab, instance, *SECOND)
    yield tab
    context.close()


def opened(page: Page, url: str) -> Page:
    page.goto(url)
    expect(page.locator(".still").first).to_be_visible()
    expect(page.locator("#spoken")).to_be_attached()
    return page


def where(page: Page) -> str:
    """Which frames are shown: "0:12-0:20 name"."""
    return page.locator("#segment-where").inner_text()


def stretch(page: Page) -> dict[str, int]:
    """Video, first and last frame of what is shown, by the frames' own numbers."""
    link = page.locator("[data-video-link]").get_attribute("href") or ""
    numbers = page.locator(".still").evaluate_all("stills => stills.map(still => Number(still.dataset.number))")
    return {"video": int(link.rstrip("/").rsplit("/", 1)[1]), "first": min(numbers), "last": max(numbers)}


def verdicts(page: Page, shown: dict[str, int]) -> list[str]:
    """What the server says of these frames now."""
    base = page.url.split("/d/")[0]
    known = page.request.get(f"{base}/d/{SLUG}/videos/{shown['video']}/timeline.json").json()
    every = [verdict for verdict, count in known["verdicts"] for _ in range(count)]
    return every[shown["first"] - known["from"] : shown["last"] - known["from"] + 1]


def settled(page: Page) -> None:
    """Everything has been sent."""
    expect(page.locator(".unsent")).to_be_hidden()
    page.wait_for_function("() => !Object.keys(localStorage).some(key => /^framesift:(decisions|outbox):/.test(key))")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def log(page: Page) -> list[dict[str, str]]:
    """The whole review log of the data set."""
    rows: list[dict[str, str]] = []
    after: int | None = 0
    while after is not None:
        asked = f"{page.url.split('/d/')[0]}/api/v1/datasets/{SLUG}/reviews?limit=500&after={after}"
        part = page.request.get(asked).json()
        rows, after = rows + part["reviews"], part["next"]
    return rows


def test_it_decides_on_a_segment_with_one_key_and_shows_the_next_at_once(queue: Page) -> None:
    first, shown = where(queue), stretch(queue)
    press(queue, "a")
    assert where(queue) != first  # without waiting for the server
    expect(queue.locator(".ribbon button").first).to_contain_text("OUT")
    settled(queue)
    assert set(verdicts(queue, shown)) == {"out"}
    expect(queue.locator("#review-state b")).to_have_text("1")


def test_it_takes_the_last_decision_back_with_one_key(queue: Page) -> None:
    first, shown = where(queue), stretch(queue)
    press(queue, "d")
    settled(queue)
    assert set(verdicts(queue, shown)) == {"in"}
    press(queue, "u")
    assert where(queue) == first
    settled(queue)
    assert set(verdicts(queue, shown)) == {""}


def test_it_says_unsure_and_why_and_skips(queue: Page, dataset: str) -> None:
    before = len(log(queue))
    first = stretch(queue)
    press(queue, "s")
    second = stretch(queue)
    press(queue, "2")
    third = where(queue)
    press(queue, "Space")
    assert where(queue) != third
    settled(queue)
    assert (set(verdicts(queue, first)), set(verdicts(queue, second))) == ({"unsure"}, {"out"})
    assert {row["reason"] for row in log(queue)[before:] if row["verdict"] == "out"} == {"replay"}
    queue.reload()
    assert where(queue) != third  # the skipped one stays behind, and a reload begins where one was
    queue.goto(dataset)
    assert where(queue) == third


def counted(page: Page) -> tuple[int, int]:
    """Frames that are chosen, and those of the whole segment: "12 of 25 frames"."""
    numbers = [int(text) for text in re.findall(r"\d+", page.locator("[data-range]").inner_text())]
    return numbers[0], numbers[-1]


def test_it_bisects_and_leaves_the_rest_open(queue: Page) -> None:
    press(queue, "Space")
    whole, _ = counted(queue)
    assert whole > 3
    press(queue, "k")
    half, of = counted(queue)
    assert of == whole and whole / 4 <= half <= whole * 3 / 4  # at a shot, where one is near the middle
    press(queue, "j")
    quarter, _ = counted(queue)
    assert 0 < quarter < half
    press(queue, "Shift+J")
    assert counted(queue) == (half, whole)
    press(queue, "d")
    assert counted(queue) == (whole - half, whole - half)  # what was left comes next
    press(queue, "u")
    assert counted(queue) == (half, whole)
    settled(queue)


def test_it_steps_through_the_frames_and_opens_them(queue: Page) -> None:
    player = queue.locator("[data-player]")
    press(queue, "Home")
    start = player.get_attribute("data-at")
    press(queue, "ArrowRight")
    assert player.get_attribute("data-at") != start or queue.locator(".still.is-here").count() == 1
    press(queue, "End", "ArrowLeft", "Home")
    assert player.get_attribute("data-at") == start
    press(queue, "Enter")
    expect(queue).to_have_url(re.compile(r"/frames/\?"))


def test_it_undoes_any_of_the_last_decisions_from_the_ribbon_also_after_a_reload(queue: Page) -> None:
    shown, label = stretch(queue), where(queue)
    press(queue, "a", "d")
    settled(queue)
    queue.reload()
    entry = queue.locator(".ribbon li").nth(1).locator("button")
    expect(entry).to_contain_text("OUT")
    entry.click()
    settled(queue)
    assert set(verdicts(queue, shown)) == {""}
    expect(queue.locator("#segment-where")).to_have_text(label)  # its frames are there to be judged again
    assert stretch(queue) == shown


@pytest.mark.parametrize("order", ["worst", "uncertain", "diverse", "audit", "newest"])
def test_it_goes_by_the_order_that_one_chooses(queue: Page, order: str) -> None:
    queue.locator(f'.review-orders [value="{order}"]').check(force=True)
    expect(queue).to_have_url(re.compile(f"order={order}") if order != "worst" else re.compile("/review/"))
    expect(queue.locator(".still").first).to_be_visible()
    first = where(queue)
    press(queue, "Space")
    assert where(queue) != first


def test_it_keeps_twenty_decisions_while_the_network_is_away_and_sends_each_once(queue: Page) -> None:
    expect(queue.locator("#review-state b")).to_be_visible()
    queue.wait_for_load_state("networkidle")  # what comes next has been fetched
    before = len(log(queue))
    queue.context.set_offline(True)
    frames = 0
    for number in range(20):
        frames += counted(queue)[0]
        press(queue, "ad"[number % 2])
    expect(queue.get_by_text("20 verdicts wait")).to_be_visible()
    queue.context.set_offline(False)
    settled(queue)
    assert len(log(queue)) - before == frames


def test_it_keeps_decisions_over_a_reload_without_the_server(queue: Page) -> None:
    queue.wait_for_load_state("networkidle")
    queue.route("**/decisions/", lambda route: route.abort())
    shown = stretch(queue)
    press(queue, "a", "a")
    expect(queue.get_by_text("2 verdicts wait")).to_be_visible()
    queue.once("dialog", lambda dialog: dialog.accept())  # leaving is warned of
    queue.reload()
    expect(queue.get_by_text("2 verdicts wait")).to_be_visible()
    assert stretch(queue) != shown  # what was decided isn't asked again
    queue.unroute("**/decisions/")
    queue.get_by_role("button", name="Try now").click()
    settled(queue)
    assert set(verdicts(queue, shown)) == {"out"}


def test_it_keeps_decisions_over_an_expired_session(queue: Page, instance: Instance) -> None:
    queue.wait_for_load_state("networkidle")
    instance.manage("shell", "-c", SIGN_ALL_OUT)
    shown = stretch(queue)
    press(queue, "a", "d", "a")
    expect(queue.get_by_text("You have been signed out. 3 verdicts wait here.")).to_be_visible()
    queue.once("dialog", lambda dialog: dialog.accept())
    queue.get_by_role("link", name="Sign in again").click()
    queue.get_by_label("User name").fill("admin")
    queue.get_by_label("Password").fill(instance.admin_password)
    queue.keyboard.press("Enter")
    expect(queue).to_have_url(re.compile(QUEUE))
    settled(queue)
    assert set(verdicts(queue, shown)) == {"out"}


def test_it_sends_nothing_of_one_person_in_the_name_of_another(page: Page, instance: Instance, dataset: str) -> None:
    opened(page, dataset).wait_for_load_state("networkidle")
    page.route("**/decisions/", lambda route: route.abort())
    shown = stretch(page)
    press(page, "a")
    expect(page.get_by_text("1 verdict waits")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.context.clear_cookies()
    sign_in(page, instance, *SECOND)
    page.unroute("**/decisions/")
    opened(page, dataset)
    expect(page.locator(".unsent")).to_be_hidden()
    assert set(verdicts(page, shown)) == {""}
    page.context.clear_cookies()
    sign_in(page, instance)
    opened(page, dataset)
    settled(page)
    assert set(verdicts(page, shown)) == {"out"}


def test_it_tells_the_second_of_two_people_who_was_faster(queue: Page, other: Page) -> None:
    opened(other, queue.url)
    shown, label = stretch(queue), where(queue)
    assert where(other) == label
    press(queue, "d")
    settled(queue)
    press(other, "a")
    alert = other.get_by_role("alert")
    expect(alert).to_contain_text("admin")
    assert set(verdicts(queue, shown)) == {"in"}  # nobody's word is overwritten unseen
    alert.get_by_role("button", name="Use mine: OUT").click()
    settled(other)
    assert set(verdicts(queue, shown)) == {"out"}


def test_it_is_swiped_on_a_phone(browser: Browser, instance: Instance, dataset: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    sign_in(page, instance)
    opened(page, dataset)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    first, shown = where(page), stretch(page)
    swipe(page, -220)
    assert where(page) != first
    settled(page)
    assert set(verdicts(page, shown)) == {"out"}
    second = stretch(page)
    page.get_by_role("button", name="IN", exact=True).tap()
    settled(page)
    assert set(verdicts(page, second)) == {"in"}
    context.close()


def swipe(page: Page, by: int) -> None:
    """A finger on the film strip, through the browser's own input, as slow as one: after a fling the browser takes the
    next tap for the end of it."""
    box = page.locator(".filmstrip").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] * (0.9 if by < 0 else 0.1), box["y"] + 40
    session = page.context.new_cdp_session(page)
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        points = [{"x": x + by * step / 10, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points})
        page.wait_for_timeout(16)
    page.wait_for_timeout(100)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_it_takes_the_keys_that_a_person_chose(other: Page, instance: Instance, dataset: str) -> None:
    other.goto(f"{instance.url}/preferences/")
    other.get_by_label("Out of distribution").press("q")
    other.get_by_role("button", name="Save keys").click()
    expect(other.get_by_text("Keys saved.")).to_be_visible()
    opened(other, dataset)
    first, shown = where(other), stretch(other)
    expect(other.locator('[data-say="out"] kbd')).to_have_text("q")
    press(other, "a")
    assert where(other) == first  # given up
    press(other, "q")
    assert where(other) != first
    settled(other)
    assert set(verdicts(other, shown)) == {"out"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_serious(browser: Browser, instance: Instance, dataset: str, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, instance)
    opened(page, dataset)
    found = Axe().run(page).response["violations"]
    serious = [(rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in ("serious", "critical")]
    context.close()
    assert not serious
