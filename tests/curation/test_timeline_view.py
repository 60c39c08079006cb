"""The timeline of a video as JSON, and the edges of its segments that people drag."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from curation import segments, timeline
from curation.models import Frame, Segment, Video
from tests.conftest import signed_in
from tests.curation.review_rows import make_dataset, make_video
from tests.curation.test_segments import borders, judged, scored_video

pytestmark = pytest.mark.django_db


@pytest.fixture
def video() -> Video:
    made = scored_video()
    segments.rebuild(video=made)
    return made


def client() -> Client:
    return signed_in(User.objects.get(username="ana"))


def shown(video: Video) -> dict[str, Any]:
    found: dict[str, Any] = client().get(reverse("timeline", args=[video.dataset.slug, video.pk])).json()
    return found


def move(segment: Segment, body: object) -> HttpResponse:
    url = reverse("segment-edge", args=[segment.dataset.slug, segment.pk])
    response: HttpResponse = client().post(url, body, content_type="application/json")  # type: ignore[assignment]
    return response


def test_it_gives_every_frame_with_its_score_and_verdict(video: Video) -> None:
    Frame.objects.filter(video=video, number__in=[0, 9]).update(shot_start=True)
    judged(video, 15, 19)
    found = shown(video)
    assert (found["from"], found["times"][:3], len(found["times"])) == (0, [0.0, 1.0, 2.0], 20)
    assert found["ids"] == [[Frame.objects.get(video=video, number=0).pk, 20]]
    assert (found["score"], found["label"], found["threshold"]) == ("reconstruction_loss", "Reconstruction loss", 50.0)
    assert [value > 50 for value in found["values"]] == [False] * 6 + [True] * 4 + [False] * 5 + [True] * 5
    assert found["verdicts"] == [["", 15], ["out", 5]]
    assert found["versions"] == [[0, 15], [1, 5]]
    assert found["shots"] == [0, 9]
    assert (found["isCurrent"], found["isCut"]) == (True, False)


def test_it_gives_the_segments_in_order_and_who_judged_them(video: Video) -> None:
    judged(video, 6, 9)
    found = shown(video)["segments"]
    assert [(row["first"], row["last"], row["isOutlier"]) for row in found] == [
        (0, 5, False), (6, 9, True), (10, 14, False), (15, 19, True),
    ]  # fmt: skip
    assert [(row["verdict"], row["by"]) for row in found] == [("", ""), ("out", "ana"), ("", ""), ("", "")]
    assert (found[1]["worst"], found[1]["worstNumber"]) == (90.0, 6)


def test_it_costs_as_many_queries_for_long_videos(
    video: Video, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(4):
        timeline.look(video.dataset, video)
    browser, url = client(), reverse("timeline", args=[video.dataset.slug, video.pk])
    with django_assert_max_num_queries(8):
        browser.get(url)


def test_it_cuts_a_video_that_is_too_long(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MOST_FRAMES", 12)
    found = shown(video)
    assert (len(found["times"]), found["isCut"]) == (12, True)


def test_it_shows_frames_before_there_is_a_model_and_a_video_without_frames() -> None:
    bare = make_video(make_dataset(ana="viewer"), 3)
    found = shown(bare)
    assert (found["values"], found["threshold"], found["segments"]) == ([None] * 3, None, [])
    empty = make_video(bare.dataset, 0, name="empty.mp4")
    assert shown(empty)["times"] == []


def test_it_says_when_segments_are_by_something_else(video: Video) -> None:
    version = video.dataset.active_version
    assert version is not None
    version.thresholds["reconstruction_loss"]["value"] = 95.0
    version.save()
    assert not shown(video)["isCurrent"]


def test_it_is_sent_packed(video: Video) -> None:
    url = reverse("timeline", args=[video.dataset.slug, video.pk])
    response = client().get(url, headers={"Accept-Encoding": "gzip"})
    assert json.loads(gzip.decompress(response.content))["times"][:2] == [0.0, 1.0]


def test_it_moves_an_edge(video: Video) -> None:
    response = move(video.segments.get(first=6), {"edge": "start", "number": 4})
    assert response.status_code == 200
    assert borders(video) == [(0, 3), (4, 9), (10, 14), (15, 19)]
    answered = [(row["first"], row["last"]) for row in response.json()["segments"]]  # type: ignore[attr-defined]
    assert answered == borders(video)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b'{"edge": "top", "number": 4}', b'{"edge": "start"}', b'{"edge": "start", "number": -1}',
        b'{"edge": "start", "number": true}', b'{"edge": "start", "number": "4"}', b'{"edge": [], "number": 4}',
    ],
)  # fmt: skip
def test_it_refuses_nonsense_with_a_sentence(video: Video, body: bytes) -> None:
    response = move(video.segments.get(first=6), body)
    assert response.status_code == 400
    assert response.json()["error"].startswith("Send {")  # type: ignore[attr-defined]
    assert borders(video) == [(0, 5), (6, 9), (10, 14), (15, 19)]


def test_it_says_why_an_edge_cannot_go_there(video: Video) -> None:
    judged(video, 6, 9)
    swallowing = move(video.segments.get(first=10), {"edge": "start", "number": 3})
    assert swallowing.status_code == 409
    assert "somebody decided on" in swallowing.json()["error"]  # type: ignore[attr-defined]
    assert move(video.segments.get(first=10), {"edge": "start", "number": 15}).status_code == 400
    assert move(video.segments.get(first=15), {"edge": "end", "number": 400}).status_code == 400
