"""Uploads in a real browser: resume after the tab was closed, a part that fails, a lost connection, refusals."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Page, Request, Route, expect

from tests.e2e.instance import Instance

MIB = 1024 * 1024
PART_NUMBER = re.compile(r"partNumber=(\d+)")
SLOW_BYTES_S = 12 * MIB
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def big_file(tmp_path: Path) -> Path:
    """Five parts of noise: it goes up like a video, and can't be decoded like one."""
    path = tmp_path / "noise <b>ü.mp4"
    path.write_bytes(os.urandom(36 * MIB))
    return path


@pytest.fixture
def videos(page: Page, instance: Instance) -> Page:
    """The videos page of a fresh data set."""
    page.goto(f"{instance.url}/datasets/new/")
    page.get_by_label("Name").fill("Uploads")
    page.get_by_role("button", name="Create data set").click()
    expect(page).to_have_url(re.compile("/d/uploads"))
    return page


def throttle(page: Page, *, upload: float, is_offline: bool = False) -> CDPSession:
    """Limit what goes up to `upload` bytes per second (-1: no limit), or cut the connection."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    limits = {"offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
    session.send("Network.emulateNetworkConditions", limits)
    return session


def parts_of(page: Page) -> list[int]:
    """The numbers of the parts that the page puts from now on; the list grows."""
    numbers: list[int] = []

    def note(request: Request) -> None:
        found = PART_NUMBER.search(request.url)
        if request.method == "PUT" and found:
            numbers.append(int(found[1]))

    page.on("request", note)
    return numbers


def pick(page: Page, *paths: Path) -> None:
    page.locator("#upload-input").set_input_files(paths)


def test_it_resumes_after_the_tab_was_closed_with_the_missing_parts_only(videos: Page, big_file: Path) -> None:
    throttle(videos, upload=SLOW_BYTES_S)
    row = videos.locator("[data-list] .upload")
    with videos.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        pick(videos, big_file)
        expect(row).to_contain_text(re.compile(r"MB of 38 MB.*MB/s.*left"))
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("Paused at")

    videos.reload()
    left = videos.locator("[data-leftovers] .upload")
    expect(left).to_contain_text("noise <b>ü.mp4")
    expect(left).to_contain_text("Choose the same file again to resume")
    throttle(videos, upload=-1)
    sent = parts_of(videos)
    pick(videos, big_file)
    expect(left).to_have_count(0)
    expect(row).to_contain_text("Uploaded, 38 MB")
    assert 0 < len(sent) < 5
    assert len(set(sent)) == len(sent)
    expect(videos.locator(".video")).to_contain_text("Failed")  # noise is no video, and says so


def test_it_sends_a_failed_part_again_and_outlasts_a_lost_connection(videos: Page, big_file: Path) -> None:
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if route.request.method == "PUT" and not refused:
            refused.append(route.request.url)
            route.fulfill(status=403, headers={"Access-Control-Allow-Origin": "*"})
        else:
            route.continue_()

    videos.route(PART_NUMBER, refuse_once)
    throttle(videos, upload=SLOW_BYTES_S)
    row = videos.locator("[data-list] .upload")
    pick(videos, big_file)
    expect(row).to_contain_text("MB/s")
    throttle(videos, upload=-1, is_offline=True)
    expect(row).to_contain_text("waiting for the connection")
    throttle(videos, upload=-1)
    expect(row).to_contain_text("Uploaded, 38 MB")
    assert refused


def test_it_refuses_other_files_on_their_row_and_throws_away_on_request(videos: Page, big_file: Path) -> None:
    notes = big_file.with_name("notes.txt")
    notes.write_text("not a video")
    throttle(videos, upload=MIB)
    pick(videos, notes, big_file)
    rows = videos.locator("[data-list] .upload")
    expect(rows.first).to_contain_text(re.compile(r"can't be taken.*mp4.*of up to"))
    expect(rows.nth(1)).to_contain_text("of 38 MB")
    cancel = rows.nth(1).locator("[data-do=cancel]")
    cancel.click()
    expect(cancel).to_have_text("Throw away?")
    with videos.expect_response(lambda answer: answer.request.method == "DELETE") as answered:
        cancel.click()
    assert answered.value.status == 204
    expect(rows).to_have_count(1)
    videos.reload()
    expect(videos.locator("[data-leftovers] .upload")).to_have_count(0)
