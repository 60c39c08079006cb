"""The page of the review queue: its states, its parts, and how little it asks of the database."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from curation import decisions, segments
from curation.decisions import DecisionRequest
from curation.models import Dataset, Decision, Job, Segment, Video
from curation.versions_seen import versions
from tests.conftest import signed_in
from tests.curation.review_rows import make_dataset, make_version, make_video, score

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
LOSSES = ([20.0] * 5 + [90.0] * 5) * 3


@pytest.fixture
def cup() -> Dataset:
    dataset = make_dataset(ana="curator", vic="viewer")
    make_version(dataset)
    add_video(dataset, "a.mp4")
    return dataset


def add_video(dataset: Dataset, name: str) -> Video:
    video = make_video(dataset, len(LOSSES), name=name)
    assert dataset.active_version is not None
    frames = video.frames.order_by("number")
    score(dataset.active_version, {frame.pk: loss for frame, loss in zip(frames, LOSSES, strict=True)})
    segments.rebuild(video=video)
    return video


def client(name: str = "ana") -> Client:
    return signed_in(User.objects.get(username=name))


def page(query: str = "", name: str = "ana") -> str:
    answer = client(name).get(f"/d/cup/review/?{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def data(text: str, name: str) -> Any:
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def decide(video: Video, first: int, last: int, verdict: str = "out") -> None:
    request = DecisionRequest(
        uuid=uuid4(), kind="segment", video=video.pk, first=first, last=last, verdict=verdict,
        seen=versions(video, first, last),
    )  # fmt: skip
    decisions.decide(dataset=video.dataset, user=User.objects.get(username="ana"), request=request)


def test_it_brings_the_first_segments_with_the_page(cup: Dataset) -> None:
    text = page()
    sent = data(text, "payload")
    assert [item["isOutlier"] for item in sent["items"]] == [True, True, True, False]
    assert "<b>0</b> of 6 segments settled" in text and 'aria-current="page">Review</a>' in text


def test_it_brings_the_rest_by_cursor_and_then_nothing(cup: Dataset) -> None:
    last = data(page(), "payload")["items"][-1]
    rest = client().get("/d/cup/review/", {"part": "items", "after": last["cursor"]}).json()
    assert len(rest["items"]) == 2
    end = client().get("/d/cup/review/", {"part": "items", "after": rest["items"][-1]["cursor"]}).json()
    assert end["items"] == []


def test_it_brings_one_segment_by_its_frames(cup: Dataset) -> None:
    video = cup.videos.get()
    asked: dict[str, str | int] = {"part": "item", "video": video.pk, "first": 5, "last": 9}
    assert client().get("/d/cup/review/", asked).json()["items"][0]["first"] == 5
    gone = client().get("/d/cup/review/", asked | {"first": 500, "last": 600})
    assert (gone.status_code, gone.json()["error"]) == (404, "These frames are gone.")
    assert client().get("/d/cup/review/", {"part": "item"}).status_code == 400


def test_it_asks_no_more_of_the_database_for_more_videos(cup: Dataset) -> None:
    decide(cup.videos.get(), 5, 9)
    client_ = client()

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            client_.get("/d/cup/review/")
        return len(captured)

    before = asked()  # the one outlying segment that is open doesn't fill the page: both sides are asked for
    for number in range(6):
        add_video(cup, f"{number}.mp4")
    assert asked() <= before <= 12


def test_it_lists_the_last_decisions_of_the_person(cup: Dataset) -> None:
    video = cup.videos.get()
    decide(video, 5, 9)
    decide(video, 15, 19, "in")
    log = data(page(), "log")
    assert [(entry["verdict"], entry["start"], entry["name"], entry["frames"]) for entry in log] == [
        ("out", 5.0, "a.mp4", 5), ("in", 15.0, "a.mp4", 5)
    ]  # fmt: skip
    assert data(page(name="vic"), "log") == []
    undo = DecisionRequest(uuid=uuid4(), kind="undo", undoes=Decision.objects.latest("pk").uuid)
    decisions.decide(dataset=cup, user=User.objects.get(username="ana"), request=undo)
    assert [entry["verdict"] for entry in data(page(), "log")] == ["out"]


def test_it_shows_viewers_no_buttons(cup: Dataset) -> None:
    assert 'data-say="out"' in page() and 'data-say="out"' not in page(name="vic")
    assert "You may look here, but not decide" in page(name="vic")


def test_it_says_what_is_missing_without_a_model() -> None:
    make_dataset(ana="curator")
    text = page()
    assert "No segments yet" in text and "Start with recordings that show only what belongs" in text


def test_it_waits_for_segments_and_loads_when_they_are_there(cup: Dataset) -> None:
    Segment.objects.all().delete()
    Video.objects.update(segmented_by="")
    job = segments.request(dataset=cup)
    assert job is not None
    Job.objects.filter(pk=job.pk).update(state=Job.State.RUNNING, progress=0.5)
    assert "Segments are being found" in page() and 'hx-trigger="every 2s"' in page()
    assert "HX-Refresh" not in client().get("/d/cup/review/?part=end", headers={"HX-Request": "true"}).headers
    segments.rebuild(video=cup.videos.get())
    assert client().get("/d/cup/review/?part=end", headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


def test_it_says_when_finding_segments_failed(cup: Dataset) -> None:
    Segment.objects.all().delete()
    Video.objects.update(segmented_by="")
    segments.request(dataset=cup)
    Job.objects.update(state=Job.State.FAILED, reason="The object store does not answer.")
    assert "Finding the segments failed" in page() and "The object store does not answer." in page()


def test_it_says_that_segments_are_found_anew_and_offers_the_new_ones(cup: Dataset) -> None:
    version = cup.active_version
    assert version is not None
    version.thresholds["reconstruction_loss"]["value"] = 60.0
    version.save()
    segments.request(dataset=cup)
    text = page()
    assert "Segments are being found anew" in text and "part=state&amp;stale=1" in text
    segments.rebuild(video=cup.videos.get())
    state = client().get("/d/cup/review/?part=state&stale=1").content.decode()
    assert "The segments are up to date: show" in state
    assert "found anew" not in page()


def test_it_says_what_is_next_when_all_is_settled(cup: Dataset) -> None:
    video = cup.videos.get()
    for first in range(0, 30, 5):
        decide(video, first, first + 4)
    text = page()
    assert "Every segment is settled" in text and "Train again" in text and "Export" in text


def test_it_tells_what_the_filters_leave_out_from_what_was_skipped(cup: Dataset) -> None:
    last = data(page("side=in"), "payload")["items"][-1]["cursor"]
    assert "You have been through the queue" in page(f"side=in&after={last}")
    for first in (5, 15, 25):
        decide(cup.videos.get(), first, first + 4)
    text = page("side=out")
    assert "Nothing is left here" in text and "3 others are still open" in text


@pytest.mark.parametrize(("query", "status"), [("order=x", 400), ("after=x", 400), ("part=items&after=x", 400)])
def test_it_refuses_broken_addresses_in_words(cup: Dataset, query: str, status: int) -> None:
    assert client().get(f"/d/cup/review/?{query}").status_code == status
